"""Encode much text fast: every different word is encoded once and looked up from then on.

A tokenizer cuts text into words before it merges bytes, and the library spends its time on that cut
and on words that it has already seen a thousand times. Here the text is cut at white space, where
`train.WORDS` always cuts too, and the pieces are looked up; the library sees only new ones, a group
at a time in its own threads. The ids are the same as without (the tests compare them), several
times faster.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from tokenizers import Tokenizer

from pipeline.tokenization.sample import groups
from pipeline.tokenization.tokenizer import encode_batch

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


class WordEncoder:
    """Encodes texts with one tokenizer and remembers the pieces that it has seen."""

    def __init__(self, tokenizer: Tokenizer, remembered: int = REMEMBERED) -> None:
        self.tokenizer, self.remembered = tokenizer, remembered
        self.dtype = token_dtype(tokenizer.get_vocab_size())
        self._known: dict[str, bytes] = {}

    def pack(self, texts: Iterable[str]) -> list[bytes]:
        """The token ids of each text, without `BOS`, as bytes of `dtype`."""
        cut = [PIECES.findall(text) for text in texts]
        if len(self._known) > self.remembered:
            self._known = {}
        known = self._known
        new = list(dict.fromkeys(piece for one in cut for piece in one if piece not in known))
        for group in groups(new):
            ids = encode_batch(self.tokenizer, group)
            known.update(zip(group, (pack(one, self.dtype) for one in ids), strict=True))
        return [b"".join(map(known.__getitem__, one)) for one in cut]

    def encode(self, texts: Iterable[str]) -> list[np.ndarray]:
        """The token ids of each text, without `BOS`: unsigned[tokens] of `dtype`."""
        return [np.frombuffer(packed, self.dtype) for packed in self.pack(texts)]
