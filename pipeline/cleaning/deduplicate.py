"""Which documents and paragraphs were there before: a set of hashes that grows by batches.

64-bit hashes of half a billion texts collide with a probability of about 1 in 150 (birthday bound),
so the hash stands for the text. Open addressing over one array keeps a member at 16 to 32 bytes,
where Python's set of integers takes a hundred.
"""

import numpy as np
from numpy.typing import NDArray


class HashSet:
    """A set of 64-bit hashes, evenly spread."""

    def __init__(self) -> None:
        self._table = np.zeros(1 << 12, np.uint64)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Add hashes; tell for each whether it is new, the first among equals. Shape [hashes]."""
        hashes = np.where(hashes == 0, np.uint64(1), hashes)  # zero marks an empty place
        new = np.zeros(len(hashes), bool)
        unique, first = np.unique(hashes, return_index=True)
        while (self._size + len(unique)) * 2 > len(self._table):
            self._grow()
        new[first] = self._insert(unique)
        return new

    def _insert(self, unique: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Linear probing for all at once; of several that want one place, one gets it each
        round."""
        mask = np.uint64(len(self._table) - 1)
        new = np.zeros(len(unique), bool)
        waiting = np.arange(len(unique))
        place = (unique & mask).astype(np.int64)
        while len(waiting):
            there = self._table[place]
            empty = there == 0
            self._table[place[empty]] = unique[waiting[empty]]
            placed = empty & (self._table[place] == unique[waiting])
            new[waiting[placed]] = True
            more = ~placed & (there != unique[waiting])
            waiting = waiting[more]
            place = (place[more] + np.where(empty[more], 0, 1)) & int(mask)
        self._size += int(new.sum())
        return new

    def _grow(self) -> None:
        members = self._table[self._table != 0]
        self._table = np.zeros(len(self._table) * 2, np.uint64)
        self._size = 0
        self._insert(members)
