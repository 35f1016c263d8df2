"""Sampling: from logits to the next token, from tokens to text that never shows half a letter."""

from collections.abc import Iterator

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from pipeline.tokenization.tokenizer import bos_id, encode_text, token_bytes


def restrict(logits: Tensor, top_k: int | None, top_p: float | None) -> Tensor:
    """Set to minus infinity what top-k and top-p (nucleus) sampling leave out of logits
    [vocabulary].

    Top-p keeps the smallest set of tokens whose probability reaches `top_p` (Holtzman et al. 2020,
    arXiv:1904.09751).
    """
    if top_k is not None and top_k < logits.numel():
        logits = logits.masked_fill(logits < logits.topk(top_k).values[-1], -torch.inf)
    if top_p is not None and top_p < 1:
        ordered, places = logits.sort(descending=True)
        before = ordered.softmax(0).cumsum(0) - ordered.softmax(0)
        logits = logits.index_fill(0, places[before >= top_p], -torch.inf)
    return logits


@torch.inference_mode()
def sample_tokens(
    model: nn.Module,
    prompt: list[int],
    *,
    tokens: int,
    temperature: float = 0.8,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
    stop: int | None = None,
) -> Iterator[int]:
    """Yield up to `tokens` new ids after `prompt`, which is not empty; end at `stop`.

    Temperature 0 takes the most likely token. When the context is full, the window moves: the last
    half of it is read again and the model goes on from there.
    """
    config = model.config
    context: int = config.context  # type: ignore[union-attr,assignment]
    device = next(model.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    history = list(prompt)
    state, pending = None, history[-(context - 1) :] if context > 1 else history[-1:]
    seen = 0
    for _ in range(tokens):
        if seen + len(pending) > context:
            pending, state, seen = history[-(context // 2) :], None, 0
        logits, state = model(torch.tensor([pending], device=device), state)
        seen += len(pending)
        last = logits[0, -1].float().cpu()
        if temperature <= 0:
            chosen = int(last.argmax())
        else:
            allowed = restrict(last / temperature, top_k, top_p)
            chosen = int(torch.multinomial(allowed.softmax(0), 1, generator=generator))
        if chosen == stop:
            return
        history.append(chosen)
        pending = [chosen]
        yield chosen


def stream(
    model: nn.Module,
    tokenizer: Tokenizer,
    prompt: str,
    *,
    tokens: int = 100,
    temperature: float = 0.8,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
) -> Iterator[str]:
    """Yield the continuation of `prompt` piece by piece; a piece ends where a UTF-8 character ends.

    The prompt stands behind a beginning-of-text token; the continuation ends where the model begins
    another document.
    """
    begin = bos_id(tokenizer)
    ids = [begin, *encode_text(tokenizer, prompt)]
    raw = token_bytes(tokenizer)
    held = b""
    for token in sample_tokens(
        model,
        ids,
        tokens=tokens,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        seed=seed,
        stop=begin,
    ):
        held += raw[token]
        complete = _complete_length(held)
        if complete:
            yield held[:complete].decode("utf-8", errors="replace")
            held = held[complete:]
    if held:
        yield held.decode("utf-8", errors="replace")


def generate(
    model: nn.Module,
    tokenizer: Tokenizer,
    prompt: str,
    *,
    tokens: int = 100,
    temperature: float = 0.8,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int = 0,
) -> str:
    """The whole continuation of `prompt`, without the prompt; see `stream`."""
    return "".join(
        stream(
            model,
            tokenizer,
            prompt,
            tokens=tokens,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            seed=seed,
        )
    )


def _complete_length(text: bytes) -> int:
    """How many of the bytes end before an unfinished UTF-8 character."""
    for back in range(1, min(4, len(text)) + 1):
        byte = text[-back]
        if byte >= 0xC0:  # the first byte of a character of 2 to 4
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(text) - back if length > back else len(text)
        if byte < 0x80:
            break
    return len(text)
