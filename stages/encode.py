"""Encode the cleaned documents with the chosen tokenizer."""

from pathlib import Path

from pipeline.params import Params
from stages import run


def main(params: Params) -> None:
    """Write data/tokens."""
    from pipeline.tokenization.encode import encode_splits
    from pipeline.tokenization.tokenizer import bos_token, load_tokenizer

    tokenizer = load_tokenizer(Path("data/tokenizer"))
    records = encode_splits(Path("data/clean"), tokenizer, Path("data/tokens"))
    for split, record in records.items():
        print(
            f"encode: {split} {record['documents']:,} documents, {record['tokens']:,} tokens, "
            f"{record['bytes'] / record['tokens']:.2f} bytes a token"
        )
    if spelt := sum(record["documents_with_special_token"] for record in records.values()):
        print(
            f"encode: {spelt:,} documents hold the letters of a special token such as "
            f"{bos_token(tokenizer)}: they are encoded as plain text, so no document begins or "
            "ends there"
        )


if __name__ == "__main__":
    run(main)
