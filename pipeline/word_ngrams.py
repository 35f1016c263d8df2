"""A word n-gram model that gives every text a probability: what it does not know it spells.

A text is cut where letters begin and end, into runs of word characters and runs of everything else,
which alternate; there is one way to cut a text, and every sequence of alternating runs is a text.
The runs are counted as the characters of `pipeline.ngrams` are, with the same interpolated
Witten-Bell smoothing,

    p_n(run | context) = (count(context, run) + T * p_{n-1}(run | shorter context)) / (N + T)

and since runs alternate, a context is followed by runs of one class alone. Below order one stands
p_0, which spells the run: a character n-gram over the different runs of its class, with a sign for
the end of a run and an even share for every character of that class that was never met. So p_0 sums
to one over all runs of a class, hence every p_n does, and over texts of so many runs as well. What
the first run of a text is, word or not, is estimated by adding one. No text has probability zero.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from pipeline.ngrams import (
    CHARACTERS,
    START,
    UNSEEN,
    CharNgram,
    Floats,
    Ints,
    Level,
    count_level,
    descend,
    with_context,
)

RUNS = 5  # three words and what stands between them
SPELLING = 5  # characters
END = "\uffff"  # of a run; no character by Unicode's own word

_WORD = r"\w\u0300-\u036f"
_RUN = re.compile(f"[{_WORD}]+|[^{_WORD}]+")
_IS_WORD = re.compile(f"[{_WORD}]")


@cache
def word_characters() -> int:
    """How many of all characters belong to words."""
    everything = "".join(map(chr, chain(range(0xD800), range(0xE000, 0x110000))))
    return len(_IS_WORD.findall(everything))


class Speller:
    """p_0 of the runs of one class."""

    def __init__(self, runs: Sequence[str], characters: int) -> None:
        """Learn from different `runs`; `characters` is how many this class has at all."""
        self._characters = characters
        self._ngram = None
        if runs:
            self._ngram = CharNgram.train((run + END for run in runs), SPELLING, characters + 1)
            # No run is empty: what the sign for the end has at the beginning goes to the others.
            self._empty = float(np.log2(1 - 2.0 ** -self._ngram.bits([END])[0]))

    def bits(self, runs: Sequence[str]) -> Floats:
        """-log2 p_0 of each run; all characters are equal where no run was met. Shape [runs]."""
        if self._ngram is None:
            first, each = np.log2(self._characters), np.log2(self._characters + 1)
            return np.array([first + len(run) * each for run in runs])
        return self._ngram.bits([run + END for run in runs]) + self._empty


class WordNgram:
    """Runs of words and of what stands between; make one with `WordNgram.train`."""

    def __init__(
        self,
        numbers: dict[str, int],
        counts: Ints,
        levels: list[Level],
        spellers: Sequence[Speller],
        starts: Sequence[int],
    ) -> None:
        self._numbers = numbers  # of each run, from 2 on: 0 is START, 1 is UNSEEN
        self._counts, self._levels = counts, levels
        self._spellers = spellers  # of what is no word, and of words
        self._starts = starts  # texts that begin with either
        words = np.array([False, False, *(_IS_WORD.match(run) is not None for run in numbers)])
        known = np.arange(len(words)) >= 2
        self._seen = [int(counts[known & (words == word)].sum()) for word in (False, True)]
        self._kinds = [int((known & (words == word)).sum()) for word in (False, True)]

    @classmethod
    def train(
        cls, texts: Iterable[str], order: int = RUNS, alphabet: tuple[int, int] | None = None
    ) -> "WordNgram":
        """Count the n-grams of 1 to `order` runs in `texts`, each of which begins anew.

        `alphabet` is how many characters there are that no word has, and that words have; by
        default Unicode's.

        Raises:
            ValueError: there is no character at all.
        """
        others, words = alphabet or (CHARACTERS - word_characters(), word_characters())
        numbers: dict[str, int] = {}
        parts: list[NDArray[np.int32]] = []
        starts = [0, 0]
        for text in texts:
            runs = _RUN.findall(text)
            if runs:
                starts[_IS_WORD.match(runs[0]) is not None] += 1
            row = [START, *(numbers.setdefault(run, len(numbers) + 2) for run in runs)]
            parts.append(np.array(row, np.int32))
        if not numbers:
            raise ValueError("no text to count words in")
        stream = np.concatenate(parts)
        size = len(numbers) + 2
        counts = np.bincount(stream, minlength=size)
        counts[START] = 0
        levels: list[Level] = []
        node, contexts = stream.copy(), size
        for length in range(2, order + 1):
            level = count_level(node, stream, contexts, size)
            levels.append(level)
            contexts = len(level.keys)
            if length < order:
                descend(node, stream, level, size)
        of_words = [run for run in numbers if _IS_WORD.match(run)]
        of_others = [run for run in numbers if not _IS_WORD.match(run)]
        spellers = (Speller(of_others, others), Speller(of_words, words))
        return cls(numbers, counts, levels, spellers, starts)

    def bits(self, texts: Sequence[str]) -> Floats:
        """-log2 p of each text: every run, no end sign. Shape [texts]."""
        if not texts:
            return np.zeros(0)
        rows = [_RUN.findall(text) for text in texts]
        runs = [run for row in rows for run in ("", *row)]  # "" begins a text
        distinct = {run: place for place, run in enumerate(dict.fromkeys(runs))}
        place = np.array([distinct[run] for run in runs], np.int64)
        number = np.array([self._numbers.get(run, UNSEEN) if run else START for run in distinct])
        stream = number[place].astype(np.int32)
        known = list(distinct)
        logs = self._without_context(known)[place]
        begins = np.cumsum([0, *(len(row) + 1 for row in rows)])[:-1]
        self._begin(logs, runs, begins)
        self._sharpen(logs, stream)
        logs[begins] = 0.0
        return -np.add.reduceat(logs, begins)

    def _without_context(self, runs: Sequence[str]) -> Floats:
        """log2 p_1 of runs."""
        logs = np.zeros(len(runs))
        of_words = np.array([_IS_WORD.match(run) is not None for run in runs])
        there = np.array([run != "" for run in runs])
        counts = self._counts[[self._numbers.get(run, UNSEEN) for run in runs]]
        for word in (False, True):
            members = np.flatnonzero(there & (of_words == word))
            chosen = [runs[index] for index in members.tolist()]
            if not chosen:
                continue
            spelt = -self._spellers[word].bits(chosen)
            if not self._kinds[word]:
                logs[members] = spelt
                continue
            with np.errstate(divide="ignore"):
                seen = np.log2(counts[members])
            whole = np.log2(self._seen[word] + self._kinds[word])
            logs[members] = np.logaddexp2(seen, np.log2(self._kinds[word]) + spelt) - whole
        return logs

    def _begin(self, logs: Floats, runs: Sequence[str], begins: Ints) -> None:
        """Add what it costs that the first run of each text is a word, or is none, in place."""
        share = np.log2([(n + 1) / (sum(self._starts) + 2) for n in self._starts])
        for begin in begins.tolist():
            if begin + 1 < len(runs) and runs[begin + 1]:
                logs[begin + 1] += share[int(_IS_WORD.match(runs[begin + 1]) is not None)]

    def _sharpen(self, logs: Floats, stream: NDArray[np.int32]) -> None:
        """Turn log2 p_1 into log2 p_n for every place, in place."""
        size = len(self._numbers) + 2
        node = stream.copy()
        node[stream == UNSEEN] = -1
        for level in self._levels:
            place, context = with_context(node, stream, 0, len(stream))
            followed = level.types[context] > 0
            place, context = place[followed], context[followed]
            node = np.full(len(stream), -1, np.int32)
            node[place] = found = level.find(context * np.int64(size) + stream[place])
            with np.errstate(divide="ignore"):
                seen = np.log2(np.where(found >= 0, level.counts[found], 0))
            types = level.types[context]
            back = np.log2(types) + logs[place]
            logs[place] = np.logaddexp2(seen, back) - np.log2(level.total[context] + types)
