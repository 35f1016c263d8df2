"""Texts as arrays of code points, and what kind of character each one is.

Cleaning asks the same few things of every paragraph: how many letters, of which script, in or
outside the alphabet, how many digits and signs. Asked of a whole batch at once by table look-up,
that costs nanoseconds a character. The tables are filled as characters turn up.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.languages import Language
from pipeline.scripts import script_of

LETTER, IN_SCRIPT, IN_ALPHABET, FOREIGN, DIGIT, SIGN, BROKEN, KNOWN = (1 << i for i in range(8))
KINDS = ("letter", "in_script", "in_alphabet", "foreign", "digit", "sign", "broken")
SPACE = 0x20


@dataclass(frozen=True)
class Measured:
    """What the characters of some texts are. Every array has shape [texts].

    `plain` holds the texts as the identifier sees them: letters in lower case, one space between
    words and nothing else; `keys` hashes letters and digits alone, in lower case, so that texts
    which differ in case, punctuation and white space only have the same key.
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
    keys: NDArray[np.uint64]


class Characters:
    """The kinds of all characters, as one language sees them."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._kind = np.zeros(0x110000, np.uint8)
        self._lower = np.full(0x110000, SPACE, np.uint32)

    def measure(self, texts: Sequence[str]) -> Measured:
        """Count the kinds of characters in each text; see `Measured`."""
        import xxhash

        codes, starts, lengths = code_points(texts)
        self._learn(codes)
        kind, lower = self._kind[codes], self._lower[codes]
        counts = {
            name: np.add.reduceat((kind >> bit) & 1, starts, dtype=np.int64)
            for bit, name in enumerate(KINDS)
        }
        odd = (codes > 0x7F) & ((kind & IN_ALPHABET) == 0)
        kept = (kind & (LETTER | DIGIT)) > 0
        content = lower[kept]
        ends = np.cumsum(counts["letter"] + counts["digit"]) * 4
        view = content.tobytes()
        hashes, begin = np.zeros(len(texts), np.uint64), 0
        for index, end in enumerate(ends.tolist()):
            hashes[index] = xxhash.xxh3_64_intdigest(view[begin:end])
            begin = end
        lower[(kind & LETTER) == 0] = SPACE
        lower[starts] = ord("\n")
        single = np.ones(len(lower), bool)
        single[1:] = (lower[1:] != SPACE) | ((lower[:-1] != SPACE) & (lower[:-1] != ord("\n")))
        plain = lower[single].tobytes().decode("utf-32-le").split("\n")[1:]
        return Measured(
            length=lengths,
            odd=np.add.reduceat(odd, starts, dtype=np.int64),
            plain=[text.rstrip(" ") for text in plain],
            keys=hashes,
            **counts,
        )

    def _learn(self, codes: NDArray[np.uint32]) -> None:
        for code in np.unique(codes[self._kind[codes] == 0]).tolist():
            self._kind[code], self._lower[code] = self._judge(chr(code))

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
            return kind | KNOWN, code
        if category[0] == "N":
            return DIGIT | KNOWN, code
        if character in "\n\t":
            return KNOWN, SPACE
        if character == "\ufffd" or category in ("Co", "Cn", "Cs", "Cc"):
            return BROKEN | KNOWN, SPACE
        if category[0] in "PS":
            return SIGN | KNOWN, SPACE
        return KNOWN, SPACE


def code_points(
    texts: Sequence[str],
) -> tuple[NDArray[np.uint32], NDArray[np.int64], NDArray[np.int64]]:
    """Code points of all texts, each after a line feed; where those stand; lengths without them."""
    joined = "".join(["\n" + text for text in texts])
    codes = np.frombuffer(joined.encode("utf-32-le", "replace"), np.uint32)
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    starts = np.cumsum(lengths + 1) - lengths - 1
    return codes, starts, lengths
