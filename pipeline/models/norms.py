"""Normalisation: LayerNorm (GPT-2), RMSNorm (modern), BatchNorm (to see what it does wrong).

RMSNorm divides by the root mean square and leaves out the mean and the bias: the same effect for
less work (Zhang and Sennrich 2019, arXiv:1910.07467).
"""

import torch
from torch import Tensor, nn


class RMSNorm(nn.RMSNorm):
    """Measured in float32, handed on in the format of the products that read it.

    Under autocast each product would convert its input by itself: queries, keys and values read
    the same.
    """

    def forward(self, x: Tensor) -> Tensor:
        device = x.device.type
        autocast = torch.is_autocast_enabled(device)
        if x.shape[-2] == 1 and not autocast and not torch.is_grad_enabled():
            assert self.eps is not None
            return rms_of_few(x, self.weight, self.eps)
        normed = super().forward(x.float())
        if not autocast:
            return normed.to(x.dtype)
        return normed.to(torch.get_autocast_dtype(device))


def rms_of_few(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    """RMSNorm of a few rows, without gradients, in half of the time that the library's takes.

    Reading one place is so little work that the number of calls is what costs, and those on one
    number a row are the cheapest.
    """
    mean = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square_().div_(x.shape[-1])
    return x.mul(mean.add_(epsilon).rsqrt_()).mul_(weight)


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
    return RMSNorm(width, eps=1e-6) if kind == "rms" else BatchNorm(width)
