"""The decoder-only transformer. One class; its config spans GPT-2 and the modern family.

GPT-2 (Radford et al. 2019): learned positions, LayerNorm before each part, GELU, biases. Modern:
rotary positions, RMSNorm, QK-norm, SwiGLU, grouped queries, no biases: the geometry of Qwen3, so
that an exported model loads in `transformers` with no code of ours.
"""

import math

import torch
from torch import Tensor, nn

from pipeline.models.attention import Attention, Cache
from pipeline.models.config import ModelConfig
from pipeline.models.dropout import Dropout
from pipeline.models.feedforward import FeedForward
from pipeline.models.norms import norm
from pipeline.models.positions import RotaryPositions


class Block(nn.Module):
    """Attention, then feed-forward; each reads a normalised copy and adds to the stream."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.norm_attention = norm(config.family, config.width)
        self.attention = Attention(config)
        self.norm_feedforward = norm(config.family, config.width)
        self.feedforward = FeedForward(config)
        self.dropout = Dropout(config.dropout)

    def forward(
        self, x: Tensor, positions: RotaryPositions | None, cache: Cache | None
    ) -> tuple[Tensor, Cache]:
        mixed, cache = self.attention(self.norm_attention(x), positions, cache)
        x = x + self.dropout(mixed)
        return x + self.dropout(self.feedforward(self.norm_feedforward(x))), cache


class Transformer(nn.Module):
    """`forward(tokens [B, T], state) -> (logits [B, T, vocabulary], state)`.

    The state is one pair of keys and values [B, kv_heads, places, head_dim] a layer. Places beyond
    `config.context` are an error: whoever generates moves the window.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary, config.width)
        if config.family == "gpt2":
            self.positions = nn.Embedding(config.context, config.width)
            self.rotary = None
        else:
            self.rotary = RotaryPositions(config.context, config.width // config.heads)
        self.dropout = Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = norm(config.family, config.width)
        self.head = nn.Linear(config.width, config.vocabulary, bias=False)
        if config.tied:
            self.head.weight = self.embedding.weight
        self._initialise()

    @torch.no_grad()
    def _initialise(self) -> None:
        """GPT-2 as published. Modern: projections that write to the stream begin at zero."""
        gpt2 = self.config.family == "gpt2"
        for name, parameter in self.named_parameters():
            if parameter.dim() < 2:
                continue
            writes = name.endswith(("attention.output.weight", "feedforward.down.weight"))
            if gpt2:
                nn.init.normal_(
                    parameter, std=0.02 / math.sqrt(2 * self.config.layers) if writes else 0.02
                )
            elif writes:
                nn.init.zeros_(parameter)
            elif name == "embedding.weight":
                nn.init.normal_(parameter, std=0.02)
            else:
                nn.init.normal_(parameter, std=parameter.shape[1] ** -0.5)
        if gpt2:
            for module in self.modules():
                if isinstance(module, nn.Linear) and module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(
        self, tokens: Tensor, state: list[Cache] | None = None
    ) -> tuple[Tensor, list[Cache]]:
        start = 0 if state is None else state[0][0].shape[2]
        end = start + tokens.shape[1]
        if end > self.config.context:
            raise ValueError(f"{end} places do not fit into a context of {self.config.context}")
        x = self.embedding(tokens)
        if self.rotary is None:
            x = x + self.positions.weight[start:end]
        x = self.dropout(x)
        caches = []
        for index, block in enumerate(self.blocks):
            x, cache = block(x, self.rotary, None if state is None else state[index])
            caches.append(cache)
        return self.head(self.norm(x)), caches
