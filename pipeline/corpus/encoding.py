"""From bytes to text: the encoding of a file, whether it is text, and what broken bytes become.

Text is UTF-8 unless the file says otherwise by a byte order mark, is plainly UTF-16, or breaks the
rules of UTF-8 so often that it must be something older; then a statistical detector decides. A
broken byte costs one character, never the file: it becomes U+FFFD and is counted.
"""

import codecs
import re

from pipeline.errors import UserError

SAMPLE = 1 << 20
"""Bytes at the start of a file that decide on its encoding."""

MARK = "tugantel.mark"
"""Name of the error handler that leaves a lone surrogate where bytes could not be decoded."""

_BROKEN = re.compile("[\x00\ud800-\udfff]")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MAGIC = (
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF-", "a PDF document"),
    (b"{\\rtf", "an RTF document"),
    (b"\x7fELF", "a program"),
    (b"PK\x03\x04", "a ZIP archive (or an office document)"),
    (b"\xd0\xcf\x11\xe0", "an old office document"),
    (b"\x1f\x8b", "gzip data; name it .gz"),
    (b"\xfd7zXZ\0", "xz data; name it .xz"),
    (b"\x28\xb5\x2f\xfd", "zstd data; name it .zst"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"PAR1", "Parquet data; name it .parquet"),
    (b"SQLite format 3", "a database"),
    (b"ID3", "a sound file"),
    (b"OggS", "a sound file"),
    (b"RIFF", "a sound or image file"),
)
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1a\x1b\x1c\x1d\x1e\x1f") | {127})
_RARE = 0.001  # so rare a NUL is damage: it becomes U+FFFD as a broken byte does
_FEW = 20  # so few broken sequences, in text that is mostly ASCII, are damage, not an encoding


def _mark(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "\udcff", error.end


codecs.register_error(MARK, _mark)


def repair(text: str) -> tuple[str, int]:
    """Replace NUL and lone surrogates, which text must not hold, by U+FFFD; count them.

    >>> repair("ка\\udcffта")
    ('ка�та', 1)
    """
    return _BROKEN.subn("\N{REPLACEMENT CHARACTER}", text)


def detect_encoding(sample: bytes, name: str) -> str:
    """The encoding of a file from its first `SAMPLE` bytes; the empty file is UTF-8.

    Raises:
        UserError: this is no text; the message names the file `name` and what it seems to be.
    """
    for magic, what in _MAGIC:
        if sample.startswith(magic):
            raise UserError(f"{name} is not text: it is {what}")
    for bom, encoding in _BOMS:
        if sample.startswith(bom):
            return encoding
    if b"\0" in sample:
        for encoding in ("utf-16-le", "utf-16-be"):
            if _plausible(sample, encoding):
                return encoding
        if sample.count(0) > len(sample) * _RARE:
            raise UserError(f"{name} is not text: byte {sample.index(0):,} is NUL")
    if len(sample) - len(sample.translate(None, _CONTROLS)) > len(sample) / 100:
        raise UserError(f"{name} is not text: it is full of control characters")
    return "utf-8" if _is_utf8(sample) else _older(sample, name)


def _plausible(sample: bytes, encoding: str) -> bool:
    """Whether `sample` is words and spaces in this UTF-16; the wrong one gives U+2000, U+0A00."""
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        text = decoder.decode(sample[:8192])
    except UnicodeDecodeError:
        return False
    return (" " in text or "\n" in text) and all(
        c.isprintable() or c in "\t\r\n\f\xa0\xad" for c in text
    )


def _is_utf8(sample: bytes) -> bool:
    """Whether this is UTF-8, perhaps damaged: in other encodings hardly any sequence is right."""
    text, broken = repair(codecs.getincrementaldecoder("utf-8")(MARK).decode(sample))
    if not broken:
        return True
    right = sum(map("\x7f".__lt__, text)) - broken
    stray = broken < _FEW or broken < len(sample) / 1000
    return broken <= right or (stray and broken < len(sample) / 10)


def _older(sample: bytes, name: str) -> str:
    """Ask the detector, which reads the lines that are not plain ASCII."""
    from charset_normalizer import from_bytes

    telling = b"\n".join(line for line in sample.splitlines() if not line.isascii())[:32768]
    best = from_bytes(telling).best()
    if best is None:
        raise UserError(
            f"{name} is not text: neither UTF-8 nor any other known encoding; save it as UTF-8"
        )
    return best.encoding
