"""Text that was read in a wrong encoding, read again in the right one.

UTF-8 taken for a code page of single bytes is the usual damage: `ÐšÐ°Ð·Ð°Ð½` was `Казан`. `ftfy`
(Speer 2019, https://ftfy.readthedocs.io) knows what such text looks like, but takes long to look;
so it is asked only about lines in which letters follow each other as the bytes of a UTF-8 character
would. A repair is believed if nothing odd is left in the line and no letter is lost. Of ftfy's
other opinions about text none is used.
"""

from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

ENCODINGS = ("latin-1", "cp1252", "cp1251", "cp1250", "cp1253", "cp1254", "cp1257", "iso8859-2",
             "mac_roman", "cp437")  # fmt: skip
"""What ftfy tries; each is one bit in the tables."""
CONTROL = 1 << 15
QUOTES = "«»“”‘’–—…"  # in `mac_roman` they begin a character, in text they stand before any letter
NEAR = 5  # characters around a suspect that show whether it is one
LONGEST = 10_000  # characters of a line that is looked at

Bits = NDArray[np.uint16]


def repair_mojibake(texts: Sequence[str]) -> list[str]:
    """The texts, with every line that was surely misread put right."""
    joined = "\n".join(texts)
    if joined.isascii():
        return list(texts)
    pieces, done, settled = [], 0, 0
    for place in _suspects(joined):
        if place < settled or not _looks_bad(_around(joined, place)):
            continue
        begin, end = joined.rfind("\n", settled, place) + 1 or settled, joined.find("\n", place)
        settled = len(joined) if end < 0 else end
        if settled - begin <= LONGEST:
            line = joined[begin:settled]
            if (better := _repair(line)) != line:
                pieces += [joined[done:begin], better]
                done = settled
    if not pieces:
        return list(texts)
    lines = iter("".join([*pieces, joined[done:]]).split("\n"))
    return ["\n".join(islice(lines, text.count("\n") + 1)) for text in texts]


def _around(text: str, place: int) -> str:
    before, after = text[max(place - NEAR, 0) : place], text[place : place + NEAR]
    return before.rpartition("\n")[2] + after.partition("\n")[0]


@lru_cache(maxsize=1 << 16)
def _looks_bad(text: str) -> bool:
    """Whether ftfy finds a sequence in a few characters that hardly any text has. Words such as the
    Sámi `ášši` ask again and again."""
    from ftfy.badness import is_bad

    return bool(is_bad(text))


def _repair(line: str) -> str:
    """The line read rightly, or as it is where that cannot be said for sure."""
    import ftfy
    from ftfy.badness import is_bad

    better = ftfy.fix_encoding(line, _only_sure())
    return line if "\ufffd" in better or "\n" in better or is_bad(better) else better


@cache
def _only_sure() -> Any:
    """ftfy's settings: nothing but encodings, and no guess at letters that are lost."""
    from ftfy import TextFixerConfig

    return TextFixerConfig(replace_lossy_sequences=False)


def _suspects(text: str) -> list[int]:
    """Where the second or third byte of a UTF-8 character, or a control of Latin-1, may stand."""
    codes = np.frombuffer(f"\n\n{text}".encode("utf-32-le", "surrogatepass"), np.uint32)
    pairs, triples, later = _tables()
    places = np.flatnonzero(later.take(codes))
    here, before, first = later[codes[places]], codes[places - 1], codes[places - 2]
    found = (pairs[before] & here) | (triples[first] & later[before] & here) | (here & CONTROL)
    return (places[found > 0] - 2).tolist()


@cache
def _tables() -> tuple[Bits, Bits, Bits]:
    """For each code point the encodings in which it is the first byte of two, the first of three or
    four, or a later one."""
    pairs, triples, later = (np.zeros(0x110000, np.uint16) for _ in range(3))
    for bit, encoding in enumerate(ENCODINGS):
        for table, first, last in ((pairs, 0xC2, 0xDF), (triples, 0xE0, 0xF4), (later, 0x80, 0xBF)):
            for byte in range(first, last + 1):
                letter = bytes([byte]).decode(encoding, "replace")
                if letter not in f"\ufffd{QUOTES}" or (table is later and letter != "\ufffd"):
                    table[ord(letter)] |= 1 << bit
    later[0x80:0xA0] |= CONTROL
    later[0x85] = 0  # a line's end
    return pairs, triples, later
