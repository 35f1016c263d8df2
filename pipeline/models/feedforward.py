"""What each place does on its own: GELU or squared ReLU and two matrices, or SwiGLU and three."""

import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.models.config import ModelConfig
from pipeline.models.dropout import Dropout


class FeedForward(nn.Module):
    """[..., width] -> the same shape, through `config.feedforward` inner units.

    SwiGLU lets one projection gate another (Shazeer 2020, arXiv:2002.05202). Squared ReLU needs no
    gate (So et al. 2021, arXiv:2109.08668). GELU is GPT-2's, by its approximation with tanh.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.activation = config.activation
        if self.activation == "swiglu":
            self.gate = nn.Linear(config.width, config.feedforward, config.bias)
        self.up = nn.Linear(config.width, config.feedforward, config.bias)
        self.down = nn.Linear(config.feedforward, config.width, config.bias)
        self.dropout = Dropout(config.feedforward_dropout)

    def forward(self, x: Tensor) -> Tensor:
        """[..., width] -> the same shape."""
        if self.activation == "swiglu":
            inner = F.silu(self.gate(x)) * self.up(x)
        elif self.activation == "relu2":
            inner = F.relu(self.up(x)).square()
        else:
            inner = F.gelu(self.up(x), approximate="tanh")
        return self.down(self.dropout(inner))
