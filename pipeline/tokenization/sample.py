"""A random sample of a corpus that stays under a number of bytes, however large the corpus is.

Long documents are cut into pieces first, so that a corpus of a few books is sampled as evenly as
one of a million sentences. The corpus is read twice and never held: once for the lengths, once for
the text. Both times every piece draws the same number; those below a bound are taken, and the bound
follows from how many bytes drew which numbers. So memory does not grow with the number of pieces.
"""

import random
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from pipeline.documents import read_texts
from pipeline.errors import UserError

PIECE = 10_000  # characters
BINS = 1 << 20  # numbers that a piece may draw


def pieces(text: str, limit: int = PIECE) -> Iterator[str]:
    """Cut a text into pieces of at most `limit` characters, before white space if any."""
    start = 0
    while len(text) - start > limit:
        end = start + limit
        space = max(text.rfind(" ", start + 1, end), text.rfind("\n", start + 1, end))
        end = space if space > start else end
        yield text[start:end]
        start = end
    yield text[start:]


def sample_texts(folder: Path, megabytes: float, seed: int) -> list[str]:
    """At most `megabytes` (millions of UTF-8 bytes) of the documents in `folder`, in their order.

    Every piece is as likely as every other. At least one piece is taken.

    Raises:
        UserError: the folder holds no text.
    """
    sizes = np.zeros(BINS)
    draw = random.Random(seed).random
    for text in read_texts(folder):
        for piece in pieces(text):
            sizes[int(draw() * BINS)] += len(piece.encode())
    if not sizes.sum():
        raise UserError(
            f"{folder} holds no text: the corpus is too small for its split, or cleaning dropped "
            "everything; see reports/cleaning.json"
        )
    fitting = int(np.searchsorted(np.cumsum(sizes), megabytes * 1e6, side="right"))
    bound = max(fitting, int(np.flatnonzero(sizes)[0]) + 1)
    draw = random.Random(seed).random
    return [
        piece
        for text in read_texts(folder)
        for piece in pieces(text)
        if int(draw() * BINS) < bound and piece
    ]


def groups(texts: Iterable[str], characters: int = 1 << 20) -> Iterator[list[str]]:
    """Group texts into lists of about so many characters: what one parallel call encodes."""
    held: list[str] = []
    size = 0
    for text in texts:
        held.append(text)
        size += len(text)
        if size >= characters:
            yield held
            held, size = [], 0
    if held:
        yield held
