"""Causal attention for training on a CPU: plain products over blocks of queries.

The kernel that `scaled_dot_product_attention` has for a CPU takes 2.6 times as long on windows of
256 places with bfloat16 instructions (docs/log.md), most of it in its backward pass. A block of
queries is multiplied by the keys that some of them see, and no others: half of the products of
whole rows, fewer where a window bounds what is seen. Shares are kept for the backward pass, so
memory grows with the square of the length; up to `LONGEST` places it is less than the rest of a
layer.
"""

from typing import Any

import torch
from torch import Tensor

from pipeline.models.cache import causal_mask

BLOCK = 128  # queries at a time
LONGEST = 512


def serves(query: Tensor, length: int) -> bool:
    """Whether this is the faster way: a bfloat16 training on a CPU, in windows not too long."""
    return (
        query.device.type == "cpu"
        and query.dtype == torch.bfloat16
        and torch.is_grad_enabled()
        and 1 < length <= LONGEST
    )


def causal_attention(query: Tensor, key: Tensor, value: Tensor, window: int | None) -> Tensor:
    """[B, H, T, head_dim] each -> the same shape; place t sees the last `window` up to itself."""
    shape = query.shape
    flat = (tensor.reshape(-1, *shape[2:]) for tensor in (query, key, value))
    return _CausalAttention.apply(*flat, window).view(shape)


def _blocks(length: int, window: int | None) -> list[tuple[int, int, int]]:
    """(first query, end of queries and keys, first key) of each block.

    >>> _blocks(300, 100)
    [(0, 128, 0), (128, 256, 29), (256, 300, 157)]
    """
    starts = range(0, length, BLOCK)
    return [
        (start, min(start + BLOCK, length), 0 if window is None else max(0, start - window + 1))
        for start in starts
    ]


class _CausalAttention(torch.autograd.Function):
    """softmax(Q K^T / sqrt(d)) V over [N, T, d], N heads of all texts; the backward pass is that of
    FlashAttention (Dao et al. 2022, arXiv:2205.14135, appendix B.2), with shares that were kept."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, window: int | None) -> Tensor:
        scaled, length = query * query.shape[-1] ** -0.5, query.shape[1]
        mixed, kept = torch.empty_like(query), []
        for start, end, first in _blocks(length, window):
            scores = torch.bmm(scaled[:, start:end], key[:, first:end].transpose(1, 2))
            unseen = ~causal_mask(end - start, start - first, window)
            scores += torch.zeros(unseen.shape, dtype=scores.dtype).masked_fill_(unseen, -torch.inf)
            shares = torch.softmax(scores, -1)
            mixed[:, start:end] = torch.bmm(shares, value[:, first:end])
            kept.append(shares)
        ctx.save_for_backward(scaled, key, value, mixed, *kept)
        ctx.window = window
        return mixed

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor | None, ...]:
        slope = outputs[0]
        scaled, key, value, mixed, *kept = ctx.saved_tensors
        # What the softmax takes off: the mean slope of a place, weighted by its shares.
        mean = (slope.float() * mixed.float()).sum(-1, keepdim=True).to(slope.dtype)
        by_query = torch.empty_like(scaled)
        by_key, by_value = torch.zeros_like(key), torch.zeros_like(value)
        for (start, end, first), shares in zip(
            _blocks(scaled.shape[1], ctx.window), kept, strict=True
        ):
            part = slope[:, start:end]
            by_value[:, first:end] += torch.bmm(shares.transpose(1, 2), part)
            by_score = torch.bmm(part, value[:, first:end].transpose(1, 2))
            by_score.sub_(mean[:, start:end]).mul_(shares)
            by_query[:, start:end] = torch.bmm(by_score, key[:, first:end])
            by_key[:, first:end] += torch.bmm(by_score.transpose(1, 2), scaled[:, start:end])
        return by_query * scaled.shape[-1] ** -0.5, by_key, by_value, None
