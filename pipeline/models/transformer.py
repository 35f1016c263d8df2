"""The decoder-only transformer. One class; its config spans GPT-2 and the modern family.

GPT-2 (Radford et al. 2019): learned positions, LayerNorm before each part, GELU, biases. Modern:
rotary positions, RMSNorm, QK-norm, SwiGLU, grouped queries, no biases: the geometry of Qwen3, so
that an exported model loads in `transformers` with no code of ours. Windows, experts, BatchNorm,
biases and a cap on the logits are options of both.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from pipeline.models.attention import Angles, Attention
from pipeline.models.cache import KeyValueCache
from pipeline.models.config import ModelConfig
from pipeline.models.contract import LanguageModel
from pipeline.models.dropout import Dropout
from pipeline.models.experts import Experts
from pipeline.models.feedforward import FeedForward
from pipeline.models.norms import norm
from pipeline.models.positions import RotaryPositions


class State(NamedTuple):
    """One cache a layer (none in training), the places read, and the loss of unbalanced experts."""

    caches: list[KeyValueCache | None]
    places: int
    auxiliary: Tensor | None


class Block(nn.Module):
    """Attention, then feed-forward; each reads a normalised copy and adds to the stream."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.norm_attention = norm(config.norm, config.width)
        self.attention = Attention(config, config.window_of(layer))
        self.norm_feedforward = norm(config.norm, config.width)
        self.feedforward = Experts(config) if config.experts else FeedForward(config)
        self.dropout = Dropout(config.dropout)

    def forward(
        self, x: Tensor, angles: Angles | None, cache: KeyValueCache | None
    ) -> tuple[Tensor, KeyValueCache | None, Tensor | None]:
        """[B, T, width] -> the same shape, the cache, and the experts' loss of balance."""
        mixed, cache = self.attention(self.norm_attention(x), angles, cache)
        x = x + self.dropout(mixed)
        inner, balance = self.feedforward(self.norm_feedforward(x)), None
        if isinstance(self.feedforward, Experts):
            inner, balance = inner
        return x + self.dropout(inner), cache, balance


class Transformer(LanguageModel):
    """The state is a `State`, with keys and values [B, kv_heads, places, head_dim] a layer.

    Places beyond `limit` are an error: whoever generates moves the window. Where every layer has a
    window and positions are rotary there is no limit, and memory stays bounded.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        endless = config.family != "gpt2" and None not in config.windows()
        self._limit = None if endless else config.context
        self.embedding = nn.Embedding(config.vocabulary, config.width)
        if config.family == "gpt2":
            self.positions = nn.Embedding(config.context, config.width)
            self.rotary = None
        else:
            self.rotary = RotaryPositions(config.context, config.width // config.heads)
        self.dropout = Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config, layer) for layer in range(config.layers))
        self.norm = norm(config.norm, config.width)
        self.head = nn.Linear(config.width, config.vocabulary, bias=False)
        if config.tied:
            self.head.weight = self.embedding.weight
        self._initialise()

    @property
    def limit(self) -> int | None:
        return self._limit

    @torch.no_grad()
    def _initialise(self) -> None:
        """GPT-2 as published. Modern: projections that write to the stream begin at zero."""
        gpt2 = self.config.family == "gpt2"
        for name, parameter in self.named_parameters():
            if parameter.dim() < 2:
                continue
            writes = name.endswith(("attention.output.weight", "down.weight"))
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
        for module in self.modules():
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)

    def hidden(self, tokens: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """The stream after the last norm, [B, T, width], and the new state.

        Raises:
            ValueError: the text is longer than `limit`.
        """
        start = 0 if state is None else state.places
        end = start + tokens.shape[1]
        if self.limit is not None and end > self.limit:
            raise ValueError(f"{end} places do not fit into a context of {self.limit}")
        x = self.embedding(tokens)
        angles = None
        if self.rotary is None:
            x = x + self.positions.weight[start:end]
        else:
            angles = self.rotary.tables(start, end)
        x = self.dropout(x)
        caches: list[KeyValueCache | None] = []
        balances: list[Tensor] = []
        again = self.checkpoint_layers and self.training and torch.is_grad_enabled()
        for index, block in enumerate(self.blocks):
            cache = None if state is None else state.caches[index]
            if again:  # keep what enters a block only (Chen et al. 2016, arXiv:1604.06174)
                x, cache, balance = checkpoint(block, x, angles, cache, use_reentrant=False)
            else:
                x, cache, balance = block(x, angles, cache)
            caches.append(cache)
            if balance is not None:
                balances.append(balance)
        auxiliary = None
        if balances and self.training:
            auxiliary = self.config.balance * torch.stack(balances).mean()
        return self.norm(x), State(caches, end, auxiliary)

    def logits(self, hidden: Tensor) -> Tensor:
        """The head; a soft cap bends logits so that none passes it (Gemma 2, arXiv:2408.00118)."""
        logits = self.head(hidden)
        cap = self.config.soft_cap
        return logits if cap is None else cap * torch.tanh(logits / cap)
