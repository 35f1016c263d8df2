"""A conversation with a base model: it continues a dialogue as books print one.

A model that was trained on plain text knows no roles, but it has read dialogues: each turn begins
with a dash. So the turns so far are written that way, and the model's turn ends where, after the
end of a sentence, another dash would begin the next one.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

from pipeline.generation.sampling import Sampling
from pipeline.serving.voices import Voice
from pipeline.serving.writing import write

NEXT_TURN = re.compile(r"(?<=[.!?…])\s*[—–]|\n")


class Dialogue:
    """What was said to one voice and what it answered, as far back as its context reaches."""

    def __init__(self, voice: Voice) -> None:
        self.voice = voice
        self.turns: list[str] = []
        self.said = 0

    def say(self, turn: str, tokens: int) -> bool:
        """Add a turn, and forget the oldest ones where the context would overflow.

        Up to half of the context is kept for an answer of so many `tokens`. Returns whether this
        turn alone is longer than that leaves: then only its end is read.
        """
        self.turns.append(turn)
        self.said += 1
        self.room = self.voice.context - min(tokens, self.voice.context // 2)
        while len(self.turns) > 1 and len(self._prompt()) > self.room:
            self.turns.pop(0)
        return len(self._prompt()) > self.room

    def answer(self, settings: dict[str, Any]) -> Iterator[str]:
        """The next turn, streaming; what was given of it is remembered, wherever it breaks off.

        `settings` are those of `GenerationParams`. Each turn has a seed of its own.
        """
        fields = settings.keys() & Sampling.__dataclass_fields__.keys()
        begin, *prompt = self._prompt()
        written = write(
            self.voice,
            [begin, *prompt[max(0, len(prompt) + 1 - self.room) :]],
            tokens=settings["tokens"],
            seeds=[settings["seed"] + self.said],
            sampling=Sampling(**{name: settings[name] for name in fields}),
            stop=settings["stop"],
        )
        answer = ""
        try:
            for piece in first_turn(visible(part.text) for (part,) in written):
                answer += piece
                yield piece
        finally:
            if answer.strip():
                self.turns.append(answer.strip())

    def _prompt(self) -> list[int]:
        return self.voice.encode(dialogue(self.turns))


def dialogue(turns: list[str]) -> str:
    """The turns, each behind a dash, and the dash of the turn that is to come."""
    return " ".join(f"— {turn}" for turn in turns) + " —"


def first_turn(pieces: Iterable[str]) -> Iterator[str]:
    """Pass text on up to where the next turn begins; white space waits until it is followed."""
    text, shown = "", 0
    for piece in pieces:
        text += piece
        end = NEXT_TURN.search(text.lstrip())
        if not shown:
            text = text.lstrip()
        if end:
            yield text[shown : end.start()].rstrip()
            return
        safe = len(text.rstrip())
        if safe > shown:
            yield text[shown:safe]
            shown = safe
    yield text[shown:].rstrip()


def visible(text: str) -> str:
    """The text without what would spoil a terminal: bytes that are no letter (U+FFFD), and control
    characters, with which a text could move the cursor or change colours."""
    return "".join(
        letter
        for letter in text
        if letter in "\n\t" or (letter != "\ufffd" and unicodedata.category(letter) != "Cc")
    )
