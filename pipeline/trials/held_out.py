"""What no side of a trial may train on: the documents that it is measured on.

Raw text still holds them, and their copies. A document is known by its id, a copy by its words: a
line is left out when 70 % of its words stand in runs of eight words that held-out text has, which
is how Chowdhery et al. 2022 (https://arxiv.org/abs/2204.02311, section 8) tell that training text
holds a benchmark. So copies with other punctuation, cut ends or a changed word are found too,
wherever their lines end, while a line that quotes half a sentence stays. A text or a line of fewer
words goes when it is a held-out text as a whole.
"""

import unicodedata
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.overlap import hashed

RUN_WORDS = 8
MOST_SHARED = 0.7  # share of a line's words; from here on it counts as a copy
_FACTOR = np.uint64(0x9E3779B97F4A7C15)


class HeldOut:
    """Remembers held-out documents, given as (id, text), and takes them out of other text."""

    def __init__(self, documents: Iterable[tuple[str, str]]) -> None:
        self.ids: set[str] = set()
        found = [np.zeros(0, np.uint64)]
        for name, text in documents:
            self.ids.add(name)
            found.append(_runs(_codes(text)))
        self._known = np.unique(np.concatenate(found))

    def without(self, text: str) -> str:
        """The lines of `text` that are not copied from held-out text."""
        lines = text.split("\n")
        codes = [_codes(line) for line in lines]
        copied = self._copied(np.concatenate(codes))
        kept, start = [], 0
        for line, words in zip(lines, codes, strict=True):
            share = copied[start : start + len(words)]
            if len(words) < RUN_WORDS and not share.all():
                share = self._copied(words)
            if not len(words) or share.mean() < MOST_SHARED:
                kept.append(line)
            start += len(words)
        return text if len(kept) == len(lines) else "\n".join(kept).strip("\n")

    def _copied(self, codes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Which words stand in a run that held-out text has. Shape [words]."""
        hit = np.isin(_runs(codes), self._known)
        copied = np.zeros(len(codes), bool)
        for place in range(min(RUN_WORDS, len(codes))):
            copied[place : place + len(hit)] |= hit
        return copied


def _codes(text: str) -> NDArray[np.uint64]:
    return hashed(unicodedata.normalize("NFC", text))


def _runs(codes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The hash of each run of words, or of all of them where there are fewer. Shape [runs].

    A short text gets a hash that no run of a longer one has, for its number of words goes in.
    """
    length = min(RUN_WORDS, len(codes))
    if not length:
        return np.zeros(0, np.uint64)
    count = len(codes) - length + 1
    hashes = np.full(count, length, np.uint64)
    for place in range(length):
        hashes = hashes * _FACTOR + codes[place : place + count]
    return hashes
