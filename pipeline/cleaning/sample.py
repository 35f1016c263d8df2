"""The first reading of a corpus: a sample of its lines, its words, and what script it is in.

The sample holds the lines whose hashes are smallest: the same ones in whatever order the corpus
comes, each once however often it occurs.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pipeline.cleaning.characters import Characters
from pipeline.cleaning.filters import SCRIPT_SHARE, reasons
from pipeline.cleaning.normalise import normalise

LINES = 20_000
SHORTEST = 12  # characters of a line that says something about its language
WORDS = 300_000  # different words that are remembered
BELIEVED = 3  # times that a word must occur to be one


@dataclass
class Sampled:
    """Lines of one batch by key, and its words."""

    keys: list[int]
    plain: list[str]
    words: Counter[str]


def sample_batch(
    texts: list[str], characters: Characters, seed: int, limit: int, words_too: bool
) -> Sampled:
    """The lines of some documents that no filter drops and whose keys are at most `limit`."""
    lines = [line for text in normalise(texts) for line in text.split("\n")]
    if not lines:
        return Sampled([], [], Counter())
    measured = characters.measure(lines)
    words: Counter[str] = Counter()
    for plain in measured.plain if words_too else ():
        words.update(plain.split())
    keys = mix(measured.keys, seed)
    enough = (measured.in_script >= SHORTEST) & (
        measured.in_script >= SCRIPT_SHARE * measured.letter
    )
    chosen = np.flatnonzero(enough & (keys <= limit)).tolist()
    if not chosen:
        return Sampled([], [], words)
    texts = [lines[i] for i in chosen]
    verdicts = reasons(characters.measure(texts), texts)
    chosen = [i for i, (reason, _) in zip(chosen, verdicts, strict=True) if not reason]
    return Sampled([int(keys[i]) for i in chosen], [measured.plain[i] for i in chosen], words)


class Sample:
    """Gathers batches' samples; `limit` falls as the sample fills."""

    def __init__(self, size: int = LINES) -> None:
        self.size = size
        self.limit = (1 << 64) - 1
        self.lines: dict[int, str] = {}
        self.words: Counter[str] = Counter()

    def add(self, part: Sampled) -> None:
        self.lines.update(zip(part.keys, part.plain, strict=True))
        if len(self.lines) > 2 * self.size:
            self._shrink()
        self.words.update(part.words)
        if len(self.words) > 2 * WORDS:
            self.words = Counter(dict(_commonest(self.words)))

    def merge(self, other: "Sample") -> None:
        """Add what another sample has."""
        self.add(Sampled(list(other.lines), list(other.lines.values()), other.words))

    def _shrink(self) -> None:
        smallest = sorted(self.lines)[: self.size]
        self.lines = {key: self.lines[key] for key in smallest}
        self.limit = smallest[-1]

    def finish(self) -> list[str]:
        """The sampled lines, in the order of their keys."""
        return [self.lines[key] for key in sorted(self.lines)[: self.size]]

    def vocabulary(self) -> frozenset[str]:
        """Words that occur often enough to be no slip."""
        return frozenset(word for word, count in self.words.items() if count >= BELIEVED)


def _commonest(words: Counter[str]) -> Iterable[tuple[str, int]]:
    return sorted(words.items(), key=lambda item: (-item[1], item[0]))[:WORDS]


def mix(keys: "np.ndarray", seed: int) -> "np.ndarray":
    """Give every key another place for every seed (the finaliser of splitmix64)."""
    with np.errstate(over="ignore"):
        x = keys + np.uint64((seed + 1) * 0x9E3779B97F4A7C15 % (1 << 64))
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))
