"""A small run in one call: for proxies of the tokenizer sweep and for the ladder of experiments."""

import time
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch

from pipeline.models import LanguageModel, ModelConfig, build_model
from pipeline.params import ModelParams, OptimizerParams, TrainingParams
from pipeline.progress import progress
from pipeline.training.batches import Batches, document_starts
from pipeline.training.learner import Learner
from pipeline.training.loop import Plan, Step, train
from pipeline.training.memory import PeakMemory
from pipeline.training.precision import Machine, choose_machine
from pipeline.training.validate import Held

MEASURED_STEPS = 5
EAGER = TrainingParams(compile="off")


@dataclass(frozen=True)
class QuickResult:
    """What a small run gave: bits per byte on held-out text, its cost, its curve, its model."""

    bits_per_byte: float
    seconds: float
    parameters: int
    tokens: int
    losses: list[tuple[int, float]]
    peak_megabytes: float | None
    model: LanguageModel


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
    budget_seconds: float | None = None,
) -> QuickResult:
    """Train for `budget_tokens` tokens (several passes if need be) and validate once at the end.

    With `budget_seconds` the tokens are those that this machine trains in that time, as a few steps
    before tell: what comes out cannot be repeated exactly. Progress is shown under `description`,
    if there is one. Of `settings` only what concerns the machine is read: device, precision,
    compilation and threads.
    """
    machine = choose_machine(settings)
    memory = PeakMemory(machine.device)
    torch.manual_seed(seed)
    config = ModelConfig.from_params(model_params, vocabulary)
    if budget_seconds is not None:
        speed = _tokens_per_second(config, optimizer, tokens, seed, machine)
        budget_tokens = max(1, int(speed * budget_seconds))
        torch.manual_seed(seed)
    model = build_model(config).to(machine.device)
    learner = Learner(model, optimizer, machine)
    for note in config.notes():
        print(note, flush=True)
    documents = document_starts(optimizer, config, tokens, token_bytes)
    batches = Batches(tokens, config.context, optimizer.batch, seed, documents=documents)
    passes = budget_tokens / (batches.steps_per_epoch * batches.batch * batches.context)
    plan = Plan.make(batches, min(passes, 1) if config.one_pass else passes, None, 1)
    plan = Plan(plan.steps, plan.steps_per_epoch, frozenset({plan.steps}), plan.tokens_per_step)
    held = Held(validation, token_bytes)
    losses, bits = [], float("nan")
    started = time.monotonic()
    with progress(description, plan.steps) if description else nullcontext() as bar:
        for event in train(learner, batches, held, plan, optimizer, machine):
            if isinstance(event, Step):
                losses.append((event.step, event.loss))
                if bar is not None:
                    bar.advance(1, f"loss {event.loss:.3f}")
            else:
                bits = event.bits_per_byte
    seconds = time.monotonic() - started
    if learner.average is not None:
        learner.average.swap()  # the weights that were validated
    done = plan.steps * plan.tokens_per_step
    peak = memory.megabytes()
    return QuickResult(bits, seconds, model.size(), done, losses, peak, model.eval())


def _tokens_per_second(
    config: ModelConfig, params: OptimizerParams, tokens: np.ndarray, seed: int, machine: Machine
) -> float:
    """The speed of a model that is thrown away, over some steps after a first one."""
    model = build_model(config).to(machine.device)
    batches = Batches(tokens, config.context, params.batch, seed)
    plan = Plan(MEASURED_STEPS + 1, batches.steps_per_epoch, frozenset(), 0)
    held = Held(tokens, np.ones(config.vocabulary))
    seconds = [
        event.seconds
        for event in train(Learner(model, params, machine), batches, held, plan, params, machine)
        if isinstance(event, Step)
    ]
    return MEASURED_STEPS * params.batch * config.context / max(seconds[-1] - seconds[0], 1e-9)
