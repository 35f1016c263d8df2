"""The training loop, as a generator of events.

It owns the order of things (batch, loss, gradient, step, validation) and nothing else: whoever runs
it logs, saves and stops. Between two events the model and its optimizers are in one consistent
state, so any event is a good moment for a checkpoint.
"""

import math
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from pipeline.errors import UserError
from pipeline.params import OptimizerParams
from pipeline.training.batches import Batches
from pipeline.training.distributed import ALONE, World
from pipeline.training.fitting import explained
from pipeline.training.learner import Learner
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
        cls,
        batches: Batches,
        epochs: float,
        tokens: int | None,
        validations_per_epoch: int,
        validate_steps: int | None = None,
    ) -> "Plan":
        """`epochs` passes, cut short by `tokens`; validations evenly, after every `validate_steps`
        steps, and after the last one."""
        per_epoch, per_step = batches.steps_per_epoch, batches.batch * batches.context
        steps = max(1, round(epochs * per_epoch))
        if tokens is not None:
            steps = max(1, min(steps, tokens // per_step))
        count = math.ceil(steps / per_epoch * validations_per_epoch)
        after = {round(i * per_epoch / validations_per_epoch) for i in range(1, count + 1)}
        if validate_steps is not None:
            after |= set(range(validate_steps, steps, validate_steps))
        return cls(
            steps, per_epoch, frozenset({s for s in after if 0 < s < steps} | {steps}), per_step
        )


class Diverged(UserError):
    """Training came to a number that is none; the weights are those of the step before."""

    def __init__(self, what: str, value: float, step: int, steps: int) -> None:
        self.step = step + 1
        super().__init__(
            f"training diverged: the {what} became {value} at step {step + 1} of {steps}; "
            "lower learning_rate (and adam_learning_rate), or lengthen warmup"
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
    learner: Learner,
    batches: Batches,
    held: Held,
    plan: Plan,
    params: OptimizerParams,
    machine: Machine,
    first_step: int = 0,
    losses: list[float] | None = None,
    world: World = ALONE,
) -> Iterator[Step | Validation]:
    """Train from `first_step` to the end of the plan; `losses` are those since the last validation.

    Dropout draws from a generator that is seeded with (seed, step), so a resumed run repeats it
    exactly.

    Raises:
        Diverged: the loss or the gradient is no longer a finite number; no step was taken with it.
        UserError: a batch does not fit into memory.
    """
    model = learner.model
    objective = world.wrap(Objective(model, machine.compile))
    losses = losses if losses is not None else []
    started = time.monotonic()
    model.train()
    for step in range(first_step, plan.steps):
        torch.manual_seed(dropout_seed(batches.seed, step, batches.rank))
        factor = rate(step, plan.steps, params)
        learner.set_rate(factor)
        inputs, targets = (t.to(machine.device) for t in batches(step))
        with explained(learner, inputs, params.accumulation, machine):
            value = gradients(objective, learner, inputs, targets, params.accumulation, machine)
        value = world.mean(value)
        if not math.isfinite(value):
            raise Diverged("loss", value, step, plan.steps)
        norm, learnt = 0.0, any(p.grad is not None for p in model.parameters())
        if learnt:  # a model that counts has learnt in its forward
            norm = learner.gradient_norm(params.clip).item()
            if not math.isfinite(norm) and not learner.scaler.is_enabled():
                raise Diverged("gradient", norm, step, plan.steps)
        learner.step(step + 1, learnt)
        losses.append(value)
        yield Step(step + 1, value, factor, norm, time.monotonic() - started)
        if step + 1 in plan.validate_after:
            measured = (0.0, 0.0)
            if world.first:
                with learner.at_its_best():
                    measured = validate(model, held, batches.context, machine)
            held_loss, bits = world.first_says(measured)
            mean = sum(losses) / len(losses)
            losses.clear()
            epoch = (step + 1) / plan.steps_per_epoch
            seconds = time.monotonic() - started
            yield Validation(step + 1, epoch, mean, held_loss, bits, seconds)


def gradients(
    objective: nn.Module,
    learner: Learner,
    inputs: Tensor,
    targets: Tensor,
    accumulation: int,
    machine: Machine,
) -> float:
    """Add up the gradients of a batch, one part after another; the mean loss a token.

    Processes exchange gradients once, after the last part.
    """
    total = 0.0
    parts = list(zip(inputs.chunk(accumulation), targets.chunk(accumulation), strict=True))
    for number, (part, goals) in enumerate(parts, 1):
        quiet: AbstractContextManager = nullcontext()
        if isinstance(objective, DistributedDataParallel) and number < len(parts):
            quiet = objective.no_sync()
        with quiet:
            with machine.autocast():
                value, loss = objective(part, goals)
            if loss.requires_grad:
                learner.scaler.scale(loss / accumulation).backward()
        total += value.item() / accumulation
    return total


def dropout_seed(seed: int, step: int, rank: int) -> int:
    """Another one for every step and process."""
    return ((seed << 32) + step + rank * 0x9E3779B97F4A7C15) % (1 << 63)
