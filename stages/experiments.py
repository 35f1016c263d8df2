"""One rung of the ladder: a small model of one variant, with the budget that all of them share."""

from pathlib import Path

from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.params import Params
from stages import run


def main(params: Params, name: str) -> None:
    """Write data/experiments/NAME.json for the variant `name` of params.experiments.

    What a clock or this machine's memory says goes to reports/experiment_costs/NAME.json.
    """
    from pipeline.tokenization.tokenizer import load_tokenizer
    from pipeline.training.data import read_tokens, token_lengths
    from pipeline.training.quick import train_quickly

    if name not in params.experiments.variants:
        known = ", ".join(params.experiments.variants)
        raise UserError(f"experiments.variants has no {name}: there are {known}")
    variant = params.experiments.variants[name]
    tokenizer = load_tokenizer(Path("data/tokenizer"))
    tokens = Path("data/tokens")
    shared = params.experiments
    results = [
        train_quickly(
            variant.model,
            variant.training,
            read_tokens(tokens, "train", tokenizer),
            read_tokens(tokens, "validation", tokenizer),
            tokenizer.get_vocab_size(),
            token_lengths(tokenizer),
            shared.tokens,
            seed,
            f"experiment {name}, seed {seed}",
            budget_seconds=shared.seconds,
        )
        for seed in range(shared.seed, shared.seed + shared.seeds)
    ]
    bits = [result.bits_per_byte for result in results]
    seconds = sum(result.seconds for result in results)
    peaks = [result.peak_megabytes for result in results if result.peak_megabytes is not None]
    write_json(
        Path("data/experiments") / f"{name}.json",
        {
            "name": name,
            "family": variant.model.family,
            "optimizer": variant.training.optimizer,
            "parameters": results[0].parameters,
            "tokens": round(sum(result.tokens for result in results) / len(results)),
            "bits_per_byte": sum(bits) / len(bits),
            "spread": max(bits) - min(bits) if len(bits) > 1 else None,
            "bits_per_byte_by_seed": bits,
            "repeatable": shared.seconds is None,
            "losses": results[0].losses,
        },
    )
    write_json(
        Path("reports/experiment_costs") / f"{name}.json",
        {
            "seconds": round(seconds / len(results), 2),
            "tokens_per_second": round(sum(r.tokens for r in results) / max(seconds, 1e-9)),
            "peak_megabytes": round(max(peaks), 1) if peaks else None,
        },
    )


if __name__ == "__main__":
    run(main, argument=True)
