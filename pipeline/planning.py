"""From a text and a span of time to params: how large a model, how many passes, which vocabularies.

Two things limit a small model: text (it cannot be larger than what it reads can teach) and time (a
machine reads so many tokens a second). Both are looked at, the machine by training a few steps, and
the largest shape that fits is taken. What is written are tokens and passes, not seconds, so the run
itself repeats exactly.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.cleaning.engine import usable_cores
from pipeline.corpus import SourceRecord, documents
from pipeline.params import FilesSource, ModelParams, OptimizerParams, Params, TrainingParams

SAMPLE_BYTES = 256 << 20  # text that is read to know how much there is; beyond, file sizes tell
BYTES_PER_TOKEN = 4.5  # of a byte-level BPE with a few thousand tokens, give or take a third
NEAR_DUPLICATES = 0.8  # one word of nine changed, words in another order, a cut end
WANTED_PASSES = 3.0
MOST_PASSES = 40.0
# The more often a text is read, the more has to be hidden of it: (passes below, share).
DROPOUT = ((2, 0.0), (6, 0.1), (20, 0.2), (float("inf"), 0.3))
PROXY_SHARE = 0.15  # of the time goes to small models that judge vocabularies
PROXY_SPEED = 0.07  # megabytes a second that one of them reads on one core

# (layers, width, heads), smallest first
SHAPES = [
    (3, 96, 3),
    (4, 128, 2),
    (4, 192, 3),
    (6, 256, 4),
    (8, 384, 6),
    (12, 512, 8),
    (12, 768, 12),
]
FLOOR = 1  # the smallest shape that a large text gets, even if time is short


@dataclass(frozen=True)
class Plan:
    """The params to lay over the demo's, and what a person should hear about them."""

    overlay: dict[str, Any]
    lines: list[str]


def plan_files(source: FilesSource, base: Params, minutes: float) -> Plan:
    """Choose sizes, passes and a budget in tokens for the text of `source` in about `minutes`.

    Raises:
        UserError: the text cannot be read.
    """
    count, size = _measure_text(source, base)
    text_tokens = size / BYTES_PER_TOKEN
    seconds = max(60 * minutes - _other_stages(size), 0.4 * 60 * minutes)
    sizes = _sizes(size)
    largest = max(sizes)  # whichever is taken, the run does not take longer
    speed = {FLOOR: measure_speed(_model(FLOOR, 0.1), largest)}
    shape = _choose_shape(text_tokens, seconds, speed[FLOOR], largest)
    if shape not in speed:
        speed[shape] = measure_speed(_model(shape, 0.1), largest)
    tokens = int(speed[shape] * seconds)
    passes = min(tokens / text_tokens, MOST_PASSES)
    dropout = next(share for most, share in DROPOUT if passes < most)
    layers, width, heads = SHAPES[shape]
    overlay = {
        "cleaning": {"near_duplicates": NEAR_DUPLICATES},
        "tokenizer": {
            "sizes": sizes,
            "proxy_megabytes": _proxy_megabytes(size, passes, minutes, len(sizes)),
            # Where text is what limits the run, all read the same; where time does, all cost it.
            "budget": "bytes" if passes >= MOST_PASSES else "compute",
        },
        "model": _model(shape, dropout).model_dump(include={"layers", "width", "heads", "dropout"})
        | {"kv_heads": heads // 2 if heads % 2 == 0 else None, "feedforward": None},
        "training": {
            "epochs": round(passes, 2) if passes >= 1 else 1.0,
            "tokens": tokens,
            "validations_per_epoch": max(1, round(6 / passes)) if passes < 4 else 1,
        },
        "experiments": {"tokens": 300_000 if minutes >= 10 else 100_000},
        "evaluation": {"test_megabytes": 2.0 if minutes >= 60 else 0.5},
    }
    lines = [
        f"text: {size / 1e6:,.1f} MB in {count} documents, "
        f"about {text_tokens / 1e6:,.2f} million tokens",
        f"this machine trains {layers} layers of {width} at about {speed[shape]:,.0f} tokens a "
        f"second: in {seconds / 60:.0f} minutes of training {passes:.2g} passes over the text",
    ]
    if passes < WANTED_PASSES:
        need = WANTED_PASSES * text_tokens / speed[shape] / 60 + _other_stages(size) / 60
        lines.append(f"three passes would take about --minutes {need:.0f}")
    return Plan(overlay, lines)


def measure_speed(
    model_params: ModelParams, vocabulary: int, steps: int = 4, batch: int = 8
) -> float:
    """Tokens a second of the real training step on this machine, after one step to warm up."""
    import numpy as np
    import torch

    from pipeline.models import ModelConfig, build_model
    from pipeline.training.batches import Batches
    from pipeline.training.learner import Learner
    from pipeline.training.loop import Plan as TrainingPlan
    from pipeline.training.loop import train
    from pipeline.training.precision import choose_machine
    from pipeline.training.validate import Held

    machine = choose_machine(TrainingParams(compile="off"))
    torch.manual_seed(0)
    model = build_model(ModelConfig.from_params(model_params, vocabulary))
    model.to(machine.device)
    random = np.random.default_rng(0)
    tokens = random.integers(0, vocabulary, 4 * batch * model_params.context + 2)
    optimizer = OptimizerParams(batch=batch)
    plan = TrainingPlan(steps + 1, steps + 1, frozenset(), batch * model_params.context)
    events = train(
        Learner(model, optimizer, machine),
        Batches(tokens, model_params.context, batch, 0),
        Held(tokens, np.ones(vocabulary)),
        plan,
        optimizer,
        machine,
    )
    next(events)
    started = time.monotonic()
    for _ in events:
        pass
    return steps * plan.tokens_per_step / (time.monotonic() - started)


def _model(shape: int, dropout: float) -> ModelParams:
    layers, width, heads = SHAPES[shape]
    return ModelParams(layers=layers, width=width, heads=heads, dropout=dropout)


def _parameters(shape: int, vocabulary: int) -> int:
    """About how many parameters a shape has: 12 width squared a layer, and the embedding."""
    layers, width, _ = SHAPES[shape]
    return 12 * layers * width**2 + vocabulary * width


def _choose_shape(text_tokens: float, seconds: float, floor_speed: float, vocabulary: int) -> int:
    """The largest shape that time lets pass `WANTED_PASSES` times over a text that can feed it."""
    best = FLOOR
    for shape in range(FLOOR + 1, len(SHAPES)):
        speed = floor_speed * _parameters(FLOOR, vocabulary) / _parameters(shape, vocabulary)
        if (
            speed * seconds >= WANTED_PASSES * text_tokens * (1 if shape == best + 1 else 2)
            and _parameters(shape, vocabulary) <= text_tokens / 2
        ):
            best = shape
    return best


def _sizes(size: float) -> list[int]:
    """Vocabularies to try: more text feeds more tokens.

    The judge reads a small text twice or thrice, the run itself forty times: by then rare tokens
    are learnt by heart, which the judge does not see (docs/log.md). So the list ends early.
    """
    if size < 2e6:
        return [512, 1024] if size < 3e5 else [512, 1024, 2048]
    return [1024, 2048, 4096] if size < 4e6 else [2048, 4096, 8192]


def _proxy_megabytes(size: float, passes: float, minutes: float, sizes: int) -> float:
    """Text for each small model that judges a vocabulary: what the run itself reads, as far as a
    share of the time goes.

    A vocabulary judged on less than one pass over a small text comes out too large: what it costs
    that rare tokens are read again and again shows only when they are.
    """
    trainings = 2.5 * sizes  # two budgets, and a second seed for the best
    affordable = PROXY_SHARE * 60 * minutes * usable_cores() * PROXY_SPEED / trainings
    return round(min(max(affordable, 0.3), size * max(passes, 1) / 1e6), 2)


def _other_stages(size: float) -> float:
    """Seconds that cleaning, the sweep, the ladder and the benchmark take, roughly."""
    return 200 + 3.3 * size / 1e6


def _measure_text(source: FilesSource, base: Params) -> tuple[str, float]:
    """How many documents and bytes there are; counted, or estimated from the sizes of the files."""
    from pipeline.corpus.paths import list_files

    record = SourceRecord(name="the text", kind="files", licence=source.licence)
    count, size = 0, 0
    for text in _texts(source, base, record):
        count += 1
        size += len(text.encode())
        if size >= SAMPLE_BYTES:
            files, _ = list_files(source.path)
            plain = sum(f.path.stat().st_size * (4 if f.compression else 1) for f in files)
            return f"more than {count:,}", max(plain, size)
    return f"{count:,}", size


def _texts(source: FilesSource, base: Params, record: SourceRecord) -> Iterator[str]:
    for row in documents(source, base, record):
        yield row["text"]
