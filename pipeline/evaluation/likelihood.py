"""How many bits a model needs for a text, so that any two models and tokenizers compare.

The bits of a text are -log2 p of its tokens after the beginning-of-text token, with no end token;
divided by the text's UTF-8 bytes they are *bits per byte*, in which the vocabulary cancels out (as
"bits per character" in Graves 2013, https://arxiv.org/abs/1308.0850, on bytes). A text longer than
the context goes through windows half a context apart: each token is scored once, with at least
half a context before it (the strided evaluation of
https://huggingface.co/docs/transformers/perplexity).
"""

import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from tokenizers import Tokenizer

from pipeline.progress import Progress
from pipeline.tokenization.tokenizer import bos_id, encode_batch

TOKENS_PER_BATCH = 8192
LOGITS_PER_BATCH = 1 << 24  # numbers: a large vocabulary gets smaller batches
CHARACTERS_PER_ROUND = 2_000_000  # texts are tokenized and sorted by length in rounds of so much


class Window(NamedTuple):
    """A stretch of a text that fits the context; its first `skip` targets are scored elsewhere."""

    text: int
    tokens: list[int]  # inputs and, one to the right, targets: at most context + 1
    skip: int


def text_bits(
    model: torch.nn.Module,
    tokenizer: Tokenizer,
    texts: list[str],
    progress: Progress | None = None,
    heads: list[str] | None = None,
) -> np.ndarray:
    """Total bits of each text, float64 `[len(texts)]`; an empty text costs none.

    Each text stands alone after the beginning-of-text token, so the result does not depend on what
    else is in `texts` (up to float32 rounding, below 1e-3 bits). `progress` advances by one for
    each text. With `heads`, with which the texts begin, only the tokens of each text count that
    come after as many as its head has by itself.
    """
    bits = np.zeros(len(texts))
    known = np.zeros(len(texts), dtype=np.int64)
    if heads is not None:
        known[:] = [len(ids) for ids in encode_batch(tokenizer, heads)]
    was_training, begin = model.training, bos_id(tokenizer)
    model.eval()
    try:
        for first, last in _rounds(texts):
            documents = [[begin, *ids] for ids in encode_batch(tokenizer, texts[first:last])]
            _add_bits(model, documents, bits[first:last], known[first:last], progress)
    finally:
        model.train(was_training)
    return bits


def first_halves(texts: list[str]) -> list[str]:
    """The first half of each text, by characters, rounded down.

    The Goldfish paper measures FLORES as the second half of each sentence given the first, so that
    no model is charged for finding out which language it reads (Chang et al. 2024,
    https://arxiv.org/abs/2408.10441, and its evaluation code: halves by characters).
    """
    return [text[: len(text) // 2] for text in texts]


def bits_per_byte(bits: np.ndarray, texts: list[str]) -> float | None:
    """Bits of all texts over their UTF-8 bytes; None where there is no text."""
    size = sum(utf8_bytes(text) for text in texts)
    return float(bits.sum()) / size if size else None


def utf8_bytes(text: str) -> int:
    """The length of `text` in UTF-8."""
    return len(text.encode("utf-8"))


def score_lines(
    model: torch.nn.Module, tokenizer: Tokenizer, lines: list[str], progress: Progress | None = None
) -> dict[str, Any]:
    """Bits and bytes of each line, scored alone, and bits per byte of all: `tugantel score`."""
    bits = text_bits(model, tokenizer, lines, progress)
    return {
        "bytes": sum(utf8_bytes(line) for line in lines),
        "bits_per_byte": bits_per_byte(bits, lines),
        "lines": [
            {"bits": float(cost), "bytes": utf8_bytes(line)}
            for cost, line in zip(bits, lines, strict=True)
        ],
    }


def windows(text: int, tokens: list[int], context: int, known: int = 0) -> Iterator[Window]:
    """Cut `[BOS] + ids` into windows of at most `context` inputs, half a context apart.

    The first `known` ids are read and not scored.

    >>> [(w.tokens, w.skip) for w in windows(0, [0, 1, 2, 3, 4, 5, 6], 4)]
    [([0, 1, 2, 3, 4], 0), ([2, 3, 4, 5, 6], 2)]
    """
    stride = max(1, context // 2)
    scored = 0  # targets so far; there are len(tokens) - 1 of them
    start = 0
    while scored < len(tokens) - 1:
        piece = tokens[start : start + context + 1]
        yield Window(text, piece, min(max(scored, known) - start, len(piece) - 1))
        scored = start + len(piece) - 1
        start += stride


def _rounds(texts: list[str]) -> Iterator[tuple[int, int]]:
    """Ranges of texts that hold a bounded number of characters."""
    first, held = 0, 0
    for index, text in enumerate(texts):
        held += len(text)
        if held >= CHARACTERS_PER_ROUND:
            yield first, index + 1
            first, held = index + 1, 0
    if first < len(texts):
        yield first, len(texts)


def _batches(pieces: list[Window], limit: int) -> Iterator[list[Window]]:
    """Windows of like length together; padded, a batch holds at most `limit` tokens."""
    batch: list[Window] = []
    for piece in sorted(pieces, key=lambda piece: len(piece.tokens), reverse=True):
        # the first of a batch is its longest
        if batch and (len(batch) + 1) * len(batch[0].tokens) > limit:
            yield batch
            batch = []
        batch.append(piece)
    if batch:
        yield batch


def _add_bits(
    model: torch.nn.Module,
    documents: list[list[int]],
    bits: np.ndarray,
    known: np.ndarray,
    progress: Progress | None,
) -> None:
    """Add each document's bits to `bits`, in place; its first `known` ids cost nothing."""
    config: Any = model.config
    pieces = [
        piece
        for index, tokens in enumerate(documents)
        for piece in windows(index, tokens, config.context, int(known[index]))
    ]
    left = np.bincount([piece.text for piece in pieces], minlength=len(documents))
    if progress is not None:
        progress.advance(int((left == 0).sum()))
    weights = next(itertools.chain(model.parameters(), model.buffers()), None)
    device = weights.device if weights is not None else torch.device("cpu")
    limit = max(1, min(TOKENS_PER_BATCH, LOGITS_PER_BATCH // config.vocabulary))
    for batch in _batches(pieces, limit):
        done = 0
        for piece, cost in zip(batch, _batch_bits(model, batch, device), strict=True):
            bits[piece.text] += cost
            left[piece.text] -= 1
            done += left[piece.text] == 0
        if progress is not None:
            progress.advance(done)


@torch.inference_mode()
def _batch_bits(model: torch.nn.Module, batch: list[Window], device: torch.device) -> np.ndarray:
    """Bits of the unknown targets of each window, float64 `[len(batch)]`.

    Padding stands to the right, where no causal model sees it, and is never scored.
    """
    longest = len(batch[0].tokens)
    tokens_BxT = torch.zeros(len(batch), longest, dtype=torch.long)
    scored_BxT = torch.zeros(len(batch), longest - 1, dtype=torch.bool)
    for row, piece in enumerate(batch):
        tokens_BxT[row, : len(piece.tokens)] = torch.tensor(piece.tokens)
        scored_BxT[row, piece.skip : len(piece.tokens) - 1] = True
    tokens_BxT, scored_BxT = tokens_BxT.to(device), scored_BxT.to(device)
    logits_BxTxV, _ = model(tokens_BxT[:, :-1])
    nats_BT = torch.nn.functional.cross_entropy(
        logits_BxTxV.float().flatten(0, 1), tokens_BxT[:, 1:].flatten(), reduction="none"
    )
    nats_BxT = nats_BT.view_as(scored_BxT).double().masked_fill(~scored_BxT, 0.0)
    return nats_BxT.sum(dim=1).cpu().numpy() / math.log(2)
