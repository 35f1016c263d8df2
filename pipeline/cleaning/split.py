"""Divide documents into train, validation and test.

By hash: where a document goes follows from its content alone, so that texts added later move none
that were there, and texts equal but for case, punctuation and white space are never on both sides.
Contiguous: the last ones in order, for a text whose order means something, such as one book.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UserError

SPLITS = ("train", "validation", "test")
FEWEST_CHARACTERS = 200
LARGE = 0.05  # share of the corpus from which on a document is cut where a boundary falls into it


def split_by_hash(keys: NDArray[np.uint64], validation: float, test: float) -> NDArray[np.int64]:
    """The place in `SPLITS` of each document, from the hash of its content. Shape [documents]."""
    place = keys.astype(np.float64) / 2.0**64
    return np.where(place < test, 2, np.where(place < test + validation, 1, 0))


def cut_contiguous(
    begin: int, length: int, total: int, validation: float, test: float
) -> list[tuple[int, int, int]]:
    """Where the parts of one document go: (split, first character, last character + 1) each.

    `begin` is where the document begins in the whole of `total` characters. A document goes where
    its first character falls, unless it is a large part of the corpus: such a one is cut.
    """
    borders = (round(total * (1 - validation - test)), round(total * (1 - test)))
    where = sum(begin >= border for border in borders)
    if length < LARGE * total:
        return [(where, 0, length)]
    parts, first = [], 0
    for split in range(where, 3):
        last = length if split == 2 else min(max(borders[split] - begin, first), length)
        if last > first:
            parts.append((split, first, last))
        first = last
    return parts


def check_sizes(documents: Sequence[int], characters: Sequence[int]) -> None:
    """Refuse splits that nothing can be measured on.

    Raises:
        UserError: a split has no document, or validation or test are too short.
    """
    total = sum(characters)
    for name, count, length in zip(SPLITS, documents, characters, strict=True):
        if count == 0 or length < FEWEST_CHARACTERS:
            raise UserError(
                "the corpus is too small for its split: cleaning left "
                f"{sum(documents):,} documents with {total:,} characters, of which {name} gets "
                f"{count:,} with {length:,} and needs {FEWEST_CHARACTERS}: {_remedy(name)}"
            )


def _remedy(name: str) -> str:
    if name == "train":
        return "add text or lower split.validation and split.test"
    return f"add text or raise split.{name}"
