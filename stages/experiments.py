"""One rung of the ladder: a small model of one variant, with the budget that all of them share."""

from pathlib import Path

from pipeline.documents import write_json
from pipeline.errors import UserError
from pipeline.params import Params
from stages import run


def main(params: Params, name: str) -> None:
    """Write data/experiments/NAME.json for the variant `name` of params.experiments."""
    from pipeline.tokenization.tokenizer import load_tokenizer
    from pipeline.training.data import read_tokens, token_lengths
    from pipeline.training.quick import train_quickly

    if name not in params.experiments.variants:
        known = ", ".join(params.experiments.variants)
        raise UserError(f"experiments.variants has no {name}: there are {known}")
    variant = params.experiments.variants[name]
    tokenizer = load_tokenizer(Path("data/tokenizer"))
    tokens = Path("data/tokens")
    result = train_quickly(
        variant.model,
        variant.training,
        read_tokens(tokens, "train", tokenizer),
        read_tokens(tokens, "validation", tokenizer),
        tokenizer.get_vocab_size(),
        token_lengths(tokenizer),
        params.experiments.tokens,
        params.experiments.seed,
        f"experiment {name}",
    )
    write_json(
        Path("data/experiments") / f"{name}.json",
        {
            "name": name,
            "family": variant.model.family,
            "optimizer": variant.training.optimizer,
            "parameters": result.parameters,
            "tokens": result.tokens,
            "seconds": round(result.seconds, 2),
            "tokens_per_second": round(result.tokens / max(result.seconds, 1e-9)),
            "bits_per_byte": result.bits_per_byte,
            "losses": result.losses,
        },
    )


if __name__ == "__main__":
    run(main, argument=True)
