"""Train a tokenizer for each size, measure them, and let a small model judge each."""

from pathlib import Path

from pipeline.files import write_json
from pipeline.params import ModelParams, Params
from stages import run


def main(params: Params) -> None:
    """Write data/tokenizer_sweep and, for the eyes only, reports/tokenizer_seconds.json."""
    from pipeline.tokenization.sweep import sweep
    from pipeline.training.quick import train_quickly

    seconds = sweep(
        params.tokenizer,
        params.model.dropout,
        lambda vocabulary: cost_of_token(params.model, vocabulary),
        Path("data/clean"),
        Path("data/tokenizer_sweep"),
        train_quickly,
    )
    write_json(Path("reports/tokenizer_seconds.json"), {"seconds": seconds})


def cost_of_token(model: ModelParams, vocabulary: int) -> float:
    """Operations of training the model to come on one token; 1 where it multiplies nothing."""
    import torch

    from pipeline.models import ModelConfig, build_model
    from pipeline.training.speed import operations_per_token

    with torch.device("meta"):
        return operations_per_token(build_model(ModelConfig.from_params(model, vocabulary))) or 1.0


if __name__ == "__main__":
    run(main)
