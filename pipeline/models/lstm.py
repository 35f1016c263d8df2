"""The recurrent baseline: embedding, LSTM, linear (Hochreiter and Schmidhuber 1997)."""

import torch
from torch import Tensor, nn

from pipeline.models.config import ModelConfig
from pipeline.models.contract import LanguageModel
from pipeline.models.dropout import Dropout

State = tuple[Tensor, Tensor]


class LSTM(LanguageModel):
    """The state is (h, c), each [layers, B, width]; it may be carried on for ever."""

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

    def hidden(self, tokens: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        x, (h, c) = self.lstm(self.dropout(self.embedding(tokens)), state)
        return self.dropout(x), (h.detach(), c.detach())

    def logits(self, hidden: Tensor) -> Tensor:
        return self.head(hidden)
