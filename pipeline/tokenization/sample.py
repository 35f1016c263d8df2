"""A random sample of a corpus that stays under a number of bytes, however large the corpus is.

Long documents are cut into pieces first, so that a corpus of a few books is sampled as evenly as
one of a million sentences. The corpus is read twice and never held: once for the lengths, once for
the text.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from pipeline.documents import read_texts
from pipeline.errors import UserError

PIECE = 10_000  # characters


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
    lengths = np.fromiter(
        (len(piece.encode()) for text in read_texts(folder) for piece in pieces(text)), np.int64
    )
    if not lengths.sum():
        raise UserError(
            f"{folder} holds no text: the corpus is too small for its split, or cleaning dropped "
            "everything; see reports/cleaning.json"
        )
    order = np.random.default_rng(seed).permutation(len(lengths))
    fitting = int(np.searchsorted(np.cumsum(lengths[order]), megabytes * 1e6, side="right"))
    kept = np.zeros(len(lengths), bool)
    kept[order[: max(fitting, 1)]] = True
    every = (piece for text in read_texts(folder) for piece in pieces(text))
    return [piece for piece, keep in zip(every, kept, strict=True) if keep and piece]


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
