"""Every kind of tokenizer behind one function: a kind, a text, some sizes; a tokenizer for each."""

from collections.abc import Sequence

from tokenizers import Tokenizer

from pipeline.errors import UserError
from pipeline.tokenization.train import cut, train_bpe


def train_sizes(kind: str, texts: Sequence[str], sizes: Sequence[int]) -> dict[int, Tokenizer]:
    """Train one kind of tokenizer, for each size that it is asked for.

    Returns:
        A tokenizer for each size, in ascending order. The kinds `characters` and `bytes` have one
        size of their own and ignore `sizes`.

    Raises:
        UserError: the text supports fewer tokens than the largest size.
    """
    if kind == "byte_bpe":
        largest = train_bpe(texts, max(sizes))
        return {size: cut(largest, size) for size in sorted(sizes)}
    raise UserError(f"tokenizer.kinds holds {kind}, which is not built yet")
