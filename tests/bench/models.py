"""Training against a plain loop over torch's own layers, and where the time of a step goes."""

import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from pipeline.models import ModelConfig, build_model
from pipeline.params import ModelParams, OptimizerParams, TrainingParams
from pipeline.training.batches import Batches
from pipeline.training.learner import Learner
from pipeline.training.loop import Plan, gradients, train
from pipeline.training.loss import Objective
from pipeline.training.precision import LONG, Machine, choose_machine
from pipeline.training.speed import matrix_peak, operations_per_token
from pipeline.training.validate import Held
from tests.bench.compare import apart, compare, heading

VOCABULARY, CONTEXT, BATCH = 4096, 256, 16
SHAPES = ((4, 128), (6, 256))
HEAD = 64  # of the plain loop too
STEPS = 12


def training() -> None:
    """Two sizes of model, as a run of some minutes trains them."""
    machine = choose_machine(TrainingParams(), LONG)
    print(f"{machine.precision}, {'compiled' if machine.compile else 'eager'}, {machine.why}")
    heading()
    for layers, width in SHAPES:
        name = f"training, {layers} layers of {width}"
        compare(name, ours(layers, width, machine), apart(plain, layers, width), "tokens/s")
    for layers, width in SHAPES:
        phases(layers, width, machine)


def shaped(layers: int, width: int) -> ModelParams:
    """No dropout: the plain loop has none."""
    return ModelParams(
        layers=layers, width=width, heads=width // HEAD, context=CONTEXT, dropout=0.0
    )


def batches() -> Batches:
    """Random tokens: what they are makes no difference to the time."""
    size = 8 * BATCH * CONTEXT
    tokens = np.random.default_rng(0).integers(0, VOCABULARY, size).astype("<u2")
    return Batches(tokens, CONTEXT, BATCH, 0)


def ours(layers: int, width: int, machine: Machine) -> Callable[[], int]:
    """Two steps of the real loop."""
    settings = OptimizerParams(batch=BATCH)
    model = build_model(ModelConfig.from_params(shaped(layers, width), VOCABULARY))
    model.to(machine.device)
    data = batches()
    plan = Plan(10**6, data.steps_per_epoch, frozenset(), BATCH * CONTEXT)
    held = Held(data.tokens, np.ones(VOCABULARY))
    learner = Learner(model, settings, machine)
    events = train(learner, data, held, plan, settings, machine)

    def run() -> int:
        for _ in range(2):
            next(events)
        return 2 * BATCH * CONTEXT

    return run


def plain(layers: int, width: int) -> Callable[[], int]:
    """Two steps of a loop as textbooks have it: torch's layers, AdamW, float32, eager."""
    embedding, positions = nn.Embedding(VOCABULARY, width), nn.Embedding(CONTEXT, width)
    layer = nn.TransformerEncoderLayer(
        width, width // HEAD, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True
    )
    body = nn.TransformerEncoder(layer, layers, nn.LayerNorm(width), enable_nested_tensor=False)
    head = nn.Linear(width, VOCABULARY, bias=False)
    reference = nn.ModuleList([embedding, positions, body, head])
    optimizer = torch.optim.AdamW(reference.parameters(), lr=1e-3)
    mask = nn.Transformer.generate_square_subsequent_mask(CONTEXT)
    data = batches()

    def run() -> int:
        for step in range(2):
            inputs, targets = data(step)
            hidden = embedding(inputs) + positions.weight
            logits = head(body(hidden, mask=mask, is_causal=True))
            F.cross_entropy(logits.flatten(0, 1), targets.reshape(-1)).backward()
            optimizer.step()
            optimizer.zero_grad()
        return 2 * BATCH * CONTEXT

    return run


def phases(layers: int, width: int, machine: Machine) -> None:
    """Print what each part of a step takes, medians, and the share of the matrix peak."""
    model = build_model(ModelConfig.from_params(shaped(layers, width), VOCABULARY)).train()
    learner = Learner(model, OptimizerParams(batch=BATCH), machine)
    objective, data = Objective(model, machine.compile), batches()
    seconds: dict[str, list[float]] = {"gradients": [], "clipping": [], "optimizer": []}
    for step in range(STEPS):
        inputs, targets = data(step)
        marks = [time.perf_counter()]
        gradients(objective, learner, inputs, targets, 1, machine)
        marks.append(time.perf_counter())
        learner.gradient_norm(1.0).item()
        marks.append(time.perf_counter())
        learner.step(step + 1, True)
        marks.append(time.perf_counter())
        for name, begun, ended in zip(seconds, marks, marks[1:], strict=False):
            seconds[name].append(ended - begun)
    parts = {name: median(values[2:]) for name, values in seconds.items()}
    whole = sum(parts.values())
    peak, tokens = matrix_peak(machine), BATCH * CONTEXT
    share = operations_per_token(model) * tokens / whole / peak
    shown = ", ".join(f"{name} {part / whole:.1%}" for name, part in parts.items())
    print(
        f"{layers} layers of {width}: a step of {tokens:,} tokens in {1e3 * whole:.0f} ms: "
        f"{shown}; {share:.0%} of the measured matrix peak of {peak / 1e9:,.0f} GFLOP/s"
    )
