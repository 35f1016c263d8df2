"""What a model is measured against: character n-grams and a compressor, fed the same training text.

A neural model that needs more bits than an interpolated character 5-gram trained in seconds has
learnt little; `xz` shows what plain repetition of earlier text is worth.
"""

import lzma
from collections import deque
from collections.abc import Iterable

import numpy as np

from pipeline.evaluation.likelihood import utf8_bytes
from pipeline.ngrams import CharNgram

XZ_WINDOW = 4 << 20  # bytes of training text that xz looks back on; it compresses them twice


def ngram_bits_per_byte(ngram: CharNgram, texts: list[str]) -> dict[str, float | None]:
    """Bits per byte for every order of `ngram`: char_1gram, char_2gram, ..."""
    size = sum(utf8_bytes(text) for text in texts)
    bits = np.asarray(ngram.bits_by_order(texts)).sum(axis=0)
    return {
        f"char_{order}gram": float(total) / size if size else None
        for order, total in enumerate(bits, start=1)
    }


def xz_bits_per_byte(training: Iterable[str], texts: list[str]) -> float | None:
    """Bits per byte that `texts` add to the compressed end of the training text.

    The texts follow each other on lines, so that, unlike a model, xz may also look back at earlier
    ones.
    """
    if not texts:
        return None
    end: deque[bytes] = deque()
    held = 0
    for text in training:
        end.append(text.encode("utf-8") + b"\n")
        held += len(end[-1])
        while held - len(end[0]) >= XZ_WINDOW:
            held -= len(end.popleft())
    known = b"".join(end)[-XZ_WINDOW:]
    unknown = "\n".join(texts).encode("utf-8")
    added = len(lzma.compress(known + unknown)) - len(lzma.compress(known))
    return 8 * added / sum(utf8_bytes(text) for text in texts)
