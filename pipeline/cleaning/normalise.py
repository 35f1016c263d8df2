"""One way of writing: the same text always gets the same characters.

Text that was read in a wrong encoding is read in the right one, where that is sure; then canonical
composition (NFC), no invisible characters, plain spaces, words of one script, and words that a PDF
broke at a line's end put together again. Quotes and apostrophes stay as the language writes them.
Every function takes and gives a list of texts. The work is done on arrays of code points, many
texts at once: a look-up in a table costs nanoseconds a character, a regular expression ten times
that. Paragraphs are lines; blank lines go.
"""

import re
import unicodedata
from collections.abc import Collection, Sequence
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from pipeline.cleaning.mojibake import repair_mojibake
from pipeline.languages import script_of

JOIN = "\x1e"  # record separator: stands between joined texts, and is taken out of them first
SLICE = 4 << 20  # characters worked on at once: bounds the memory that a very long text takes

_GONE = 0xFFFFFFFF
_SOFT_HYPHEN, _HYPHEN, _SPACE, _LINE = 0xAD, ord("-"), ord(" "), ord("\n")
# Controls but tab and line feed; zero-width characters (ZWJ and ZWNJ shape letters in some scripts,
# and stay), directional marks and isolates, invisible operators, byte order mark, annotations.
_INVISIBLE = (
    *((0x00, 0x08), (0x0E, 0x1D), (0x1F, 0x1F), (0x7F, 0x9F), (0x61C, 0x61C), (0x200B, 0x200B)),
    *((0x200E, 0x200F), (0x202A, 0x202E), (0x2060, 0x2064), (0x2066, 0x206F), (0xFEFF, 0xFEFF)),
    (0xFFF9, 0xFFFB),
)
_LINE_ENDS = (0x0C, 0x0D, 0x85, 0x2028, 0x2029)
_PRIVATE = (0xE000, 0xF8FF)  # the bullets of a PDF's symbol font
_SURROGATES = (0xD800, 0xDFFF)  # half a character, which no file can hold
_LONGEST_RUN = 3  # of one sign: dots up to a page number, lines to fill in
_CUT = re.compile(r"\w(?=\w)|(\S)(?!\1)(?=\S)")

_BREAK = re.compile(r"[-\u2010\xac][ \n](?=[^\W\d_]{2})")
_LETTERS = re.compile(r"[^\W\d_]+")
_LAST_LETTERS = re.compile(r"(?<!\w)[^\W\d_]{2,}\Z")
_LONGEST_WORD = 60

# Letters that look the same. Latin first, Cyrillic second.
_LOOKALIKES = (
    "aа cс eе oо pр xх yу iі jј sѕ hһ əә öӧ äӓ ӕæ АA BВ CС EЕ HН KК MМ OО PР TТ XХ YУ IІ JЈ SЅ ƏӘ"
)

Codes = NDArray[np.uint32]


def normalise(texts: Sequence[str]) -> list[str]:
    """Repaired, NFC, no invisible characters, single spaces, paragraphs on lines of their own."""
    done: list[str] = []
    part: list[str] = []
    size = 0
    for text in texts:
        if len(text) > SLICE:
            done += [*_normalise(part), _in_pieces(text)]
            part, size = [], 0
            continue
        part.append(text)
        size += len(text)
        if size > SLICE:
            done += _normalise(part)
            part, size = [], 0
    return done + _normalise(part)


def _in_pieces(text: str) -> str:
    """A very long text, cut between lines, or else where two characters have nothing to do with
    each other, and each piece normalised."""
    normal: list[str] = []
    begin, gap = 0, ""
    while begin < len(text):
        end = text.rfind("\n", begin, begin + SLICE) + 1
        if begin + SLICE >= len(text):
            end = len(text)
        elif not end:
            cuts = (found.end() for found in _CUT.finditer(text, begin + SLICE))
            end = next((cut for cut in cuts if _is_safe(text[cut - 1 : cut + 1])), len(text))
        if piece := _normalise([text[begin:end]])[0]:
            normal += [gap, piece] if normal else [piece]
            gap = ""
        gap = "\n" if text[end - 1] == "\n" else gap
        begin = end
    return "".join(normal)


def _is_safe(pair: str) -> bool:
    """Whether nothing happens between two characters, be they alone or together."""
    return _compose([pair]) == [pair] and unicodedata.category(pair[1])[0] != "M"


def _normalise(texts: Sequence[str]) -> list[str]:
    """Until nothing is left to repair: two halves of a misread letter may have been torn apart by
    a character that goes, and what is repaired may hold one."""
    if not texts:
        return []
    normal = _compose(repair_mojibake(texts))
    while (repaired := repair_mojibake(normal)) != normal:
        normal = _compose(repaired)
    return normal


def _compose(texts: Sequence[str]) -> list[str]:
    """All of `normalise` but the repair of what was misread."""
    codes = _codes(JOIN.join([text.replace(JOIN, " ") for text in texts]))
    codes = _table().take(codes)
    codes = _soft_hyphens(codes[codes != _GONE])
    joined = _text(codes)  # NFC comes now: what goes may have parted a letter from its accent
    if not unicodedata.is_normalized("NFC", joined):
        codes = _codes(unicodedata.normalize("NFC", joined))
    return _text(_spaces(_shorten_runs(codes))).split(JOIN)


def _codes(text: str) -> Codes:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def _text(codes: Codes) -> str:
    return codes.tobytes().decode("utf-32-le")


@cache
def _table() -> Codes:
    """What each code point becomes; `_GONE` for none."""
    table = np.arange(0x110000, dtype=np.uint32)
    for first, last in _INVISIBLE:
        table[first : last + 1] = _GONE
    table[[code for code in range(0x10000) if chr(code).isspace()]] = _SPACE
    table[_PRIVATE[0] : _PRIVATE[1] + 1] = _SPACE
    table[[_LINE, *_LINE_ENDS]] = _LINE
    table[_SURROGATES[0] : _SURROGATES[1] + 1] = 0xFFFD
    table[[ord(JOIN), _SOFT_HYPHEN]] = ord(JOIN), _SOFT_HYPHEN
    return table


def _soft_hyphens(codes: Codes) -> Codes:
    """A soft hyphen at a line's end is a hyphen that can be seen, and anywhere else it is none."""
    soft = np.flatnonzero(codes == _SOFT_HYPHEN)
    if not len(soft):
        return codes
    padded = np.append(codes, ord(JOIN))
    after, before = padded[soft + 1], padded[soft - 1]
    last = soft[((after == _SPACE) | (after == _LINE)) & (before > _SPACE)]
    codes = codes.copy()
    codes[last] = _HYPHEN
    return codes[codes != _SOFT_HYPHEN]


def _shorten_runs(codes: Codes) -> Codes:
    """At most three of the same sign in a row."""
    same = codes[1:] == codes[:-1]
    fourth = np.flatnonzero(same[2:] & same[1:-1] & same[:-2]) + 3
    if not len(fourth):
        return codes
    repeated = codes[fourth]
    signs = [code for code in np.unique(repeated).tolist() if _is_sign(chr(code))]
    return np.delete(codes, fourth[np.isin(repeated, signs)]) if signs else codes


def _is_sign(character: str) -> bool:
    return not (character.isalnum() or character.isspace() or character in f"_{JOIN}")


def _spaces(codes: Codes) -> Codes:
    """One space, or one line feed, for each run of them; none at the ends of a text."""
    space = (codes == _SPACE) | (codes == _LINE)
    places = np.flatnonzero(space)
    if not len(places):
        return codes
    runs = np.flatnonzero(np.diff(places, prepend=-2) > 1)
    begins, ends = places[runs], places[np.append(runs[1:], len(places)) - 1]
    padded = np.append(codes, ord(JOIN))  # which is also before the first one, at -1
    inside = (padded[begins - 1] != ord(JOIN)) & (padded[ends + 1] != ord(JOIN))
    if len(runs) == len(places) and inside.all():
        return codes
    codes = codes.copy()
    codes[begins] = np.minimum.reduceat(codes[places], runs)  # a line feed is less than a space
    kept = ~space
    kept[begins[inside]] = True
    return codes[kept]


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
    return [
        _join_broken(text, vocabulary)
        if "-" in text or "\u2010" in text or "\xac" in text
        else text
        for text in texts
    ]


def _join_broken(text: str, vocabulary: Collection[str]) -> str:
    pieces, begin = [], 0
    for found in _BREAK.finditer(text):
        first = _LAST_LETTERS.search(text, max(found.start() - _LONGEST_WORD, begin), found.start())
        second = _LETTERS.match(text, found.end())
        if first and second and (first.group() + second.group()).lower() in vocabulary:
            pieces.append(text[begin : found.start()])
            begin = found.end()
    return "".join([*pieces, text[begin:]]) if pieces else text
