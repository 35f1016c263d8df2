"""The commonest words of a language, taken from the corpus itself: a long text that hardly has any
of them is a list of names, or is written in a language nearby.

Half of all running text is made of a thousand words, in languages that glue endings to words too
(55 % in Tatar, 59 % in Kinyarwanda, 55 % in North Sámi). So among thirty words of a text there are
about sixteen of them, and hardly ever less than three. How few are too few follows from the
binomial distribution, with a smaller share than the corpus has, since texts differ. Lists of stop
words made for other corpora are not used: FineWeb-2's for Tatar has eight words, of the stubs of an
encyclopedia, and refuses most clean text.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

WORDS = 1000
FEWEST_TOKENS = 20_000  # fewer do not tell which words are common
FEWEST_TIMES = 5  # that a common word occurs
SHARE = 0.6  # of the corpus' own share of common words that a text may be expected to have
LARGEST_SHARE = 0.6  # a small corpus overrates its common words
CHANCE = 1e-4  # of a text having so few
LONGEST = 200  # words of a text that are looked at


@dataclass(frozen=True)
class FunctionWords:
    """Common words; `too_few[n]` of them, or less, are too few among the first `n` words of a text,
    and -1 where no number is."""

    words: frozenset[str]
    too_few: tuple[int, ...]

    def lacking(self, words: Sequence[str]) -> int | None:
        """How many of the words are common, if that is too few; else None."""
        if len(words) < len(self.too_few):
            fewest = self.too_few[len(words)]
        elif self.too_few:
            words, fewest = words[: len(self.too_few) - 1], self.too_few[-1]
        else:
            return None
        if fewest < 0:
            return None
        found = self.count(words)
        return found if found <= fewest else None

    def count(self, words: Sequence[str]) -> int:
        """How many of the words are common ones."""
        return sum(map(self.words.__contains__, words))


NO_WORDS = FunctionWords(frozenset(), ())
"""Nothing lacks these."""


def function_words(counts: Counter[str]) -> FunctionWords:
    """Choose the common words of a corpus by how often each word occurs in it (lower case)."""
    tokens = counts.total()
    if tokens < FEWEST_TOKENS:
        return NO_WORDS
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:WORDS]
    common = {word: count for word, count in ranked if count >= FEWEST_TIMES}
    share = SHARE * min(sum(common.values()) / tokens, LARGEST_SHARE)
    return FunctionWords(frozenset(common), _too_few(share))


def _too_few(share: float) -> tuple[int, ...]:
    """For each number of words the largest count with a cumulative probability up to `CHANCE`."""
    found = []
    for size in range(LONGEST + 1):
        below, count = 0.0, -1
        while True:
            ways = math.comb(size, count + 1)
            below += ways * share ** (count + 1) * (1 - share) ** (size - count - 1)
            if below > CHANCE:
                break
            count += 1
        found.append(count)
    return tuple(found)
