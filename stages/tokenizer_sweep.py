"""Train a tokenizer for each size, measure them, and let a small model judge each."""

from pathlib import Path

from pipeline.documents import write_json
from pipeline.params import Params
from stages import run


def main(params: Params) -> None:
    """Write data/tokenizer_sweep and, for the eyes only, reports/tokenizer_seconds.json."""
    from pipeline.tokenization.sweep import sweep
    from pipeline.training.quick import train_quickly

    seconds = sweep(
        params.tokenizer,
        params.model.dropout,
        Path("data/clean"),
        Path("data/tokenizer_sweep"),
        train_quickly,
    )
    write_json(Path("reports/tokenizer_seconds.json"), {"seconds": seconds})


if __name__ == "__main__":
    run(main)
