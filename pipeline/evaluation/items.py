"""What each item of the benchmark came to, kept so that two models can be compared item by item.

A measure is a mean: of `values`, or of `values` over `weights` (bits over bytes). Items with one
entry in `groups`, such as the formulations of one fact, stand or fall together. `asked` is a hash
of what was asked: only measures that asked the same are compared.
"""

import hashlib
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.errors import UserError
from pipeline.files import read_json, write_text

DIGITS = 4  # of each value; a bit has three that are certain


class Measure(NamedTuple):
    """One measure of one model, item by item."""

    name: str
    lower_is_better: bool
    values: list[float]
    weights: list[int] | None
    groups: list[int] | None
    asked: str


def measure(
    name: str,
    values: Sequence[float] | np.ndarray,
    asked: Iterable[str],
    weights: Sequence[int] | np.ndarray | None = None,
    groups: Sequence[Hashable] | None = None,
    lower_is_better: bool = False,
) -> Measure:
    """Pack what a model came to on the texts `asked`."""
    numbers: dict[Hashable, int] = {}
    digest = hashlib.sha256()
    for text in asked:
        digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return Measure(
        name,
        lower_is_better,
        [round(float(value), DIGITS) for value in values],
        None if weights is None else [int(weight) for weight in weights],
        None if groups is None else [numbers.setdefault(one, len(numbers)) for one in groups],
        digest.hexdigest()[:16],
    )


def items_path(report: Path) -> Path:
    """Where the items of a report lie: beside it."""
    return report.with_suffix(".items.json")


def write_items(report: Path, model: str, measures: Sequence[Measure]) -> None:
    """Write the items beside their report, one measure a line."""
    import json

    rows = ",\n".join(
        json.dumps(one._asdict(), ensure_ascii=False, separators=(",", ":")) for one in measures
    )
    name = json.dumps(model, ensure_ascii=False)
    write_text(items_path(report), f'{{"model":{name},"measures":[\n{rows}\n]}}\n')


def read_items(report: Path) -> tuple[str, dict[str, Measure]]:
    """The model's name and its measures by name.

    Raises:
        UserError: they are missing or damaged.
    """
    path = items_path(report)
    if not path.is_file():
        raise UserError(
            f"{path} is missing: it comes with {report.name}, from `dvc repro` or "
            "`tugantel evaluate FOLDER`"
        )
    values: Any = read_json(path)
    try:
        measures = [Measure(**row) for row in values["measures"]]
        return str(values["model"]), {one.name: one for one in measures}
    except (TypeError, KeyError):
        raise UserError(f"{path} holds no items of a benchmark: evaluate the model anew") from None
