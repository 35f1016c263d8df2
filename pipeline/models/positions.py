"""Rotary positions: a query and a key turn by an angle that grows with their place in the text.

Their product then depends on the distance alone (RoFormer, Su et al. 2021, arXiv:2104.09864). The
two halves of a head form the pairs, as in Llama and Qwen.
"""

import torch
from torch import Tensor, nn

THETA = 10_000.0


class RotaryPositions(nn.Module):
    """Angles for `context` places, two tables of [context, head_dim]; later places are computed.

    The first half of the sines is negative: what `turn` would have to do to the values.
    """

    cos: Tensor
    sin: Tensor

    def __init__(self, context: int, head_dim: int) -> None:
        super().__init__()
        self.context, self.head_dim = context, head_dim
        cos, sin = self._tables(0, context)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def _tables(self, start: int, end: int) -> tuple[Tensor, Tensor]:
        frequencies = THETA ** (
            -torch.arange(0, self.head_dim, 2, dtype=torch.float64) / self.head_dim
        )
        places = torch.arange(start, end, dtype=torch.float64)
        angles = torch.outer(places, frequencies).repeat(1, 2)
        sines = angles.sin()
        sines[:, : self.head_dim // 2] *= -1
        return angles.cos().float(), sines.float()

    def tables(self, start: int, end: int) -> tuple[Tensor, Tensor]:
        """Cosines and signed sines of the places from `start` to before `end`."""
        if end <= self.context:
            return self.cos[start:end], self.sin[start:end]
        cos, sin = self._tables(start, end)
        return cos.to(self.cos.device), sin.to(self.sin.device)


def turn(heads: Tensor, tables: tuple[Tensor, Tensor]) -> Tensor:
    """Turn [B, H, T, head_dim] by the angles of its T places."""
    cos, sin = tables[0].to(heads.dtype), tables[1].to(heads.dtype)
    first, second = heads.chunk(2, dim=-1)
    return heads * cos + torch.cat((second, first), dim=-1) * sin
