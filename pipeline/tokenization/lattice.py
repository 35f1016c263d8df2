"""All ways to cut many words into pieces, summed or searched at the same time.

Each boundary between two letters of a word is a node, each piece that fits between two nodes an
edge; a way from the first node to the last is one way to cut the word. numpy walks through all
words together, from boundary to boundary, so the cost is that of the edges, not of Python.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np


class Lattice:
    """The lattice of `words` over `pieces`, which hold every letter of every word.

    Nodes are numbered boundary by boundary, so those of one boundary lie beside each other; edges
    are sorted by the node that they lead to.

    Args:
        whole: whether a piece may be a whole word.
    """

    def __init__(self, words: Sequence[str], pieces: Sequence[str], whole: bool = True) -> None:
        lengths = np.array([len(word) for word in words], np.int64)
        longest_word = int(lengths.max(initial=0))
        self.by_length = np.argsort(-lengths, kind="stable")  # the longest word first
        place_of = np.empty(len(words), np.int64)
        place_of[self.by_length] = np.arange(len(words))
        self.first_node = [0]  # of each boundary, and at last the number of nodes
        for boundary in range(longest_word + 1):
            self.first_node.append(self.first_node[-1] + int((lengths >= boundary).sum()))
        self.last = np.array(self.first_node)[lengths] + place_of  # the last node of each word
        number = {piece: index for index, piece in enumerate(pieces)}
        longest_piece = max(map(len, pieces), default=0)
        starts, ends, found = [], [], []
        for end in range(1, longest_word + 1):
            base = self.first_node[end]
            for place in range(self.first_node[end + 1] - base):
                word = words[self.by_length[place]]
                for start in range(max(0, end - longest_piece), end):
                    if not whole and end - start == len(word):
                        continue
                    piece = number.get(word[start:end])
                    if piece is not None:
                        starts.append(self.first_node[start] + place)
                        ends.append(base + place)
                        found.append(piece)
        self.starts, self.ends = np.array(starts, np.int32), np.array(ends, np.int32)
        self.pieces = np.array(found, np.int32)
        at = np.searchsorted(self.first_node, self.starts, side="right") - 1  # which boundary
        self.word_of_edge = self.by_length[self.starts - np.array(self.first_node)[at]]
        self.backwards = np.argsort(self.starts, kind="stable")
        self._find_steps()

    def keep(self, alive: np.ndarray, words: np.ndarray | None = None) -> None:
        """Forget the edges of pieces that are not `alive`, bool[pieces], and whole words likewise.

        A forgotten word has no way to be cut; only `best` may be asked then.
        """
        kept = alive[self.pieces]
        if words is not None:
            kept &= words[self.word_of_edge]
        number = np.cumsum(kept) - 1
        self.backwards = number[self.backwards[kept[self.backwards]]]
        self.starts, self.ends = self.starts[kept], self.ends[kept]
        self.pieces, self.word_of_edge = self.pieces[kept], self.word_of_edge[kept]
        self._find_steps()

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
        after = np.ones(self.first_node[-1])
        back_ends, back_weight = self.ends[self.backwards], weight[self.backwards]
        for edges, begins, nodes in self.backward_steps:
            ways = after[back_ends[edges]] * back_weight[edges]
            after[nodes] = np.add.reduceat(ways, begins)
        total = before[self.last]
        expected = before[self.starts] * weight * after[self.ends]
        expected *= (counts / total)[self.word_of_edge]
        return np.bincount(self.pieces, expected, len(share))

    def best(self, logs: np.ndarray) -> np.ndarray:
        """The logarithm of the probability of the likeliest way to cut each word (Viterbi)."""
        weight = logs[self.pieces]
        best = np.full(self.first_node[-1], -np.inf)
        best[: self.first_node[1]] = 0
        for edges, begins, nodes in self.forward_steps:
            ways = best[self.starts[edges]] + weight[edges]
            best[nodes] = np.maximum.reduceat(ways, begins)
        return best[self.last]
