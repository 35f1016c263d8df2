"""Small models and a tokenizer that the tests of the benchmark share."""

import math

import torch
from tokenizers import Tokenizer

from pipeline.models import ModelConfig, build_model
from pipeline.tokenization.tokenizer import token_bytes
from pipeline.tokenization.train import train_bpe

TEXTS = [
    "Көн бара, төн бара, өченче көнгә барып җитә әлеге җиргә.",
    "Бакчаның кешесе юк.",
    "Бер күпергә җиткән.",
    "Алар бакчада эшлиләр, ә без күпер янында торабыз.",
]


def small_tokenizer() -> Tokenizer:
    return train_bpe(TEXTS, 280)


def small_model(
    family: str, tokenizer: Tokenizer, context: int = 16, seed: int = 0
) -> torch.nn.Module:
    """An untrained model whose weights are large enough to have opinions."""
    config = ModelConfig(
        family=family,
        vocabulary=tokenizer.get_vocab_size(),
        layers=1,
        width=16,
        heads=2,
        kv_heads=2,
        feedforward=32,
        context=context,
        dropout=0.3,
        tied=True,
    )
    torch.manual_seed(seed)
    model = build_model(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, 0.5)
    return model.eval()


class UniformModel(torch.nn.Module):
    """Knows nothing: every token is as likely as any other."""

    def __init__(self, vocabulary: int, context: int = 16) -> None:
        super().__init__()
        self.config = ModelConfig("bigram", vocabulary, 1, 1, 1, 1, 1, context, 0.0, False)

    def forward(self, tokens: torch.Tensor, state: None = None) -> tuple[torch.Tensor, None]:
        return torch.zeros(*tokens.shape, self.config.vocabulary), None


def by_hand(table: torch.Tensor, ids: list[int]) -> float:
    """Bits of ids after token 0 under a table of bigram logits, one Python number at a time."""
    bits, before = 0.0, 0
    for token in ids:
        row = [float(value) for value in table[before]]
        bits -= math.log2(math.exp(row[token]) / sum(math.exp(value) for value in row))
        before = token
    return bits


def longest_token(tokenizer: Tokenizer) -> int:
    """The bytes of the longest token, by which a test knows that merges happened."""
    return max(len(raw) for raw in token_bytes(tokenizer))
