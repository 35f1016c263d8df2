"""How sure a score is: ties, and intervals by resampling.

A tie is worth what guessing among the tied would be worth on average. Intervals are percentile
bootstraps (Efron and Tibshirani 1993); values that stand or fall together, such as the
formulations of one question, are resampled together.
"""

from collections.abc import Hashable, Sequence

import numpy as np

TIE_BITS = 1e-3  # two texts whose bits differ by less cost the same: it is float32 rounding
RESAMPLES = 1000
DRAWS_AT_ONCE = 1 << 18  # bounds the memory of a resampling


def interval(
    values: Sequence[float] | np.ndarray,
    seed: int,
    weights: Sequence[float] | np.ndarray | None = None,
    groups: Sequence[Hashable] | None = None,
) -> list[float] | None:
    """The 95 % bootstrap interval `[low, high]` of the mean of `values`; None where there are none.

    With `weights` it is that of `sum(values) / sum(weights)` (bits over bytes). Values with the
    same entry in `groups` are drawn together.
    """
    if len(values) == 0:
        return None
    top = np.asarray(values, dtype=float)
    bottom = np.ones_like(top) if weights is None else np.asarray(weights, dtype=float)
    if groups is not None:
        numbers: dict[Hashable, int] = {}
        member = [numbers.setdefault(group, len(numbers)) for group in groups]
        top, bottom = np.bincount(member, top), np.bincount(member, bottom)
    generator = np.random.default_rng(seed)
    means: list[np.ndarray] = []
    at_once = max(1, DRAWS_AT_ONCE // len(top))
    for done in range(0, RESAMPLES, at_once):
        rows = min(at_once, RESAMPLES - done)
        drawn_RxN = generator.integers(0, len(top), (rows, len(top)))
        means.append(top[drawn_RxN].sum(axis=1) / bottom[drawn_RxN].sum(axis=1))
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    return [float(low), float(high)]
