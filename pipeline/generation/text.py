"""From tokens to text that never shows half a letter, and ends before a stop string."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from tokenizers import Tokenizer

from pipeline.generation.sampling import Sampling, sample_rows
from pipeline.models import LanguageModel
from pipeline.tokenization.tokenizer import bos_id, encode_text, token_bytes


class Writer:
    """Takes the bytes of tokens and gives text, as soon as it cannot change any more.

    Held back are the bytes of an unfinished character, and what may be the beginning of a stop
    string. The stop string that ends first ends the text and is not shown, so the text does not
    depend on how tokens cut it. `shown` counts the bytes that were given.
    """

    def __init__(self, stop: Sequence[str] = ()) -> None:
        self.stops = [text.encode("utf-8") for text in stop if text]
        self.held = b""
        self.shown = 0
        self.ended = False

    def push(self, raw: bytes) -> str:
        """The text that became certain; sets `ended` where a stop string is complete."""
        self.held += raw
        found = [(self.held.find(stop) + len(stop), len(stop)) for stop in self.stops]
        ends = [(end, -length) for end, length in found if end >= length]
        if ends:
            self.ended = True
            end, length = min(ends)
            self.held = self.held[: end + length]
            return self.finish()
        ready = complete_length(self.held[: len(self.held) - self._may_stop()])
        return self._show(ready)

    def finish(self) -> str:
        """What is still held, for the end of the text."""
        return self._show(len(self.held))

    def _show(self, length: int) -> str:
        text, self.held = self.held[:length], self.held[length:]
        self.shown += length
        return text.decode("utf-8", errors="replace")

    def _may_stop(self) -> int:
        """The length of the longest end of what is held that begins a stop string."""
        longest = max((len(stop) - 1 for stop in self.stops), default=0)
        for length in range(min(longest, len(self.held)), 0, -1):
            if any(stop.startswith(self.held[-length:]) for stop in self.stops):
                return length
        return 0


def stream(
    model: LanguageModel,
    tokenizer: Tokenizer,
    prompt: str,
    *,
    tokens: int = 100,
    seed: int = 0,
    stop: Sequence[str] = (),
    **sampling: Any,
) -> Iterator[str]:
    """Yield the continuation of `prompt` piece by piece; a piece ends where a UTF-8 character ends.

    The prompt stands behind a beginning-of-text token; the continuation ends before one of `stop`,
    or where the model begins another document. `sampling` are the fields of `Sampling`.
    """
    raw, writer = token_bytes(tokenizer), Writer(stop)
    prompts = [[bos_id(tokenizer), *encode_text(tokenizer, prompt)]]
    choice = Sampling(**sampling)
    for (token,) in sample_rows(
        model, prompts, tokens=tokens, seeds=[seed], sampling=choice, stop=bos_id(tokenizer)
    ):
        assert token is not None
        piece = writer.push(raw[token])
        if piece:
            yield piece
        if writer.ended:
            return
    piece = writer.finish()
    if piece:
        yield piece


def generate(model: LanguageModel, tokenizer: Tokenizer, prompt: str, **settings: Any) -> str:
    """The whole continuation of `prompt`, without the prompt; settings as for `stream`."""
    return "".join(stream(model, tokenizer, prompt, **settings))


def generate_batch(
    model: LanguageModel,
    tokenizer: Tokenizer,
    prompts: Sequence[str],
    *,
    tokens: int = 100,
    seeds: Sequence[int] | None = None,
    stop: Sequence[str] = (),
    **sampling: Any,
) -> list[str]:
    """The continuation of each prompt: what `generate` gives for it alone, with its seed.

    Prompts with equally many tokens go through the model together, so there is no padding for a
    model to see. Rounding in larger products may, rarely, tip a choice between near equals.
    """
    raw = token_bytes(tokenizer)
    given = [0] * len(prompts) if seeds is None else list(seeds)
    encoded = [[bos_id(tokenizer), *encode_text(tokenizer, prompt)] for prompt in prompts]
    texts = [""] * len(prompts)
    alike: dict[int, list[int]] = defaultdict(list)
    for index, ids in enumerate(encoded):
        alike[len(ids)].append(index)
    for group in alike.values():
        writers = [Writer(stop) for _ in group]
        for chosen in sample_rows(
            model,
            [encoded[index] for index in group],
            tokens=tokens,
            seeds=[given[index] for index in group],
            sampling=Sampling(**sampling),
            stop=bos_id(tokenizer),
        ):
            for index, writer, token in zip(group, writers, chosen, strict=True):
                if token is not None and not writer.ended:
                    texts[index] += writer.push(raw[token])
            if all(
                writer.ended or token is None for writer, token in zip(writers, chosen, strict=True)
            ):
                break
        for index, writer in zip(group, writers, strict=True):
            texts[index] += writer.finish()
    return texts


def complete_length(text: bytes) -> int:
    """How many of the bytes end before an unfinished UTF-8 character."""
    for back in range(1, min(4, len(text)) + 1):
        byte = text[-back]
        if byte >= 0xC0:  # the first byte of a character of 2 to 4
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(text) - back if length > back else len(text)
        if byte < 0x80:
            break
    return len(text)
