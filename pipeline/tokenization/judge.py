"""The judge of a tokenizer: a small model trained on it, measured in bits per byte.

Every tokenizer gets the same model, and windows and a budget of the same number of bytes, so all
see the same text in the same number of steps; they differ in the vocabulary alone. Bits per byte
compare across tokenizers where bits per token cannot. On Tatar, other seeds move them by 0.3 %. The
training itself comes from the caller: models stand above tokenizers and are not known here.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from tokenizers import Tokenizer

from pipeline.params import ModelParams, OptimizerParams
from pipeline.tokenization.tokenizer import bos_id, token_bytes
from pipeline.tokenization.words import WordEncoder, pack

WINDOW_BYTES = 400
OPTIMIZER = OptimizerParams(batch=8)


class Verdict(Protocol):
    """What is read of a finished training."""

    @property
    def bits_per_byte(self) -> float: ...

    @property
    def seconds(self) -> float: ...


class Train(Protocol):
    """`pipeline.training.quick.train_quickly`, as far as the judge needs it."""

    def __call__(
        self,
        model_params: ModelParams,
        optimizer: OptimizerParams,
        tokens: np.ndarray,
        validation: np.ndarray,
        vocabulary: int,
        token_bytes: np.ndarray,
        budget_tokens: int,
        seed: int,
        description: str,
    ) -> Verdict: ...


def judge(
    tokenizer: Tokenizer,
    texts: Sequence[str],
    held_out: Sequence[str],
    megabytes: float,
    seed: int,
    train: Train,
) -> Verdict:
    """Train a small model on `megabytes` of `texts`, repeated if need be; measure on `held_out`."""
    tokens, held = as_stream(tokenizer, texts), as_stream(tokenizer, held_out)
    lengths = np.array([len(token) for token in token_bytes(tokenizer)], np.int64)
    bytes_per_token = lengths[tokens].mean()
    context = max(8, round(WINDOW_BYTES / bytes_per_token))
    return train(
        model_params=ModelParams(
            family="modern", layers=2, width=96, heads=3, context=context, dropout=0.0
        ),
        optimizer=OPTIMIZER,
        tokens=tokens,
        validation=held,
        vocabulary=tokenizer.get_vocab_size(),
        token_bytes=lengths,
        budget_tokens=round(megabytes * 1e6 / bytes_per_token),
        seed=seed,
        description=f"small model on {tokenizer.get_vocab_size()} tokens",
    )


def as_stream(tokenizer: Tokenizer, texts: Sequence[str]) -> np.ndarray:
    """int64[tokens]: all texts one after the other, each begun by `BOS`."""
    encoder = WordEncoder(tokenizer)
    begin = pack([bos_id(tokenizer)], encoder.dtype)
    packed = b"".join(begin + text for text in encoder.pack(texts))
    return np.frombuffer(packed, encoder.dtype).astype(np.int64)
