"""What every tokenizer of the pipeline promises, whatever trained it.

A tokenizer is a `tokenizers.Tokenizer` in one JSON file, which `transformers` loads as it is. It
works on bytes, so any Unicode text survives encoding and decoding unchanged. It has one special
token, `BOS`, with id 0: it begins every document and, standing before the next one, ends the
former. A text that happens to hold the letters of the special token is encoded as the plain text it
is.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from pipeline.documents import write_text
from pipeline.errors import UserError

BOS = "<|endoftext|>"
BOS_ID = 0
FILE = "tokenizer.json"


def byte_alphabet() -> dict[str, int]:
    """The printable character that stands for each byte in a byte-level vocabulary.

    Printable bytes stand for themselves; the others are numbered from U+0100 in order. This is the
    table of GPT-2 (Radford et al. 2019), which the library uses too: a space is `Ġ`.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    table = {chr(byte): byte for byte in sorted(printable)}
    return table | {chr(0x100 + index): byte for index, byte in enumerate(others)}


def load_tokenizer(path: Path) -> Tokenizer:
    """Load a tokenizer from its file or from the folder that holds `tokenizer.json`.

    Raises:
        UserError: there is no such file, it is broken, or it is not a byte-level tokenizer whose
            token 0 is `BOS`.
    """
    file = path / FILE if path.is_dir() else path
    if not file.is_file():
        raise UserError(f"{file} is missing: run `dvc repro` to make a tokenizer")
    try:
        tokenizer = Tokenizer.from_str(file.read_text(encoding="utf-8"))
    except Exception as error:  # the library raises plain Exception
        raise UserError(
            f"{file} is no tokenizer file ({error}): delete it and run `dvc repro`"
        ) from None
    return prepare(tokenizer, str(file))


def prepare(tokenizer: Tokenizer, name: str) -> Tokenizer:
    """Check the promises of this module and switch on what a tokenizer file cannot say.

    Raises:
        UserError: the tokenizer called `name` breaks one of them.
    """
    if tokenizer.token_to_id(BOS) != BOS_ID:
        raise UserError(
            f"{name} is a tokenizer of another kind: its token {BOS_ID} is not {BOS}; "
            "use one that the `tokenizer` stage made"
        )
    if any(tokenizer.token_to_id(character) is None for character in byte_alphabet()):
        raise UserError(
            f"{name} is a tokenizer of another kind: it has no token for some bytes; "
            "use one that the `tokenizer` stage made"
        )
    tokenizer.encode_special_tokens = True
    return tokenizer


def save_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Write `folder`/tokenizer.json."""
    write_text(folder / FILE, tokenizer.to_str(pretty=True))


def bos_token(tokenizer: Tokenizer) -> str:
    """The token that begins every document; `BOS` in all tokenizers that are trained here."""
    return BOS


def bos_id(tokenizer: Tokenizer) -> int:
    """The id of `bos_token`; `BOS_ID` in all tokenizers that are trained here."""
    return BOS_ID


def encode_text(tokenizer: Tokenizer, text: str) -> list[int]:
    """The token ids of a text, without `BOS`."""
    return list(tokenizer.encode(text, add_special_tokens=False).ids)


def encode_batch(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """The token ids of many texts, without `BOS`, in the library's own threads."""
    encoded = tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
    return [encoding.ids for encoding in encoded]


def decode(tokenizer: Tokenizer, ids: Sequence[int]) -> str:
    """The text of token ids; `BOS` is left out. Bytes that are no UTF-8 become U+FFFD."""
    return str(tokenizer.decode(list(ids), skip_special_tokens=True))


def token_bytes(tokenizer: Tokenizer) -> list[bytes]:
    """The bytes that each token stands for, by id; none for `BOS`.

    Taken from the vocabulary's alphabet. Decoding a lone token instead would replace part of a
    character by U+FFFD, which counts as three bytes.
    """
    table = byte_alphabet()
    found = [b""] * tokenizer.get_vocab_size()
    for token, index in tokenizer.get_vocab().items():
        if index != BOS_ID:
            found[index] = bytes(table[character] for character in token)
    return found


def fingerprint(tokenizer: Tokenizer) -> str:
    """SHA-256 of the tokenizer's JSON with sorted keys: tells who made a token file."""
    canonical = json.dumps(
        json.loads(tokenizer.to_str()), sort_keys=True, ensure_ascii=False, separators=(",", ":")
    )
    return hashlib.sha256(canonical.encode("utf-8")).hexdigest()
