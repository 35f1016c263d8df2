"""The one contract that every family keeps, so that no caller needs to know which one it holds.

A new family is a subclass with `hidden` and `logits`; what it remembers between two calls it
returns as its state, of any type, and gets back unchanged.
"""

from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.models.config import ModelConfig


class LanguageModel(nn.Module):
    """Tokens [B, T] and a state (None: nothing was read yet) to logits [B, T, vocabulary].

    Reading a text in pieces, each with the state that the piece before gave, yields the logits of
    reading it at once. A state is good for one call: the model may write into it. It carries no
    gradient. While a model trains its state may be empty, but for an auxiliary loss.
    """

    config: ModelConfig
    checkpoint_layers: bool = False  # whether training computes layers again to save memory

    @property
    def limit(self) -> int | None:
        """The most places that one state can hold; None where reading may go on for ever."""
        return None

    @property
    def device(self) -> torch.device:
        """Where the numbers of the model are."""
        return next(chain(self.parameters(), self.buffers())).device

    def size(self) -> int:
        """How many numbers were learnt; a tied matrix counts once."""
        return sum(parameter.numel() for parameter in self.parameters())

    def hidden(self, tokens: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """What stands before the last layer, [B, T, ...], and the new state.

        Together with `logits` it is `forward`; apart, a loss can take the logits of a few places at
        a time, so that those of a large vocabulary never exist whole.
        """
        raise NotImplementedError

    def logits(self, hidden: Tensor) -> Tensor:
        """[..., vocabulary] of any places of what `hidden` gave."""
        raise NotImplementedError

    def forward(self, tokens: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Logits [B, T, vocabulary] of the token after each place, and the new state."""
        hidden, state = self.hidden(tokens, state)
        return self.logits(hidden), state


def auxiliary_loss(state: Any) -> Tensor | None:
    """What training adds to the loss of the tokens, weighted already; None for most models.

    It travels in the state, which every model returns, so the loop adds it for any of them.
    """
    return getattr(state, "auxiliary", None)
