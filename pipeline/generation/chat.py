"""A conversation with a base model: it continues a dialogue as books print one.

A model that was trained on plain text knows no roles, but it has read dialogues: each turn begins
with a dash. So the turns so far are written that way, and the model's turn ends where, after the
end of a sentence, another dash would begin the next one.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from tokenizers import Tokenizer

from pipeline.generation.text import stream
from pipeline.models import LanguageModel
from pipeline.tokenization.tokenizer import encode_text

NEXT_TURN = re.compile(r"(?<=[.!?…])\s*[—–]|\n")


def converse(model: LanguageModel, tokenizer: Tokenizer, settings: dict[str, Any]) -> None:
    """Read turns from the input and stream the model's, until an empty line or the end of input.

    The oldest turns are forgotten where the context would overflow; each turn has its own seed.
    """
    context: int = model.config.context
    terminal = sys.stdin.isatty()
    if terminal:
        print("Say something; an empty line ends.")
    turns: list[str] = []
    while True:
        if terminal:
            print("> ", end="", flush=True)
        line = sys.stdin.readline().strip()
        if not line:
            return
        turns.append(line)
        room = context - min(settings["tokens"], context // 2) - 1
        while len(turns) > 1 and len(encode_text(tokenizer, dialogue(turns))) > room:
            turns.pop(0)
        one_turn = settings | {"seed": settings["seed"] + len(turns)}
        answer = ""
        for piece in first_turn(stream(model, tokenizer, dialogue(turns), **one_turn)):
            answer += piece
            print(piece, end="", flush=True)
        print(flush=True)
        turns.append(answer.strip())


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
