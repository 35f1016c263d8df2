"""Measures the trained model on held-out text, minimal pairs and facts, beside chance and n-grams.

Without this nobody could say whether the model speaks its language or only looks as if.
"""

from pathlib import Path
from typing import Any

from pipeline.documents import write_json
from pipeline.errors import UserError
from pipeline.params import Params
from stages import run

MODEL, TOKENIZER = Path("data/model"), Path("data/tokenizer")
CLEAN, PROBES = Path("data/clean"), Path("data/probes")
REPORT = Path("reports/evaluation.json")


def main(params: Params) -> None:
    """Write reports/evaluation.json."""
    import torch

    from pipeline.evaluation.benchmark import run_benchmark
    from pipeline.models import load_model
    from pipeline.tokenization.tokenizer import fingerprint, load_tokenizer

    if params.training.threads:
        torch.set_num_threads(params.training.threads)
    model, tokenizer = load_model(MODEL)
    if fingerprint(tokenizer) != fingerprint(load_tokenizer(TOKENIZER)):
        raise UserError(
            f"the model in {MODEL} was trained with another tokenizer than the one in {TOKENIZER}: "
            "run `dvc repro` to train it anew"
        )
    result = run_benchmark(model, tokenizer, CLEAN, PROBES, params.evaluation, params.generation)
    write_json(REPORT, result)
    show(result)


def show(result: dict[str, Any]) -> None:
    """Print the headline figures, each beside what it must be seen against."""
    from rich.console import Console
    from rich.table import Table

    bits, pairs, facts = result["bits_per_byte"], result["minimal_pairs"], result["facts"]
    table = Table("measure", "model", "char 5-gram", "chance", "majority")
    five = bits["char_5gram"]
    rows = [
        ("bits per byte (test)", bits["model"], five, None, None),
        ("minimal pairs", pairs["accuracy"], pairs["char_5gram"], 0.5, None),
        (
            "minimal pairs, per byte",
            pairs["accuracy_per_byte"],
            pairs["char_5gram_per_byte"],
            0.5,
            None,
        ),
    ]
    if facts["questions"]:
        rows += [
            (name, facts[key], facts[beside], facts[chance], facts[majority])
            for name, key, beside, chance, majority in (
                ("facts, never told so", "accuracy", "char_5gram", "chance", "majority"),
                (
                    "same answer in all wordings",
                    "consistency",
                    "char_5gram_consistency",
                    "chance_consistency",
                    "majority_consistency",
                ),
            )
        ]
    for name, *values in rows:
        table.add_row(name, *("-" if value is None else f"{value:.3f}" for value in values))
    Console().print(table)


if __name__ == "__main__":
    run(main)
