"""How likely a text is in the language, against how likely in any: the gate for unknown languages.

A classifier knows only the languages it was shown, and takes Finnish for Sámi if Sámi is the
nearest. A character n-gram model of the target alone knows what it does not know, but holds rare
subjects for foreign. Subtracting a part of the bits under a background model of other languages (a
likelihood ratio, as in Moore & Lewis 2010) forgives what is rare everywhere. The score of a text is

    mean over its characters of  -log2 p_target(c | context) + WEIGHT * log2 p_background(c |
    context)

low where it is the language. Characters are put in a few classes, so that a model is one dense
table over all n-grams, which holds the difference of both models: scoring is one look-up a
character.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.cleaning.characters import SPACE, code_points

WEIGHT = 0.6
SHAPES = ((6, 4), (8, 3), (12, 2))  # bits of a class, length of an n-gram; 2**24 n-grams each
COVERED = 0.9995  # share of letters that must have a class of their own
BLANK, OTHER = 0, 1

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Background:
    """What does not change while the target is fitted again and again.

    The classes of characters, the length of n-grams, and the background's part of the table (None
    where there is no background).
    """

    class_of: NDArray[np.uint32]
    bits: int
    order: int
    table: Floats | None

    @classmethod
    def fit(cls, target: Sequence[str], background: Sequence[str]) -> "Background":
        """Choose classes by the letters of both sides, and count the background."""
        class_of, bits, order = _classes(target, background)
        table = None
        if background:
            table = WEIGHT * _log_probabilities(class_of, bits, order, background)
        return cls(class_of, bits, order, table)


@dataclass(frozen=True)
class Likelihood:
    """A table of scores over all n-grams of character classes. Texts are `Measured.plain`."""

    class_of: NDArray[np.uint32]
    bits: int
    order: int
    table: Floats

    @classmethod
    def fit(cls, target: Sequence[str], background: Background) -> "Likelihood":
        """Count the target. Without a background its bits alone are the score."""
        class_of, bits, order = background.class_of, background.bits, background.order
        table = _log_probabilities(class_of, bits, order, target)
        np.negative(table, out=table)
        if background.table is not None:
            table += background.table
        return cls(class_of, bits, order, table)

    def score(self, texts: Sequence[str]) -> Floats:
        """The score of each text, in bits a character; infinite for a text without letters."""
        if not texts:
            return np.zeros(0, np.float32)
        grams, _ = _grams(self.class_of, self.bits, self.order, texts)
        lengths = np.fromiter(map(len, texts), np.int64, len(texts)) + 1
        starts = np.cumsum(lengths) - lengths
        sums = np.add.reduceat(self.table[grams].astype(np.float64), starts)
        return np.where(lengths > 1, sums / lengths, np.inf).astype(np.float32)


def _classes(
    target: Sequence[str], background: Sequence[str]
) -> tuple[NDArray[np.uint32], int, int]:
    """Give the commonest letters classes of their own, those of the target first."""
    own, other = (_letter_counts(texts) for texts in (target, background))
    covered = np.cumsum(np.sort(own)[::-1]) / max(own.sum(), 1)
    needed = int(np.searchsorted(covered, COVERED)) + 1
    bits, order = next((s for s in SHAPES if needed <= (1 << s[0]) - 2), SHAPES[-1])
    # The background's letters take what is left; weighed so low they come after the target's.
    counts = own / max(own.sum(), 1) + (1 - COVERED) / 10 * other / max(other.sum(), 1)
    ranked = np.lexsort((np.arange(0x110000), -counts))[: int((counts > 0).sum())]
    class_of = np.full(0x110000, OTHER, np.uint32)
    class_of[[SPACE, 10]] = BLANK
    classed = ranked[: (1 << bits) - 2]
    class_of[classed] = np.arange(2, len(classed) + 2, dtype=np.uint32)
    return class_of, bits, order


def _letter_counts(texts: Sequence[str]) -> NDArray[np.int64]:
    """How often each code point occurs, white space apart."""
    counts = np.bincount(code_points(texts)[0], minlength=0x110000)
    counts[[SPACE, 10]] = 0
    return counts


def _grams(
    class_of: NDArray[np.uint32], bits: int, order: int, texts: Sequence[str]
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """The n-gram that ends at each character and at each text's end, as one number. Blanks stand
    before a text, so that no n-gram reaches into the one before it."""
    codes, starts, _ = code_points(texts)
    classes = class_of[np.append(codes[1:], np.uint32(10))]
    place = np.arange(len(classes), dtype=np.int64)
    begin = np.repeat(starts, np.diff(np.append(starts, len(classes))))
    grams = classes.copy()
    for back in range(1, order):
        before = np.zeros_like(classes)
        before[back:] = classes[:-back]
        before[place - begin < back] = BLANK
        grams |= before << np.uint32(bits * back)
    return grams, starts


def _log_probabilities(
    class_of: NDArray[np.uint32], bits: int, order: int, texts: Sequence[str]
) -> Floats:
    """log2 p of the last class of every n-gram after the others, interpolated Witten-Bell."""
    size = 1 << bits
    counts = np.zeros(size**order, np.float32)
    for begin in range(0, len(texts), 4096):
        grams, _ = _grams(class_of, bits, order, texts[begin : begin + 4096])
        found, times = np.unique_counts(grams)
        counts[found] += times
    by_length = [counts]
    while len(by_length) < order:  # the same counts of the last n-1 characters, n-2, ...
        by_length.append(by_length[-1].reshape(size, -1).sum(0))
    p = np.full(size, 1 / size, np.float32)
    for counted in reversed(by_length):
        rows = counted.reshape(-1, size)
        total = rows.sum(1, keepdims=True)
        types = (rows > 0).sum(1, keepdims=True, dtype=np.float32)
        lower = np.broadcast_to(p, (len(rows) // max(len(p) // size, 1), *p.shape))
        lower = lower.reshape(-1, size)
        weight = np.where(total > 0, types / np.maximum(total + types, 1), 1).astype(np.float32)
        scale = np.where(total > 0, 1 / np.maximum(total + types, 1), 0).astype(np.float32)
        p = (rows * scale + lower * weight).reshape(-1)
    return np.log2(p, out=p)
