"""Token files, read back: memory-mapped, and checked against the tokenizer that made them."""

from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from pipeline.errors import UserError
from pipeline.files import read_json
from pipeline.tokenization.tokenizer import fingerprint, token_bytes


def read_tokens(folder: Path, split: str, tokenizer: Tokenizer) -> np.ndarray:
    """The tokens of a split, uint16 or uint32 [tokens], on disk until they are touched.

    Raises:
        UserError: the file is missing, shorter than it says, or made with another tokenizer.
    """
    record = read_json(folder / f"{split}.json")
    if record["tokenizer"] != fingerprint(tokenizer):
        raise UserError(
            f"{folder / split}.bin was made with another tokenizer: run `dvc repro encode`"
        )
    path = folder / f"{split}.bin"
    if not path.is_file():
        raise UserError(f"{path} is missing: run `dvc repro encode`")
    tokens = np.memmap(path, dtype=np.dtype(record["dtype"]).newbyteorder("<"), mode="r")
    if len(tokens) != record["tokens"]:
        raise UserError(
            f"{path} has {len(tokens):,} tokens where {record['tokens']:,} were written: "
            "delete data/tokens and run `dvc repro encode`"
        )
    return tokens


def token_lengths(tokenizer: Tokenizer) -> np.ndarray:
    """The length in bytes of each token, int64 [vocabulary]; 0 for the beginning-of-text token."""
    return np.array([len(raw) for raw in token_bytes(tokenizer)], dtype=np.int64)
