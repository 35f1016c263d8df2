"""BPE tokenizers that were cut from one training share one encoding of a text.

A smaller BPE vocabulary does the first merges of a larger one. Later merges only join what the
first ones left, and never reach across the border of a token. So the smaller tokenizer's encoding
is the larger one's with every token replaced by what the smaller makes of it: text is encoded and
counted once, and each smaller size costs a pass over the vocabulary.
"""

from typing import Any

import numpy as np
from tokenizers import Tokenizer

from pipeline.tokenization.measure import Counts


def is_cut_of(small: dict[str, Any], large: dict[str, Any]) -> bool:
    """Whether a tokenizer's JSON is the beginning of another's: same cuts, first tokens, merges."""
    if small["model"]["type"] != "BPE":
        return False
    if any(small[key] != large[key] for key in ("normalizer", "pre_tokenizer", "added_tokens")):
        return False
    return _begins(small["model"], large["model"])


def _begins(small: dict[str, Any], large: dict[str, Any]) -> bool:
    rest = [{k: v for k, v in m.items() if k not in ("vocab", "merges")} for m in (small, large)]
    if rest[0] != rest[1] or small.get("dropout"):
        return False
    vocabulary = large["vocab"]
    return large["merges"][: len(small["merges"])] == small["merges"] and all(
        vocabulary.get(token) == index for token, index in small["vocab"].items()
    )


def cut_counts(counts: Counts, large: Tokenizer, small: Tokenizer) -> Counts:
    """The counts of `small`, from those of `large`, of which it is a cut."""
    size = small.get_vocab_size()
    ids: list[int] = list(range(size))
    lengths = np.ones(large.get_vocab_size(), np.int64)
    for index in range(size, len(lengths)):
        parts = [token.id for token in small.model.tokenize(large.id_to_token(index))]
        ids += parts
        lengths[index] = len(parts)
    which = np.array(ids, np.int64)

    def spread(counted: np.ndarray) -> np.ndarray:
        """Every occurrence of a token of `large` as occurrences of its parts."""
        spread = np.bincount(which, np.repeat(counted, lengths), size)
        return spread.astype(np.int64)  # exact: sums of whole numbers far below 2^53

    whole = np.where(lengths == 1, counts.words, 0)
    return Counts(spread(counts.train), spread(counts.held_out), spread(whole))
