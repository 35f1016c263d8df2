"""Personal data: e-mail addresses, telephone numbers and IP addresses give way to placeholders.

A placeholder is a word in angle brackets (`<email>`): no text holds it by chance, no address or
number can be mistaken for it, a tokenizer learns it as one token, and what a model writes can be
filled in or searched for. A made-up address in its place (as FineWeb has it) would read as real.

An address tells itself by its form. A telephone number hardly differs from other numbers, so it has
to show one of these: a plus and a country, a leading zero, an area in brackets, the grouping of a
telephone number, or a word such as "tel." before it. Sums, years, dates, book and law numbers,
chapters and coordinates stay.
"""

import ipaddress
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice

import numpy as np
from numpy.typing import NDArray

PLACEHOLDERS = {"email": "<email>", "phone": "<phone>", "ip": "<ip>"}

FEWEST_DIGITS = 6  # of a telephone number
MOST_DIGITS = 15  # E.164
GAP = 4  # characters at most from one digit of it to the next
BEFORE = 40  # characters that are searched for a word that tells what number follows
CLOSE = 12  # characters between two numbers of one person

_WRITTEN_AT = re.compile(r"[(\[](?:at|a)[)\]]", re.IGNORECASE)
_DOMAIN = re.compile(r"(?:[^\W_][\w-]{0,62}\.){1,8}[^\W\d_]{2,24}")
_LOCAL = re.compile(r"(?<![\w.+%-])[^\W_](?:[\w.+%-]{0,62}[\w+-])?\Z")
_LONGEST_LOCAL = 64

_IP4 = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\d)")
_IP6 = re.compile(r"(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?![\w:])")
_SAYS_IP = re.compile(r"\bIP\b[^\d]{0,12}\Z", re.IGNORECASE)

_NUMBER = re.compile(r"\d(?:[ \-.()\u2010-\u2013]{0,3}\d)*+")
_OPENING = re.compile(r"(?:\+ ?)?\(?\Z")
_SAYS_PHONE = re.compile(
    r"(?:\b(?:tel|tlf|tlph|phone|fax|faks|mob|gsm|puh|sms|whatsapp|viber|тел|моб|факс)"
    r"|telef\w{0,14}|teleph\w{0,5}|faks\w{0,8}|\bmobi\w{0,9}|телеф\w{0,8}|факс\w{0,8}"
    r"|\bмобил\w{0,8}|[☎☏📞📱✆])(?!\w)\W{0,4}(?:[^\W\d]{1,12}\W{1,3}){0,2}\Z",
    re.IGNORECASE,
)
_BOOK = re.compile(r"\b(?:isbn|issn|doi)\b\W{0,4}\Z", re.IGNORECASE)
_LISTED = re.compile(r"\b(?:org|nr|no|lov|art)\b\W{0,4}\Z|№ ?\Z", re.IGNORECASE)
_AFTER_OTHERS = re.compile(r"\d[,:/]\Z|[\w/=_#&-]\Z")
_BEFORE_OTHERS = re.compile(r"[,:/]\d|\w| ?[%+±-]\d| ?%")
_DATE = re.compile(
    r"(?<!\d)(?:\d{1,2}[. ]{1,2}\d{1,2}[. ]{1,2}(?:1[5-9]|20)\d\d|(?:1[5-9]|20)\d\d[-.]\d\d[-.]\d\d"
    r"|\d\d-\d\d-(?:1[5-9]|20)\d\d|\d{1,2}\.\d\d ?[-\u2013] ?\d{1,2}\.\d\d)(?!\d)"
)
_YEAR = re.compile(r"\((?:1[5-9]|20)\d\d\)")
_SUM = re.compile(r"[1-9]\d{0,2}(?:[ .]\d{3})+")
_AREA = re.compile(r"(?:\+?\d{1,3}[ -]?)?\(\d{2,5}\)[ -]?\d{2,4}(?:[ -]?\d{2,4}){1,3}")
_DASHES = frozenset("-\u2010\u2011\u2012\u2013")
# Lengths of the groups of digits, with a dash between some of them or with any sign.
_DASHED = {(3, 2, 2), (3, 3, 4), (3, 4, 4), (1, 3, 3, 4)}
_ANYHOW = {(1, 3, 3, 2, 2), (3, 3, 2, 2), (2, 2, 2, 2), (3, 2, 3)}

Places = NDArray[np.int64]
Span = tuple[int, int, str]
"""First character, last character + 1, key of `PLACEHOLDERS`."""


def hide(texts: Sequence[str]) -> tuple[list[str], Counter[str]]:
    """Put placeholders for personal data; count them by the keys of `PLACEHOLDERS`."""
    found: Counter[str] = Counter()
    joined = "\n".join(texts)
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
    begins = np.cumsum([0, *(len(text) + 1 for text in texts)])
    digit = _is_digit().take(codes)
    spans = [
        *_addresses(joined, codes, begins),
        *_ips(joined, codes, digit, begins),
        *_phones(joined, digit, begins),
    ]
    pieces, end = [], 0
    for first, last, kind in sorted(spans):
        if first >= end:
            pieces += [joined[end:first], PLACEHOLDERS[kind]]
            end = last
            found[kind] += 1
    if not pieces:
        return list(texts), found
    lines = iter("".join([*pieces, joined[end:]]).split("\n"))
    return ["\n".join(islice(lines, text.count("\n") + 1)) for text in texts], found


@cache
def _is_digit() -> NDArray[np.bool_]:
    table = np.zeros(0x110000, bool)
    characters = "".join(map(chr, range(0x20000)))  # beyond are no digits
    table[[match.start() for match in re.finditer(r"\d", characters)]] = True
    return table


def _with_begins(places: Places, begins: Places) -> Iterator[tuple[int, int]]:
    """Every place, and where the text begins that it is in: to look back no further."""
    texts = np.searchsorted(begins, places, side="right") - 1
    return zip(places.tolist(), begins[texts].tolist(), strict=True)


def _addresses(text: str, codes: NDArray[np.uint32], begins: Places) -> Iterator[Span]:
    signs = [(place, place + 1) for place in np.flatnonzero(codes == ord("@")).tolist()]
    if "(a" in text or "[a" in text or "(A" in text or "[A" in text:
        signs += [match.span() for match in _WRITTEN_AT.finditer(text)]
    places = np.array([first for first, _ in signs], np.int64)
    for (first, begin), (_, last) in zip(_with_begins(places, begins), signs, strict=True):
        last += text[last : last + 1] == " "
        first -= text[first - 1 : first] == " "
        domain = _DOMAIN.match(text, last)
        local = domain and _LOCAL.search(text, max(first - _LONGEST_LOCAL, begin), first)
        if domain and local:
            yield local.start(), domain.end(), "email"


def _ips(
    text: str, codes: NDArray[np.uint32], digit: NDArray[np.bool_], begins: Places
) -> Iterator[Span]:
    dots = np.flatnonzero(codes[1:-1] == ord("."))
    dots = dots[digit[dots] & digit[dots + 2]]
    three = np.flatnonzero((dots[2:] - dots[1:-1] <= 4) & (dots[1:-1] - dots[:-2] <= 4))
    for place, begin in _with_begins(dots[three], begins):
        while place > begin and text[place - 1].isdecimal():
            place -= 1
        match = _IP4.match(text, place)
        if match and not re.match(r"[\w.]", text[max(place - 1, begin) : place]):
            yield from _checked(match, begin)
    colons = np.flatnonzero(codes == ord(":"))
    pairs = np.flatnonzero(np.diff(colons) <= 5)
    done = 0
    for place, begin in _with_begins(colons[pairs], begins):
        if place < done:
            continue
        while place > begin and text[place - 1] in "0123456789abcdefABCDEF":
            place -= 1
        match = _IP6.match(text, place)
        if match and not text[max(place - 1, begin) : place].isalnum():
            done = match.end()
            yield from _checked(match, begin)


def _checked(match: re.Match[str], begin: int) -> Iterator[Span]:
    """The match if it is an address: no chapter, version, time or verse."""
    try:
        version = ipaddress.ip_address(address := match.group()).version
    except ValueError:  # a part above 255 or with a leading zero
        return
    parts = re.findall(r"\w+", address)
    if version == 6:
        real = len(parts) > 1 and sum(map(len, parts)) > 3 and re.search(r"\d", address) is not None
    elif _SAYS_IP.search(match.string, max(match.start() - BEFORE, begin), match.start()):
        real = True
    else:
        longer = sum(len(part) > 1 for part in parts)
        real = parts[0] != "0" and ("0" in parts or (longer > 1 and max(map(int, parts)) > 99))
    if real:
        yield *match.span(), "ip"


def _phones(text: str, digit: NDArray[np.bool_], begins: Places) -> Iterator[Span]:
    digits = np.flatnonzero(digit)
    near = np.diff(digits) <= GAP
    near &= np.diff(np.searchsorted(begins, digits, side="right")) == 0  # of one text
    borders = np.flatnonzero(np.diff(near, prepend=False, append=False))
    first, last = borders[::2], borders[1::2]
    long = last - first >= FEWEST_DIGITS - 1
    stops = digits[last[long]].tolist()
    before = -CLOSE
    for (place, begin), stop in zip(_with_begins(digits[first[long]], begins), stops, strict=True):
        while match := _NUMBER.search(text, place, stop + 1):
            place = match.end()
            opening = _OPENING.search(text, max(match.start() - 3, begin), match.start())
            start = opening.start() if opening else match.start()
            number = text[start:place]
            if number.startswith("(") and ")" not in number:
                start, number = start + 1, number[1:]
            if FEWEST_DIGITS <= sum(map(str.isdecimal, number)) <= MOST_DIGITS:
                lead, tail = text[max(start - BEFORE, begin) : start], text[place : place + 4]
                if _is_phone(lead, number, tail, max(start - CLOSE, begin) <= before):
                    before = place
                    yield start, place, "phone"


def _is_phone(before: str, number: str, after: str, next_to_one: bool) -> bool:
    """Whether the number between two pieces of text is a telephone's."""
    if _AFTER_OTHERS.search(before) or _BEFORE_OTHERS.match(after):
        return False
    if not number.isascii():
        number = "".join(str(int(c)) if c.isdecimal() else c for c in number)
    groups = re.findall(r"\d+", number)
    shape = tuple(map(len, groups))
    if number.startswith("+"):
        return sum(shape) >= 8 and groups[0][0] != "0" and groups[-1] != "000"
    if _DATE.search(number) or _BOOK.search(before):
        return False
    if all(len(group) == 4 and "1000" <= group < "2100" for group in groups):
        return False
    if next_to_one or _SAYS_PHONE.search(before):
        return len(groups) > 1 or sum(shape) <= 12
    if "." in number or sum(shape) < 7 or _SUM.fullmatch(number) or _LISTED.search(before):
        return False
    if number.startswith("00"):
        return sum(shape) >= 10 and number[2] != "0"
    if number.startswith("0"):
        return 9 <= sum(shape) <= 11 and 1 not in shape and len(groups) <= 5
    if "(" in number:
        return _AREA.fullmatch(number) is not None and not _YEAR.search(number)
    dashed = not _DASHES.isdisjoint(number)
    return shape in _ANYHOW or (dashed and shape in _DASHED)
