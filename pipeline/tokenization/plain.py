"""Tokenizers that merge nothing: bytes and characters. What they teach is what merging is worth."""

from collections import Counter
from collections.abc import Sequence

from tokenizers import Tokenizer, models

from pipeline.tokenization.cuts import by_bytes, by_characters
from pipeline.tokenization.tokenizer import BOS, byte_alphabet, byte_tokens
from pipeline.tokenization.train import finish


def bytes_alone() -> Tokenizer:
    """`BOS` and the 256 bytes, whatever the text is."""
    return finish(by_bytes(models.BPE(_numbered([BOS, *sorted(byte_alphabet())]), [])))


def characters(texts: Sequence[str]) -> Tokenizer:
    """`BOS`, 256 byte tokens, and every character that the text has twice.

    A letter that is not there, such as one that was never seen, is encoded by its bytes.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    seen = sorted(character for character, count in counts.items() if count > 1)
    vocabulary = _numbered([BOS, *byte_tokens(), *seen])
    return finish(by_characters(models.BPE(vocabulary, [], byte_fallback=True)))


def _numbered(tokens: Sequence[str]) -> dict[str, int]:
    return {token: index for index, token in enumerate(tokens)}
