"""What `tugantel tune` tried and chose, as two tables and the reasons."""

import math

from rich import box
from rich.console import Console
from rich.table import Table

from pipeline.params import TrainingParams
from pipeline.training.tune import Outcome, rates


def print_outcome(outcome: Outcome, params: TrainingParams, console: Console | None = None) -> None:
    """Print batches with their speed and memory, trials with their loss, and what follows."""
    console = console or Console(highlight=False)
    if not console.is_terminal:
        console.width = 100
    console.print(_batches(outcome))
    console.print(_trials(outcome, params))
    for line in outcome.why:
        console.print(line, markup=False, soft_wrap=True)
    chosen = ", ".join(_said(rates(params, outcome.factor)))
    console.print(f"chosen: batch {outcome.batch}, {chosen}", markup=False, soft_wrap=True)


def _batches(outcome: Outcome) -> Table:
    table = _table("batch", "tokens/s", "MB", "")
    table.columns[3].justify = "left"
    for speed in outcome.speeds:
        table.add_row(
            str(speed.batch),
            "–" if speed.tokens_per_second is None else f"{speed.tokens_per_second:,.0f}",
            "–" if speed.megabytes is None else f"{speed.megabytes:,.0f}",
            speed.said or "tried below",
        )
    return table


def _trials(outcome: Outcome, params: TrainingParams) -> Table:
    table = _table("batch", "rate", "tokens", "seed", "loss", "")
    table.columns[5].justify = "left"
    for trial in outcome.trials:
        chosen = (trial.batch, trial.factor) == (outcome.batch, outcome.factor)
        table.add_row(
            str(trial.batch),
            " / ".join(f"{rate:g}" for rate in rates(params, trial.factor).values()),
            f"{trial.tokens:,}",
            str(trial.seed),
            f"{trial.loss:.4f}" if math.isfinite(trial.loss) else "–",
            trial.said or ("chosen" if chosen else ""),
        )
    return table


def _said(values: dict[str, float]) -> list[str]:
    return [f"{name} {value:g}" for name, value in values.items()]


def _table(*names: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in names:
        table.add_column(name, justify="right")
    return table
