"""Texts as arrays of code points, and what kind of character each one is.

Cleaning asks the same few things of every paragraph: how many letters, of which script, in or
outside the alphabet, how many digits and signs. Asked of a whole batch at once by table look-up,
that costs nanoseconds a character. The tables are filled as characters turn up.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest as xxh3

from pipeline.languages import Language
from pipeline.scripts import script_of

KINDS = ("letter", "in_script", "in_alphabet", "foreign", "digit", "sign", "broken", "odd")
LETTER, IN_SCRIPT, IN_ALPHABET, FOREIGN, DIGIT, SIGN, BROKEN, ODD = (1 << i for i in range(8))
UNKNOWN = 0xFF  # of a character that has not turned up yet: nothing is all of these
SPACE, LINE = 0x20, 0x0A


@dataclass(frozen=True)
class Measured:
    """What the characters of some texts are. Every array has shape [texts].

    `odd` characters are neither ASCII nor in the alphabet. `plain` holds the texts as the
    identifier sees them: letters in lower case, one space between words and nothing else. `content`
    is the letters and digits alone, in lower case, as the bytes of code points, all texts in a row;
    `ends` tells where each one ends.
    """

    length: NDArray[np.int64]
    letter: NDArray[np.int64]
    in_script: NDArray[np.int64]
    in_alphabet: NDArray[np.int64]
    foreign: NDArray[np.int64]
    digit: NDArray[np.int64]
    sign: NDArray[np.int64]
    broken: NDArray[np.int64]
    odd: NDArray[np.int64]
    plain: list[str]
    content: bytes
    ends: NDArray[np.int64]

    @cached_property
    def keys(self) -> NDArray[np.uint64]:
        """Hashes of the contents: texts that differ only in case, punctuation and white space have
        the same."""
        ends = self.ends.tolist()
        each = zip([0, *ends], ends, strict=False)
        return np.array([xxh3(self.content[begin:end]) for begin, end in each], np.uint64)

    def key(self, some: Iterable[int]) -> int:
        """The key of some of the texts in a row, as if they were one."""
        ends = self.ends
        parts = [self.content[ends[i - 1] if i else 0 : ends[i]] for i in some]
        return xxh3(b"".join(parts))


class Characters:
    """The kinds of all characters, as one language sees them."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._kind = np.full(0x110000, UNKNOWN, np.uint8)
        self._lower = np.full(0x110000, SPACE, np.uint32)

    def measure(self, texts: Sequence[str]) -> Measured:
        """Count the kinds of characters in each text; see `Measured`."""
        codes, starts, lengths = code_points(texts)
        kind = self._kind.take(codes)
        if (kind == UNKNOWN).any():
            self._learn(codes[kind == UNKNOWN])
            kind = self._kind.take(codes)
        lower = self._lower.take(codes)
        counts = _count(kind, lengths)
        content = lower[(kind & (LETTER | DIGIT)) > 0].tobytes()
        ends = np.cumsum(counts["letter"] + counts["digit"]) * lower.itemsize
        return Measured(
            length=lengths, plain=_plain(kind, lower, starts), content=content, ends=ends, **counts
        )

    def _learn(self, codes: NDArray[np.uint32]) -> None:
        for code in np.unique(codes).tolist():
            kind, self._lower[code] = self._judge(chr(code))
            strange = code > 0x7F and not kind & IN_ALPHABET
            self._kind[code] = kind | (ODD if strange else 0)

    def _judge(self, character: str) -> tuple[int, int]:
        category = unicodedata.category(character)
        lower = character.lower()
        code = ord(lower) if len(lower) == 1 else ord(character)
        script = script_of(character)
        if script is not None:
            kind = LETTER
            kind |= IN_SCRIPT if script == self.language.script else 0
            kind |= IN_ALPHABET if lower[0] in self.language.alphabet else 0
            kind |= FOREIGN if lower[0] in self.language.foreign_letters else 0
            return kind, code
        if category[0] == "N":
            return DIGIT, code
        if character in "\n\t":
            return 0, SPACE
        if character == "\ufffd" or category in ("Co", "Cn", "Cs", "Cc"):
            return BROKEN, SPACE
        if category[0] in "PS":
            return SIGN, SPACE
        return 0, SPACE


def _count(kind: NDArray[np.uint8], lengths: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    """How many characters of each kind every text has: a histogram of the kinds' combinations."""
    combinations = np.flatnonzero(np.bincount(kind, minlength=256))
    number = np.zeros(256, np.intp)
    number[combinations] = np.arange(len(combinations))
    cells = np.repeat(np.arange(len(lengths)) * len(combinations), lengths + 1)
    cells += number.take(kind)
    size = len(lengths) * len(combinations)
    table = np.bincount(cells, minlength=size).reshape(len(lengths), len(combinations))
    return {
        name: table[:, (combinations >> bit) & 1 > 0].sum(axis=1) for bit, name in enumerate(KINDS)
    }


def _plain(
    kind: NDArray[np.uint8], lower: NDArray[np.uint32], starts: NDArray[np.int64]
) -> list[str]:
    """See `Measured.plain`. Overwrites `lower`."""
    gap = (kind & LETTER) == 0
    lower[gap] = SPACE
    lower[starts] = LINE
    kept = np.ones(len(gap), bool)
    np.logical_and(gap[1:], gap[:-1], out=kept[1:])
    np.logical_not(kept[1:], out=kept[1:])
    kept[starts] = True
    texts = lower[kept].tobytes().decode("utf-32-le").split("\n")[1:]
    return [text.rstrip(" ") for text in texts]


def count_words(plain: Sequence[str]) -> dict[str, int]:
    """How often each word occurs in plain texts. Arrow counts them, five times as fast as Python
    does: most words are never made a string of their own."""
    import pyarrow as pa
    import pyarrow.compute as pc

    words = pc.split_pattern(pa.array(plain, pa.large_string()), " ").flatten()
    found = pc.value_counts(words)
    words, times = found.field("values").to_pylist(), found.field("counts").to_pylist()
    counts = dict(zip(words, times, strict=True))
    counts.pop("", None)
    return counts


def code_points(
    texts: Sequence[str],
) -> tuple[NDArray[np.uint32], NDArray[np.int64], NDArray[np.int64]]:
    """Code points of all texts, each after a line feed; where those stand; lengths without them."""
    joined = "".join(["\n" + text for text in texts])
    codes = np.frombuffer(joined.encode("utf-32-le", "replace"), np.uint32)
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    starts = np.cumsum(lengths + 1) - lengths - 1
    return codes, starts, lengths
