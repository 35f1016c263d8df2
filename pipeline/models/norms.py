"""Normalisation: LayerNorm (GPT-2), RMSNorm (modern), BatchNorm (to see what it does wrong).

RMSNorm divides by the root mean square and leaves out the mean and the bias: the same effect for
less work (Zhang and Sennrich 2019, arXiv:1910.07467).
"""

import math

import torch
from torch import Tensor, nn


class RMSNorm(nn.RMSNorm):
    """Measured in float32, handed on in the format of the products that read it.

    Under autocast each product would convert its input by itself: queries, keys and values read
    the same.
    """

    epsilon_length: Tensor

    def __init__(self, width: int) -> None:
        super().__init__(width, eps=1e-6)
        self.root = math.sqrt(width)
        length = torch.tensor(self.root * 1e-3)  # of a vector whose mean square is epsilon
        self.register_buffer("epsilon_length", length, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """[..., width] -> the same shape."""
        device = x.device.type
        autocast = torch.is_autocast_enabled(device)
        if x.shape[-2] == 1 and not autocast and not torch.is_grad_enabled():
            return rms_of_few(x, self.weight, self.epsilon_length).mul_(self.root)
        normed = super().forward(x.float())
        if not autocast:
            return normed.to(x.dtype)
        return normed.to(torch.get_autocast_dtype(device))


def rms_of_few(x: Tensor, weight: Tensor, epsilon_length: Tensor) -> Tensor:
    """RMSNorm over the root of the width, of a few rows, without gradients: half of the library's
    time.

    Reading one place is so little work that the number of calls is what costs. The root of the mean
    square is the length over that of ones, and a length takes one call.
    """
    length = torch.linalg.vector_norm(x, dim=-1, keepdim=True).hypot_(epsilon_length)
    return x.div(length).mul_(weight)


class BatchNorm(nn.Module):
    """BatchNorm (Ioffe and Szegedy 2015, arXiv:1502.03167) over batch and places of [B, T, width].

    In training the mean and variance are those of all places of the batch, later ones too: each
    logit depends a little on the tokens it is to predict. That leak is gone in evaluation, where
    running averages stand in. Other norms work within one place and cannot leak.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(width)

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, width] -> the same shape."""
        return self.norm(x.flatten(0, 1)).view_as(x)


def norm(kind: str, width: int) -> nn.Module:
    """The norm `kind` (layer, rms, batch) over the last dimension, of size `width`."""
    if kind == "layer":
        return nn.LayerNorm(width, eps=1e-5)
    return RMSNorm(width) if kind == "rms" else BatchNorm(width)
