"""What each place does on its own: GELU and two matrices (GPT-2), SwiGLU and three (modern)."""

import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.models.config import ModelConfig


class FeedForward(nn.Module):
    """[B, T, width] -> the same shape, through `config.feedforward` inner units.

    SwiGLU lets one projection gate another (Shazeer 2020, arXiv:2002.05202).
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        bias = config.family == "gpt2"
        self.gated = config.family == "modern"
        if self.gated:
            self.gate = nn.Linear(config.width, config.feedforward, bias)
        self.up = nn.Linear(config.width, config.feedforward, bias)
        self.down = nn.Linear(config.feedforward, config.width, bias)

    def forward(self, x: Tensor) -> Tensor:
        if self.gated:
            return self.down(F.silu(self.gate(x)) * self.up(x))
        return self.down(F.gelu(self.up(x), approximate="tanh"))
