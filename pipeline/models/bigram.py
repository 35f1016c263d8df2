"""The smallest language model: a table that gives, for each token, the logits of the next."""

from torch import Tensor, nn

from pipeline.models.config import ModelConfig


class Bigram(nn.Module):
    """`forward(tokens [B, T], state) -> (logits [B, T, vocabulary], None)`; remembers nothing."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.table = nn.Embedding(config.vocabulary, config.vocabulary)
        nn.init.zeros_(self.table.weight)

    def forward(self, tokens: Tensor, state: None = None) -> tuple[Tensor, None]:
        return self.table(tokens), None
