"""Measures the trained model on held-out text, minimal pairs and facts, beside chance and n-grams.

Without this nobody could say whether the model speaks its language or only looks as if.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.params import Params
from stages import run

if TYPE_CHECKING:
    from pipeline.evaluation.benchmark import Loaded

MODEL, TOKENIZER = Path("data/model"), Path("data/tokenizer")
CLEAN, PROBES = Path("data/clean"), Path("data/probes")
HARNESS = Path("data/harness")  # the same pairs and choices as tasks of lm-evaluation-harness
REPORT = Path("reports/evaluation.json")


def main(params: Params) -> None:
    """Write reports/evaluation.json, and beside it what each item came to."""
    import torch

    from pipeline.evaluation.benchmark import Subject, run_benchmark
    from pipeline.evaluation.harness import write_harness
    from pipeline.evaluation.items import write_items
    from pipeline.reporting.benchmark_table import print_table

    if params.training.threads:
        torch.set_num_threads(params.training.threads)
    material, verdicts = run_benchmark([Subject("model", _load)], CLEAN, PROBES, params)
    result = verdicts["model"]
    model, tokenizer = _load()
    write_harness(HARNESS, material, tokenizer, model.config.context)
    write_json(REPORT, result.report)
    write_items(REPORT, "model", result.measures)
    print_table({"model": result.report})


def _load() -> "Loaded":
    from pipeline.models import load_model
    from pipeline.tokenization.tokenizer import fingerprint, load_tokenizer

    model, tokenizer = load_model(MODEL)
    if fingerprint(tokenizer) != fingerprint(load_tokenizer(TOKENIZER)):
        raise UserError(
            f"the model in {MODEL} was trained with another tokenizer than the one in {TOKENIZER}: "
            "run `dvc repro` to train it anew"
        )
    return model, tokenizer


if __name__ == "__main__":
    run(main)
