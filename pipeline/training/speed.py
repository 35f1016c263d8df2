"""How near a run comes to what the machine could do: its share of the measured matrix peak."""

import time
from dataclasses import dataclass

import torch

from pipeline.models import LanguageModel
from pipeline.models.experts import Experts
from pipeline.training.precision import Machine


@dataclass(frozen=True)
class Costs:
    """Operations that a token takes, and those that all processes could do in a second."""

    per_token: float
    peak: float

    def share(self, tokens_per_second: float) -> float | None:
        """The part of the peak that is used; None for a model without matrix products."""
        return round(self.per_token * tokens_per_second / self.peak, 4) if self.per_token else None


def matrix_peak(machine: Machine) -> float:
    """Operations a second of a plain matrix product in the run's format: the best of a few.

    Measured, not read from a data sheet: 1,024 squared on a CPU and 8,192 squared on a GPU, some
    tenths of a second in all.
    """
    cuda = machine.device == "cuda"
    size, times = (8192, 10) if cuda else (1024, 5)
    left = torch.ones(size, size, device=machine.device, dtype=machine.dtype)
    right = torch.ones_like(left)
    best = float("inf")
    for _ in range(times):
        started = time.perf_counter()
        left @ right
        if cuda:
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - started)
        if best > 0.3:  # a format that the processor only imitates
            break
    return 2 * size**3 / best


def operations_per_token(model: LanguageModel) -> float:
    """Operations of forward and backward for one token: six for each weight of a matrix product,
    and attention's two products over what a place sees (Chowdhery et al. 2022, arXiv:2204.02311,
    appendix B, with half the places, since attention is causal).

    A table that is looked up costs nothing; of experts, those count that are used. Zero for models
    without products.
    """
    config = model.config
    if config.family in ("bigram", "ngram"):
        return 0.0
    looked_up = {"embedding.weight", "positions.weight"} - (
        {"embedding.weight"} if config.tied else set()
    )
    weights = sum(
        parameter.numel()
        for name, parameter in model.named_parameters()
        if parameter.dim() >= 2 and name not in looked_up
    )
    for module in model.modules():
        if isinstance(module, Experts):
            each = sum(p.numel() for p in module.experts[0].parameters() if p.dim() >= 2)
            weights -= (len(module.experts) - module.used) * each
    if config.family == "lstm":
        return 6.0 * weights
    seen = [min(window or config.context, config.context / 2) for window in config.windows()]
    return 6.0 * weights + 12.0 * config.width * sum(seen)
