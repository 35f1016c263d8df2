"""The one table of the benchmark: a row for each measure, a column for each model.

Behind the models stand the n-grams, chance and the answer that is right most often: against them a
figure says something.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table

from pipeline.evaluation.compare import Difference
from pipeline.publishing.results import dig
from pipeline.reporting.rivals import NGRAMS

RIVALS = {**NGRAMS, "chance": "chance", "majority": "majority"}
WIDTH = 240  # columns, of a file or a pipe


class Row(NamedTuple):
    """A measure: its name, where it stands in a report, and where its rivals do."""

    name: str
    path: str
    rivals: dict[str, str]
    form: str = ".3f"


def print_table(
    reports: Mapping[str, Mapping[str, Any]],
    seeds: bool = False,
    console: Console | None = None,
) -> None:
    """Print the reports of models, by their names, in one table.

    With `seeds` they are one model trained several times: mean and spread stand behind them.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("measure")
    for name in (*reports, *(("mean", "spread") if seeds else ()), *RIVALS.values()):
        table.add_column(name, justify="right")
    first = next(iter(reports.values()))
    for row in rows(first):
        values = [dig(dict(report), row.path) for report in reports.values()]
        if all(value is None for value in values):
            continue
        beside = [dig(dict(first), row.rivals.get(rival, "-")) for rival in RIVALS]
        if row.rivals.get("chance") == "half":
            beside[list(RIVALS).index("chance")] = 0.5
        if seeds:
            values += mean_and_spread(values)
        table.add_row(row.name, *(_figure(value, row.form) for value in (*values, *beside)))
    _print(table, console)


def print_differences(differences: Sequence[Difference], console: Console | None = None) -> None:
    """Print what two models came to on each measure, and which one is better, if it can be said."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("measure")
    for name in ("first", "second", "difference", "95 % interval", "items", "better"):
        table.add_column(name, justify="right")
    for one in differences:
        table.add_row(
            one.name,
            f"{one.first:.3f}",
            f"{one.second:.3f}",
            f"{one.first - one.second:+.3f}",
            f"{one.low:+.3f} to {one.high:+.3f}",
            f"{one.items:,}",
            one.better or "cannot be said",
        )
    _print(table, console)


def mean_and_spread(values: list[Any]) -> list[float | None]:
    """The mean, and how far the values lie apart; None unless all are there."""
    if any(value is None for value in values):
        return [None, None]
    return [sum(values) / len(values), max(values) - min(values)]


def together(reports: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """The mean and the spread (largest less smallest) of every row of the table, by its name."""
    found = {}
    for row in rows(next(iter(reports.values()))):
        mean, spread = mean_and_spread([dig(dict(one), row.path) for one in reports.values()])
        if mean is not None and spread is not None:
            found[row.name] = {"mean": mean, "spread": spread}
    return found


def rows(report: Mapping[str, Any]) -> Iterator[Row]:
    """The rows that a report has something for."""
    grams = {name: f"bits_per_byte.{name}" for name in RIVALS}
    yield Row("bits per byte, test", "bits_per_byte.model", grams)
    for name in report.get("texts") or {}:
        place = f"texts.{name}.bits_per_byte"
        yield Row(
            f"bits per byte, {name}", f"{place}.model", {key: f"{place}.{key}" for key in RIVALS}
        )
        place = f"texts.{name}.second_half.bits_per_byte"
        yield Row(
            f"second halves, {name}", f"{place}.model", {key: f"{place}.{key}" for key in RIVALS}
        )
    for name in dig(dict(report), "minimal_pairs.sets") or {}:
        place = f"minimal_pairs.sets.{name}"
        beside = {key: f"{place}.{key}" for key in RIVALS} | {"chance": "half"}
        yield Row(f"minimal pairs, {name}", f"{place}.accuracy", beside)
        beside = {key: f"{place}.{key}_per_byte" for key in RIVALS} | {"chance": "half"}
        yield Row(f"minimal pairs per byte, {name}", f"{place}.accuracy_per_byte", beside)
    for name in dig(dict(report), "facts.sets") or {}:
        place = f"facts.sets.{name}"
        beside = {key: f"{place}.{key}" for key in RIVALS}
        yield Row(f"facts, {name}", f"{place}.accuracy", beside)
        told = {key: f"{place}.{key}_accuracy_attested" for key in RIVALS}
        told |= {"chance": f"{place}.chance_attested"}
        yield Row(f"facts the text tells, {name}", f"{place}.accuracy_attested", told)
        beside = {key: f"{place}.{key}_consistency" for key in RIVALS}
        yield Row(f"same answer in all wordings, {name}", f"{place}.consistency", beside)
        beside = {key: f"{place}.{key}_accurate_and_consistent" for key in RIVALS}
        yield Row(f"right in all wordings, {name}", f"{place}.accurate_and_consistent", beside)
    for name in report.get("choices") or {}:
        place = f"choices.{name}"
        yield Row(
            name if name == "cloze" else f"choices, {name}",
            f"{place}.accuracy",
            {key: f"{place}.{key}" for key in RIVALS},
        )
    for name, of_shots in (report.get("few_shot") or {}).items():
        for shots in of_shots:
            place = f"few_shot.{name}.{shots}"
            yield Row(f"{name}, {shots}-shot", f"{place}.accuracy", {"chance": f"{place}.chance"})
    for name, key in (("identified as the language", "identified"), ("words known", "real_words")):
        yield Row(f"samples: {name}", f"writing.model.{key}", {})
    yield Row("samples: longest copied run", "writing.model.longest_copied_run_of_all", {}, ".0f")


def _print(table: Table, console: Console | None) -> None:
    """Print a table; where there is no terminal it is as wide as it wants."""
    console = console or Console()
    if not console.is_terminal:
        console.width = WIDTH
    console.print(table)


def _figure(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
