"""Choose one tokenizer of the sweep and write down why."""

from pathlib import Path

from pipeline.documents import atomic_folder, read_json, write_json
from pipeline.params import ModelParams, Params
from stages import run


def main(params: Params) -> None:
    """Write data/tokenizer and reports/tokenizer.json."""
    from pipeline.tokenization.choose import choose
    from pipeline.tokenization.sweep import MEASURES, name_of
    from pipeline.tokenization.tokenizer import load_tokenizer, save_tokenizer

    tried = Path("data/tokenizer_sweep")
    sweep = [
        entry | {"vocabulary_parameters_share": vocabulary_share(params.model, entry["size"])}
        for entry in read_json(tried / MEASURES)["sweep"]
    ]
    chosen, why = choose(sweep, params.tokenizer.choose)
    kind, size = chosen["kind"], chosen["size"]
    tokenizer = load_tokenizer(tried / name_of(kind, size))
    with atomic_folder(Path("data/tokenizer")) as folder:
        save_tokenizer(tokenizer, folder)
    write_json(
        Path("reports/tokenizer.json"),
        {"chosen": {"kind": kind, "size": size, "why": why}, "sweep": sweep},
    )
    print(f"tokenizer: {why}")


def vocabulary_share(model: ModelParams, size: int) -> float:
    """The share of the parameters of the model to come that a vocabulary of `size` tokens takes."""
    import torch

    from pipeline.models import ModelConfig, build_model

    def parameters(vocabulary: int) -> int:
        with torch.device("meta"):
            built = build_model(ModelConfig.from_params(model, vocabulary))
        return sum(parameter.numel() for parameter in built.parameters())

    return 1 - parameters(1) / parameters(size)


if __name__ == "__main__":
    run(main)
