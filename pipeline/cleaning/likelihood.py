"""How likely a text is in the language, against how likely in any: the gate for unknown languages.

A classifier knows only the languages it was shown, and takes Finnish for Sámi if Sámi is the
nearest. A character n-gram model of the target alone knows what it does not know, but holds rare
subjects for foreign. Two things forgive what is rare everywhere: a part of the bits under a
background model of other languages is subtracted (a likelihood ratio, as in Moore & Lewis 2010),
and no word counts as worse than `WORST`, so that a foreign name does not condemn its sentence. The
score of a text is

    mean over its words of  min(bits a character of the word, WORST)        weighted by length
    bits of a character c:  -log2 p_target(c | word so far) + WEIGHT * log2 p_background(c | ...)

low where it is the language. N-grams end at the borders of words. Characters are put in a few
classes, so that a model is one dense table over all n-grams, which holds the difference of both
models: scoring is one look-up a character. Scores are summed as whole numbers, so that no sum
depends on what stands beside a text.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.cleaning.characters import SPACE, code_points

WEIGHT = 0.2
WORST = 3.0  # bits a character of the worst word there is
UNITS = 1000  # steps of a bit that a table tells apart
SHAPES = ((5, 4), (6, 4), (8, 3), (12, 2))  # bits of a class, length of an n-gram
COVERED = 0.9995  # share of letters that must have a class of their own
BLANK, OTHER = 0, 1

Floats = NDArray[np.float32]
Table = NDArray[np.int16]


@dataclass(frozen=True)
class Background:
    """What does not change while the target is fitted again and again.

    The classes of characters, the length of n-grams, and the background's part of the table (None
    where there is no background).
    """

    class_of: NDArray[np.uint16]
    bits: int
    order: int
    table: Table | None

    @classmethod
    def fit(
        cls, target: Sequence[str], background: Sequence[str], weight: float = WEIGHT
    ) -> "Background":
        """Choose classes by the letters of both sides, and count the background."""
        class_of, bits, order = _classes(target, background)
        table = None
        if background:
            table = _table(class_of, bits, order, background, weight)
        return cls(class_of, bits, order, table)


@dataclass(frozen=True)
class Likelihood:
    """A table of scores over all n-grams of character classes. Texts are `Measured.plain`."""

    class_of: NDArray[np.uint16]
    bits: int
    order: int
    table: Table

    @classmethod
    def fit(cls, target: Sequence[str], background: Background) -> "Likelihood":
        """Count the target. Without a background its bits alone are the score."""
        class_of, bits, order = background.class_of, background.bits, background.order
        table = _table(class_of, bits, order, target, -1)
        if background.table is not None:
            table += background.table
        return cls(class_of, bits, order, table)

    def score(self, texts: Sequence[str]) -> Floats:
        """The score of each text, in bits a character; infinite for a text without letters."""
        if not texts:
            return np.zeros(0, np.float32)
        classes = _read(self.class_of, texts)
        bits = self.table[_grams(classes, self.bits, self.order)]
        ends = np.flatnonzero(classes == BLANK)
        begins = np.empty_like(ends)
        begins[0], begins[1:] = 0, ends[:-1] + 1
        words = np.add.reduceat(bits, begins, dtype=np.int32)
        np.minimum(words, (ends - begins + 1) * int(WORST * UNITS), out=words, casting="unsafe")
        lengths = np.fromiter(map(len, texts), np.int64, len(texts)) + 1
        starts = np.cumsum(lengths) - lengths
        sums = np.add.reduceat(words, np.searchsorted(begins, starts), dtype=np.int64)
        scores = sums / (lengths * UNITS)
        return np.where(lengths > 1, scores, np.inf).astype(np.float32)


def _read(class_of: NDArray[np.uint16], texts: Sequence[str]) -> NDArray[np.uint16]:
    """The class of each character of all texts, with a blank after each text."""
    return class_of[np.append(code_points(texts)[0][1:], np.uint32(10))]


def _classes(
    target: Sequence[str], background: Sequence[str]
) -> tuple[NDArray[np.uint16], int, int]:
    """Give the commonest letters classes of their own, those of the target first."""
    own, other = (_letter_counts(texts) for texts in (target, background))
    covered = np.cumsum(np.sort(own)[::-1]) / max(own.sum(), 1)
    needed = int(np.searchsorted(covered, COVERED)) + 1
    bits, order = next((s for s in SHAPES if needed <= (1 << s[0]) - 2), SHAPES[-1])
    # The background's letters take what is left; weighed so low they come after the target's.
    counts = own / max(own.sum(), 1) + (1 - COVERED) / 10 * other / max(other.sum(), 1)
    ranked = np.lexsort((np.arange(0x110000), -counts))[: int((counts > 0).sum())]
    class_of = np.full(0x110000, OTHER, np.uint16)
    class_of[[SPACE, 10]] = BLANK
    classed = ranked[: (1 << bits) - 2]
    class_of[classed] = np.arange(2, len(classed) + 2, dtype=np.uint16)
    return class_of, bits, order


def _letter_counts(texts: Sequence[str]) -> NDArray[np.int64]:
    """How often each code point occurs, white space apart."""
    counts = np.bincount(code_points(texts)[0], minlength=0x110000)
    counts[[SPACE, 10]] = 0
    return counts


def _grams(classes: NDArray[np.uint16], bits: int, order: int) -> NDArray[np.uint32]:
    """The n-gram that ends at each character, as one number whose lowest bits are that character.

    Before a word stand blanks, whatever the word before it was.
    """
    grams = classes.astype(np.uint32)
    before = classes
    for back in range(1, order):
        before, alive = np.zeros_like(classes), before
        before[back:] = classes[:-back]
        if back > 1:
            before *= alive != BLANK
        grams |= before.astype(np.uint32) << np.uint32(bits * back)
    return grams


def _table(
    class_of: NDArray[np.uint16], bits: int, order: int, texts: Sequence[str], weight: float
) -> Table:
    """`weight` times log2 p of the last class of every n-gram after the others, in `UNITS`.

    Interpolated Witten-Bell (Bell, Cleary & Witten 1990). Most contexts never occur, and theirs is
    what the shorter n-gram says.
    """
    size = 1 << bits
    keys, times = np.unique(_grams(_read(class_of, texts), bits, order), return_counts=True)
    p = np.full((1, size), 1 / size)
    for length in range(1, order + 1):
        shorter = keys & np.uint32((1 << (bits * length)) - 1)
        contexts, rows = np.unique(shorter >> np.uint32(bits), return_inverse=True)
        counts = np.zeros((len(contexts), size))
        np.add.at(counts, (rows, shorter & np.uint32(size - 1)), times)
        types = np.count_nonzero(counts, axis=1)[:, None]
        lower = p[contexts % len(p)]
        found = (counts + types * lower) / (counts.sum(1, keepdims=True) + types)
        if length < order:
            p = np.tile(p, (size ** (length - 1) // len(p), 1))
            p[contexts] = found
        else:
            table = np.tile(_in_units(p, weight), (size ** (length - 1) // len(p), 1))
            table[contexts] = _in_units(found, weight)
    return table.reshape(-1)


def _in_units(p: NDArray[np.float64], weight: float) -> Table:
    limits = np.iinfo(np.int16)
    return np.clip(np.rint(weight * UNITS * np.log2(p)), limits.min, limits.max).astype(np.int16)
