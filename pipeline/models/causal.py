"""Causal attention for training on a CPU: plain products over blocks of queries.

The kernel that `scaled_dot_product_attention` has for a CPU takes 2.6 times as long on windows of
256 places with bfloat16 instructions (docs/log.md), most of it in its backward pass. A block of
queries is multiplied by the keys that some of them see, and no others: half of the products of
whole rows, fewer where a window bounds what is seen. Shares are kept for the backward pass, so
memory grows with the square of the length; up to `LONGEST` places it is less than the rest of a
layer.
"""

from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.models.cache import causal_mask

Block = tuple[int, int, int]

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


def _blocks(length: int, window: int | None) -> list[Block]:
    """(first query, end of queries and keys, first key) of each block; first ones are multiples of
    `BLOCK`.

    >>> _blocks(300, 100)
    [(0, 128, 0), (128, 256, 0), (256, 300, 128)]
    """
    starts = range(0, length, BLOCK)
    firsts = (0 if window is None else max(0, start - window + 1) for start in starts)
    return [
        (start, min(start + BLOCK, length), first - first % BLOCK)
        for start, first in zip(starts, firsts, strict=True)
    ]


@torch.compiler.assume_constant_result
def _unseen(block: int, window: int | None) -> Tensor:
    """`_bias` as a table, which compiled code reads; else it would make each value of it anew."""
    return _bias(block, window)


@cache
def _bias(block: int, window: int | None) -> Tensor:
    """What to add to the scores of a block, [block, LONGEST], by as many keys as that which end
    with its own: 0, or minus infinity."""
    seen = causal_mask(block, LONGEST - block, window)
    return torch.zeros(seen.shape, dtype=torch.bfloat16).masked_fill_(~seen, -torch.inf)


def _by_keys(blocks: list[Block], shares: list[Tensor], rows: list[Tensor]) -> Tensor:
    """[N, T, d]: each key's sum, over the queries that see it, of its share times their row.

    From the last block backwards: what lies behind the keys of a block is complete.
    """
    total, low, complete = None, 0, []
    for (_, end, first), share, row in reversed(list(zip(blocks, shares, rows, strict=True))):
        if total is None:
            total = torch.bmm(share.transpose(1, 2), row)
        else:
            complete.append(total[:, end - low :])
            total = total[:, : end - low]
            if first < low:
                total = F.pad(total, (0, 0, low - first, 0))
            total = torch.baddbmm(total, share.transpose(1, 2), row)
        low = first
    assert total is not None
    return torch.cat([total, *reversed(complete)], 1)


class _CausalAttention(torch.autograd.Function):
    """softmax(Q K^T / sqrt(d)) V over [N, T, d], N heads of all texts; the backward pass is that of
    FlashAttention (Dao et al. 2022, arXiv:2205.14135, appendix B.2), with shares that were kept.

    Blocks are joined in the end: what is written piece by piece into one tensor is compiled to code
    that asks at every value which piece it is in. Products of parts that do not lie together copy
    them first, so parts that are read twice are copied once (docs/log.md).
    """

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, window: int | None) -> Tensor:
        scaled, blocks = query * query.shape[-1] ** -0.5, _blocks(query.shape[1], window)
        unseen = _unseen(BLOCK, window)
        queries, mixed, kept = [], [], []
        for start, end, first in blocks:
            queries.append(scaled[:, start:end].contiguous())
            scores = torch.bmm(queries[-1], key[:, first:end].transpose(1, 2))
            before = LONGEST - BLOCK - (start - first)
            scores += unseen[: end - start, before : before + end - first]
            kept.append(torch.softmax(scores, -1))
            mixed.append(torch.bmm(kept[-1], value[:, first:end]))
        joined = torch.cat(mixed, 1)
        ctx.save_for_backward(key, value, joined, *queries, *kept)
        ctx.blocks = blocks
        return joined

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor | None, ...]:
        key, value, mixed, *saved = ctx.saved_tensors
        blocks, (slope,) = ctx.blocks, outputs
        queries, kept = saved[: len(blocks)], saved[len(blocks) :]
        # What the softmax takes off: the mean slope of a place, weighted by its shares.
        mean = (slope.float() * mixed.float()).sum(-1, keepdim=True).to(slope.dtype)
        slopes, by_score, by_query = [], [], []
        for (start, end, first), shares in zip(blocks, kept, strict=True):
            slopes.append(slope[:, start:end].contiguous())
            by_share = torch.bmm(slopes[-1], value[:, first:end].transpose(1, 2))
            by_score.append(by_share.sub_(mean[:, start:end]).mul_(shares))
            by_query.append(torch.bmm(by_score[-1], key[:, first:end]))
        return (
            torch.cat(by_query, 1) * key.shape[-1] ** -0.5,
            _by_keys(blocks, by_score, queries),
            _by_keys(blocks, kept, slopes),
            None,
        )
