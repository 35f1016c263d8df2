"""Normalisation: LayerNorm for GPT-2, RMSNorm for the modern family.

RMSNorm divides by the root mean square and leaves out the mean and the bias: the same effect for
less work (Zhang and Sennrich 2019, arXiv:1910.07467).
"""

from torch import nn


def norm(family: str, width: int) -> nn.Module:
    """The family's norm over the last dimension, of size `width`."""
    return nn.LayerNorm(width, eps=1e-5) if family == "gpt2" else nn.RMSNorm(width, eps=1e-6)
