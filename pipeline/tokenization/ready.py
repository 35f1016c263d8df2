"""Tokenizers that others made, by folder, file or name."""

from tokenizers import Tokenizer

from pipeline.errors import UserError


def load_ready(name: str) -> Tokenizer:
    """A ready tokenizer: a folder, a tokenizer.json, a name on the Hub, or `tiktoken:NAME`.

    Raises:
        UserError: it is not there, or it is no tokenizer that can be used.
    """
    raise UserError(f"tokenizer.ready holds {name}, which is not built yet")
