"""What every tokenizer of the pipeline promises, whatever trained it.

A tokenizer is a `tokenizers.Tokenizer` in one JSON file, which `transformers` loads as it is. One
special token begins every document and, standing before the next one, ends the former: `BOS` with
id 0 in all that are trained here, which also keep any Unicode text as it is; its own in a ready
one. A text that happens to hold the letters of a special token is encoded as the plain text it is.

Beside the tokenizer lie the bytes of each token, so that bits per byte are counted exactly.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, decoders

from pipeline.errors import UserError
from pipeline.files import read_json, write_json, write_text

BOS = "<|endoftext|>"
BOS_ID = 0
FILE = "tokenizer.json"
TOKEN_BYTES = "token_bytes.json"
# Special tokens that begin a text, or else end one, in well-known tokenizers; the first counts.
BEGINNINGS = (
    *(BOS, "<|begin_of_text|>", "<|startoftext|>", "<s>", "<bos>", "[BOS]", "[CLS]"),
    *("</s>", "<eos>", "<|end_of_text|>", "[EOS]", "[SEP]"),
)


def byte_alphabet() -> dict[str, int]:
    """The printable character that stands for each byte in a byte-level vocabulary.

    Printable bytes stand for themselves; the others are numbered from U+0100 in order. This is the
    table of GPT-2 (Radford et al. 2019), which the library uses too: a space is `Ġ`.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printable]
    table = {chr(byte): byte for byte in sorted(printable)}
    return table | {chr(0x100 + index): byte for index, byte in enumerate(others)}


def byte_tokens() -> list[str]:
    """The tokens that stand for single bytes where letters are letters: <0x00> to <0xFF>."""
    return [f"<0x{byte:02X}>" for byte in range(256)]


def load_tokenizer(path: Path) -> Tokenizer:
    """Load a tokenizer from its file or from the folder that holds `tokenizer.json`.

    Raises:
        UserError: there is no such file, it is broken, no special token of it begins a text, or
            the bytes of tokens beside it are another tokenizer's.
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
    tokenizer = prepare(tokenizer, str(file))
    beside = file.with_name(TOKEN_BYTES)
    if beside.is_file() and read_json(beside) != _bytes_record(tokenizer):
        raise UserError(
            f"{beside} belongs to another tokenizer than {file}: run `dvc repro` to make both"
        )
    return tokenizer


def prepare(tokenizer: Tokenizer, name: str) -> Tokenizer:
    """Check the promises of this module and switch on what a tokenizer file cannot say.

    Raises:
        UserError: the tokenizer called `name` breaks one of them.
    """
    if _find_bos(tokenizer) is None:
        raise UserError(
            f"{name} is a tokenizer of another kind: it has no special token that begins a text; "
            "use one that the `tokenizer` stage made, or name it in tokenizer.ready"
        )
    tokenizer.encode_special_tokens = True
    return tokenizer


def save_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Write `folder`/tokenizer.json and `folder`/token_bytes.json.

    The second is for whoever computes bits per byte outside of the pipeline: the SHA-256 of the
    tokenizer, the token that begins a text, and in hexadecimal the bytes of each token, by id.
    """
    write_text(folder / FILE, tokenizer.to_str(pretty=True))
    write_json(folder / TOKEN_BYTES, _bytes_record(tokenizer))


def bos_token(tokenizer: Tokenizer) -> str:
    """The token that begins every document: the first of `BEGINNINGS` that is a special token.

    `BOS` in all tokenizers that are trained here.
    """
    found = _find_bos(tokenizer)
    if found is None:
        raise ValueError("no special token of this tokenizer begins a text: see `prepare`")
    return found


def bos_id(tokenizer: Tokenizer) -> int:
    """The id of `bos_token`; `BOS_ID` in all tokenizers that are trained here."""
    begin = bos_token(tokenizer)
    return next(index for index, token in special_tokens(tokenizer).items() if token == begin)


def _find_bos(tokenizer: Tokenizer) -> str | None:
    special = special_tokens(tokenizer).values()
    return next((token for token in BEGINNINGS if token in special), None)


def special_tokens(tokenizer: Tokenizer) -> dict[int, str]:
    """The special tokens by id."""
    added = tokenizer.get_added_tokens_decoder()
    return {index: token.content for index, token in sorted(added.items()) if token.special}


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
    """The bytes that each token stands for inside a text, by id; none for special tokens.

    Found by what the tokenizer's decoder does to one token. Decoding a lone token instead would
    replace part of a character by U+FFFD, which counts as three bytes. In a tokenizer that keeps
    every text, the bytes of the tokens of a text are the text's.
    """
    steps = [_byte_step(step) for step in _decoder_steps(settings_of(tokenizer.decoder))]
    special = special_tokens(tokenizer)
    found = [b""] * tokenizer.get_vocab_size()
    for token, index in tokenizer.get_vocab().items():
        if index not in special:
            spelt: str | bytes = token
            for step in steps:
                spelt = step(spelt) if isinstance(spelt, str) else spelt
            found[index] = spelt.encode() if isinstance(spelt, str) else spelt
    return found


def settings_of(part: Any) -> Any:
    """What the file says of a normalizer, pre-tokenizer or decoder; writing the vocabulary out with
    it would take a hundred times as long."""
    return None if part is None else json.loads(part.__getstate__())


def _decoder_steps(decoder: dict[str, Any] | None) -> list[dict[str, Any]]:
    if decoder is None:
        return []
    if decoder["type"] == "Sequence":
        return [step for one in decoder["decoders"] for step in _decoder_steps(one)]
    return [decoder]


def _byte_step(step: dict[str, Any]) -> Callable[[str], str | bytes]:
    """What one step of a decoder makes of one token: other text, or its bytes at last.

    Steps that work on a text's ends or join tokens change nothing.
    """
    kind = step["type"]
    if kind == "ByteLevel":
        table = byte_alphabet()
        return lambda token: (
            bytes(map(table.__getitem__, token)) if all(map(table.__contains__, token)) else token
        )
    if kind == "ByteFallback":
        of_bytes = {token: bytes([byte]) for byte, token in enumerate(byte_tokens())}
        return lambda token: of_bytes.get(token, token)
    if kind == "Replace":
        pattern = step["pattern"]
        searched = pattern.get("String") or Regex(pattern["Regex"])
        replace = decoders.Replace(searched, step["content"])
        return lambda token: replace.decode([token])
    if kind == "Metaspace":
        return lambda token: token.replace(step["replacement"], " ")
    if kind == "WordPiece":
        prefix = step["prefix"]
        return lambda token: token.removeprefix(prefix) if token.startswith(prefix) else f" {token}"
    if kind == "BPEDecoder":
        return lambda token: token.replace(step["suffix"], " ")
    return lambda token: token


def _bytes_record(tokenizer: Tokenizer) -> dict[str, Any]:
    return {
        "tokenizer": fingerprint(tokenizer),
        "begin": {"token": bos_token(tokenizer), "id": bos_id(tokenizer)},
        "bytes": [raw.hex() for raw in token_bytes(tokenizer)],
    }


def fingerprint(tokenizer: Tokenizer) -> str:
    """SHA-256 of the tokenizer's JSON with sorted keys: tells who made a token file.

    The library does not always read back the last digit of a score that it wrote, so scores count
    by nine digits.
    """
    state = json.loads(tokenizer.to_str(), parse_float=lambda score: f"{float(score):.9g}")
    canonical = json.dumps(state, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8")).hexdigest()
