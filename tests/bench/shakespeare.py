"""Tiny Shakespeare by characters, on nanoGPT's split: what a given time on this machine buys.

`make bench PARTS=shakespeare`. TUGANTEL_CORPORA names a folder with english/tinyshakespeare.txt.
With NANOGPT=FOLDER (a clone, its data/shakespeare_char prepared) its recipe for a CPU runs first,
and its time on the clock, from start to end of the process, is the first of ours; without it that
is the 70 seconds which it took on a Xeon with AMX. The second time is ten minutes.

The loss is over the whole validation split, the last tenth of the text: every character once, in
windows that do not overlap (half of the characters see less than half of a window) and, beside it,
in windows that move on by half their length, as `tugantel score` does.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.project import ROOT

TEXT = "english/tinyshakespeare.txt"
RECIPE = {
    "device": "cpu",
    "compile": False,
    "eval_iters": 20,
    "log_interval": 1,
    "block_size": 64,
    "batch_size": 12,
    "n_layer": 4,
    "n_head": 4,
    "n_embd": 128,
    "max_iters": 2000,
    "lr_decay_iters": 2000,
    "dropout": 0.0,
}
WITHOUT, LONG = 70.0, 600.0
SHAPES = {  # what fits into the time: (layers, width, heads, dropout)
    False: (4, 128, 2, 0.0),
    True: (5, 192, 3, 0.2),
}
CONTEXT, BATCH, ROWS = 256, 16, 32
RESERVE = 8.0  # seconds kept for the validation at the end
SLOWER = {False: 1.06, True: 1.14}  # a whole run takes than its first steps say


def shakespeare(seconds: tuple[float, ...] = ()) -> None:
    """Train in each time in a process of its own, and print what came out."""
    corpora = os.environ.get("TUGANTEL_CORPORA")
    if corpora is None or not (Path(corpora) / TEXT).is_file():
        print(f"shakespeare: left out, TUGANTEL_CORPORA names no folder with {TEXT}")
        return
    for budget in seconds or (nanogpt(), LONG):
        started = time.perf_counter()
        command = [sys.executable, "-m", "tests.bench.shakespeare", str(Path(corpora) / TEXT)]
        said = subprocess.run(
            [*command, str(budget)], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
        )
        took = time.perf_counter() - started
        found = json.loads(said.stdout.splitlines()[-1])
        print(
            f"shakespeare: {took:.0f} s on the clock of {budget:.0f}: validation loss "
            f"{found['loss']:.4f} in windows one after another, {found['half']:.4f} by halves; "
            f"{found['parameters']:,} parameters, {found['tokens']:,} tokens, "
            f"{found['tokens_per_second']:,.0f} a second",
            flush=True,
        )


def nanogpt() -> float:
    """The seconds that nanoGPT's recipe for a CPU takes here."""
    folder = os.environ.get("NANOGPT")
    if folder is None:
        return WITHOUT
    started = time.perf_counter()
    options = [f"--{name}={value}" for name, value in RECIPE.items()]
    command = [sys.executable, "train.py", "config/train_shakespeare_char.py", *options]
    said = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True).stdout
    took = time.perf_counter() - started
    losses = [line for line in said.splitlines() if line.startswith("step ")]
    print(f"nanoGPT: {took:.0f} s on the clock; {losses[-1]}", flush=True)
    return took


def train_within(path: Path, seconds: float, started: float) -> dict[str, float]:
    """Train for what is left of the time, as a few steps before tell; losses in nats a token."""
    import numpy as np
    import torch

    from pipeline.models import ModelConfig, build_model
    from pipeline.params import ModelParams, OptimizerParams, TrainingParams
    from pipeline.training.batches import Batches
    from pipeline.training.learner import Learner
    from pipeline.training.loop import Plan, train
    from pipeline.training.precision import LONG as WORTH_COMPILING
    from pipeline.training.precision import choose_machine
    from pipeline.training.validate import Held

    text = path.read_text(encoding="utf-8")
    ids = {character: number for number, character in enumerate(sorted(set(text)))}
    data = np.array([ids[character] for character in text], dtype="<u2")
    cut = int(0.9 * len(data))
    layers, width, heads, dropout = SHAPES[seconds > 300]
    shape = ModelParams(layers=layers, width=width, heads=heads, context=CONTEXT, dropout=dropout)
    machine = choose_machine(TrainingParams(), WORTH_COMPILING if seconds > 300 else 0.0)
    torch.manual_seed(0)
    model = build_model(ModelConfig.from_params(shape, len(ids)))
    settings = OptimizerParams(batch=BATCH)
    batches, held = Batches(data[:cut], CONTEXT, BATCH, 0), Held(data[cut:], np.ones(len(ids)))
    begun = {name: value.clone() for name, value in model.state_dict().items()}

    def steps(count: int) -> float:
        plan = Plan(count, batches.steps_per_epoch, frozenset(), BATCH * CONTEXT)
        learner = Learner(model, settings, machine)
        marks = [
            time.perf_counter() for _ in train(learner, batches, held, plan, settings, machine)
        ]
        return (marks[-1] - marks[1]) / (count - 2)

    each = steps(12)
    model.load_state_dict(begun)
    left = seconds - RESERVE - (time.time() - started)
    count = max(10, int(left / (SLOWER[seconds > 300] * each)))
    each = steps(count)
    model.eval()
    return {
        "loss": whole_split(model, data[cut:], CONTEXT, CONTEXT),
        "half": whole_split(model, data[cut:], CONTEXT, CONTEXT // 2),
        "parameters": model.size(),
        "tokens": count * BATCH * CONTEXT,
        "tokens_per_second": BATCH * CONTEXT / each,
    }


def whole_split(model, tokens, context: int, stride: int) -> float:  # type: ignore[no-untyped-def]
    """The mean loss of every token but the first, each counted once, in windows that move on by
    `stride`; the last window ends with the text."""
    import numpy as np
    import torch
    import torch.nn.functional as F

    last = len(tokens) - 1 - context
    starts = np.array([*range(0, last, stride), last])
    total, counted = 0.0, 0
    for group in np.array_split(starts, len(starts) // ROWS + 1):
        rows = torch.from_numpy(tokens[group[:, None] + np.arange(context + 1)].astype(np.int64))
        with torch.inference_mode():
            logits = model(rows[:, :-1])[0]
            losses = F.cross_entropy(logits.transpose(1, 2), rows[:, 1:], reduction="none")
        for start, row in zip(group, losses.double(), strict=True):
            new = int(start) + context - counted
            total += row[-new:].sum().item()
            counted += new
    assert counted == len(tokens) - 1
    return total / counted


if __name__ == "__main__":
    STARTED = time.time()
    print(json.dumps(train_within(Path(sys.argv[1]), float(sys.argv[2]), STARTED)))
