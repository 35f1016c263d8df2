"""Unigram tokenizers: begin with far too many pieces, throw away what a text can do without.

Each piece has a probability, a word the product of its pieces', and of all ways to cut a word the
likeliest is taken (Kudo 2018, https://aclanthology.org/P18-1007; the rules are SentencePiece's).
Training goes down a path. It begins with the `SEEDS` substrings that cover most text. A round
drops a quarter of the pieces, those whose loss costs the text the least likelihood when the next
best pieces stand in for them, and estimates the probabilities anew by expectation maximisation over
*all* cuts of every word. Near the wanted size the path ends and the likeliest pieces are kept.

The library's trainer gives other scores in each run, for it adds up in the order of a hash table;
this one repeats exactly. And since the path does not depend on the wanted size, one walk serves
every size: each leaves the path where a training of its own had left it, so each gets exactly the
tokenizer of such a training.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from tokenizers import Tokenizer, models

from pipeline.tokenization.cuts import LITERAL, by_metaspace
from pipeline.tokenization.lattice import Lattice
from pipeline.tokenization.tokenizer import BOS, byte_tokens
from pipeline.tokenization.train import finish, frequent_characters, refuse_size, without_others
from pipeline.tokenization.words import count_words

SEEDS = 300_000
LONGEST_PIECE = 16  # characters
LONGEST_WORD = 32  # characters; probabilities of longer words would leave the range of numbers
SHRINK = 0.75
MARGIN = 1.1  # how many times the wanted pieces are still there before the likeliest are kept
ESTIMATES = 2  # rounds of expectation maximisation after each pruning
FEWEST = 0.5  # expected occurrences below which a piece is dropped at once
FLOOR = 1e-8  # the smallest probability


def train_unigram(texts: Sequence[str], sizes: Sequence[int]) -> dict[int, Tokenizer]:
    """A tokenizer for each size: `BOS`, 256 byte tokens, `LITERAL`, then pieces, likeliest first.

    Characters that are too rare for a token are encoded by their bytes.

    Raises:
        UserError: the text supports fewer tokens than a size, or has as many characters.
    """
    reserved = [BOS, *byte_tokens(), LITERAL]
    letters = frequent_characters(texts, by_metaspace(models.BPE()))
    least = len(reserved) + len(letters)
    if min(sizes) < least:
        raise refuse_size("unigram", min(sizes), 0, least)
    form = without_others(by_metaspace(models.BPE()), letters)
    words: Counter[str] = Counter()
    for word, count in count_words(texts, form).items():
        for start in range(0, len(word), LONGEST_WORD):
            words[word[start : start + LONGEST_WORD]] += count
    del words[LITERAL]
    found = walk(words, letters, [size - len(reserved) for size in sizes])
    tokenizers = {}
    for size in sorted(sizes):
        pieces = found[size - len(reserved)]
        if len(pieces) + len(reserved) < size:
            raise refuse_size("unigram", size, len(pieces) + len(reserved), least)
        vocabulary = [(token, 0.0) for token in reserved] + pieces
        model = models.Unigram(vocabulary, unk_id=0, byte_fallback=True)
        tokenizers[size] = finish(by_metaspace(model))
    return tokenizers


def walk(
    words: Mapping[str, int], letters: Sequence[str], sizes: Sequence[int]
) -> dict[int, list[tuple[str, float]]]:
    """Go down the path, and leave it for each size.

    Args:
        words: how often each word occurs.
        letters: single-letter pieces, which always stay.
        sizes: how many pieces are wanted, letters included.

    Returns:
        For each size its pieces, likeliest first, with the logarithms of their probabilities; fewer
        where the text has no more.
    """
    vocabulary = _Vocabulary(words, letters)
    vocabulary.estimate()
    found = {}
    for size in sorted(sizes, reverse=True):
        while SHRINK * vocabulary.size > MARGIN * size:
            vocabulary.prune(int(SHRINK * vocabulary.size))
            vocabulary.estimate()
        found[size] = vocabulary.leave(size)
    return found


def seed_pieces(words: Mapping[str, int]) -> list[str]:
    """Substrings of two letters and more that are seen twice, those that cover most text first."""
    seen: Counter[str] = Counter()
    for word, count in words.items():
        for start in range(len(word) - 1):
            for end in range(start + 2, min(len(word), start + LONGEST_PIECE) + 1):
                seen[word[start:end]] += count
    repeated = [(-count * len(piece), piece) for piece, count in seen.items() if count > 1]
    return [piece for _, piece in sorted(repeated)[:SEEDS]]


class _Vocabulary:
    """The pieces on the path: which are still there, and how likely each is."""

    def __init__(self, words: Mapping[str, int], letters: Sequence[str]) -> None:
        self.pieces = [*letters, *seed_pieces(words)]
        self.letters = len(letters)
        self.counts = np.array(list(words.values()), float)
        self.text = Lattice(list(words), self.pieces)
        self.substitutes = Lattice(self.pieces[self.letters :], self.pieces)
        self.alive = np.ones(len(self.pieces), bool)
        self.share = np.full(len(self.pieces), 1 / len(self.pieces))
        self.expected = np.ones(len(self.pieces))

    @property
    def size(self) -> int:
        return int(self.alive.sum())

    def estimate(self) -> None:
        """Estimate the probabilities anew, and drop what is hardly ever expected."""
        for _ in range(ESTIMATES):
            self.expected = self.text.expected(self.share, self.counts)
            self._drop(self.expected >= FEWEST)
            self.share = _shares(self.expected, self.alive)

    def prune(self, size: int) -> None:
        """Drop all but `size` pieces."""
        self._drop(self._dearest(size))

    def leave(self, size: int) -> list[tuple[str, float]]:
        """The pieces of a vocabulary of `size`, without a step on the path itself.

        Six digits of a logarithm are what the library surely reads back as it wrote them.
        """
        dearest = self._dearest(int(MARGIN * size))
        share = np.where(dearest, self.share, 0.0)
        share = _shares(self.text.expected(share, self.counts), dearest)
        kept = np.flatnonzero(dearest)
        letters_first = kept[np.lexsort((-share[kept], kept >= self.letters))]
        some = np.sort(letters_first[:size])
        likeliest = some[np.argsort(-share[some], kind="stable")]
        logs = np.log(share[likeliest]).tolist()
        return [(self.pieces[i], round(log, 6)) for i, log in zip(likeliest, logs, strict=True)]

    def _dearest(self, size: int) -> np.ndarray:
        """bool[pieces]: the letters, and those whose loss costs the text most likelihood."""
        logs = np.log(np.where(self.alive, self.share, 1.0))
        cost = np.full(len(self.pieces), np.inf)
        cost[~self.alive] = -np.inf
        others = np.flatnonzero(self.alive)[self.letters :]
        instead = self.substitutes.instead(logs)[others - self.letters]
        cost[others] = self.expected[others] * (logs[others] - instead)
        kept = np.zeros(len(self.pieces), bool)
        kept[np.argsort(-cost, kind="stable")[:size]] = True
        return kept & self.alive

    def _drop(self, kept: np.ndarray) -> None:
        kept = kept & self.alive
        kept[: self.letters] = True
        if (kept != self.alive).any():
            self.alive = kept
            self.share = np.where(kept, self.share, 0.0)
            self.text.keep(kept)
            self.substitutes.keep(kept, words=kept[self.letters :])


def _shares(expected: np.ndarray, alive: np.ndarray) -> np.ndarray:
    """Probabilities from expected occurrences; digamma favours few pieces (variational Bayes)."""
    some = np.maximum(expected[alive], FEWEST)
    share = np.zeros(len(expected))
    share[alive] = np.maximum(np.exp(_digamma(some) - _digamma(some.sum())), FLOOR)
    return share


def _digamma(x: np.ndarray) -> np.ndarray:
    """The derivative of the logarithm of the gamma function, for positive x."""
    steps = sum(1 / (x + step) for step in range(6))
    y = x + 6.0
    return np.log(y) - 1 / (2 * y) - 1 / (12 * y**2) + 1 / (120 * y**4) - 1 / (252 * y**6) - steps
