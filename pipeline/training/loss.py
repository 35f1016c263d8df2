"""Cross entropy over hidden states, so that the logits of a large vocabulary never exist whole.

4,096 places and a vocabulary of 50,000 make logits of 800 MB in float32, and their gradient as
much again: more than the rest of a small model. Above `LIMIT` the places are cut into chunks. Each
chunk's logits are made, turned into gradients at once, and forgotten: nothing is computed twice,
and only sums are kept (the idea of Liger Kernel, Hsu et al. 2024, arXiv:2410.10989, section 3.2).
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.models import LanguageModel, auxiliary_loss

LIMIT = 1 << 25  # logits that exist at one time: 134 MB in float32


class Objective(nn.Module):
    """What training makes smaller: one module, so that compilation and DDP can wrap it."""

    def __init__(self, model: LanguageModel, compile: bool = False) -> None:
        super().__init__()
        self.model = model
        # What is compiled is what surrounds the chunks; a chunk makes gradients in its forward.
        self.whole = torch.compile(model) if compile else model
        self.hidden = torch.compile(model.hidden) if compile else model.hidden

    def forward(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """(mean loss a token in nats, the same with what a model adds to it), of [B, T] tokens."""
        if fits_whole(targets.numel(), self.model.config.vocabulary):
            logits, state = self.whole(inputs)
            loss = F.cross_entropy(logits.float().flatten(0, 1), targets.reshape(-1))
        else:
            hidden, state = self.hidden(inputs)
            loss = chunked_loss(self.model, hidden, targets)
        extra = auxiliary_loss(state)
        return loss, loss if extra is None else loss + extra


def fits_whole(places: int, vocabulary: int) -> bool:
    """Whether the logits of so many places may exist at one time."""
    return places * vocabulary <= LIMIT


def chunked_loss(model: LanguageModel, hidden: Tensor, targets: Tensor) -> Tensor:
    """The mean cross entropy of `hidden` [B, T, ...] and targets [B, T], a chunk at a time."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return _Chunked.apply(model, hidden, targets, *parameters)


def token_losses(model: LanguageModel, hidden: Tensor, targets: Tensor) -> Tensor:
    """The cross entropy of every place, [B * T], without gradient."""
    return torch.cat(
        [
            F.cross_entropy(model.logits(states).float(), goals, reduction="none")
            for states, goals in _chunks(model, hidden, targets)
        ]
    )


def _chunks(model: LanguageModel, hidden: Tensor, targets: Tensor) -> list[tuple[Tensor, Tensor]]:
    places = max(1, LIMIT // model.config.vocabulary)
    return list(
        zip(hidden.flatten(0, 1).split(places), targets.reshape(-1).split(places), strict=True)
    )


class _Chunked(torch.autograd.Function):
    """The gradients of hidden states and of the head's parameters, made along with the loss.

    Sums are taken within chunks and divided in the end, so that gradients in float16 keep the size
    that they have in a whole loss before its division.
    """

    @staticmethod
    def forward(
        ctx: Any, model: LanguageModel, hidden: Tensor, targets: Tensor, *parameters: Tensor
    ) -> Tensor:
        learns = any(ctx.needs_input_grad)
        count, total = targets.numel(), torch.zeros((), device=targets.device)
        sums: list[Tensor | None] = [None] * len(parameters)
        upstream: list[Tensor] = []
        for states, goals in _chunks(model, hidden, targets):
            floating = states.is_floating_point()  # a bigram's are tokens
            with torch.set_grad_enabled(learns):
                states = states.detach().requires_grad_(learns and floating)
                loss = F.cross_entropy(model.logits(states).float(), goals, reduction="sum")
            total += loss.detach()
            if not learns:
                continue
            wanted = [*parameters, states] if floating else list(parameters)
            found = list(torch.autograd.grad(loss, wanted, allow_unused=True))
            if floating:
                upstream.append(found.pop())
            for index, gradient in enumerate(found):
                if gradient is not None:
                    kept = sums[index]
                    sums[index] = gradient if kept is None else kept.add_(gradient)
        ctx.gradients = (torch.cat(upstream).view_as(hidden) if upstream else None, sums)
        ctx.count = count
        return total / count

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor | None, ...]:
        factor = outputs[0] / ctx.count
        hidden, sums = ctx.gradients
        gradients = [None if one is None else one * factor.to(one.dtype) for one in (hidden, *sums)]
        return (None, gradients[0], None, *gradients[1:])
