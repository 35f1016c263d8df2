"""Learning rates over the run, as a multiple of the peak."""

import math

from pipeline.params import OptimizerParams


def rate(step: int, steps: int, params: OptimizerParams) -> float:
    """The factor for `step` of `steps`, in (0, 1].

    `stable`: hold, then fall in a straight line over the last `decay` share (MiniCPM, Hu et al.
    2024, arXiv:2404.06395). `cosine` and `linear` fall from the end of the warm-up.
    """
    # 1) warm up in a straight line
    warmup = params.warmup * steps
    if step < warmup:
        return (step + 1) / (warmup + 1)
    # 2) the share of the rest that is over
    over = (step - warmup) / max(steps - warmup, 1)
    # 3) fall
    if params.schedule == "cosine":
        return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * over))
    if params.schedule == "linear":
        return max(1 - over, 0.02)
    left = (steps - step) / max(params.decay * steps, 1e-9)
    return max(min(1.0, left), 0.02)
