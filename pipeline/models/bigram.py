"""The smallest language model: a table that gives, for each token, the logits of the next.

It learns by gradient, as the others do; family `ngram` with `order: 2` is the same model, counted.
"""

from torch import Tensor, nn

from pipeline.models.config import ModelConfig
from pipeline.models.contract import LanguageModel


class Bigram(LanguageModel):
    """Remembers nothing: its state is None."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.table = nn.Embedding(config.vocabulary, config.vocabulary)
        nn.init.zeros_(self.table.weight)

    def hidden(self, tokens: Tensor, state: None = None) -> tuple[Tensor, None]:
        return tokens, None

    def logits(self, hidden: Tensor) -> Tensor:
        return self.table(hidden)
