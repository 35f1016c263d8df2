"""Cross entropy over hidden states, in chunks that turn logits into gradients at once.

Logits of all places are the largest thing in a step: 4,096 places and a vocabulary of 50,000 make
800 MB in float32, their gradient as much again, and a plain loss walks over them half a dozen
times. Here a few places at a time go through the head; their logits become shares (softmax), the
shares minus one at the token that came are the gradient, and both are forgotten. Nothing is
computed twice and only sums are kept (the idea of Liger Kernel, Hsu et al. 2024, arXiv:2410.10989,
section 3.2).

Chunks are large where memory allows, because each one adds to the gradient of the whole head. On a
CPU its shares are made of fewer places still, so that they stay in the cache: small models take
this way too, for it is the fastest.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.models import LanguageModel, auxiliary_loss

# Logits that exist at one time, and of how many of them shares in float32 do: on a CPU those take
# 4 MB, which its cache holds.
LIMITS = {"cpu": 1 << 23, "cuda": 1 << 25}
SHARED = {"cpu": 1 << 20, "cuda": 1 << 25}


class Objective(nn.Module):
    """What training makes smaller: one module, so that compilation and DDP can wrap it."""

    def __init__(self, model: LanguageModel, compile: bool = False) -> None:
        super().__init__()
        self.model = model
        # What is compiled is what comes before the chunks; a chunk makes gradients in its forward.
        self.hidden = torch.compile(model.hidden) if compile else model.hidden

    def forward(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """(mean loss a token in nats, the same with what a model adds to it), of [B, T] tokens."""
        hidden, state = self.hidden(inputs)
        parameters = [p for p in self.model.parameters() if p.requires_grad]
        loss = _Chunked.apply(self.model, hidden, targets, *parameters)
        extra = auxiliary_loss(state)
        return loss, loss if extra is None else loss + extra


def token_losses(model: LanguageModel, hidden: Tensor, targets: Tensor) -> Tensor:
    """The cross entropy of every place, [B * T], without gradient."""
    return torch.cat(
        [
            F.cross_entropy(model.logits(states).float(), goals, reduction="none")
            for states, goals in _chunks(model, hidden, targets)
        ]
    )


def _chunks(model: LanguageModel, hidden: Tensor, targets: Tensor) -> list[tuple[Tensor, Tensor]]:
    places = max(1, LIMITS[hidden.device.type] // model.config.vocabulary)
    return list(
        zip(hidden.flatten(0, 1).split(places), targets.reshape(-1).split(places), strict=True)
    )


def _loss_and_slope(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """The summed cross entropy of logits [N, vocabulary], float32, and its gradient by them.

    The share of the likeliest token tells the normaliser exactly; that of the token which came may
    be too small for a float.
    """
    total, slope = torch.zeros((), device=logits.device), torch.empty_like(logits)
    places = max(1, SHARED[logits.device.type] // logits.shape[-1])
    parts = zip(*(one.split(places) for one in (logits, targets, slope)), strict=True)
    for part, came, part_slope in parts:
        shares = torch.softmax(part, -1, dtype=torch.float32)
        normaliser = part.amax(-1).float() - shares.amax(-1).log()
        total += (normaliser - part.gather(-1, came.unsqueeze(-1)).squeeze(-1).float()).sum()
        shares[torch.arange(len(came), device=came.device), came] -= 1
        part_slope.copy_(shares)
    return total, slope


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
                logits = model.logits(states)
            loss, slope = _loss_and_slope(logits.detach(), goals)
            total += loss
            if not learns:
                continue
            wanted = [*parameters, states] if floating else list(parameters)
            found = list(torch.autograd.grad(logits, wanted, slope, allow_unused=True))
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
