"""Causal self-attention: grouped queries, windows, a cache and, in `modern`, QK-norm."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.models import causal
from pipeline.models.cache import KeyValueCache, causal_mask
from pipeline.models.config import ModelConfig
from pipeline.models.norms import norm, rms_of_few
from pipeline.models.positions import turn

Angles = tuple[Tensor, Tensor]
Joined = tuple[Tensor, Tensor | None, tuple[Tensor, Tensor] | None]


class Attention(nn.Module):
    """Each place looks at itself and at what came before, in a window at the last few only.

    Grouped queries (Ainslie et al. 2023, arXiv:2305.13245) let several heads share keys and values.
    QK-norm (Henry et al. 2020, arXiv:2010.04245) keeps the logits of attention bounded, which is
    what allows the high learning rates that small models profit from. A window (Beltagy et al.
    2020, arXiv:2004.05150) bounds the work and the memory of a place; what is further back reaches
    it through the layers below.
    """

    def __init__(self, config: ModelConfig, window: int | None = None) -> None:
        super().__init__()
        self.heads, self.kv_heads = config.heads, config.kv_heads
        self.head_dim = config.width // config.heads
        self.dropout, self.window = config.attention_dropout, window
        self.query = nn.Linear(config.width, self.heads * self.head_dim, config.bias)
        self.key = nn.Linear(config.width, self.kv_heads * self.head_dim, config.bias)
        self.value = nn.Linear(config.width, self.kv_heads * self.head_dim, config.bias)
        self.output = nn.Linear(config.width, config.width, config.bias)
        if config.family == "modern":
            self.norm_query = norm("rms", self.head_dim)
            self.norm_key = norm("rms", self.head_dim)

    def forward(
        self, x: Tensor, angles: Angles | None, cache: KeyValueCache | None
    ) -> tuple[Tensor, KeyValueCache | None]:
        """[B, T, width] -> the same shape, and the cache with the new places in it.

        Without a cache the text begins here, and one is made; none is kept in training.
        """
        batch, length, _ = x.shape
        if length == 1 and cache is not None and not torch.is_grad_enabled():
            return self._one(x, angles, cache)
        query, key, value = (
            part(x).view(batch, length, -1, self.head_dim)
            for part in (self.query, self.key, self.value)
        )
        value = value.transpose(1, 2)
        if angles is not None:
            query, key = self.norm_query(query), self.norm_key(key)
        query, key = query.transpose(1, 2), key.transpose(1, 2)
        if angles is not None:
            query, key = turn(query, angles), turn(key, angles)
        mask, beginning = None, cache is None
        if cache is not None:
            key, value, mask = cache.read(key, value)
        else:
            if not self.training:
                cache = KeyValueCache(key, value, self.window)
            if self.window is not None and self.window < length:
                mask = causal_mask(length, 0, self.window, x.device)
        return self.output(self._mix(query, key, value, mask, beginning)), cache

    def _one(
        self, x: Tensor, angles: Angles | None, cache: KeyValueCache
    ) -> tuple[Tensor, KeyValueCache]:
        """The same for one new place [B, 1, width], in a third of the calls: for so little work
        they are what takes time. Queries, keys and values are one product, normed and turned
        together; the matrices are laid side by side once a text, and kept with its cache."""
        batch, both = x.shape[0], self.heads + self.kv_heads
        if cache.joined is None:
            cache.joined = self._join()
        weight, bias, scale = cache.joined
        heads = F.linear(x, weight, bias).view(batch, -1, 1, self.head_dim)
        turned, value = heads[:, :both], heads[:, both:]
        if angles is not None:
            assert scale is not None
            turned = rms_of_few(turned, *scale)
            # `turn`, which a roll by half a head does in fewer calls.
            rolled = turned.roll(self.head_dim // 2, -1)
            turned = torch.addcmul(turned * angles[0], rolled, angles[1])
        query, key = turned[:, : self.heads], turned[:, self.heads :]
        key, value, _ = cache.read(key, value)
        return self.output(self._mix(query, key, value, None, False)), cache

    def _join(self) -> Joined:
        """The three projections as one, and what QK-norm multiplies every head by."""
        parts = (self.query, self.key, self.value)
        weight = torch.cat([part.weight for part in parts])
        bias = None if parts[0].bias is None else torch.cat([part.bias for part in parts])
        if not hasattr(self, "norm_query"):
            return weight, bias, None
        norms: list[Any] = [self.norm_query] * self.heads + [self.norm_key] * self.kv_heads
        scales = torch.stack([one.weight for one in norms])[:, None] * norms[0].root
        return weight, bias, (scales, norms[0].epsilon_length)

    def _mix(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, beginning: bool
    ) -> Tensor:
        """Weighted sums of values, [B, T, width]."""
        batch, _, length, _ = query.shape
        groups = self.heads // self.kv_heads
        if length == 1:
            # One place: the heads of a group are so many queries of one head; nothing is copied.
            query = query.reshape(batch, self.kv_heads, groups, self.head_dim)
        elif groups > 1:
            key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
        if self.training and not self.dropout and causal.serves(query, length):
            mixed = causal.causal_attention(query, key, value, self.window)
            return mixed.transpose(1, 2).reshape(batch, length, -1)
        mixed = F.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=mask,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=beginning and mask is None and length > 1,
        )
        if length == 1:
            return mixed.reshape(batch, 1, -1)
        return mixed.transpose(1, 2).reshape(batch, length, -1)
