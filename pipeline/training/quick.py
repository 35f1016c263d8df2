"""A small run in one call: for proxies of the tokenizer sweep and for the ladder of experiments."""

import time
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from pipeline.models import ModelConfig, build_model
from pipeline.params import ModelParams, OptimizerParams, TrainingParams
from pipeline.progress import progress
from pipeline.training.batches import Batches
from pipeline.training.loop import Plan, Step, train
from pipeline.training.optimizers import build_optimizers
from pipeline.training.precision import choose_machine
from pipeline.training.validate import Held

EAGER = TrainingParams(compile="off")


@dataclass(frozen=True)
class QuickResult:
    """What a small run gave: bits per byte on held-out text, its cost, its curve, its model."""

    bits_per_byte: float
    seconds: float
    parameters: int
    tokens: int
    losses: list[tuple[int, float]]
    model: nn.Module


def count_parameters(model: nn.Module) -> int:
    """Trainable numbers; a tied matrix counts once."""
    return sum(parameter.numel() for parameter in model.parameters())


def train_quickly(
    model_params: ModelParams,
    optimizer: OptimizerParams,
    tokens: np.ndarray,
    validation: np.ndarray,
    vocabulary: int,
    token_bytes: np.ndarray,
    budget_tokens: int,
    seed: int,
    description: str | None,
    settings: TrainingParams = EAGER,
) -> QuickResult:
    """Train for `budget_tokens` tokens (several passes if need be) and validate once at the end.

    Progress is shown under `description`, if there is one. Of `settings` only what concerns the
    machine is read: device, precision, compilation and threads.
    """
    machine = choose_machine(settings)
    torch.manual_seed(seed)
    model = build_model(ModelConfig.from_params(model_params, vocabulary)).to(machine.device)
    batches = Batches(tokens, model_params.context, optimizer.batch, seed)
    passes = budget_tokens / (batches.steps_per_epoch * batches.batch * batches.context)
    plan = Plan.make(batches, passes, None, 1)
    plan = Plan(plan.steps, plan.steps_per_epoch, frozenset({plan.steps}), plan.tokens_per_step)
    held = Held(validation, token_bytes)
    losses, bits = [], float("nan")
    started = time.monotonic()
    with progress(description, plan.steps) if description else nullcontext() as bar:
        for event in train(
            model, build_optimizers(model, optimizer), batches, held, plan, optimizer, machine
        ):
            if isinstance(event, Step):
                losses.append((event.step, event.loss))
                if bar is not None:
                    bar.advance(1, f"loss {event.loss:.3f}")
            else:
                bits = event.bits_per_byte
    seconds = time.monotonic() - started
    done = plan.steps * plan.tokens_per_step
    return QuickResult(bits, seconds, count_parameters(model), done, losses, model.eval())
