"""Is this text in the language? What every way to tell has in common.

Three ways there are: an identifier made on the spot (`made`), a ready model that votes with it
(`ready`), or none at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

FOREIGN = "unknown"  # what a text is that no model has a name for
BANDS = (0, 24, 48, 96)  # characters from which on a text counts as longer, where recall is shown

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Judged:
    """Verdicts on texts: whether each is in the language, how far from the border (in bits a
    character, below zero is inside; zero where there is no gate), and the language's name."""

    inside: Bools
    excess: Floats
    names: list[str]


class Identifier(Protocol):
    """Judges texts: `plain` as `characters` makes it, `texts` as they are written. Can be pickled,
    to judge in another process or on another machine."""

    @property
    def name(self) -> str:
        """What reports call it."""

    def judge(self, plain: Sequence[str], texts: Sequence[str]) -> Judged:
        """Which texts are the language; `plain` and `texts` have one entry each."""


class NoIdentifier:
    """Takes everything for the language."""

    name = "none"

    def judge(self, plain: Sequence[str], texts: Sequence[str]) -> Judged:
        """Every text is."""
        count = len(plain)
        return Judged(np.ones(count, bool), np.zeros(count, np.float32), [""] * count)


def measure(
    identifier: Identifier, own: Sequence[str], others: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """Precision and recall on given lines, and what share of each language is taken for the
    target.

    `lengths` shows recall, and the share of foreign lines taken, by length in characters.
    """
    inside = identifier.judge(own, own).inside
    taken = {name: identifier.judge(texts, texts).inside for name, texts in others.items()}
    kept, wrong = int(inside.sum()), sum(int(found.sum()) for found in taken.values())
    foreign = np.concatenate([taken[name] for name in others] or [np.zeros(0, bool)])
    sizes = np.array([len(text) for text in own], int)
    foreign_sizes = np.array([len(text) for texts in others.values() for text in texts], int)
    bands = []
    for begin, end in zip(BANDS, (*BANDS[1:], 1 << 30), strict=True):
        mine = inside[(sizes >= begin) & (sizes < end)]
        theirs = foreign[(foreign_sizes >= begin) & (foreign_sizes < end)]
        bands.append({"from": begin, "recall": _share(mine), "taken": _share(theirs)})
    return {
        "precision": kept / (kept + wrong) if kept + wrong else None,
        "recall": kept / len(own) if own else None,
        "held_out": {"target": len(own), "others": len(foreign)},
        "taken": {name: _share(taken[name]) or 0.0 for name in sorted(taken)},
        "lengths": bands,
    }


def _share(found: Bools) -> float | None:
    return float(found.mean()) if len(found) else None
