"""The short table at the end of a run: what was kept, chosen, learned, measured, and where to read.

Only rich is imported besides the standard library, so that it is there at once.
"""

from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from pipeline.publishing.results import dig, read_reports

BITS = {
    "model": "model",
    "char_1gram": "1-gram",
    "char_3gram": "3-gram",
    "char_5gram": "5-gram",
    "char_7gram": "7-gram",
    "word_3gram": "3 words",
    "xz": "xz",
}


def print_summary(folder: Path = Path("reports"), console: Console | None = None) -> None:
    """Print what the reports in `folder` say, in at most 80 columns.

    Raises:
        UserError: a report is not JSON.
    """
    console = console or Console(highlight=False)
    if not console.is_terminal:
        console.width = 80
    reports = read_reports(folder)
    for row in _made(reports):
        console.print(row, markup=False, soft_wrap=False)
    for table in (_epochs(reports["training"]), _bits(reports["evaluation"]), _scores(reports)):
        if table is not None:
            console.print(table)
    page = folder / "index.html"
    if page.exists():
        console.print(f"report: {page.resolve().as_uri()}", markup=False, soft_wrap=True)


def _made(reports: dict[str, Any]) -> list[str]:
    """One line each for corpus, tokenizer and model."""
    lines = []
    raw, kept = (dig(reports["cleaning"], f"documents.{x}") for x in ("raw", "kept"))
    if raw and kept is not None:
        size = dig(reports["cleaning"], "bytes.kept")
        megabytes = f", {size / 1e6:,.2f} MB" if size is not None else ""
        lines.append(f"corpus     {kept:,} of {raw:,} documents kept ({kept / raw:.1%}){megabytes}")
    chosen = dig(reports["tokenizer"], "chosen")
    if chosen:
        lines.append(f"tokenizer  {chosen['kind'].replace('_', ' ')}, {chosen['size']:,} tokens")
    training = reports["training"]
    if training:
        lines.append(
            f"model      {training.get('family', 'model')}, {training['parameters']:,} parameters, "
            f"context {training['context']:,}, {training['seconds']:,.0f} s of training"
        )
    return lines


def _epochs(training: Any) -> Table | None:
    epochs = dig(training, "epochs")
    if not epochs:
        return None
    table = _table("epoch", "training loss", "validation loss", "bits per byte")
    for entry in epochs:
        table.add_row(
            f"{entry['epoch']:g}",
            _figure(entry.get("train_loss"), ".4f"),
            _figure(entry.get("validation_loss"), ".4f"),
            _figure(entry.get("validation_bits_per_byte"), ".4f"),
        )
    return table


def _bits(evaluation: Any) -> Table | None:
    """Bits per byte beside some of the n-grams, in one row."""
    found = dig(evaluation, "bits_per_byte") or {}
    bits = {name: found[name] for name in BITS if found.get(name)}
    if not bits:
        return None
    names = [BITS[name] for name in bits]
    table = _table("bits per byte", *names)
    table.add_row("test", *(_figure(value, ".3f") for value in bits.values()))
    return table


def _scores(reports: dict[str, Any]) -> Table | None:
    pairs, facts = (dig(reports["evaluation"], key) or {} for key in ("minimal_pairs", "facts"))
    table = _table("benchmark", "model", "chance", "majority", "5-gram")
    rows = [
        ("minimal pairs right", pairs, "accuracy", "", "", "char_5gram"),
        ("facts right, wording never seen", facts, "accuracy", "chance", "majority", "char_5gram"),
        (
            "same answer to all wordings",
            facts,
            "consistency",
            "chance_consistency",
            "majority_consistency",
            "char_5gram_consistency",
        ),
    ]
    for name, group, key, *beside in rows:
        if group.get(key) is not None:
            values = [group.get(other) for other in beside]
            if group is pairs:
                values[0] = 0.5
            table.add_row(name, *(_figure(value, ".1%") for value in (group[key], *values)))
    return table if table.row_count else None


def _table(first: str, *others: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table


def _figure(value: Any, form: str) -> str:
    return "–" if value is None else format(value, form)
