"""Rotary positions: a query and a key turn by an angle that grows with their place in the text.

Their product then depends on the distance alone (RoFormer, Su et al. 2021, arXiv:2104.09864). The
two halves of a head form the pairs, as in Llama and Qwen.
"""

import torch
from torch import Tensor, nn

THETA = 10_000.0


class RotaryPositions(nn.Module):
    """Angles for `context` places, two tables of [context, head_dim]."""

    cos: Tensor
    sin: Tensor

    def __init__(self, context: int, head_dim: int) -> None:
        super().__init__()
        frequencies = THETA ** (-torch.arange(0, head_dim, 2, dtype=torch.float64) / head_dim)
        angles = torch.outer(torch.arange(context, dtype=torch.float64), frequencies).repeat(1, 2)
        self.register_buffer("cos", angles.cos().float(), persistent=False)
        self.register_buffer("sin", angles.sin().float(), persistent=False)

    def forward(self, heads: Tensor, start: int) -> Tensor:
        """Turn [B, H, T, head_dim], whose first place is `start`."""
        end = start + heads.shape[2]
        cos, sin = self.cos[start:end].to(heads.dtype), self.sin[start:end].to(heads.dtype)
        first, second = heads.chunk(2, dim=-1)
        return heads * cos + torch.cat((-second, first), dim=-1) * sin
