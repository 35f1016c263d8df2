"""Byte pair encoding from scratch, to read and to learn from: it finds the merges of the library.

The idea takes four lines (Sennrich et al. 2016, https://aclanthology.org/P16-1162):

1. Spell every word of the text with the smallest symbols, here bytes.
2. Count every pair of neighbours, over all words.
3. Join the most frequent pair into a new symbol, everywhere.
4. Go on at 2 until the vocabulary is large enough.

Done word for word that is slow: each round reads the whole text again. Three things make it fast.
The text is read once, into *different words with their counts*. A round changes only the *words
that hold the pair*, which are noted for each pair, and only the counts of pairs beside a join. And
the most frequent pair is found with a *heap* instead of a search.

On a tie the library takes the pair whose first symbol is the older, then whose second is, and so
does this. Symbols are numbered by age, so the order is that of the numbers.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise

from tokenizers import Tokenizer, models

from pipeline.tokenization.cuts import by_bytes
from pipeline.tokenization.tokenizer import BOS, byte_alphabet
from pipeline.tokenization.train import finish, refuse_size
from pipeline.tokenization.words import count_words

LEAST = 2  # a pair that is seen once is no pattern

Pair = tuple[int, int]


def train_scratch_bpe(texts: Sequence[str], size: int, smallest: int | None = None) -> Tokenizer:
    """Byte-level BPE of exactly `size` tokens: the same file as `train.train_bpe` gives.

    Raises:
        UserError: the text supports fewer tokens.
    """
    spelling = [BOS, *sorted(byte_alphabet())]
    if (smallest or size) < len(spelling):
        raise refuse_size("scratch_bpe", smallest or size, 0, len(spelling))
    vocabulary = {token: index for index, token in enumerate(spelling)}
    words = {
        tuple(vocabulary[letter] for letter in word): count
        for word, count in count_words(texts, by_bytes(models.BPE())).items()
    }

    def join(left: int, right: int) -> int:
        joined = spelling[left] + spelling[right]
        if joined not in vocabulary:  # ab+c and a+bc are one token
            vocabulary[joined] = len(spelling)
            spelling.append(joined)
        return vocabulary[joined]

    merges: dict[Pair, None] = {}
    learned = learn_merges(words, join)
    while len(spelling) < size:
        pair = next(learned, None)
        if pair is None:
            raise refuse_size("scratch_bpe", size, len(spelling), 257)
        merges.pop(pair, None)  # the rare pair that is merged again counts from then on
        merges[pair] = None
    named = [(spelling[left], spelling[right]) for left, right in merges]
    return finish(by_bytes(models.BPE(vocabulary, named)))


def learn_merges(
    words: Mapping[tuple[int, ...], int], join: Callable[[int, int], int]
) -> Iterator[Pair]:
    """Yield pair after pair, each the most frequent one after the joins before it.

    Args:
        words: the different words, each as its symbols, and how often each occurs.
        join: names the symbol that two become.

    >>> words = {(1, 2, 3): 5, (1, 2): 2, (2, 3): 3}  # 2, 3 is seen 8 times, 1, 2 is 7 times
    >>> names = {(2, 3): 4, (1, 4): 5, (1, 2): 6}
    >>> list(learn_merges(words, lambda left, right: names[left, right]))
    [(2, 3), (1, 4), (1, 2)]
    """
    symbols = [list(word) for word in words]
    counts = list(words.values())
    pair_counts: dict[Pair, int] = defaultdict(int)
    holders: dict[Pair, list[int]] = defaultdict(list)  # words that hold a pair, or once did
    for index, word in enumerate(symbols):
        for pair in pairwise(word):
            pair_counts[pair] += counts[index]
        for pair in set(pairwise(word)):
            holders[pair].append(index)
    heap = [(-count, pair) for pair, count in pair_counts.items() if count >= LEAST]
    heapq.heapify(heap)

    while heap:
        noted, pair = heapq.heappop(heap)
        count = pair_counts[pair]
        if -noted != count:  # joins since then took some away: back to its place
            if count >= LEAST:
                heapq.heappush(heap, (-count, pair))
            continue
        new = join(*pair)
        grown: set[Pair] = set()
        for index in holders.pop(pair, ()):
            symbols[index], changes = join_in(symbols[index], pair, new)
            for changed, by in changes:
                pair_counts[changed] += by * counts[index]
                if by > 0:
                    holders[changed].append(index)
                    grown.add(changed)
        for other in grown:
            if pair_counts[other] >= LEAST:
                heapq.heappush(heap, (-pair_counts[other], other))
        yield pair


def join_in(word: list[int], pair: Pair, new: int) -> tuple[list[int], list[tuple[Pair, int]]]:
    """Join every occurrence of a pair in one word, from the left.

    Returns:
        The word, and each pair of neighbours that is gone (-1) or new (1). The joined pair itself
        is not counted down, as in the library: nobody asks for it again.

    >>> join_in([7, 1, 2, 8], (1, 2), 3)
    ([7, 3, 8], [((7, 1), -1), ((7, 3), 1), ((2, 8), -1), ((3, 8), 1)])
    """
    left, right = pair
    joined: list[int] = []
    changes: list[tuple[Pair, int]] = []
    place, last = 0, len(word) - 1
    while place <= last:
        symbol = word[place]
        if symbol != left or place == last or word[place + 1] != right:
            joined.append(symbol)
            place += 1
            continue
        if joined:
            changes += [((joined[-1], left), -1), ((joined[-1], new), 1)]
        if place + 2 <= last:
            changes += [((right, word[place + 2]), -1), ((new, word[place + 2]), 1)]
        joined.append(new)
        place += 2
    return joined, changes
