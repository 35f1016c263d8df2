"""What a model writes, piece by piece, with what it thought of every token.

The probability of a token is the model's own, before temperature and top-p: what it expected, not
what sampling made of it.
"""

import codecs
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from pipeline.generation.sampling import Sampling, sample_steps
from pipeline.generation.text import Writer
from pipeline.serving.voices import Voice

PLACES_AT_ONCE = 256  # of a prompt, whose logits over the whole vocabulary exist together


class Token(NamedTuple):
    """A token to read, its log-probability (natural), and the likeliest ones in its place.

    `offset` is how many characters of the text were complete before it: a token that is a part of
    a character begins where that character does.
    """

    text: str
    logprob: float
    top: dict[str, float]
    offset: int


@dataclass(frozen=True)
class Piece:
    """What became certain of one of several texts; `finish` says why it ended, or is None.

    The tokens are those whose text is in this piece; `written` counts what the model sampled.
    """

    choice: int
    text: str
    tokens: list[Token]
    finish: str | None = None
    written: int = 0


class Marker:
    """Gives tokens their offsets and probabilities, in order of the text."""

    def __init__(self, voice: Voice, top: int, offset: int = 0) -> None:
        self.voice, self.top, self.offset = voice, top, offset
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def mark(self, token: int, logits: Tensor) -> Token:
        """The next token and the logits [vocabulary] in its place."""
        offset = self.offset
        self.offset += len(self.decoder.decode(self.voice.raw[token]))
        likely = logits.log_softmax(-1)
        best = likely.topk(min(self.top, len(likely)))
        pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        names: dict[str, float] = {}
        for index, value in pairs:
            names.setdefault(self.voice.token(index), _finite(value))
        return Token(self.voice.token(token), _finite(float(likely[token])), names, offset)


class Pen:
    """Writes one of several texts. Tokens wait until the text they stand for is certain."""

    def __init__(self, voice: Voice, choice: int, stop: Sequence[str], marker: Marker | None):
        self.voice, self.choice, self.marker = voice, choice, marker
        self.writer, self.finish = Writer(stop), ""
        self.bytes = self.written = 0
        self.waiting: deque[tuple[int, int, Token]] = deque()

    def write(self, token: int, logits: Tensor) -> Piece:
        """Take the next token; it may be the one that ends the text."""
        raw = self.voice.raw[token]
        if self.marker is not None:
            marked = self.marker.mark(token, logits)
            self.waiting.append((self.bytes, self.bytes + len(raw), marked))
        self.bytes += len(raw)
        self.written += 1
        text = self.writer.push(raw)
        if self.writer.ended:
            self.finish = "stop"
        return self._piece(text)

    def end(self, reason: str) -> Piece:
        """What is still held back, at the end."""
        self.finish = reason
        return self._piece(self.writer.finish())

    def _piece(self, text: str) -> Piece:
        ready: list[Token] = []
        while self.waiting:
            start, end, token = self.waiting[0]
            if end > self.writer.shown and not (self.finish and start < self.writer.shown):
                break
            ready.append(token)
            self.waiting.popleft()
        return Piece(self.choice, text, ready, self.finish or None, self.written)


def write(
    voice: Voice,
    prompt: Sequence[int],
    *,
    tokens: int,
    seeds: Sequence[int],
    sampling: Sampling,
    stop: Sequence[str] = (),
    top: int | None = None,
    offset: int = 0,
    first: int = 0,
) -> Iterator[list[Piece]]:
    """Continue `prompt` once for every seed, together; yield what each step of the model gave.

    Args:
        prompt: ids, the token that begins a text among them; not empty.
        top: how many likely tokens to name beside each; None: no tokens, only text.
        offset: the number of characters before the text, for the tokens.
        first: the number of the first of the texts.
    """
    pens = [
        Pen(voice, first + i, stop, None if top is None else Marker(voice, top, offset))
        for i in range(len(seeds))
    ]
    steps = 0
    for chosen, logits in sample_steps(
        voice.model,
        [prompt] * len(seeds),
        tokens=tokens,
        seeds=seeds,
        sampling=sampling,
        stop=voice.begin,
    ):
        steps += 1
        yield [
            pen.end("stop") if token is None else pen.write(token, row)
            for pen, token, row in zip(pens, chosen, logits, strict=True)
            if not pen.finish
        ]
        if all(pen.finish for pen in pens):
            return
    yield [pen.end("length" if steps == tokens else "stop") for pen in pens if not pen.finish]


@torch.inference_mode()
def read(voice: Voice, prompt: Sequence[int], top: int | None) -> tuple[str, list[Token]]:
    """The text of a prompt as the model reads it, and its tokens, but for the one that begins.

    A prompt is not longer than the context. With `top` None there are no tokens.
    """
    text = b"".join(voice.raw[token] for token in prompt[1:]).decode("utf-8", "replace")
    if top is None or len(prompt) == 1:
        return text, []
    marker, marked = Marker(voice, top), []
    hidden, _ = voice.model.hidden(torch.tensor([prompt[:-1]], device=voice.model.device))
    for start in range(0, len(prompt) - 1, PLACES_AT_ONCE):
        logits = voice.model.logits(hidden[:, start : start + PLACES_AT_ONCE])[0].float().cpu()
        for token, row in zip(prompt[start + 1 :], logits, strict=False):
            marked.append(marker.mark(token, row))
    return text, marked


def _finite(value: float) -> float:
    """JSON has no infinity; a token that cannot be gets what OpenAI writes for it."""
    return max(value, -9999.0)
