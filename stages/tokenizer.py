"""Choose one tokenizer of the sweep and write down why."""

import csv
from pathlib import Path
from typing import Any

from pipeline.files import atomic_file, atomic_folder, read_json, write_json
from pipeline.params import ModelParams, Params
from stages import run

MEASURED = (
    "bytes_per_token",
    "characters_per_token",
    "fertility",
    "words_whole",
    "renyi_efficiency",
    "vocabulary_used",
    "rare_share",
    "rare_text_share",
    "invalid_utf8_share",
    "vocabulary_parameters_share",
    "proxy_bits_per_byte",
)


def main(params: Params) -> None:
    """Write data/tokenizer, reports/tokenizer.json and the tables of reports/tokenizer."""
    from pipeline.tokenization.choose import choose, spread
    from pipeline.tokenization.sweep import MEASURES, TOKENS, name_of
    from pipeline.tokenization.tokenizer import load_tokenizer, save_tokenizer

    tried = Path("data/tokenizer_sweep")
    budget = params.tokenizer.budget
    sweep = read_json(tried / MEASURES)["sweep"]
    for entry in sweep:
        proxies = entry["proxies"]
        entry["vocabulary_parameters_share"] = vocabulary_share(params.model, entry["size"])
        entry["proxy_bits_per_byte"] = proxies[budget]["mean"] if proxies else None
    chosen, why = choose(sweep, params.tokenizer.choose, budget)
    kind, size = chosen["kind"], chosen["size"]
    tokenizer = load_tokenizer(tried / name_of(kind, size))
    with atomic_folder(Path("data/tokenizer")) as folder:
        save_tokenizer(tokenizer, folder)
    described = read_json(tried / TOKENS)
    with atomic_folder(Path("reports/tokenizer")) as folder:
        write_json(folder / "tokens.json", described)
        write_tables(sweep, {(e["kind"], e["size"]): described[name_of(e["kind"], e["size"])]
                             for e in sweep}, folder)  # fmt: skip
    judged = [entry for entry in sweep if entry["proxies"]]
    write_json(
        Path("reports/tokenizer.json"),
        {
            "chosen": {
                "kind": kind,
                "size": size,
                "why": why,
                "budget": budget,
                "spread": spread(judged, budget) if judged else None,
            },
            "sweep": sweep,
        },
    )
    print(f"tokenizer: {why}")


def write_tables(
    sweep: list[dict[str, Any]], described: dict[tuple[str, int], dict[str, Any]], folder: Path
) -> None:
    """The CSV files that DVC draws: measures by size, ranks and frequencies, and the tail."""
    from math import log2, log10

    names = {(e["kind"], e["size"]): f"{e['kind']} {e['size']}" for e in sweep}
    _write_csv(
        folder / "sweep.csv",
        [
            {"kind": e["kind"], "size": e["size"], "log2_size": log2(e["size"])}
            | {key: e[key] for key in MEASURED}
            for e in sweep
        ],
    )
    _write_csv(
        folder / "ranks.csv",
        [
            {"tokenizer": names[key], "log10_rank": log10(rank), "log10_count": log10(count)}
            for key, one in described.items()
            for rank, count in one["rank_frequency"]
        ],
    )
    _write_csv(
        folder / "tail.csv",
        [
            {"tokenizer": names[key], "log10_fewer_than": log10(row["fewer_than"])}
            | {"vocabulary": row["vocabulary"], "text": row["text"]}
            for key, one in described.items()
            for row in one["tail"]
        ],
    )


def _write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    with atomic_file(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


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
