"""Every kind of tokenizer behind one function: a kind, a text, some sizes; a tokenizer for each.

Each keeps every text as it is: `decode(encode(text)) == text` for any Unicode, and the bytes of
its tokens add up to the text's. What a sweep over several sizes costs:

- `byte_bpe`, `bpe`, `wordpiece`, `scratch_bpe`: the training of the largest size; the others are
  cut from it, and equal what a training at their size had given.
- `unigram`: the largest size is pruned further, as the method itself does it; see `unigram`.
- `characters`, `bytes`: there is one size.
"""

from collections.abc import Callable, Sequence

from tokenizers import Tokenizer

from pipeline.params import UNSIZED
from pipeline.tokenization.plain import bytes_alone, characters
from pipeline.tokenization.scratch import train_scratch_bpe
from pipeline.tokenization.train import cut, train_bpe, train_metaspace_bpe, train_wordpiece
from pipeline.tokenization.unigram import train_unigram

CUT: dict[str, Callable[[Sequence[str], int, int], Tokenizer]] = {
    "byte_bpe": train_bpe,
    "bpe": train_metaspace_bpe,
    "wordpiece": train_wordpiece,
    "scratch_bpe": train_scratch_bpe,
}


def train_sizes(kind: str, texts: Sequence[str], sizes: Sequence[int]) -> dict[int, Tokenizer]:
    """Train one kind of tokenizer, for each size that it is asked for.

    Returns:
        A tokenizer for each size, in ascending order. The kinds in `UNSIZED` have one size of
        their own and ignore `sizes`.

    Raises:
        UserError: the text supports fewer tokens than the largest size, or a size is too small.
    """
    if kind in UNSIZED:
        tokenizer = bytes_alone() if kind == "bytes" else characters(texts)
        return {tokenizer.get_vocab_size(): tokenizer}
    if kind == "unigram":
        return train_unigram(texts, sizes)
    largest = CUT[kind](texts, max(sizes), min(sizes))
    return {size: cut(largest, size) for size in sorted(sizes)}
