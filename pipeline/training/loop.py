"""The training loop, as a generator of events.

It owns the order of things (batch, loss, gradient, step, validation) and nothing else: whoever runs
it logs, saves and stops. Between two events the model and its optimizers are in one consistent
state, so any event is a good moment for a checkpoint.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn
from torch.optim import Optimizer

from pipeline.errors import UserError
from pipeline.models import LanguageModel
from pipeline.params import OptimizerParams
from pipeline.training.batches import Batches
from pipeline.training.loss import Objective
from pipeline.training.precision import Machine
from pipeline.training.schedules import rate
from pipeline.training.validate import Held, validate


@dataclass(frozen=True)
class Plan:
    """How long a run is, in steps, and after which of them it validates."""

    steps: int
    steps_per_epoch: int
    validate_after: frozenset[int]
    tokens_per_step: int

    @classmethod
    def make(
        cls, batches: Batches, epochs: float, tokens: int | None, validations_per_epoch: int
    ) -> "Plan":
        """`epochs` passes, cut short by `tokens`; validations evenly, and after the last step."""
        per_epoch, per_step = batches.steps_per_epoch, batches.batch * batches.context
        steps = max(1, round(epochs * per_epoch))
        if tokens is not None:
            steps = max(1, min(steps, tokens // per_step))
        count = math.ceil(steps / per_epoch * validations_per_epoch)
        after = {round(i * per_epoch / validations_per_epoch) for i in range(1, count + 1)}
        return cls(
            steps, per_epoch, frozenset({s for s in after if 0 < s < steps} | {steps}), per_step
        )


@dataclass(frozen=True)
class Step:
    """One step is done. `loss` in nats a token, `seconds` since the loop began."""

    step: int
    loss: float
    rate: float
    gradient_norm: float
    seconds: float


@dataclass(frozen=True)
class Validation:
    """The held-out text was measured after `step` steps, `epoch` passes."""

    step: int
    epoch: float
    train_loss: float
    validation_loss: float
    bits_per_byte: float
    seconds: float


def train(
    model: LanguageModel,
    optimizers: list[Optimizer],
    batches: Batches,
    held: Held,
    plan: Plan,
    params: OptimizerParams,
    machine: Machine,
    first_step: int = 0,
    losses: list[float] | None = None,
) -> Iterator[Step | Validation]:
    """Train from `first_step` to the end of the plan; `losses` are those since the last validation.

    Dropout draws from a generator that is seeded with (seed, step), so a resumed run repeats it
    exactly.

    Raises:
        UserError: the loss is no longer a finite number.
    """
    objective = Objective(model, machine.compile)
    losses = losses if losses is not None else []
    started = time.monotonic()
    model.train()
    for step in range(first_step, plan.steps):
        torch.manual_seed((batches.seed << 32) + step)
        factor = rate(step, plan.steps, params)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * factor
        inputs, targets = (t.to(machine.device) for t in batches(step))
        with machine.autocast():
            value, loss = objective(inputs, targets)
        value = value.item()
        if not math.isfinite(value):
            raise UserError(
                f"training diverged: the loss became {value} at step {step + 1} of {plan.steps}; "
                "lower learning_rate (and adam_learning_rate), or lengthen warmup"
            )
        norm = 0.0
        if loss.requires_grad:  # a model that counts has learnt in its forward
            loss.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), params.clip).item()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        losses.append(value)
        yield Step(step + 1, value, factor, norm, time.monotonic() - started)
        if step + 1 in plan.validate_after:
            held_loss, bits = validate(model, held, batches.context, machine)
            mean = sum(losses) / len(losses)
            losses.clear()
            epoch = (step + 1) / plan.steps_per_epoch
            seconds = time.monotonic() - started
            yield Validation(step + 1, epoch, mean, held_loss, bits, seconds)
