"""Byte-level BPE (Sennrich et al. 2016; bytes as in GPT-2), trained once for every size of a sweep.

BPE adds one merge after the other, so the tokenizer of 1,000 tokens is the beginning of the one of
2,000: `cut` takes it from there, and a sweep over many sizes costs one training.

Text is cut into words before it is merged, and no token crosses a cut. The cuts suit languages that
English tools forget: combining marks and joiners stay with their letter, apostrophes inside a word
stay (Kinyarwanda n'umwana), a word takes the space before it along, and numbers fall into digits,
so that 2024 is not one name among thousands.
"""

import json
import sys
from collections.abc import Sequence

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from pipeline.errors import UserError
from pipeline.tokenization.sample import groups
from pipeline.tokenization.tokenizer import BOS, prepare

LETTERS = r"[\p{L}\p{M}\u200C\u200D]+"
WORDS = (
    rf" ?{LETTERS}(?:['’‘`]{LETTERS})*"  # a word with the space before it
    r"| ?\p{N}"  # one digit
    r"| ?[^\s\p{L}\p{M}\p{N}\u200C\u200D]+"  # punctuation and symbols
    r"|\s+(?!\S)"  # white space, less the last one before a word
    r"|\s+"
)


def untrained() -> Tokenizer:
    """Byte-level BPE without vocabulary: how text is cut, and how tokens become text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def train_bpe(texts: Sequence[str], size: int) -> Tokenizer:
    """Train a vocabulary of exactly `size` tokens: `BOS`, the 256 bytes, then merges by frequency.

    A merge must be seen twice; a text that has fewer such merges does not support the size.

    Raises:
        UserError: the text supports fewer tokens.
    """
    tokenizer = untrained()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=[AddedToken(BOS, special=True, normalized=False)],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=sys.stderr.isatty(),
    )
    tokenizer.train_from_iterator(groups(texts), trainer, length=len(texts))
    supported = tokenizer.get_vocab_size()
    if supported < size:
        raise UserError(
            f"tokenizer.sizes holds {size}, but the text to train the tokenizer on supports "
            f"only {supported} tokens: use sizes up to {max(257, supported // 2)}, more text, or a "
            "larger tokenizer.sample_megabytes"
        )
    return prepare(tokenizer, "the new tokenizer")


def cut(tokenizer: Tokenizer, size: int) -> Tokenizer:
    """The first `size` tokens of a BPE tokenizer: what a training at that size would have given.

    Two pairs can merge into the same token, so merges are counted by the tokens that they add.
    """
    state = json.loads(tokenizer.to_str())
    model = state["model"]
    if size > len(model["vocab"]):
        raise ValueError(f"cannot cut {len(model['vocab'])} tokens to {size}")
    vocabulary = {token: index for token, index in model["vocab"].items() if index < size}
    merges = []
    missing = {token for token, index in vocabulary.items() if index > 256}
    for left, right in model["merges"]:
        if not missing:
            break
        merges.append([left, right])
        missing.discard(left + right)
    model["vocab"], model["merges"] = vocabulary, merges
    return prepare(Tokenizer.from_str(json.dumps(state, ensure_ascii=False)), "the cut tokenizer")
