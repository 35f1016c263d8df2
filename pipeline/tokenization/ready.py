"""Tokenizers that others made, for those who fine-tune or compare.

They come as a folder in any format that `transformers` reads (tokenizer.json, SentencePiece, a
vocabulary and merges), as a tokenizer.json alone, by their name on the Hub, or from tiktoken. All
become one `tokenizers.Tokenizer` with the ids that they had. Its own special token that begins or
ends a text takes that role here (`tokenizer.BEGINNINGS`); one that has none gets `BOS` as a further
token. Those that lose something of a text, such as capitals, are taken as well: see `first_lost`.
"""

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer

from pipeline.errors import UserError
from pipeline.tokenization.sentencepieces import from_sentencepiece, model_file
from pipeline.tokenization.tiktokens import CHECKED, PREFIX, from_tiktoken, is_gpt2_folder
from pipeline.tokenization.tokenizer import (
    BEGINNINGS,
    BOS,
    FILE,
    decode,
    encode_batch,
    prepare,
    special_tokens,
)

SAMPLE = 2000  # texts


def load_ready(name: str) -> Tokenizer:
    """A ready tokenizer: a folder, a tokenizer.json, a name on the Hub, or `tiktoken:NAME`.

    Raises:
        UserError: it is not there, or it is no tokenizer that can be used.
    """
    path = Path(name).expanduser()
    if name.startswith(PREFIX) or is_gpt2_folder(path):
        return _adopt(from_tiktoken(name), name)
    if path.is_file() or (path / FILE).is_file():
        return _adopt(_read(path if path.is_file() else path / FILE), name)
    if path.is_dir() and (stored := model_file(path)):
        return _adopt(from_sentencepiece(stored), name)
    if not path.is_dir() and (path.is_absolute() or name[0] in ".~" or name.count("/") > 1):
        raise UserError(f"tokenizer.ready: {name} is not there: give a folder, a file or a name")
    return _adopt(_from_transformers(name, path), name)


def first_lost(tokenizer: Tokenizer, texts: Iterable[str]) -> tuple[str, str] | None:
    """The first of some texts that does not survive, and what becomes of it; None if all do."""
    some = [text for text, _ in zip(texts, range(SAMPLE), strict=False)]
    for text, ids in zip(some, encode_batch(tokenizer, some), strict=True):
        again = decode(tokenizer, ids)
        if again != text:
            return text, again
    return None


def _read(file: Path) -> Tokenizer:
    try:
        return Tokenizer.from_str(file.read_text(encoding="utf-8"))
    except Exception as error:  # the library raises plain Exception
        raise UserError(f"tokenizer.ready: {file} is no tokenizer file ({error})") from None


def _from_transformers(name: str, path: Path) -> Tokenizer:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from transformers import AutoTokenizer, logging

    logging.set_verbosity_error()
    try:
        loaded = AutoTokenizer.from_pretrained(str(path) if path.is_dir() else name)
    except Exception as error:  # whatever a format's reader raises
        said = " ".join(str(error).split())[:200]
        if path.is_dir():
            raise UserError(
                f"tokenizer.ready: the folder {name} holds no tokenizer that transformers reads "
                f"({said})"
            ) from None
        raise UserError(
            f"tokenizer.ready: {name} is no folder here, and the Hub did not give it ({said}): "
            "check the name and the network, or give a folder"
        ) from None
    backend = getattr(loaded, "backend_tokenizer", None)
    if not isinstance(backend, Tokenizer):
        raise UserError(
            f"tokenizer.ready: {name} has no fast form ({type(loaded).__name__}), which is what "
            "becomes a tokenizer.json"
        )
    return backend


def _adopt(tokenizer: Tokenizer, name: str) -> Tokenizer:
    """Keep its ids, take off what it would add or cut, and see that a token begins a text."""
    state = json.loads(tokenizer.to_str())
    state |= {"post_processor": None, "truncation": None, "padding": None}
    _fill_holes(state, name)
    adopted = Tokenizer.from_str(json.dumps(state, ensure_ascii=False))
    if not set(BEGINNINGS) & set(special_tokens(adopted).values()):
        adopted.add_special_tokens([AddedToken(BOS, special=True, normalized=False)])
    prepare(adopted, name)
    lost = first_lost(adopted, CHECKED)
    if lost:
        print(
            f"tokenizer.ready: {name} does not keep every text: {lost[0]!r} becomes {lost[1]!r}; "
            "bits per byte on it count what is lost as nothing",
            file=sys.stderr,
        )
    return adopted


def _fill_holes(state: dict[str, Any], name: str) -> None:
    """Give ids that no token has one that no text has, since models count tokens from 0."""
    vocabulary = state["model"].get("vocab")
    used = {token["id"] for token in state["added_tokens"]}
    if isinstance(vocabulary, dict):
        used |= set(vocabulary.values())
        for index in sorted(set(range(max(used, default=-1) + 1)) - used):
            vocabulary[f"<|unused_{index}|>"] = index
    elif isinstance(vocabulary, list):
        used |= set(range(len(vocabulary)))
        if len(used) != max(used, default=-1) + 1:
            raise UserError(f"tokenizer.ready: {name} leaves out ids between its tokens")
