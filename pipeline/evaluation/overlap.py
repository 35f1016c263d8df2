"""Which runs of words stand in the training text: contamination, and what samples copied.

The phrases to look for are few and the training text is long, so the phrases are held as hashes
and the training text streams by once. At each of its positions the run is followed only as long as
it is the beginning of some phrase, so that almost all positions are given up after two or three
words.

Thirteen words in common is what Brown et al. 2020 (https://arxiv.org/abs/2005.14165, appendix C)
call an overlap between a benchmark and training text.
"""

import re
from collections.abc import Iterable, Iterator

import numpy as np
import xxhash

OVERLAP_WORDS = 13
LONGEST = 128  # words; longer runs are reported as so long
WORDS_PER_CHUNK = 500_000

_WORD = re.compile(r"[\w\u0300-\u036f]+")
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_BEGIN, _END = np.uint64(1), np.uint64(2)  # stand where a document begins and ends


def words(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation."""
    return _WORD.findall(text.lower())


def hashed(text: str) -> np.ndarray:
    """One 64-bit hash for each word of `text`, uint64."""
    return np.array(
        [xxhash.xxh64_intdigest(word.encode()) for word in words(text)], dtype=np.uint64
    )


def document_phrases(text: str) -> list[np.ndarray]:
    """What must not stand in training: each run of 13 words, or a shorter document as a whole."""
    codes = hashed(text)
    if len(codes) < OVERLAP_WORDS:
        return [np.concatenate(([_BEGIN], codes, [_END]))] if len(codes) else []
    return list(np.lib.stride_tricks.sliding_window_view(codes, OVERLAP_WORDS))


def run_phrases(text: str) -> list[np.ndarray]:
    """A phrase from each word of `text` on: the longest found is the longest copied run."""
    codes = hashed(text)
    return [codes[start : start + LONGEST] for start in range(len(codes))]


class RunFinder:
    """Finds phrases (arrays of word hashes) in texts: add all, `search` once, then ask."""

    def __init__(self) -> None:
        self._phrases: list[np.ndarray] = []
        # [n - 1]: the hashes of the first n words of phrases, sorted; and whether they were met
        self._levels: list[np.ndarray] = []
        self._seen: list[np.ndarray] = []
        self._longest = np.zeros(0, dtype=np.int64)

    def add(self, phrases: Iterable[np.ndarray]) -> slice:
        """Add phrases; the slice is their place among all."""
        start = len(self._phrases)
        self._phrases += [phrase[:LONGEST] for phrase in phrases]
        return slice(start, len(self._phrases))

    def search(self, texts: Iterable[str]) -> None:
        """Look through the texts once."""
        self._levels = [np.unique(hashes) for _, hashes in self._prefixes()]
        self._seen = [np.zeros(len(level), dtype=bool) for level in self._levels]
        for codes, ends in _chunks(texts):
            self._look(codes, ends)
        self._longest = np.zeros(len(self._phrases), dtype=np.int64)
        for length, (members, hashes) in enumerate(self._prefixes(), start=1):
            met = self._seen[length - 1][np.searchsorted(self._levels[length - 1], hashes)]
            self._longest[members[met]] = length

    def longest(self, place: slice) -> np.ndarray:
        """For each phrase at `place` the longest beginning that was met, in words, int64."""
        return self._longest[place]

    def whole(self, place: slice) -> np.ndarray:
        """For each phrase at `place`: was all of it met? A phrase of no words never is. Boolean."""
        lengths = np.array([len(phrase) for phrase in self._phrases[place]], dtype=np.int64)
        return (self._longest[place] >= lengths) & (lengths > 0)

    def _prefixes(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """For n = 1, 2, ...: the phrases of n words or more, and hashes of their first n words."""
        if not self._phrases:
            return
        lengths = np.array([len(phrase) for phrase in self._phrases])
        starts = np.concatenate(([0], lengths.cumsum()[:-1]))
        codes = np.concatenate(self._phrases).astype(np.uint64)
        members = np.arange(len(lengths))
        hashes = np.zeros(len(members), dtype=np.uint64)
        for length in range(1, int(lengths.max()) + 1):
            stays = lengths[members] >= length
            members, hashes = members[stays], hashes[stays]
            hashes = hashes * _FACTOR + codes[starts[members] + length - 1]
            yield members, hashes

    def _look(self, codes: np.ndarray, ends: np.ndarray) -> None:
        positions = np.arange(len(codes))
        hashes = codes.copy()
        for length, (level, seen) in enumerate(zip(self._levels, self._seen, strict=True), start=1):
            places = np.searchsorted(level, hashes)
            places[places == len(level)] = 0
            hit = level[places] == hashes
            seen[places[hit]] = True
            positions, hashes = positions[hit], hashes[hit]
            inside = positions + length < ends[positions]
            positions, hashes = positions[inside], hashes[inside]
            if len(positions) == 0:
                return
            hashes = hashes * _FACTOR + codes[positions + length]


def _chunks(texts: Iterable[str]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Word hashes of many documents in a row, and for each word where its document ends."""
    held: list[np.ndarray] = []
    size = 0
    for text in texts:
        held.append(np.concatenate(([_BEGIN], hashed(text), [_END])))
        size += len(held[-1])
        if size >= WORDS_PER_CHUNK:
            yield _joined(held)
            held, size = [], 0
    if held:
        yield _joined(held)


def _joined(documents: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    lengths = [len(document) for document in documents]
    return np.concatenate(documents), np.repeat(np.cumsum(lengths), lengths)
