"""Which documents and paragraphs were there before, exactly or nearly.

Exactly: the same 64-bit hash of letters and digits. Among half a billion texts two different ones
share a hash with a probability of about 1 in 150 (birthday bound), so the hash stands for the text.
Nearly: MinHash signatures that agree in a band, and in enough of their whole (see `minhash`).

Hashes are compared by partitions: those that could be equal are always in the same one, whatever
chunk they come from, so that partitions are worked on apart from each other, on one machine or on
several, and none needs more memory than its own share.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.cleaning.scratch import Scratch

PARTITION = 4_000_000  # hashes that are compared at once

Ints = NDArray[np.int64]


def partitions(count: int) -> int:
    """How many partitions to make of so many hashes: a power of two."""
    return 1 << max(0, (count - 1).bit_length() - (PARTITION - 1).bit_length())


@dataclass(frozen=True)
class Repeats:
    """Finds keys that were there before, one partition of `of` at a time.

    The array `name` of every chunk holds them in its field `key`; zero is no key.
    """

    scratch: Scratch
    chunks: int
    name: str
    of: int

    def __call__(self, partition: int) -> Ints:
        """Places, counted over all chunks, whose key stands at an earlier place too; sorted."""
        hashes: list[NDArray[np.uint64]] = []
        places: list[Ints] = []
        begin = 0
        shift = np.uint64(64 - self.of.bit_length() + 1)
        for chunk in range(self.chunks):
            part = np.ascontiguousarray(self.scratch.load(self.name, chunk)["key"])
            mine = part != 0
            if self.of > 1:
                mine &= (part >> shift) == partition
            found = np.flatnonzero(mine)
            hashes.append(np.asarray(part[found]))
            places.append(found + begin)
            begin += len(part)
        return repeated(np.concatenate(hashes), np.concatenate(places))


def repeated(hashes: NDArray[np.uint64], places: Ints) -> Ints:
    """The places, given in rising order, at which a hash stands that stands at an earlier one."""
    order = np.argsort(hashes, kind="stable")
    ranked = hashes[order]
    again = np.zeros(len(order), bool)
    again[1:] = ranked[1:] == ranked[:-1]
    return np.sort(places[order[again]])


@dataclass(frozen=True)
class NearPairs:
    """Finds pairs of documents whose signatures agree in one band and in enough of the whole."""

    scratch: Scratch
    firsts: Sequence[int]  # the first document of every chunk, and the number of all at the end
    threshold: float

    def __call__(self, band: int) -> Ints:
        """Pairs of documents, the earlier one first, as numbers in the corpus. Shape [pairs, 2]."""
        from pipeline.cleaning import minhash

        hashes: list[NDArray[np.uint64]] = []
        places: list[Ints] = []
        for chunk, first in enumerate(self.firsts[:-1]):
            part = np.asarray(self.scratch.load("bands", chunk)[:, band])
            found = np.flatnonzero(part)
            hashes.append(part[found])
            places.append(found + first)
        pairs = minhash.candidate_pairs(np.concatenate(hashes), np.concatenate(places))
        alike = np.zeros(len(pairs), bool)
        for begin in range(0, len(pairs), 1 << 16):
            part = pairs[begin : begin + (1 << 16)]
            left, right = (self._signatures(part[:, side]) for side in (0, 1))
            alike[begin : begin + len(part)] = minhash.similarity(left, right) >= self.threshold
        return pairs[alike]

    def _signatures(self, places: Ints) -> NDArray[np.uint32]:
        """Gather the signatures of documents from wherever they are."""
        chunk_of = np.searchsorted(self.firsts, places, side="right") - 1
        gathered: NDArray[np.uint32] | None = None
        for chunk in np.unique(chunk_of).tolist():
            here = chunk_of == chunk
            rows = self.scratch.load("signatures", chunk)[places[here] - self.firsts[chunk]]
            if gathered is None:
                gathered = np.zeros((len(places), rows.shape[1]), rows.dtype)
            gathered[here] = rows
        assert gathered is not None  # there are places
        return gathered


def near_earlier(pairs: Sequence[Ints]) -> Ints:
    """The documents that are near an earlier one that stays, given every band's pairs; sorted.

    In order: of a chain in which each is near the next, the second goes and the third, near only
    to the second, stays.
    """
    every = np.unique(np.concatenate(pairs)[:, ::-1], axis=0) if pairs else np.zeros((0, 2), int)
    gone: set[int] = set()
    for later, earlier in every.tolist():
        if earlier not in gone:
            gone.add(later)
    return np.array(sorted(gone), np.int64)
