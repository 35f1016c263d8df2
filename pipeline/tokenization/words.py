"""Encode much text fast: every different word is encoded once and looked up from then on.

A tokenizer cuts text into words before it makes tokens, and the library spends its time on that cut
and on words that it has already seen a thousand times. Here the text is cut at white space, where
`cuts.WORDS` always cuts too, and the pieces are looked up; the library sees only new ones, a group
at a time in its own threads. The ids are the same as without (the tests compare them for every
kind), several times faster.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
from tokenizers import Tokenizer, models, pre_tokenizers

from pipeline.tokenization.cuts import by_bytes, by_characters, by_metaspace, by_word_pieces
from pipeline.tokenization.tokenizer import encode_batch, settings_of

# White space as Unicode and the library's \s have it; Python's \s has U+001C to U+001F besides.
SPACE = r"\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
PIECES = re.compile(rf" ?[^{SPACE}]+|[{SPACE}]+(?![^{SPACE}])|[{SPACE}]+")
REMEMBERED = 400_000  # pieces: about 100 MB


def token_dtype(vocabulary: int) -> np.dtype:
    """The smallest of uint16 and uint32, little-endian, that holds every id of a vocabulary."""
    return np.dtype("<u2" if vocabulary <= 1 << 16 else "<u4")


def pack(ids: Sequence[int], dtype: np.dtype) -> bytes:
    """Token ids as the bytes of a token file. One that does not fit raises OverflowError."""
    wide = np.array(ids, np.int64)
    if wide.size and not 0 <= wide.min() <= wide.max() <= np.iinfo(dtype).max:
        raise OverflowError(f"token {wide.max()} does not fit into {dtype.name}")
    return wide.astype(dtype).tobytes()


def count_pieces(texts: Iterable[str]) -> Counter[str]:
    """How often each piece between two cuts occurs, with the space before it."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(PIECES.findall(text))
    return counts


def count_words(texts: Iterable[str], form: Tokenizer) -> Counter[str]:
    """How often each word occurs that `form` cuts, spelt as the model of the tokenizer sees it."""
    counts: Counter[str] = Counter()
    for piece, count in count_pieces(texts).items():
        if form.normalizer is not None:
            piece = form.normalizer.normalize_str(piece)
        for word, _ in form.pre_tokenizer.pre_tokenize_str(piece):
            counts[word] += count
    return counts


class WordEncoder:
    """Encodes texts with one tokenizer and remembers the pieces that it has seen.

    A tokenizer that may not cut where `PIECES` does gets whole texts.
    """

    def __init__(self, tokenizer: Tokenizer, remembered: int = REMEMBERED) -> None:
        self.tokenizer, self.remembered = tokenizer, remembered
        self.dtype = token_dtype(tokenizer.get_vocab_size())
        self.cuts_words = cuts_at_pieces(tokenizer)
        self.cut: Callable[[str], list[str]] = PIECES.findall if self.cuts_words else _whole
        self._known: dict[str, bytes] = {}

    def pack(self, texts: Iterable[str]) -> list[bytes]:
        """The token ids of each text, without `BOS`, as bytes of `dtype`."""
        cut = [self.cut(text) for text in texts]
        if len(self._known) > self.remembered:
            self._known = {}
        known = self._known
        new = [piece for piece in dict.fromkeys(chain.from_iterable(cut)) if piece not in known]
        known.update(zip(new, self._pack_new(new), strict=True))
        return [b"".join(map(known.__getitem__, one)) for one in cut]

    def _pack_new(self, pieces: list[str]) -> Iterator[bytes]:
        """Encode and check pieces at once: an array for each would take most of the time."""
        encoded = encode_batch(self.tokenizer, pieces)
        packed = pack(list(chain.from_iterable(encoded)), self.dtype)
        start = 0
        for ids in encoded:
            end = start + len(ids) * self.dtype.itemsize
            yield packed[start:end]
            start = end

    def encode(self, texts: Iterable[str]) -> list[np.ndarray]:
        """The token ids of each text, without `BOS`: unsigned[tokens] of `dtype`."""
        return [np.frombuffer(packed, self.dtype) for packed in self.pack(texts)]


def cuts_at_pieces(tokenizer: Tokenizer) -> bool:
    """Does this tokenizer cut wherever `PIECES` does? So do all of `cuts`, and GPT-2's."""
    gpt2 = Tokenizer(models.BPE())
    gpt2.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    known = [form(models.BPE()) for form in (by_bytes, by_metaspace, by_characters, by_word_pieces)]
    taken_whole = any(
        not token.special for token in tokenizer.get_added_tokens_decoder().values()
    )  # such a token is found wherever it stands, and may hold a space
    how = _how_words_are_cut(tokenizer)
    return not taken_whole and how in [_how_words_are_cut(form) for form in (*known, gpt2)]


def _whole(text: str) -> list[str]:
    return [text]


def _how_words_are_cut(tokenizer: Tokenizer) -> Any:
    """What stands in its file; `trim_offsets` and `use_regex` included."""
    return settings_of(tokenizer.normalizer), settings_of(tokenizer.pre_tokenizer)
