"""The first reading of a corpus: a sample of its lines, and its words.

The sample holds the lines whose hashes are smallest: the same ones in whatever order the corpus
comes, each once however often it occurs. Lines are chosen as they stand, for a hash costs a tenth
of what it takes to normalise a line; only those that may be in the sample are looked at closely.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from xxhash import xxh3_64_intdigest

from pipeline.cleaning.characters import Characters, count_words
from pipeline.cleaning.filters import SCRIPT_SHARE, reasons
from pipeline.cleaning.normalise import normalise

LINES = 20_000
CANDIDATES = 3 * LINES  # chosen as they stand; filters may drop two of three
SHORTEST = 12  # characters of a line that says something about its language
LONGEST = 2000  # characters of a line that are looked at
WORDS = 300_000  # different words that are remembered
BELIEVED = 3  # times that a word must occur to be one


class Sample:
    """Gathers lines and words; parts of a corpus may be gathered apart and merged."""

    def __init__(self) -> None:
        self.lines: dict[int, str] = {}  # by hash
        self.limit = (1 << 64) - 1  # hashes above it are not among the smallest
        self.words: Counter[str] = Counter()

    def read(self, texts: Iterable[str], seed: int) -> None:
        """Gather the lines of some raw texts."""
        lines = [line for text in texts for line in text.splitlines() if len(line) >= SHORTEST]
        keys = np.array([xxh3_64_intdigest(line.encode(), seed) for line in lines], np.uint64)
        chosen = np.flatnonzero(keys <= self.limit)
        for key, index in zip(keys[chosen].tolist(), chosen.tolist(), strict=True):
            self.lines[key] = lines[index][:LONGEST]
        self._shrink()

    def count(self, texts: Sequence[str], characters: Characters) -> None:
        """Count the words of some raw texts, in lower case."""
        if texts:
            self.words.update(count_words(characters.measure(normalise(texts)).plain))
        if len(self.words) > 2 * WORDS:
            ranked = sorted(self.words.items(), key=lambda item: (-item[1], item[0]))
            self.words = Counter(dict(ranked[:WORDS]))

    def merge(self, other: "Sample") -> None:
        """Add what another sample has."""
        self.lines.update(other.lines)
        self._shrink()
        self.words.update(other.words)

    def _shrink(self) -> None:
        if len(self.lines) > 2 * CANDIDATES:
            smallest = sorted(self.lines)[:CANDIDATES]
            self.lines = {key: self.lines[key] for key in smallest}
            self.limit = smallest[-1]

    def finish(self, characters: Characters) -> list[str]:
        """The sampled lines, plain, in the order of their hashes: different ones in the script of
        the language, which no filter drops."""
        found: dict[int, str] = {}
        ordered = [self.lines[key] for key in sorted(self.lines)[:CANDIDATES]]
        for begin in range(0, len(ordered), LINES):
            lines = normalise(ordered[begin : begin + LINES])
            measured = characters.measure(lines)
            good = (measured.in_script >= SHORTEST) & (
                measured.in_script >= SCRIPT_SHARE * measured.letter
            )
            keys = measured.keys.tolist()
            for index, (reason, _) in enumerate(reasons(measured, lines)):
                if good[index] and not reason:
                    found.setdefault(keys[index], measured.plain[index])
            if len(found) >= LINES:
                break
        return list(found.values())[:LINES]

    def vocabulary(self) -> frozenset[str]:
        """Words that occur often enough to be no slip."""
        return frozenset(word for word, count in self.words.items() if count >= BELIEVED)
