"""All ways to cut many words into pieces, summed or searched at the same time.

Each boundary between two letters of a word is a node, each piece that fits between two nodes an
edge; a way from the first node to the last is one way to cut the word. What two words begin with is
cut in the same ways, so it has the same nodes: all words together are one tree of letters, which
holds a third of the nodes that the words have one by one. numpy walks through it boundary by
boundary, so the cost is that of the edges, not of Python.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np


class Lattice:
    """The lattice of `words`, none of them twice, over `pieces`, which hold every letter of them.

    A node is what some word begins with. They are numbered by their length, the empty beginning is
    node 0; edges are sorted by the node that they lead to.
    """

    def __init__(self, words: Sequence[str], pieces: Sequence[str]) -> None:
        number = {piece: index for index, piece in enumerate(pieces)}
        longest = max(map(len, pieces), default=0)
        depths, parents, last = [0], [0], [0] * len(words)  # of nodes as they are met
        starts, ends, found = [], [], []
        path = [0]  # the nodes of the word at hand
        for index, word, shared in _sorted_words(words):
            del path[shared + 1 :]
            for end in range(shared + 1, len(word) + 1):
                node = len(depths)
                depths.append(end)
                parents.append(path[-1])
                path.append(node)
                for start in range(max(0, end - longest), end):
                    piece = number.get(word[start:end])
                    if piece is not None:
                        starts.append(path[start])
                        ends.append(node)
                        found.append(piece)
            last[index] = path[-1]
        by_depth = np.argsort(depths, kind="stable")
        renamed = np.empty(len(depths), np.int32)
        renamed[by_depth] = np.arange(len(depths))
        self.first_node = np.searchsorted(np.array(depths)[by_depth], range(max(depths) + 2))
        self.parents = renamed[np.array(parents)[by_depth]]
        self.last = renamed[np.array(last, int)]  # the node of each whole word
        starts_at, ends_at = renamed[np.array(starts, int)], renamed[np.array(ends, int)]
        order = np.argsort(ends_at, kind="stable")
        self.starts, self.ends = starts_at[order], ends_at[order]
        self.pieces = np.array(found, np.int32)[order]
        self.backwards = np.argsort(self.starts, kind="stable")
        self._find_steps()

    def keep(self, alive: np.ndarray, words: np.ndarray | None = None) -> None:
        """Forget the edges of pieces that are not `alive`, bool[pieces], and of words likewise.

        A forgotten word has no way to be cut; only `instead` may be asked then.
        """
        kept = alive[self.pieces]
        if words is not None:
            kept &= self._begin_words(words)[self.ends]
        number = np.cumsum(kept) - 1
        self.backwards = number[self.backwards[kept[self.backwards]]]
        self.starts, self.ends = self.starts[kept], self.ends[kept]
        self.pieces = self.pieces[kept]
        self._find_steps()

    def _begin_words(self, words: np.ndarray) -> np.ndarray:
        """bool[nodes]: whether one of `words` begins so."""
        begins = np.zeros(self.first_node[-1], bool)
        begins[self.last[words]] = True
        for first, last in reversed(list(pairwise(self.first_node))):
            begins[self.parents[first:last][begins[first:last]]] = True
        return begins

    def _find_steps(self) -> None:
        self.forward_steps = self._steps(self.ends)
        self.backward_steps = self._steps(self.starts[self.backwards])[::-1]

    def _steps(self, nodes: np.ndarray) -> list[tuple[slice, np.ndarray, np.ndarray]]:
        """For each boundary its edges, where each node's begin among them, and those nodes."""
        borders = np.searchsorted(nodes, self.first_node)
        steps = []
        for first, last in pairwise(borders):
            if first < last:
                some = nodes[first:last]
                begins = np.flatnonzero(np.diff(some, prepend=-1))
                steps.append((slice(int(first), int(last)), begins, some[begins]))
        return steps

    def expected(self, share: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """How often each piece is expected over all ways to cut each word (forward-backward).

        A word's way to its end through an edge counts as often as the word, over the probability of
        all its ways; so backwards each node sums what all words that begin so bring along.

        Args:
            share: the probability of each piece.
            counts: how often each word occurs.

        Returns:
            float[pieces].
        """
        weight = share[self.pieces]
        before = np.ones(self.first_node[-1])
        for edges, begins, nodes in self.forward_steps:
            ways = before[self.starts[edges]] * weight[edges]
            before[nodes] = np.add.reduceat(ways, begins)
        after = np.zeros(self.first_node[-1])
        after[self.last] = counts / before[self.last]
        back_ends, back_weight = self.ends[self.backwards], weight[self.backwards]
        for edges, begins, nodes in self.backward_steps:
            ways = after[back_ends[edges]] * back_weight[edges]
            after[nodes] += np.add.reduceat(ways, begins)
        return np.bincount(self.pieces, before[self.starts] * weight * after[self.ends], len(share))

    def instead(self, logs: np.ndarray) -> np.ndarray:
        """For each word the logarithm of the probability of the likeliest way to cut it into more
        than one piece (Viterbi); -inf where there is none.

        Args:
            logs: the logarithm of the probability of each piece.
        """
        weight = logs[self.pieces]
        best = np.full(self.first_node[-1], -np.inf)
        best[0] = 0
        several = best.copy()
        for edges, begins, nodes in self.forward_steps:
            starts = self.starts[edges]
            ways = best[starts] + weight[edges]
            best[nodes] = np.maximum.reduceat(ways, begins)
            several[nodes] = np.maximum.reduceat(np.where(starts > 0, ways, -np.inf), begins)
        return several[self.last]


def _sorted_words(words: Sequence[str]) -> Iterator[tuple[int, str, int]]:
    """The number of each word, the word, and how many letters it shares with the one before it."""
    before = ""
    for index, word in sorted(enumerate(words), key=lambda item: item[1]):
        letters = enumerate(zip(before, word, strict=False))
        shortest = min(len(before), len(word))
        yield index, word, next((place for place, (a, b) in letters if a != b), shortest)
        before = word
