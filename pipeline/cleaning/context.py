"""Judging the paragraphs of a document together.

A heading of three words tells little about its language; the paragraphs around it tell more. A
short paragraph that was refused stays if its neighbourhood is in the language and it is not far
outside itself.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LONG = 60  # characters from which on a paragraph speaks for itself
SHORTEST = 10
NEAR = 2  # paragraphs looked at on either side
FAR = 0.6  # bits a character beyond the border that no neighbour excuses in a long paragraph


def forgive(
    inside: NDArray[np.bool_], excess: NDArray[np.float32], lengths: Sequence[int]
) -> NDArray[np.bool_]:
    """Which paragraphs of one document to take for its language. All arrays have shape
    [paragraphs].

    `excess` is how far a paragraph is from the border, below zero is inside (see
    `identify.Judged`).
    """
    forgiven = inside.copy()
    size = np.asarray(lengths, np.float64)
    far = FAR * LONG / np.maximum(size, SHORTEST)  # the shorter, the less the score tells
    for index in np.flatnonzero(~inside & (size < LONG) & (excess < far)):
        near = slice(max(index - NEAR, 0), index + NEAR + 1)
        weight = size[near].sum()
        forgiven[index] = weight > size[index] and (size[near] * inside[near]).sum() > 0.5 * weight
    return forgiven
