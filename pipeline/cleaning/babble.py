"""Text with the letters of a language and none of its words: what a gate must refuse.

A character bigram model of real text is run forward. What comes out has the language's letters,
syllables and word lengths, as an unknown relative of it would, but says nothing. Where between real
text and babble another text lies tells how much of the language is in it, whatever the languages at
hand for comparison are.
"""

from collections.abc import Sequence

import numpy as np

from pipeline.cleaning.characters import SPACE, code_points

FITTED = 4000  # lines that the bigrams are counted in


def babble(
    lines: Sequence[str], rng: np.random.Generator, count: int = 400, length: int = 60
) -> list[str]:
    """`count` texts of `length` characters that follow the bigrams of `lines` (plain text)."""
    codes = np.where((found := code_points(lines[:FITTED])[0]) == 10, SPACE, found)
    letters, places = np.unique(codes, return_inverse=True)
    size = len(letters)
    pairs, times = np.unique(places[:-1] * size + places[1:], return_counts=True)
    rows, columns = np.divmod(pairs, size)
    total = np.bincount(rows, times, size)
    before = np.cumsum(times) - times
    first = np.full(size, np.iinfo(np.int64).max)
    np.minimum.at(first, rows, before)
    # Each pair gets a stretch of [row, row + 1) as long as it is likely after its first letter.
    ends = rows + (before + times - first[rows]) / total[rows]
    state = np.full(count, int(np.searchsorted(letters, SPACE)))
    written = np.empty((count, length), np.uint32)
    for step in range(length):
        drawn = np.searchsorted(ends, state + rng.random(count), side="right")
        state = columns[np.minimum(drawn, len(columns) - 1)]
        written[:, step] = letters[state]
    return [" ".join(row.tobytes().decode("utf-32-le").split()) for row in written]
