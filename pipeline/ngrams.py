"""A character n-gram model: the simplest thing that knows a language's spelling.

Cleaning asks it how likely a text is in a language; the benchmark puts it beside every neural
model. Interpolated Witten-Bell smoothing (Chen & Goodman 1998, section 2.6; Witten & Bell 1991):
after a context seen N times with T different characters,

    p_n(c | context) = (count(context, c) + T * p_{n-1}(c | shorter context)) / (N + T)

and after a context never seen p_n = p_{n-1}. At order one, T / (N + T) goes in equal parts to every
Unicode character never seen, so that the probabilities of all 1,112,064 characters sum to one and
no text has probability zero. A text begins after a start symbol, which is context and is never
predicted; where the text so far is shorter than the context, the start symbol closes the context.

The n-grams are a trie in sorted arrays: the key of a node is `parent * symbols + character`, where
`parent` is the place of its first n-1 characters among the (n-1)-grams. Counting and scoring go
level by level over whole arrays, so that neither has a loop over characters.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

CHARACTERS = 0x110000 - 0x800  # Unicode scalar values: all code points but the surrogates
START = 0
UNSEEN = 1  # a character that training never met
_CHUNK = 1 << 22  # characters that are worked on at once
_DENSE = 1 << 23  # largest table of a level that is stored by key rather than searched

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Level:
    """The n-grams of one length n of two or more, over the (n-1)-grams, their contexts.

    Node i is the n-gram with key `keys[i]`, seen `counts[i]` times. Context j was followed by
    something `total[j]` times, by `types[j]` different characters. `table` holds the node of every
    key, or -1, where that is small enough; elsewhere `keys` are searched.
    """

    keys: Ints
    counts: NDArray[np.int32]
    total: NDArray[np.int32]
    types: NDArray[np.int32]
    table: NDArray[np.int32] | None

    def find(self, keys: Ints) -> NDArray[np.int32]:
        """The node of each key, -1 where there is none."""
        if self.table is not None:
            return self.table[keys]
        place = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[place] == keys, place, -1).astype(np.int32)


class CharNgram:
    """An interpolated Witten-Bell model of characters; make one with `CharNgram.train`."""

    def __init__(
        self,
        symbols: NDArray[np.uint32],
        counts: Ints,
        levels: list[Level],
        alphabet: int = CHARACTERS,
    ) -> None:
        self.alphabet = alphabet
        self.symbols = symbols  # code points; symbols[i] is the symbol i + 2 of streams and keys
        self.counts = counts  # of each symbol; none for START and UNSEEN
        self.levels = levels  # of two characters, of three, ...
        self._symbol_of = np.full(0x110000, UNSEEN, np.uint32)
        self._symbol_of[symbols] = np.arange(2, len(symbols) + 2, dtype=np.uint32)

    @property
    def order(self) -> int:
        """The longest n-gram, in characters."""
        return len(self.levels) + 1

    @classmethod
    def train(cls, texts: Iterable[str], order: int, alphabet: int = CHARACTERS) -> "CharNgram":
        """Count the n-grams of 1 to `order` characters in `texts`, each of which begins anew.

        `alphabet` is how many characters there are at all, seen and unseen. Holds about 8 bytes a
        character while it counts.

        Raises:
            ValueError: the order is not within 1 to 7, or there is no character at all.
        """
        if not 1 <= order <= 7:
            raise ValueError(f"the order of an n-gram model is 1 to 7, not {order}")
        symbols, stream = _read(texts)
        if not len(symbols):
            raise ValueError("no text to count n-grams in")
        size = len(symbols) + 2
        counts = np.bincount(stream, minlength=size)
        counts[START] = 0
        levels: list[Level] = []
        node = stream.astype(np.int32)  # at each place: the n-gram that ends there, or -1
        contexts = size
        for length in range(2, order + 1):
            level = count_level(node, stream, contexts, size)
            levels.append(level)
            contexts = len(level.keys)
            if length < order:
                descend(node, stream, level, size)
        return cls(symbols, counts, levels, alphabet)

    def bits(self, texts: Sequence[str]) -> Floats:
        """-log2 p of each text: every character, no end symbol. Shape [texts]."""
        return self.bits_by_order(texts)[:, -1]

    def bits_by_order(self, texts: Sequence[str]) -> Floats:
        """-log2 p of each text under the models of order 1 to `order` at once. Shape [texts,
        order].

        A surrogate, which is no character, is taken for one that training never met.
        """
        result = np.zeros((len(texts), self.order))
        for begin, end in spans(texts):
            stream = self._symbol_of[_code_points(texts[begin:end])]
            starts = np.concatenate([[0], np.cumsum([len(t) + 1 for t in texts[begin:end]])[:-1]])
            stream[starts] = START
            for order, bits in enumerate(self._bits_of_stream(stream)):
                result[begin:end, order] = np.add.reduceat(bits, starts)
        return result

    def _bits_of_stream(self, stream: NDArray[np.uint32]) -> Iterator[Floats]:
        """The bits of every symbol of a stream, zero at start symbols, by order from one."""
        size = len(self.symbols) + 2
        seen, kinds = int(self.counts.sum()), len(self.symbols)
        p = self.counts[stream] / (seen + kinds)
        p[stream == UNSEEN] = kinds / (seen + kinds) / max(self.alphabet - kinds, 1)
        p[stream == START] = 1.0
        yield -np.log2(p)
        node = stream.astype(np.int32)
        node[stream == UNSEEN] = -1
        for level in self.levels:
            place, context = with_context(node, stream, 0, len(stream))
            types = level.types[context]
            followed = types > 0
            place, context, types = place[followed], context[followed], types[followed]
            node = np.full(len(stream), -1, np.int32)
            node[place] = found = level.find(context * np.int64(size) + stream[place])
            counts = np.where(found >= 0, level.counts[found], 0)
            p[place] = (counts + types * p[place]) / (level.total[context] + types)
            yield -np.log2(p)


def with_context(
    node: NDArray[np.int32], stream: NDArray[Any], begin: int, end: int
) -> tuple[Ints, NDArray[np.int32]]:
    """The places from `begin` to `end` that a known n-gram precedes in the same text, and that
    n-gram."""
    before = node[max(begin - 1, 0) : end - 1]
    first = max(begin, 1)
    place = np.flatnonzero((before >= 0) & (stream[first:end] != START))
    return place + first, before[place]


def count_level(node: NDArray[np.int32], stream: NDArray[Any], contexts: int, size: int) -> Level:
    """Count the n-grams that end at each place of the stream, given the (n-1)-grams before them."""
    dense = contexts * size <= _DENSE
    table = np.zeros(contexts * size if dense else 0, np.int64)
    keys, counts = np.zeros(0, np.int64), np.zeros(0, np.int64)
    for begin in range(0, len(stream), _CHUNK):
        end = min(begin + _CHUNK, len(stream))
        place, context = with_context(node, stream, begin, end)
        chunk = context * np.int64(size) + stream[place]
        if dense:
            table += np.bincount(chunk, minlength=len(table))
        else:
            keys, counts = _merge(keys, counts, *np.unique_counts(chunk))
    if dense:
        keys = np.flatnonzero(table)
        counts = table[keys]
    parent = keys // size
    total = np.bincount(parent, weights=counts, minlength=contexts).astype(np.int64)
    types = np.bincount(parent, minlength=contexts)
    nodes = None
    if dense:
        nodes = np.full(len(table), -1, np.int32)
        nodes[keys] = np.arange(len(keys), dtype=np.int32)
    small = [numbers.astype(np.int32) for numbers in (counts, total, types)]
    return Level(keys, small[0], small[1], small[2], nodes)


def _merge(keys: Ints, counts: Ints, more: Ints, more_counts: Ints) -> tuple[Ints, Ints]:
    """Add up two sorted tables of counts."""
    place = np.searchsorted(keys, more)
    known = np.zeros(len(more), bool)
    inside = place < len(keys)
    known[inside] = keys[place[inside]] == more[inside]
    counts[place[known]] += more_counts[known]
    new = ~known
    return np.insert(keys, place[new], more[new]), np.insert(counts, place[new], more_counts[new])


def descend(node: NDArray[np.int32], stream: NDArray[Any], level: Level, size: int) -> None:
    """Lengthen the n-gram that ends at each place by the character before it, in place and
    backwards."""
    for begin in reversed(range(0, len(stream), _CHUNK)):
        end = min(begin + _CHUNK, len(stream))
        place, context = with_context(node, stream, begin, end)
        keys, inverse = context * np.int64(size) + stream[place], None
        if level.table is None:  # neighbouring keys share cache lines: search in sorted order
            keys, inverse = np.unique_inverse(keys)
        found = level.find(keys)
        node[begin:end] = -1
        node[place] = found if inverse is None else found[inverse]


def _read(texts: Iterable[str]) -> tuple[NDArray[np.uint32], NDArray[Any]]:
    """Turn texts into one stream of symbols, START before each; symbols in order of first
    appearance."""
    symbol_of = np.zeros(0x110000, np.uint32)
    symbols: list[NDArray[np.uint32]] = []
    chunks: list[NDArray[Any]] = []
    known = 0
    for held in _gather(texts):
        codes = _code_points(held)
        starts = np.cumsum([0] + [len(text) + 1 for text in held[:-1]])
        present, first = np.unique(np.delete(codes, starts), return_index=True)
        new = present[symbol_of[present] == 0]
        new = new[np.argsort(first[symbol_of[present] == 0], kind="stable")]
        symbol_of[new] = np.arange(known + 2, known + 2 + len(new), dtype=np.uint32)
        symbols.append(new)
        known += len(new)
        stream = symbol_of[codes]
        stream[starts] = START
        chunks.append(stream.astype(np.uint16 if known + 2 <= 0xFFFF else np.uint32))
    if not chunks:
        return np.zeros(0, np.uint32), np.zeros(0, np.uint16)
    return np.concatenate(symbols), np.concatenate(chunks)


def _gather(texts: Iterable[str]) -> Iterator[list[str]]:
    """Group texts into lists of about a chunk of characters."""
    held: list[str] = []
    characters = 0
    for text in texts:
        held.append(text)
        characters += len(text) + 1
        if characters >= _CHUNK:
            yield held
            held, characters = [], 0
    if held:
        yield held


def spans(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Cut a list of texts into stretches of about a chunk of characters."""
    begin, characters = 0, 0
    for end, text in enumerate(texts, 1):
        characters += len(text) + 1
        if characters >= _CHUNK or end == len(texts):
            yield begin, end
            begin, characters = end, 0


def _code_points(texts: Sequence[str]) -> NDArray[np.uint32]:
    """The code points of all texts, with one place to spare before each."""
    joined = "\0" + "\0".join(texts)
    return np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
