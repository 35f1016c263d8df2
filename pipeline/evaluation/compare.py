"""Is one model better than another? A paired bootstrap over the items that both were asked.

Both saw the same items, some of them hard for both, so what is resampled is the difference on each
item (Efron and Tibshirani 1993; for language processing Koehn 2004,
https://aclanthology.org/W04-3250). A difference is called one only where the 95 % interval of it
excludes zero.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.errors import UserError
from pipeline.evaluation.items import Measure, read_items
from pipeline.evaluation.uncertainty import interval

SEED = 0


class Difference(NamedTuple):
    """One measure of two models: both means, the difference `first - second` and its interval."""

    name: str
    first: float
    second: float
    low: float
    high: float
    items: int
    lower_is_better: bool

    @property
    def better(self) -> str | None:
        """Which of the two is better, "first" or "second"; None where nothing can be said."""
        if self.low <= 0 <= self.high:
            return None
        return "first" if (self.high < 0) == self.lower_is_better else "second"


def compare_reports(first: Path, second: Path) -> tuple[list[Difference], list[str]]:
    """The differences of all measures that both have on the same items, and the names of others.

    `first` and `second` are reports, or folders with an evaluation.json.

    Raises:
        UserError: items are missing, or nothing can be compared.
    """
    _, ours = read_items(report_of(first))
    _, theirs = read_items(report_of(second))
    differences, others = compare(ours, theirs)
    if not differences:
        raise UserError(
            f"{first} and {second} were asked nothing in common: evaluate both with the same "
            "params, corpus and benchmark files"
        )
    return differences, others


def report_of(path: Path) -> Path:
    """The report that a path means."""
    return path / "evaluation.json" if path.is_dir() else path


def compare(
    first: Mapping[str, Measure], second: Mapping[str, Measure]
) -> tuple[list[Difference], list[str]]:
    """Compare measure by measure; those that only one has, or that asked other items, are named."""
    differences, others = [], []
    for name in dict.fromkeys((*first, *second)):
        one, other = first.get(name), second.get(name)
        if one is None or other is None or one.asked != other.asked:
            others.append(name)
            continue
        differences.append(_difference(one, other))
    return differences, others


def _difference(one: Measure, other: Measure) -> Difference:
    ours, theirs = np.array(one.values), np.array(other.values)
    whole = sum(one.weights) if one.weights is not None else len(ours)
    found = interval(ours - theirs, SEED, weights=one.weights, groups=one.groups)
    low, high = found or [0.0, 0.0]
    return Difference(
        one.name,
        float(ours.sum()) / whole,
        float(theirs.sum()) / whole,
        low,
        high,
        len(ours),
        one.lower_is_better,
    )
