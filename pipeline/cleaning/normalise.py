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
_PRIVATE = re.compile(r"[\ue000-\uf8ff]+")  # the bullets of a PDF's symbol font
_RUNS = re.compile(r"([^\w\s\x1e])\1{3,}")  # dots up to a page number, lines to fill in
_SPACES = re.compile(r"[^\S\n\x1e]+")
_LINES = re.compile(r" *\n[ \n]*")
_BREAK = re.compile(r"(?<=[^\W\d_])[-\u2010\xac][ \n](?=[^\W\d_]{2})")
_LETTERS = re.compile(r"[^\W\d_]+")
_LAST_LETTERS = re.compile(r"(?<!\w)[^\W\d_]{2,}$")
_LONGEST_WORD = 60

# Letters that look the same. Latin first, Cyrillic second.
_LOOKALIKES = (
    "aа cс eе oо pр xх yу iі jј sѕ hһ əә öӧ äӓ ӕæ AА BВ CС EЕ HН KК MМ OО PР TТ XХ YУ IІ JЈ SЅ ƏӘ"
)


def normalise(texts: Sequence[str]) -> list[str]:
    """NFC, no invisible characters, single spaces, paragraphs on lines of their own."""
    if not texts:
        return []
    joined = JOIN.join(text.replace(JOIN, " ") for text in texts)
    joined = joined.translate(_Table())  # before NFC: what goes may part a letter from its accent
    joined = unicodedata.normalize("NFC", joined)
    joined = _RUNS.sub(r"\1\1\1", _PRIVATE.sub(" ", joined))
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
    if tables is None:
        return list(texts)
    mixed, word, own, likeness = tables
    if not mixed.search(JOIN.join(texts)):
        return list(texts)

    def repair(match: re.Match[str]) -> str:
        found = match.group()
        native = len(own.findall(found))
        strange = [c for c in found if c.isalpha() and not own.match(c)]
        if native <= len(strange) or not all(ord(c) in likeness for c in strange):
            return found
        return found.translate(likeness)

    return [word.sub(repair, text) if mixed.search(text) else text for text in texts]


@lru_cache(maxsize=8)
def _likenesses(
    script: str, alphabet: str
) -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str], dict[int, str]] | None:
    if script not in ("Latn", "Cyrl"):
        return None
    latin, cyrillic = "a-zA-Z\u00c0-\u024fəƏ", "\u0400-\u052f"
    own, other = (latin, cyrillic) if script == "Latn" else (cyrillic, latin)
    likeness: dict[int, str] = {}
    for one, two in (tuple(unicodedata.normalize("NFC", p)) for p in _LOOKALIKES.split()):
        theirs, ours = (two, one) if script == "Latn" else (one, two)
        if script_of(ours) == script and ours.lower() in alphabet:
            likeness.setdefault(ord(theirs), ours)
    # Every boundary between the scripts has a letter of the rarer one: look for that one first.
    mixed = re.compile(f"[{other}](?:(?=[{own}])|(?<=[{own}][{other}]))")
    word = re.compile(rf"\b\w*(?:[{own}][{other}]|[{other}][{own}])\w*")
    return mixed, word, re.compile(f"[{own}]"), likeness


def join_broken_words(texts: Sequence[str], vocabulary: Collection[str]) -> list[str]:
    """Put `exam- ple` together where `example` is a word of the vocabulary (lower case).

    `sister- and` stays: nobody writes `sisterand`.
    """
    return [_join_broken(text, vocabulary) if vocabulary else text for text in texts]


def _join_broken(text: str, vocabulary: Collection[str]) -> str:
    pieces, begin = [], 0
    for found in _BREAK.finditer(text):
        first = _LAST_LETTERS.search(text, max(found.start() - _LONGEST_WORD, begin), found.start())
        second = _LETTERS.match(text, found.end())
        if first and second and (first.group() + second.group()).lower() in vocabulary:
            pieces.append(text[begin : found.start()])
            begin = found.end()
    return "".join([*pieces, text[begin:]]) if pieces else text
