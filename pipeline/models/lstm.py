"""The recurrent baseline: embedding, LSTM, linear (Hochreiter and Schmidhuber 1997)."""

import torch
from torch import Tensor, nn

from pipeline.models.config import ModelConfig
from pipeline.models.dropout import Dropout


class LSTM(nn.Module):
    """`forward(tokens [B, T], state) -> (logits [B, T, vocabulary], state)`.

    The state is (h, c), each [layers, B, width].
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary, config.width)
        self.lstm = nn.LSTM(
            config.width,
            config.width,
            config.layers,
            batch_first=True,
            dropout=config.dropout if config.layers > 1 else 0.0,
        )
        self.dropout = Dropout(config.dropout)
        self.head = nn.Linear(config.width, config.vocabulary, bias=False)
        if config.tied:
            self.head.weight = self.embedding.weight
        with torch.no_grad():
            nn.init.normal_(self.embedding.weight, std=0.05)

    def forward(
        self, tokens: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        x, state = self.lstm(self.dropout(self.embedding(tokens)), state)
        return self.head(self.dropout(x)), state
