"""A model that is ready to speak: loaded once, asked often."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from pipeline.errors import UserError
from pipeline.models import LanguageModel, load_model
from pipeline.tokenization.tokenizer import bos_id, encode_text, token_bytes


@dataclass(frozen=True)
class Voice:
    """A model, its tokenizer and, found once, what each request needs of them.

    `name` is the folder as it was given; `raw` are the bytes of each token, `begin` is the token
    that begins a text.
    """

    name: str
    model: LanguageModel
    tokenizer: Tokenizer
    raw: list[bytes]
    begin: int

    @property
    def context(self) -> int:
        """How many tokens the model was trained to see at once, the one that begins among them."""
        return self.model.config.context

    def encode(self, text: str) -> list[int]:
        """The ids of a text behind the token that begins it."""
        return [self.begin, *encode_text(self.tokenizer, text)]

    def token(self, index: int) -> str:
        """A token to read; one that is no text by itself as `bytes:\\xd2`, as OpenAI writes it."""
        raw = self.raw[index]
        if not raw:
            return self.tokenizer.id_to_token(index) or ""
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return "bytes:" + "".join(f"\\x{byte:02x}" for byte in raw)

    def describe(self) -> str:
        """One line on what it is."""
        return (
            f"{self.name}: {self.model.config.family}, {self.model.size():,} parameters, "
            f"context {self.context:,} tokens"
        )


def load_voices(folders: Sequence[Path | str]) -> list[Voice]:
    """The models of `folders` in their order.

    Raises:
        UserError: a folder is named twice, or holds no model that can be read.
    """
    names = [str(folder) for folder in folders]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"--model {name} is given twice: name it once")
    return [_load(name) for name in names]


def _load(name: str) -> Voice:
    model, tokenizer = load_model(name)
    return Voice(name, model, tokenizer, token_bytes(tokenizer), bos_id(tokenizer))
