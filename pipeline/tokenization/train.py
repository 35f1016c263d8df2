"""BPE and WordPiece, trained by the library once for every size of a sweep.

Byte pair encoding (Sennrich et al. 2016, https://aclanthology.org/P16-1162) adds one merge after
the other, so the tokenizer of 1,000 tokens is the beginning of the one of 2,000: `cut` takes it
from there, and a sweep over many sizes costs one training. WordPiece, as the library and most
others train it, takes the vocabulary that merges give, and is cut as well.

A merge must be seen twice; a text that has fewer such merges does not support the size. Whoever
will cut to a `smallest` size names it, so that one below the alphabet is refused before training.
"""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers, trainers

from pipeline.errors import UserError
from pipeline.tokenization.cuts import (
    CONTINUES,
    LITERAL,
    METASPACE,
    by_bytes,
    by_metaspace,
    by_word_pieces,
)
from pipeline.tokenization.sample import groups
from pipeline.tokenization.tokenizer import BOS, byte_alphabet, byte_tokens, prepare

COVERED = 0.9995  # share of the text's characters that get a token; the default of SentencePiece


def train_bpe(texts: Sequence[str], size: int, smallest: int | None = None) -> Tokenizer:
    """Byte-level BPE of exactly `size` tokens: `BOS`, the 256 bytes, then merges by frequency.

    Raises:
        UserError: the text supports fewer tokens.
    """
    vocabulary, merges = _merge(
        "byte_bpe", by_bytes(models.BPE()), texts, (smallest or size, size), byte_alphabet()
    )
    return finish(by_bytes(models.BPE(vocabulary, merges)))


def train_metaspace_bpe(texts: Sequence[str], size: int, smallest: int | None = None) -> Tokenizer:
    """BPE over characters: `BOS`, 256 byte tokens, `LITERAL`, the characters, then merges.

    Characters that are too rare for a token are encoded by their bytes.

    Raises:
        UserError: the text supports fewer tokens, or has as many characters.
    """
    form = by_metaspace(models.BPE())
    alphabet = frequent_characters(texts, form)
    vocabulary, merges = _merge(
        "bpe", form, texts, (smallest or size, size), alphabet, [*byte_tokens(), LITERAL]
    )
    escape = (LITERAL[0], LITERAL[1])  # the first merge, so that no other takes the ▁ away
    merges = [escape, *(merge for merge in merges if merge != escape)]
    return finish(by_metaspace(models.BPE(vocabulary, merges, byte_fallback=True)))


def train_wordpiece(texts: Sequence[str], size: int, smallest: int | None = None) -> Tokenizer:
    """WordPiece over bytes: `BOS`, the bytes that continue a word, those that begin one, pieces.

    A word is cut from its beginning into the longest pieces there are (Schuster & Nakajima 2012).
    Since every byte is there, no word is unknown. The library numbers the continuing bytes in the
    random order of a hash table, and ties between merges follow the numbers, so its own training
    does not repeat; here they are numbered beforehand.

    Raises:
        UserError: the text supports fewer tokens.
    """
    form, alphabet = by_word_pieces(models.BPE()), byte_alphabet()
    continuing = [CONTINUES + letter for letter in sorted(alphabet)]
    vocabulary, _ = _merge(
        "wordpiece", form, texts, (smallest or size, size), alphabet, continuing, CONTINUES
    )
    return finish(by_word_pieces(_word_piece(vocabulary)))


def cut(tokenizer: Tokenizer, size: int) -> Tokenizer:
    """The first `size` tokens of a BPE or WordPiece: what a training at that size had given.

    Two pairs can merge into the same token, so merges are counted by the tokens that they add.
    """
    state = json.loads(tokenizer.to_str())
    model = state["model"]
    if size > len(model["vocab"]):
        raise ValueError(f"cannot cut {len(model['vocab'])} tokens to {size}")
    vocabulary = {token: index for token, index in model["vocab"].items() if index < size}
    if "merges" in model:
        merges = []
        parts = {left + right for left, right in model["merges"]}
        missing = {token for token in vocabulary if token in parts}
        for left, right in model["merges"]:
            if not missing:
                break
            merges.append([left, right])
            missing.discard(left + right)
        model["merges"] = merges
    model["vocab"] = vocabulary
    return prepare(Tokenizer.from_str(json.dumps(state, ensure_ascii=False)), "the cut tokenizer")


def frequent_characters(texts: Sequence[str], form: Tokenizer) -> list[str]:
    """The characters that make up `COVERED` of the text as `form` spells it, sorted.

    The two of `LITERAL` are always among them. On a tie the smaller code point is taken.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(form.normalizer.normalize_str(text) if form.normalizer else text)
    counts[METASPACE] += counts.pop(" ", 0)
    left = COVERED * counts.total()
    kept = set(LITERAL)
    for character, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        if left <= 0 or count < 2:
            break
        kept.add(character)
        left -= count
    return sorted(kept)


def without_others(form: Tokenizer, alphabet: Sequence[str]) -> Tokenizer:
    """Cut words of `form` at every character outside `alphabet`, and leave that out: for training.

    The library would leave it out and join what stood on both sides.
    """
    known = "".join(rf"\x{{{ord(character):X}}}" for character in alphabet)
    pieces = pre_tokenizers.Split(Regex(f"[^{known}]"), "removed")
    form.pre_tokenizer = pre_tokenizers.Sequence([form.pre_tokenizer, pieces])
    return form


def finish(tokenizer: Tokenizer) -> Tokenizer:
    """Name `BOS`, which is in the vocabulary, as the special token that it is."""
    tokenizer.add_special_tokens([AddedToken(BOS, special=True, normalized=False)])
    return prepare(tokenizer, "the new tokenizer")


def refuse_size(kind: str, size: int, supported: int, least: int) -> UserError:
    """The error of a text that supports `supported` tokens where `size` are asked for."""
    if size < least:
        return UserError(
            f"tokenizer.sizes holds {size}, but {kind} needs {least:,} tokens for the letters of "
            "this text alone: use larger sizes"
        )
    return UserError(
        f"tokenizer.sizes holds {size}, but the text to train {kind} on supports only {supported} "
        f"tokens: use sizes up to {max(least, supported // 2)}, more text, or a larger "
        "tokenizer.sample_megabytes"
    )


def _merge(
    kind: str,
    form: Tokenizer,
    texts: Sequence[str],
    sizes: tuple[int, int],
    alphabet: Sequence[str] | dict[str, int],
    reserved: Sequence[str] = (),
    prefix: str | None = None,
) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Let the library merge: the vocabulary by id, and the merges in their order.

    The first ids are those of `BOS`, `reserved` and `alphabet`; `sizes` are the smallest, which
    must hold them, and the one to train.
    """
    least, size = 1 + len(reserved) + len(alphabet), sizes[1]
    if sizes[0] < least:
        raise refuse_size(kind, sizes[0], 0, least)
    if not isinstance(alphabet, dict):
        form = without_others(form, alphabet)
    options: dict[str, Any] = {"continuing_subword_prefix": prefix} if prefix else {}
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=[BOS, *reserved],
        initial_alphabet=list(alphabet),
        show_progress=sys.stderr.isatty(),
        **options,
    )
    form.train_from_iterator(groups(texts), trainer, length=len(texts))
    model = json.loads(form.to_str())["model"]
    if len(model["vocab"]) < size:
        raise refuse_size(kind, size, len(model["vocab"]), least)
    return model["vocab"], [(left, right) for left, right in model["merges"]]


def _word_piece(vocabulary: dict[str, int]) -> models.WordPiece:
    return models.WordPiece(
        vocabulary,
        unk_token=BOS,  # the model wants one; no word is unknown to it
        continuing_subword_prefix=CONTINUES,
        max_input_chars_per_word=1_000_000,
    )
