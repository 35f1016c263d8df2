"""How the words of a text are distributed: the laws of Zipf and Heaps, from how often each word
occurs, and a histogram of lengths."""

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

POINTS = 60  # of a curve
ZIPF_RANKS = (10, 1000)  # where the line is fitted: the head bends, the tail has too few words
HEAPS_SHARE = 0.01  # of the text, from which on the curve is fitted
BINS = 10  # of the histogram of lengths, from 10 to 100 characters for instance

Counts = NDArray[np.int64]
"""How often each word occurs, most first. Shape [words]."""


def zipf_slope(counts: Counts) -> float | None:
    """Slope of log frequency over log rank, about -1 in natural text (Zipf 1949); every part of the
    line counts alike."""
    first, last = ZIPF_RANKS[0], min(ZIPF_RANKS[1], len(counts))
    if last - first < 20:
        return None
    ranks = _spread(first, last)
    return float(np.polyfit(np.log(ranks), np.log(counts[ranks - 1]), 1)[0])


def rank_frequency(counts: Counts, scale: int) -> list[list[int]]:
    """(rank, occurrences) of words of ranks from the first to the last, evenly spread on a
    logarithmic axis."""
    if not len(counts):
        return []
    ranks = _spread(1, len(counts))
    return [[rank * scale, int(counts[rank - 1])] for rank in ranks.tolist()]


def heaps(counts: Counts, tokens: int, scale: int) -> dict[str, Any]:
    """How the vocabulary V grows with the text n: K and beta of V = K n^beta (Heaps 1978), and the
    curve.

    The curve is what a part of the text, its words drawn at random, is expected to hold: a word
    that occurs f times of N is in n words with probability 1 - (1 - n/N)^f (Baayen 2001). So it
    needs no order of the text, and counts alone suffice.
    """
    if not len(counts):
        return {"K": None, "beta": None, "curve": []}
    times, words = np.unique(counts, return_counts=True)
    sizes = _spread(max(tokens // 10_000, 1), tokens)
    there = 1 - (1 - sizes[:, None] / tokens) ** times
    vocabulary = there @ words * scale
    fitted = sizes >= max(HEAPS_SHARE * tokens, 100)
    beta, log_k = (
        np.polyfit(np.log(sizes[fitted]), np.log(vocabulary[fitted]), 1)
        if fitted.sum() > 5
        else (None, None)
    )
    return {
        "K": None if log_k is None else float(np.exp(log_k)),
        "beta": None if beta is None else float(beta),
        "curve": [
            [size, round(float(different), 1)]
            for size, different in zip(sizes.tolist(), vocabulary, strict=True)
        ],
    }


def _spread(first: int, last: int) -> Counts:
    """Whole numbers from first to last, evenly spread on a logarithmic axis."""
    return np.unique(np.geomspace(first, last, POINTS).round().astype(np.int64))


def spread_of_lengths(lengths: Counter[int]) -> dict[str, Any]:
    """Mean, median and largest number of characters, and a histogram with bins that grow."""
    if not lengths:
        return {}
    values = np.array(sorted(lengths), np.int64)
    counts = np.array([lengths[value] for value in values.tolist()], np.int64)
    upto = np.cumsum(counts)
    middles = [values[np.searchsorted(upto, place, side="right")] for place in _middle(upto[-1])]
    largest = int(np.ceil(np.log10(values[-1] + 1) * BINS))
    edges = np.unique((10 ** (np.arange(largest + 1) / BINS)).round().astype(np.int64))
    bins = np.bincount(np.searchsorted(edges, values, side="right"), counts, len(edges) + 1)
    return {
        "mean": float((values * counts).sum() / upto[-1]),
        "median": float(np.mean(middles)),
        "max": float(values[-1]),
        "histogram": [
            {"from": first, "to": last, "documents": int(count)}
            for first, last, count in zip(
                edges.tolist(), edges[1:].tolist(), bins[1:], strict=False
            )
            if last > values[0]
        ],
    }


def _middle(count: int) -> tuple[int, int]:
    return (count - 1) // 2, count // 2
