"""`tugantel chat`: turns and commands in a terminal, or in a pipe.

Only text is written, line after line: no colours and no moving of the cursor, so it looks the same
in any terminal, in a file and to a screen reader.
"""

import contextlib
import importlib
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import ValidationError

from pipeline.errors import UserError
from pipeline.params import GenerationParams
from pipeline.serving.dialogue import Dialogue
from pipeline.serving.voices import Voice, load_voices

HELP = """\
/temperature X     how freely words are chosen, 0 to 10; 0 takes the likeliest
/seed N            the same seed and the same turns give the same answers
/reset             forget what was said
/model FOLDER ...  talk with another model, or with several side by side
/help              this
/quit              end, as an empty line and Ctrl-D do; Ctrl-C ends an answer"""


class Chat:
    """The models that are talked with, and how they write.

    `settings` are those of `GenerationParams`; `turn` reads a line and answers it.
    """

    def __init__(self, voices: Sequence[Voice], settings: dict[str, Any]) -> None:
        self.settings = settings
        self.commands: dict[str, Callable[[str], None]] = {
            "/temperature": lambda given: self.change("temperature", float, given),
            "/seed": lambda given: self.change("seed", int, given),
            "/reset": lambda _: self.reset(),
            "/model": self.choose,
            "/help": lambda _: say(HELP),
        }
        self.begin(voices)

    def begin(self, voices: Sequence[Voice]) -> None:
        """A new conversation with these."""
        self.dialogues = [Dialogue(voice) for voice in voices]

    def turn(self, line: str) -> None:
        """Answer a turn or obey a command; what is wrong with one is said in a line."""
        if not line.startswith("/"):
            self.answer(line)
            return
        name, _, given = line.partition(" ")
        try:
            if name not in self.commands:
                raise UserError(f"there is no command {name}: /help shows those there are")
            self.commands[name](given.strip())
        except UserError as error:
            complain(str(error))
        except OSError as error:  # a folder that may not be read
            complain(f"{error.strerror}: {error.filename or ''}")

    def answer(self, line: str) -> None:
        """Let every model answer, one after the other; Ctrl-C ends an answer."""
        for dialogue in self.dialogues:
            if dialogue.say(line, self.settings["tokens"]):
                complain(
                    f"that is longer than the context of {dialogue.voice.name} "
                    f"({dialogue.voice.context:,} tokens) has room for: only its end is read"
                )
            if len(self.dialogues) > 1:
                say(f"[{dialogue.voice.name}] ", end="")
            something = False
            try:
                for piece in dialogue.answer(self.settings):
                    say(piece, end="")
                    something = something or bool(piece)
            except KeyboardInterrupt:
                say("")
                return
            say("" if something else "(says nothing)")

    def change(self, name: str, kind: Callable[[str], Any], given: str) -> None:
        """Set a number of the settings, within the limits of params.yaml."""
        if not given:
            say(f"{name} {self.settings[name]}")
            return
        try:
            changed = GenerationParams(**(self.settings | {name: kind(given)}))
        except ValidationError as error:
            limit = error.errors()[0]["msg"].removeprefix("Input should be ")
            raise UserError(f"{name}: {given} is not {limit}") from None
        except ValueError:
            what = "a whole number" if kind is int else "a number"
            raise UserError(f"{name}: {given} is not {what}") from None
        self.settings = changed.model_dump()

    def reset(self) -> None:
        """Begin anew with the same models."""
        self.begin([dialogue.voice for dialogue in self.dialogues])

    def choose(self, given: str) -> None:
        """Talk with the models of the folders that are named, from the beginning."""
        if not given:
            for dialogue in self.dialogues:
                say(dialogue.voice.describe())
            return
        try:
            folders = shlex.split(given)
        except ValueError as error:
            raise UserError(f"/model {given}: {error}") from None
        self.begin(load_voices(folders))


def converse(voices: Sequence[Voice], settings: dict[str, Any]) -> None:
    """Read turns until an empty line, /quit or the end of the input."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # letters that a terminal lacks, or no letters at all
            stream.reconfigure(errors="replace")
    chat = Chat(voices, settings)
    read = _terminal() if sys.stdin.isatty() and sys.stdout.isatty() else sys.stdin.readline
    if sys.stdin.isatty():
        for voice in voices:
            complain(voice.describe())
        complain("Say something; /help shows the commands, an empty line ends.")
    while (line := read().strip()) not in ("", "/quit"):
        chat.turn(line)


def _terminal() -> Callable[[], str]:
    """Lines from a terminal, to be edited with the arrow keys where it can do that."""
    if os.environ.get("TERM", "dumb") != "dumb":
        with contextlib.suppress(ImportError):
            importlib.import_module("readline")  # from then on `input` uses it

    def read() -> str:
        try:
            return input("> ")
        except EOFError:
            say("")
            return ""

    return read


def say(text: str, end: str = "\n") -> None:
    """Print a part of the conversation at once."""
    print(text, end=end, flush=True)


def complain(text: str) -> None:
    """To where it is no part of the conversation."""
    print(text, file=sys.stderr, flush=True)
