"""Causal self-attention with a key/value cache, grouped queries and, in `modern`, QK-norm."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.models.config import ModelConfig
from pipeline.models.norms import norm
from pipeline.models.positions import RotaryPositions

Cache = tuple[Tensor, Tensor]


class Attention(nn.Module):
    """Each place looks at itself and at what came before.

    Grouped queries (Ainslie et al. 2023, arXiv:2305.13245) let several heads share keys and values.
    QK-norm (Henry et al. 2020, arXiv:2010.04245) keeps the logits of attention bounded, which is
    what allows the high learning rates that small models profit from.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads, self.kv_heads = config.heads, config.kv_heads
        self.head_dim = config.width // config.heads
        self.dropout = config.dropout
        bias = config.family == "gpt2"
        self.query = nn.Linear(config.width, self.heads * self.head_dim, bias)
        self.key = nn.Linear(config.width, self.kv_heads * self.head_dim, bias)
        self.value = nn.Linear(config.width, self.kv_heads * self.head_dim, bias)
        self.output = nn.Linear(config.width, config.width, bias)
        if config.family == "modern":
            self.norm_query = norm(config.family, self.head_dim)
            self.norm_key = norm(config.family, self.head_dim)

    def forward(
        self, x: Tensor, positions: RotaryPositions | None, cache: Cache | None
    ) -> tuple[Tensor, Cache]:
        """[B, T, width] -> the same shape, and the keys and values of all places so far."""
        batch, length, width = x.shape
        query = self.query(x).view(batch, length, self.heads, self.head_dim)
        key = self.key(x).view(batch, length, self.kv_heads, self.head_dim)
        value = self.value(x).view(batch, length, self.kv_heads, self.head_dim).transpose(1, 2)
        start = 0 if cache is None else cache[0].shape[2]
        if positions is not None:
            query = positions(self.norm_query(query).transpose(1, 2), start)
            key = positions(self.norm_key(key).transpose(1, 2), start)
        else:
            query, key = query.transpose(1, 2), key.transpose(1, 2)
        if cache is not None:
            key = torch.cat((cache[0], key), dim=2)
            value = torch.cat((cache[1], value), dim=2)
        # A single new place may look at everything; several after a cache need the lower right
        # corner.
        mask = None
        if cache is not None and length > 1:
            mask = torch.ones(length, start + length, dtype=torch.bool, device=x.device).tril(start)
        groups = self.heads // self.kv_heads
        mixed = F.scaled_dot_product_attention(
            query,
            key.repeat_interleave(groups, dim=1) if groups > 1 else key,
            value.repeat_interleave(groups, dim=1) if groups > 1 else value,
            attn_mask=mask,
            dropout_p=0.0,
            is_causal=cache is None,
        )
        return self.output(mixed.transpose(1, 2).reshape(batch, length, width)), (key, value)
