"""A conversation with a base model: it continues what was said so far.

A model that was trained on plain text knows no roles. What it has seen are dialogues in lines, so a
turn is a line, and the model's turn ends where it begins another line.
"""

import sys
from typing import Any

from tokenizers import Tokenizer
from torch import nn

from pipeline.generation.sampling import stream
from pipeline.tokenization.tokenizer import encode_text


def converse(model: nn.Module, tokenizer: Tokenizer, settings: dict[str, Any]) -> None:
    """Read turns from the input and stream the model's, until an empty line or the end of input.

    The oldest turns are forgotten where the context would overflow; each turn has its own seed.
    """
    context: int = model.config.context  # type: ignore[union-attr,assignment]
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
        while len(turns) > 1 and len(encode_text(tokenizer, "\n".join(turns) + "\n")) > room:
            turns.pop(0)
        answer = ""
        for piece in stream(
            model,
            tokenizer,
            "\n".join(turns) + "\n",
            **settings | {"seed": settings["seed"] + len(turns)},
        ):
            before, newline, _ = piece.partition("\n")
            answer += before
            print(before, end="", flush=True)
            if newline and answer.strip():
                break
        print(flush=True)
        turns.append(answer.strip())
