"""A batch that does not fit into memory: one line that says what would."""

import math
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from pipeline.errors import UserError
from pipeline.models import LanguageModel
from pipeline.training.learner import Learner
from pipeline.training.loss import LIMITS, Objective
from pipeline.training.precision import Machine


@contextmanager
def explained(
    learner: Learner, inputs: Tensor, accumulation: int, machine: Machine
) -> Iterator[None]:
    """Turn an error of the allocator into a line with the part of the batch that would fit.

    Raises:
        UserError: there is not enough memory for `inputs` in `accumulation` parts.
    """
    try:
        yield
        return
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        traceback.clear_frames(error.__traceback__)  # they hold the tensors of the forward pass
    rows = len(inputs) // accumulation
    while rows > 1:
        rows //= 2
        if _fits(learner, inputs[:rows], machine):
            raise UserError(_advice(len(inputs), accumulation, rows))
    raise UserError(
        "not even one window fits into memory: set training.checkpoint_layers to true, "
        "or choose a smaller model.context, model.width or model.layers"
    )


def out_of_memory(error: BaseException) -> bool:
    """Whether an allocator gave up, on a GPU or here."""
    words = ("out of memory", "can't allocate memory", "not enough memory", "bad allocation")
    kinds = (MemoryError, torch.OutOfMemoryError)
    return isinstance(error, kinds) or any(word in str(error).lower() for word in words)


def _fits(learner: Learner, inputs: Tensor, machine: Machine) -> bool:
    """Whether a forward and a backward pass of so many windows succeed."""
    for optimizer in learner.optimizers:
        optimizer.zero_grad(set_to_none=True)
    if machine.device == "cuda":
        torch.cuda.empty_cache()
    try:
        with machine.autocast():
            _, loss = Objective(learner.model)(inputs, inputs)
        if loss.requires_grad:
            loss.backward()
    except (RuntimeError, MemoryError) as error:
        if out_of_memory(error):
            return False
        raise
    return True


def check_memory(model: LanguageModel, batch: int, accumulation: int, machine: Machine) -> None:
    """Refuse a step that cannot fit, before the system kills whoever asks for it.

    Linux promises memory that it does not have and ends the process when it is touched, so on a CPU
    there is no error to explain. What is counted is less than what is used: weights, gradients and
    one moment; for each place and layer eight vectors of the width, unless layers are computed
    again; one chunk of logits with its gradient.

    Raises:
        UserError: even that is more than is free.
    """
    free = free_memory()
    if machine.device != "cpu" or free is None:
        return
    config = model.config
    fixed = 12 * model.size()
    layers, width = (
        (1, 0) if config.family in ("bigram", "ngram") else (config.layers, config.width)
    )
    each = 1 if model.checkpoint_layers else 8
    size = 4 if machine.precision == "float32" else 2

    def needed(rows: int) -> int:
        places = rows * config.context
        logits = min(places * config.vocabulary, max(LIMITS["cpu"], config.vocabulary))
        return fixed + places * layers * width * each * size + 2 * size * logits

    if needed(batch // accumulation) <= free:
        return
    rows = batch // accumulation
    while rows > 1 and needed(rows) > free:
        rows //= 2
    if needed(rows) > free:
        raise UserError(
            f"the model with one window takes more than {needed(rows) / 1e9:,.1f} GB of memory, "
            f"and {free / 1e9:,.1f} GB are free: choose a smaller model.context, model.width, "
            "model.layers or tokenizer"
        )
    raise UserError(_advice(batch, accumulation, rows))


def _advice(batch: int, accumulation: int, rows: int) -> str:
    parts = next(n for n in range(math.ceil(batch / rows), batch + 1) if batch % n == 0)
    return (
        f"{batch // accumulation} windows at a time do not fit into memory, but {batch // parts} "
        f"do: set training.accumulation to {parts} (the result stays the same)"
    )


def free_memory() -> int | None:
    """Bytes that this process may still take: of the machine, or of its control group; None where
    the system does not say."""
    free = []
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                free.append(int(line.split()[1]) * 1024)
        group = Path("/sys/fs/cgroup")
        most = (group / "memory.max").read_text().strip()
        if most != "max":
            free.append(int(most) - int((group / "memory.current").read_text()))
    except (OSError, ValueError):
        pass
    return min(free, default=None)
