"""Encode a corpus: the different pieces once, all others by looking them up.

`WordEncoder` does the same for a few texts as Python strings; here documents stay in Arrow and
numpy, a few megabytes at a time, and only different pieces become Python objects.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import chain, pairwise

import numpy as np
import pyarrow as pa
from tokenizers import Tokenizer, models

from pipeline.errors import UserError
from pipeline.tokenization.cuts import by_bytes
from pipeline.tokenization.pieces import are_words, cut_pieces
from pipeline.tokenization.tokenizer import (
    bos_id,
    byte_alphabet,
    encode_batch,
    settings_of,
)
from pipeline.tokenization.words import WordEncoder, pack

REMEMBERED = 250_000  # pieces of a generation, of which there are two: about 100 MB together
LONGEST = 100  # bytes; longer pieces hardly come again


class BulkEncoder:
    """Encodes documents with one tokenizer and remembers the pieces that it has seen lately.

    When a generation of pieces is full it becomes the old one, and the old one is forgotten, but
    for the pieces that were asked for again: frequent pieces stay. A tokenizer that may not cut
    where `words.PIECES` does gets whole documents.
    """

    def __init__(self, tokenizer: Tokenizer, remembered: int = REMEMBERED) -> None:
        self.tokenizer, self.remembered = tokenizer, remembered
        self.vocabulary = tokenizer.get_vocab_size()
        plain = WordEncoder(tokenizer)
        self.dtype, self.cuts = plain.dtype, plain.cuts_words
        self.begin = self._pack([bos_id(tokenizer)])
        self._words = _WordMerger(tokenizer) if self.cuts and _merges_bytes(tokenizer) else None
        self._young: dict[bytes, bytes] = {}
        self._old: dict[bytes, bytes] = {}

    def encode(self, texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
        """The ids of documents one after the other, unsigned[tokens], each begun by the token that
        begins documents, and int64[documents], how many tokens each has with that one.

        Raises:
            UserError: the tokenizer gives an id outside its vocabulary.
        """
        if self.cuts:
            pieces, per_document = cut_pieces(texts)
            table = pieces.dictionary_encode()
            packed = self._look_up(table.dictionary)
            which = table.indices.to_numpy()
        else:
            ids, lengths = self._encode([text.as_py() for text in texts])
            packed = self._split(self._pack(ids), lengths)
            per_document = np.ones(len(texts), np.int64)
            which = np.arange(len(texts))
        # One more row for the beginning of a document, put before the pieces of each.
        ends = np.cumsum(per_document)
        which = np.insert(which, ends - per_document, len(packed))
        packed.append(self.begin)
        ids = np.frombuffer(b"".join(packed), self.dtype)
        lengths = np.fromiter(map(len, packed), np.int64, len(packed)) // self.dtype.itemsize
        row_begins = np.cumsum(lengths) - lengths
        counts = lengths[which]
        placed = np.cumsum(counts)
        source = np.repeat(row_begins[which] - (placed - counts), counts)
        source += np.arange(len(source))
        ends += np.arange(1, len(ends) + 1)
        return ids[source], np.diff(placed[ends - 1], prepend=0)

    def count(self, pieces: pa.Array, *occurrences: np.ndarray) -> list[np.ndarray]:
        """int64[vocabulary] for each text: how often each token is in a text that holds `pieces`,
        int64[pieces] times each."""
        counted = [np.zeros(self.vocabulary) for _ in occurrences]
        for where, ids, lengths in self._parts(pieces):
            self._check(ids)
            for counts, times in zip(counted, occurrences, strict=True):
                counts += np.bincount(ids, np.repeat(times[where], lengths), self.vocabulary)
        return [counts.astype(np.int64) for counts in counted]  # exact: far below 2^53

    def _look_up(self, dictionary: pa.Array) -> list[bytes]:
        """The packed ids of different pieces; those that are not remembered are encoded."""
        if len(self._young) > self.remembered:
            self._old, self._young = self._young, {}
        young, old = self._young, self._old
        pieces = dictionary.to_pylist()
        nothing = b""  # every piece has a token
        packed = [young.get(piece, nothing) for piece in pieces]
        missing = [index for index, one in enumerate(packed) if not one]
        new = []
        for index in missing:
            packed[index] = old.get(pieces[index], nothing)
            if not packed[index]:
                new.append(index)
        unseen = dictionary.take(pa.array(new, pa.int64()))
        for index, one in zip(new, self._encode_new(unseen), strict=True):
            packed[index] = one
        young.update((pieces[i], packed[i]) for i in missing if len(pieces[i]) <= LONGEST)
        return packed

    def _encode_new(self, pieces: pa.Array) -> list[bytes]:
        found: list[bytes] = [b""] * len(pieces)
        for where, ids, lengths in self._parts(pieces):
            packed = self._split(self._pack(ids), lengths)
            for index, one in zip(where.tolist(), packed, strict=True):
                found[index] = one
        return found

    def _parts(self, pieces: pa.Array) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Encode pieces, those that are surely words together: int64[part] which pieces,
        int64[tokens] the ids of all of them, int64[part] how many each has."""
        words = np.zeros(len(pieces), bool)
        if self._words is not None and len(pieces):
            words = are_words(pieces)
            where = np.flatnonzero(words)
            yield where, *self._words.merge(pieces.take(where).to_pylist())
        where = np.flatnonzero(~words)
        yield where, *self._encode([piece.decode() for piece in pieces.take(where).to_pylist()])

    def _encode(self, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """int64[tokens], the ids of all texts, and int64[texts], how many each has. An array for
        each would take most of the time."""
        encoded = encode_batch(self.tokenizer, texts)
        lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
        return np.fromiter(chain.from_iterable(encoded), np.int64, int(lengths.sum())), lengths

    def _split(self, packed: bytes, counts: np.ndarray) -> list[bytes]:
        bounds = [0, *(np.cumsum(counts) * self.dtype.itemsize).tolist()]
        return [packed[a:b] for a, b in pairwise(bounds)]

    def _pack(self, ids: Sequence[int] | np.ndarray) -> bytes:
        self._check(ids)
        return pack(ids, self.dtype)  # type: ignore[arg-type]  # an array does as well

    def _check(self, ids: Sequence[int] | np.ndarray) -> None:
        highest = int(np.max(ids, initial=0))
        if highest >= self.vocabulary:
            raise UserError(
                f"the tokenizer gives token {highest:,}, outside its vocabulary of "
                f"{self.vocabulary:,}: its ids have gaps, use another tokenizer"
            )


class _WordMerger:
    """A tokenizer less all that stands around its merges: for pieces that are words for sure.

    Words go in many at a time, as if they were one text that somebody else has cut. Where one ends
    among the ids is known from the bytes of each token.
    """

    TOGETHER = 500  # words

    def __init__(self, tokenizer: Tokenizer) -> None:
        state = json.loads(tokenizer.to_str())
        vocabulary = state["model"]["vocab"]
        around = ("normalizer", "pre_tokenizer", "post_processor", "decoder")
        state |= dict.fromkeys(around) | {"added_tokens": []}
        self.merges = Tokenizer.from_str(json.dumps(state))
        self.alphabet = {byte: character for character, byte in byte_alphabet().items()}
        self.bytes = np.zeros(max(vocabulary.values()) + 1, np.int64)
        for token, index in vocabulary.items():
            self.bytes[index] = len(token)

    def merge(self, words: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
        """int64[tokens], the ids of all words, and int64[words], how many each has."""
        if not words:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        spelt = [word.decode("latin-1").translate(self.alphabet) for word in words]
        rows = [spelt[i : i + self.TOGETHER] for i in range(0, len(spelt), self.TOGETHER)]
        encoded = self.merges.encode_batch_fast(
            rows, is_pretokenized=True, add_special_tokens=False
        )
        ids = np.concatenate([np.array(one.ids, np.int64) for one in encoded])
        ends = np.cumsum([len(word) for word in words])
        counts = np.diff(np.searchsorted(np.cumsum(self.bytes[ids]), ends), prepend=-1)
        return ids, counts


def _merges_bytes(tokenizer: Tokenizer) -> bool:
    """Whether it is plain BPE over words spelt in bytes: tokens are as long as their bytes."""
    plain = by_bytes(models.BPE())
    for part in ("normalizer", "pre_tokenizer"):
        if settings_of(getattr(tokenizer, part)) != settings_of(getattr(plain, part)):
            return False
    extras = ("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix")
    model = tokenizer.model
    return isinstance(model, models.BPE) and not any(getattr(model, name) for name in extras)
