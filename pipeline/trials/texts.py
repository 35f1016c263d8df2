"""What each side of a trial reads: pieces of one folder of documents, in a random order.

A trial reads a few million tokens, a corpus may hold billions, so only as much text as a training
needs is taken, every piece as likely as every other. Long documents count as several pieces, as
where the tokenizer is trained.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xxhash

from pipeline.documents import read_batches
from pipeline.errors import UserError
from pipeline.tokenization.sample import pieces
from pipeline.trials.held_out import HeldOut


@dataclass(frozen=True)
class Taken:
    """Texts in the order in which they are read.

    `share` is how much of the folder's text they are, and `left_out` how much of what was looked
    at is held-out text and went; both by bytes, from 0 to 1.
    """

    texts: list[str]
    share: float
    left_out: float


def take(folder: Path, held_out: HeldOut, size: float, seed: int, once: bool = False) -> Taken:
    """At least `size` bytes of the documents in `folder`, or all of them, less held-out text.

    With `once` a document that is there several times, for the weight of its source, counts once.

    Raises:
        UserError: nothing is left.
    """
    lengths = np.fromiter((len(piece.encode()) for _, piece in _pieces(folder, once)), np.int64)
    order = np.random.default_rng(seed).permutation(len(lengths))
    enough = int(np.searchsorted(np.cumsum(lengths[order]), size)) + 1
    order = order[:enough]
    chosen = np.zeros(len(lengths), bool)
    chosen[order] = True
    found = {
        index: "" if name in held_out.ids else held_out.without(piece)
        for index, (name, piece) in enumerate(_pieces(folder, once))
        if chosen[index]
    }
    texts = [found[index] for index in order.tolist() if found[index]]
    if not texts:
        raise UserError(f"{folder} holds no text but what the trials are measured on")
    looked_at = int(lengths[order].sum())
    kept = sum(len(text.encode()) for text in texts)
    return Taken(texts, looked_at / int(lengths.sum()), 1 - kept / looked_at)


def holds_repeats(folder: Path) -> bool:
    """Whether some document is there more than once."""
    return sum(1 for _ in _documents(folder, False)) > sum(1 for _ in _documents(folder, True))


def read_held_out(clean: Path) -> HeldOut:
    """The validation and test documents of a cleaned corpus."""
    return HeldOut(
        document for split in ("validation", "test") for document in _documents(clean / split)
    )


def _pieces(folder: Path, once: bool) -> Iterator[tuple[str, str]]:
    for name, text in _documents(folder, once):
        for piece in pieces(text):
            yield name, piece


def _documents(folder: Path, once: bool = False) -> Iterator[tuple[str, str]]:
    seen: set[int] = set()
    for batch in read_batches(folder, ["id", "text"]):
        for name, text in zip(*batch.to_pydict().values(), strict=True):
            if once:
                key = xxhash.xxh3_64_intdigest(text.encode())
                if key in seen:
                    continue
                seen.add(key)
            yield name, text
