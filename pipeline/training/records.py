"""What a finished training leaves to read: a record beside the weights, a report, curves."""

import csv
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import torch

from pipeline.files import atomic_folder, write_json, write_text
from pipeline.params import Params
from pipeline.training.checkpoints import Progress
from pipeline.training.loop import Plan
from pipeline.training.precision import Machine
from pipeline.training.speed import Costs

STEP_FIELDS = ("step", "tokens", "loss", "rate", "gradient_norm")


def model_record(
    params: Params, plan: Plan, parameters: int, machine: Machine, done: Progress
) -> dict[str, Any]:
    """What made the model, without clocks: equal runs write equal bytes."""
    return {
        "parameters": parameters,
        "steps": done.step,
        "tokens": done.step * plan.tokens_per_step,
        "weights_of_step": kept_step(params, done),
        "precision": machine.precision,
        "compile": machine.compile,
        "torch": torch.__version__,
        "model": params.model.model_dump(),
        "training": params.training.model_dump(),
    }


def kept_step(params: Params, done: Progress) -> int:
    """After which step the weights that are left are: the best, where params end a run early."""
    if params.training.patience is None or done.best is None:
        return done.step
    return done.best["step"]


def training_report(
    params: Params, plan: Plan, parameters: int, machine: Machine, done: Progress, costs: Costs
) -> dict[str, Any]:
    """What `reports/training.json` holds: sizes, speed, machine, every validation."""
    tokens = done.step * plan.tokens_per_step
    return {
        "family": params.model.family,
        "parameters": parameters,
        "context": params.model.context,
        "steps": done.step,
        "tokens": tokens,
        "weights_of_step": kept_step(params, done),
        "matrix_peak_gflops": round(costs.peak / 1e9, 1),
        "peak_share": costs.share(tokens / max(done.seconds, 1e-9)),
        "seconds": round(done.seconds, 1),
        "tokens_per_second": round(tokens / max(done.seconds, 1e-9)),
        "precision": machine.precision,
        "compile": machine.compile,
        "device": machine.device,
        "threads": machine.threads,
        "python": sys.version.split()[0],
        "torch": torch.__version__,
        "epochs": [
            {
                "epoch": round(entry["epoch"], 4),
                "step": entry["step"],
                "train_loss": entry["train_loss"],
                "validation_loss": entry["validation_loss"],
                "validation_bits_per_byte": entry["bits_per_byte"],
                "seconds": round(entry["seconds"], 1),
            }
            for entry in done.validations
        ],
    }


def curve(done: Progress, plan: Plan) -> list[dict[str, float]]:
    """Losses by step and by validation, at the tokens read by then; for the figure."""
    steps = [{"step": row[0], "tokens": row[1], "train_loss": row[2]} for row in done.steps]
    validations = [
        {
            "step": entry["step"],
            "tokens": entry["step"] * plan.tokens_per_step,
            "validation_loss": entry["validation_loss"],
        }
        for entry in done.validations
    ]
    return steps + validations


def write_reports(reports: Path, done: Progress, report: dict[str, Any]) -> None:
    """Write training.json, curves/steps.csv and curves/validation.csv."""
    write_json(reports / "training.json", report)
    with atomic_folder(reports / "curves") as partial:
        _write_csv(partial / "steps.csv", STEP_FIELDS, done.steps)
        fields = ("epoch", "step", "train_loss", "validation_loss", "bits_per_byte")
        rows = [[entry[name] for name in fields] for entry in done.validations]
        _write_csv(partial / "validation.csv", fields, rows)


def _write_csv(path: Path, names: tuple[str, ...], rows: list[list[float]]) -> None:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    write_text(path, text.getvalue())
