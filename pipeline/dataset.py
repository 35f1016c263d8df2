"""The encoded text as a `torch` data set, for those who bring their own training loop.

    from pipeline.dataset import TokenDataset

    data = TokenDataset.from_split("train", window=128)
    inputs, targets = data[0]

docs/own-loop.md has a whole loop. The pipeline's own training does not use this: its batches are a
function of the step, so that a run can be resumed (`pipeline.training.batches`).
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.utils.data import Dataset

from pipeline.errors import UserError
from pipeline.tokenization.encode import SPLITS
from pipeline.tokenization.tokenizer import bos_id, encode_batch, load_tokenizer
from pipeline.training.data import read_tokens

AT_ONCE = 1 << 22  # tokens that are looked at together when ids are checked


class TokenDataset(Dataset[tuple[Tensor, Tensor]]):
    """Windows over one long row of tokens: item i is what stands from `i * stride` on.

    An item is (inputs, targets), both int64 [window]; the targets are the inputs moved on by one
    token. With the default stride of one window every token but the first is a target at most once;
    with a smaller one, windows overlap. Tokens that fill no whole window at the end are left out.
    Documents follow each other, each begun by the token that begins a text, and windows do not stop
    at their ends.

    Args:
        tokens: ids, of any integer type, [tokens]; may be memory-mapped.
        vocabulary: how many ids there are.
        window: tokens of an item.
        stride: from the beginning of one window to that of the next; None for `window`.
        name: what the tokens are called in a message.

    Raises:
        UserError: there are too few tokens for one window, or an id outside the vocabulary.
    """

    def __init__(
        self,
        tokens: np.ndarray,
        vocabulary: int,
        window: int,
        stride: int | None = None,
        name: str = "the text",
    ) -> None:
        self.tokens, self.window, self.stride = tokens, window, stride or window
        if window < 1 or self.stride < 1 or stride == 0:
            raise UserError(f"window: {window} and stride: {stride} must be at least 1")
        if len(tokens) <= window:
            raise UserError(
                f"{name} has {len(tokens):,} tokens, too few for a window of {window:,} and the "
                f"token behind it: set window to at most {max(len(tokens) - 1, 0):,}"
            )
        parts = range(0, len(tokens), AT_ONCE)
        largest = max(int(tokens[start : start + AT_ONCE].max()) for start in parts)
        if largest >= vocabulary:
            raise UserError(
                f"{name} has the token id {largest:,}, but the tokenizer's ids end at "
                f"{vocabulary - 1:,}: encode the text with this tokenizer (`dvc repro encode`)"
            )

    @classmethod
    def from_split(
        cls,
        split: str,
        window: int,
        stride: int | None = None,
        tokens: Path | str = "data/tokens",
        tokenizer: Path | str = "data/tokenizer",
    ) -> "TokenDataset":
        """The tokens that the stage `encode` wrote, on disk until they are touched.

        Args:
            split: train, validation or test.

        Raises:
            UserError: there is no such split, its files are damaged or of another tokenizer, or as
                the class says.
        """
        if split not in SPLITS:
            raise UserError(f"there is no split {split!r}: take one of {', '.join(SPLITS)}")
        loaded = load_tokenizer(Path(tokenizer))
        found = read_tokens(Path(tokens), split, loaded)
        return cls(found, loaded.get_vocab_size(), window, stride, f"the split {split}")

    @classmethod
    def from_texts(
        cls, texts: Iterable[str], tokenizer: Tokenizer, window: int, stride: int | None = None
    ) -> "TokenDataset":
        """Texts of your own, encoded in memory, each behind the token that begins a text.

        Args:
            tokenizer: as `load_tokenizer` gives it.

        Raises:
            UserError: as the class says.
        """
        begin, given = bos_id(tokenizer), list(texts)
        for number, text in enumerate(given):
            if not isinstance(text, str):
                raise UserError(f"text {number} is {type(text).__name__}, not text: leave it out")
        encoded = encode_batch(tokenizer, given)
        ids = [token for text in encoded for token in (begin, *text)]
        return cls(np.array(ids, dtype=np.uint32), tokenizer.get_vocab_size(), window, stride)

    def __len__(self) -> int:
        return (len(self.tokens) - self.window - 1) // self.stride + 1

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"window {index} of {len(self)}")
        start = index % len(self) * self.stride
        row = torch.from_numpy(self.tokens[start : start + self.window + 1].astype(np.int64))
        return row[:-1], row[1:]

    def __getstate__(self) -> dict[str, Any]:
        """For worker processes that are not forked: the name of a mapped file, not its contents."""
        state = dict(self.__dict__)
        if isinstance(self.tokens, np.memmap):
            state["tokens"] = (self.tokens.filename, self.tokens.dtype)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if isinstance(state["tokens"], tuple):
            path, dtype = state["tokens"]
            state = state | {"tokens": np.memmap(path, dtype=dtype, mode="r")}
        self.__dict__.update(state)
