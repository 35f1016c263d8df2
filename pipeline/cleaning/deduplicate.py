"""Which documents and paragraphs were there before, exactly or nearly.

Exactly: the same 64-bit hash of letters and digits. Among half a billion texts two different ones
share a hash with a probability of about 1 in 150 (birthday bound), so the hash stands for the text.
Nearly: signatures that agree in a band, then texts that agree word by word (see `minhash`).

Hashes are compared by partitions: those that could be equal are always in the same one, whatever
chunk they come from, so that partitions are worked on apart from each other, on one machine or on
several, and none needs more memory than its own share.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.cleaning import minhash
from pipeline.cleaning.scratch import Scratch

PARTITION = 4_000_000  # hashes that are compared at once
PAIRS = 1 << 12  # pairs whose texts are in memory at once

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
class Candidates:
    """Finds pairs of documents that share a band, and whose signatures agree in much else."""

    scratch: Scratch
    firsts: Sequence[int]  # the first document of every chunk, and the number of all at the end

    def __call__(self, band: int) -> Ints:
        """Pairs of documents, the earlier one first, as numbers in the corpus. Shape [pairs, 2]."""

        hashes: list[NDArray[np.uint64]] = []
        places: list[Ints] = []
        for chunk, first in enumerate(self.firsts[:-1]):
            part = np.ascontiguousarray(self.scratch.load("bands", chunk)[:, band])
            found = np.flatnonzero(part)
            hashes.append(part[found])
            places.append(found + first)
        pairs = minhash.candidate_pairs(np.concatenate(hashes), np.concatenate(places))
        alike = np.zeros(len(pairs), bool)
        for begin in range(0, len(pairs), minhash.GATHER):
            part = pairs[begin : begin + minhash.GATHER]
            signatures = np.concatenate([self._signatures(part[:, side]) for side in (0, 1)])
            both = np.arange(2 * len(part)).reshape(2, -1).T
            estimate = minhash.similarity(signatures, both)
            alike[begin : begin + len(part)] = estimate >= minhash.CANDIDATE
        return pairs[alike]

    def _signatures(self, places: Ints) -> NDArray[np.uint32]:
        """Gather the signatures of documents from wherever they are."""
        chunk_of = np.searchsorted(self.firsts, places, side="right") - 1
        width = self.scratch.load("signatures", 0).shape[1]
        gathered = np.zeros((len(places), width), np.uint32)
        for chunk in np.unique(chunk_of).tolist():
            here = chunk_of == chunk
            rows = places[here] - self.firsts[chunk]
            gathered[here] = self.scratch.load("signatures", chunk)[rows]
        return gathered


@dataclass(frozen=True)
class Compare:
    """Compares the texts of candidates word by word.

    The pairs whose later document is in a chunk are that chunk's array `pairs`. The texts, as the
    comparison wants them, were laid out by `passes.Extract`.
    """

    scratch: Scratch
    firsts: Sequence[int]
    threshold: float

    def __call__(self, chunk: int) -> Ints:
        """The later documents of pairs that are near, as numbers in the corpus; sorted."""
        pairs = self.scratch.load("pairs", chunk)
        later = self._texts(np.unique(pairs[:, 1]))
        found: set[int] = set()
        for begin in range(0, len(pairs), PAIRS):
            part = pairs[begin : begin + PAIRS]
            earlier = self._texts(np.unique(part[:, 0]))
            for one, other in part.tolist():
                if other not in found:
                    near = minhash.exact_similarity(earlier[one], later[other]) >= self.threshold
                    found |= {other} if near else set()
        return np.array(sorted(found), np.int64)

    def _texts(self, places: Ints) -> dict[int, str]:
        chunk_of = np.searchsorted(self.firsts, places, side="right") - 1
        found: dict[int, str] = {}
        for chunk in np.unique(chunk_of).tolist():
            mine = places[chunk_of == chunk]
            wanted = self.scratch.load("wanted", chunk)
            rows = np.searchsorted(wanted, mine - self.firsts[chunk])
            texts = self.scratch.read_plain(chunk).take(pa.array(rows)).to_pylist()
            found.update(zip(mine.tolist(), texts, strict=True))
        return found
