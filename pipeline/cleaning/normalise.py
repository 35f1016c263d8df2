"""One way of writing: the same text always gets the same characters.

Canonical composition (NFC), no invisible characters, plain spaces, words of one script, and words
that a PDF broke at a line's end put together again. Quotes and apostrophes stay as the language
writes them. Every function takes and gives a list of texts; they are worked on joined, since one
regular expression over megabytes is much faster than one over each line. Paragraphs are lines;
blank lines go.
"""

import re
import unicodedata
from collections.abc import Collection, Sequence
from functools import lru_cache

from pipeline.languages import script_of

JOIN = "\x1e"  # record separator: stands between joined texts, and is taken out of them first

# Controls but tab and line feed; soft hyphen, zero-width characters (ZWJ and ZWNJ shape letters in
# some scripts, and stay), directional marks and isolates, invisible operators, byte order mark.
_INVISIBLE = dict.fromkeys(
    code
    for first, last in (
        *((0x00, 0x08), (0x0B, 0x0B), (0x0E, 0x1F), (0x7F, 0x9F), (0xAD, 0xAD), (0x200B, 0x200B)),
        *((0x200E, 0x200F), (0x202A, 0x202E), (0x2060, 0x2064), (0x2066, 0x206F), (0xFEFF, 0xFEFF)),
    )
    for code in range(first, last + 1)
)
_TRANSLATE = {**_INVISIBLE, 0x0C: "\n", 0x0D: "\n", 0x85: "\n", 0x2028: "\n", 0x2029: "\n"}
_SPACES = re.compile(r"[^\S\n\x1e]+")
_LINES = re.compile(r" *\n[ \n]*")
_BROKEN = re.compile(r"(?<!\w)([^\W\d_]{2,})[-\u2010\xac] ?\n?([^\W\d_]{2,})(?!\w)")
_BROKEN_PLACE = re.compile(r"[-\u2010\xac][ \n]")

# Letters that look the same. Latin first, Cyrillic second.
_LOOKALIKES = (
    "aа cс eе oо pр xх yу iі jј sѕ hһ əә öӧ äӓ ӕæ AА BВ CС EЕ HН KК MМ OО PР TТ XХ YУ IІ JЈ SЅ ƏӘ"
)


def normalise(texts: Sequence[str]) -> list[str]:
    """NFC, no invisible characters, single spaces, paragraphs on lines of their own."""
    if not texts:
        return []
    joined = JOIN.join(text.replace(JOIN, " ") for text in texts)
    joined = unicodedata.normalize(
        "NFC", joined.translate(_Table())
    )  # what goes may part an accent
    joined = _LINES.sub("\n", _SPACES.sub(" ", joined))
    return [text.strip(" \n") for text in joined.split(JOIN)]


class _Table(dict[int, str | int | None]):
    """`_TRANSLATE` for `str.translate`, remembering what stays."""

    def __init__(self) -> None:
        super().__init__(_TRANSLATE)
        self[ord(JOIN)] = ord(JOIN)

    def __missing__(self, code: int) -> int:
        self[code] = code
        return code


def repair_homoglyphs(texts: Sequence[str], script: str, alphabet: str) -> list[str]:
    """Write words of mixed Latin and Cyrillic in the script of the language.

    `һәм` typed with a Latin schwa becomes what it looks like. Only words with more letters of the
    language's script than of the other are touched, and only if all others have a likeness in it.
    """
    tables = _likenesses(script, alphabet)
    if tables is None or not texts:
        return list(texts)
    mixed, own, likeness = tables

    def repair(match: re.Match[str]) -> str:
        word = match.group()
        native = len(own.findall(word))
        strange = [c for c in word if c.isalpha() and not own.match(c)]
        if native <= len(strange) or not all(ord(c) in likeness for c in strange):
            return word
        return word.translate(likeness)

    return mixed.sub(repair, JOIN.join(texts)).split(JOIN)


@lru_cache(maxsize=8)
def _likenesses(
    script: str, alphabet: str
) -> tuple[re.Pattern[str], re.Pattern[str], dict[int, str]] | None:
    if script not in ("Latn", "Cyrl"):
        return None
    latin, cyrillic = "a-zA-Z\u00c0-\u024fəƏ", "\u0400-\u052f"
    own, other = (latin, cyrillic) if script == "Latn" else (cyrillic, latin)
    likeness: dict[int, str] = {}
    for one, two in (tuple(unicodedata.normalize("NFC", p)) for p in _LOOKALIKES.split()):
        theirs, ours = (two, one) if script == "Latn" else (one, two)
        if script_of(ours) == script and ours.lower() in alphabet:
            likeness.setdefault(ord(theirs), ours)
    mixed = re.compile(rf"\w*(?:[{own}][{other}]|[{other}][{own}])\w*")
    return mixed, re.compile(f"[{own}]"), likeness


def join_broken_words(texts: Sequence[str], vocabulary: Collection[str]) -> list[str]:
    """Put `exam- ple` together where `example` is a word of the vocabulary (lower case), and its
    end is not; `sister- and` stays, since nobody writes `sisterand`."""

    def repair(match: re.Match[str]) -> str:
        first, second = match.groups()
        whole = (first + second).lower()
        return first + second if whole in vocabulary else match.group()

    if not vocabulary:
        return list(texts)
    return [_BROKEN.sub(repair, text) if _BROKEN_PLACE.search(text) else text for text in texts]
