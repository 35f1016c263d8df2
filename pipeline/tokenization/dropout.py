"""BPE-dropout: the same text, cut into tokens a little differently each time it is read.

Plain BPE always does the merge that comes first in its list. BPE-dropout (Provilkov et al. 2020,
https://aclanthology.org/2020.acl-main.170) flips a coin before each: with probability p the merge
is passed over this time and the next one gets its chance. So `балалар` is now `балалар`, now
`бала·лар`, now `бал·алар`; the model sees what words are made of, and a small text that is read
many times looks a little different each time. With p = 0 this is plain BPE, with p = 1 bytes. Only
training text is cut so; whatever is measured is cut plainly.

`tokenizers` has such an option, but draws from a generator that cannot be seeded. Here every draw
follows from (seed, position of the text, word), so a run repeats exactly.

To be fast enough in Python, a word gets at most `CUTS` different draws, made when they are first
needed, and each of its occurrences takes one of them at random.
"""

import heapq
import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
import xxhash
from tokenizers import Tokenizer

from pipeline.errors import UserError
from pipeline.tokenization.words import REMEMBERED, WordEncoder

CUTS = 32  # draws for a word; more hardly differ, and each costs as much as the first

Merges = Mapping[tuple[int, int], tuple[int, int]]


def segment(
    symbols: Sequence[int], merges: Merges, p: float, draw: Callable[[], float]
) -> list[int]:
    """Merge the symbols of one word, passing each possible merge over with probability `p`.

    Before every merge a coin is flipped for each pair of neighbours that could be merged; of those
    that are not passed over the first in the list of merges is done, on a tie the leftmost. When
    none is left, the word is done. Candidates lie in a heap in that order, so coins are flipped
    only until one comes up: the outcome is the same as flipping them all.

    Args:
        symbols: the token ids of the word's bytes.
        merges: for a pair of ids its place in the list of merges and the id that it becomes.
        draw: a number in [0, 1) at each call; never called if `p` is 0.

    >>> b, a, r, ba, bar = range(5)
    >>> merges = {(b, a): (0, ba), (ba, r): (1, bar)}
    >>> segment([b, a, r], merges, 0.0, random.random)
    [4]
    >>> coins = iter([0.5, 0.01])  # b and a merge; ba and r are passed over, and that was all
    >>> segment([b, a, r], merges, 0.1, lambda: next(coins))
    [3, 2]
    """
    ids: list[int] = list(symbols)
    count = len(ids)
    after = list(range(1, count + 1))  # the next symbol that is still there
    before = list(range(-1, count - 1))
    heap = [
        (merge[0], place)
        for place, pair in enumerate(pairwise(ids))
        if (merge := merges.get(pair)) is not None
    ]
    heapq.heapify(heap)
    passed_over: list[tuple[int, int]] = []
    while heap:
        candidate = heapq.heappop(heap)
        rank, left = candidate
        right = after[left]
        if ids[left] < 0 or right == count:
            continue  # an earlier merge has taken one of the two
        found = merges.get((ids[left], ids[right]))
        if found is None or found[0] != rank:
            continue
        if p and draw() < p:
            passed_over.append(candidate)
            continue
        ids[left], ids[right] = found[1], -1
        after[left] = after[right]
        if after[left] < count:
            before[after[left]] = left
        for place in (before[left], left):
            if place >= 0 and after[place] < count:
                merge = merges.get((ids[place], ids[after[place]]))
                if merge is not None:
                    heapq.heappush(heap, (merge[0], place))
        for again in passed_over:
            heapq.heappush(heap, again)
        passed_over.clear()
    return [index for index in ids if index >= 0]


class DropoutEncoder:
    """Encodes texts with BPE-dropout. A tokenizer's own way of cutting words is kept.

    The tokens of a text follow from the tokenizer, `p`, `seed`, the text and its position alone:
    whoever wants other tokens in the next pass gives other positions.

    Raises:
        UserError: the tokenizer merges no pairs.
    """

    def __init__(self, tokenizer: Tokenizer, p: float, seed: int) -> None:
        state = json.loads(tokenizer.to_str())
        if state["model"]["type"] != "BPE":
            raise UserError(
                f"BPE-dropout needs a BPE tokenizer, and this one is {state['model']['type']}: "
                "choose one of the kinds byte_bpe, bpe and scratch_bpe"
            )
        self.tokenizer, self.p, self.seed = tokenizer, p, seed
        vocabulary = state["model"]["vocab"]
        self._vocabulary: dict[str, int] = vocabulary
        self._merges = {
            (vocabulary[left], vocabulary[right]): (rank, vocabulary[left + right])
            for rank, (left, right) in enumerate(state["model"]["merges"])
        }
        plain = WordEncoder(tokenizer)
        self.dtype, self._cut = plain.dtype, plain.cut
        self._words = lru_cache(REMEMBERED)(self._find_words)
        self._drawn = lru_cache(2 * REMEMBERED)(self._draw)

    def encode(self, texts: Iterable[str], first: int = 0) -> list[np.ndarray]:
        """The tokens of texts at the positions `first`, `first` + 1, ...: unsigned[tokens] each.

        Without `BOS`, as `WordEncoder.encode` gives them.
        """
        return [
            np.frombuffer(self._encode(text, position), self.dtype)
            for position, text in enumerate(texts, first)
        ]

    def _encode(self, text: str, position: int) -> bytes:
        pieces = self._cut(text)
        chance = np.random.Generator(np.random.Philox(key=[self.seed, position]))
        which = chance.integers(0, CUTS, len(pieces)).tolist()
        return b"".join(map(self._drawn, pieces, which))

    def _draw(self, piece: str, which: int) -> bytes:
        """Draw number `which` for one piece of text, as the bytes of a token file."""
        seed = xxhash.xxh3_64_intdigest(f"{which} {piece}".encode(), self.seed)
        draw = random.Random(seed).random
        ids: list[int] = []
        for word in self._words(piece):
            ids += segment(word, self._merges, self.p, draw)
        return np.array(ids, self.dtype).tobytes()

    def _find_words(self, piece: str) -> list[list[int]]:
        """The words of a piece between which nothing is merged, each as the ids of its bytes."""
        if self.tokenizer.normalizer is not None:
            piece = self.tokenizer.normalizer.normalize_str(piece)
        words = [piece]
        if self.tokenizer.pre_tokenizer is not None:
            words = [word for word, _ in self.tokenizer.pre_tokenizer.pre_tokenize_str(piece)]
        return [[index for letter in word for index in self._spell(letter)] for word in words]

    def _spell(self, letter: str) -> list[int]:
        """The id of a letter, or those of its bytes where it has no token of its own."""
        if letter in self._vocabulary:
            return [self._vocabulary[letter]]
        return [self._vocabulary[f"<0x{byte:02X}>"] for byte in letter.encode()]
