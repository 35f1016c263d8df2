"""What no text in any language looks like: a reason to drop a paragraph, or none.

Every filter looks at what `characters.Measured` counted and at which rare signs and words a text
holds, found for a whole batch at once; only where these give cause it looks at the text itself. The
reasons are the keys of the funnel (`reports/cleaning.json`), so they are few and stable. The first
filter that objects gives the reason.
"""

import re
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pipeline.cleaning.characters import Measured, code_points
from pipeline.cleaning.function_words import NO_WORDS, FunctionWords
from pipeline.cleaning.personal import PLACEHOLDERS

REASONS = {
    "too_short": "has fewer characters than cleaning.min_characters",
    "too_long": "is one line of more characters than cleaning.max_characters",
    "encoding": "was read in a wrong encoding, or letters are lost",
    "markup": "is code or the mark-up of a page",
    "boilerplate": "is a page's menu, notice or list of links",
    "symbols": "is mostly digits and signs, or the row of a table",
    "repetition": "says one thing again and again",
    "list": "is a list of names",
    "script": "is written in another script",
    "letters": "has letters that betray another language, or too many from outside the alphabet",
    "function_words": "has hardly any of the language's commonest words: no running text in it",
    "language": "is in another language",
    "duplicate": "is the same as an earlier document but for case, punctuation and white space",
    "near_duplicate": "is nearly the same as an earlier document",
    "repeated": "is the same as an earlier paragraph",
    "held_out": "holds a text that is kept for testing",
    "weight": "is left out of training because its source weighs less than one",
}

SCRIPT_SHARE = 0.6  # of the letters, at least: names in another script are usual
OUTSIDE_SHARE = 0.12  # of the letters, at most
FOREIGN_SHARE = 0.005  # of the letters, at most, in texts long enough to quote a neighbour
QUOTING = 200  # letters from which on a text may
BROKEN_SHARE = 0.005
LOST = re.compile(r"\w\?+\w|(?<!\S)\?+[^\W\d_]|\?\?+\w")
SYMBOL_SHARE = 0.5
ROW_SHARE = 0.25  # of a table's row are digits
ROW = re.compile(r"[^\W\d_]\)?\d[\d .,%+-]{7,}")  # a word and its numbers with no space between
HIDDEN = "|".join(PLACEHOLDERS.values())
TAGS = re.compile(
    rf"(?!{HIDDEN})</?[a-zA-Z][a-zA-Z0-9]*(?:\s[^<>]*)?/?>"
    r"|\{\{|\}\}|\[\[|\]\]|&[a-z]{2,6};|\{\s*[\w-]+\s*:"
    r"|\{\s*\"|\w\(\)\s*\{|;\s*\}|\b(?:function|var|window|document)\b[\s.]\s*\w+\s*[(=.]"
)
LINKS = re.compile(rf"https?://\S+|www\.\S+|\S+@\S+\.\w+|{HIDDEN}")
LINK_SHARE = 0.6  # of the characters
SEPARATORS = "|»«›•·→/"
NOTICE = re.compile(r"[©®]|\bcookies?\b|\bcopyright\b|\ball rights reserved\b", re.IGNORECASE)
SHORT_NOTICE = 250  # characters
MENU_ITEMS = 4
MENU_WORDS = 3.5  # a menu's items are short
MAY_BE_BAD = re.compile(r"[^\x00-\x7F](?=[^\x00-\x7F])|[ÃÂŒœ]")  # in every sequence ftfy looks for
REPEATING_WORDS = 6  # fewer words may repeat themselves
TWICE = 0.25  # of the words stood there before: only then are sequences looked at
REPEATED_SHARE = 0.5  # of the sequences of three words
LONGEST = 2000  # words of a text that are looked at
LIST_ITEMS = 5
LIST_WORDS = 3  # of an item, on average at most
LIST_CAPITALS = 0.75  # of the words, at least
LIST_COMMON = 0.12  # of the words are common ones, at most
ITEM_END = re.compile(r"[,;•·|/\d]+")
WORD = re.compile(r"[^\W\d_]+")
SENTENCE = re.compile(r"[^\W\d_]+(?:[ ’'-]+[^\W\d_]+)+ ?[.!?…።։।॥؟。！？]+")

MARK, QUESTION, SEPARATOR, NOTED, LINKED, LISTED = range(6)
SIGNS = ("<{[&", "?", SEPARATORS, "©®", "@", ",;•·|/")
"""For each of these kinds the signs that give cause to look at a text; some are of two kinds."""
SAID = {
    MARK: ("function", "var ", "window", "document"),
    NOTED: ("ookie", "opyright", "COOKIE", "COPYRIGHT", "ights reserved"),
    LINKED: ("http", "www."),
}


def reasons(
    measured: Measured, texts: Sequence[str], function_words: FunctionWords = NO_WORDS
) -> list[tuple[str, str]]:
    """For each text the reason to drop it and a detail, or two empty strings. Length is not judged
    here: it belongs to documents."""
    if not texts:
        return []
    found = [("", "")] * len(texts)
    held = _look(texts)
    signs = measured.digit + measured.sign
    symbols = signs / np.maximum(signs + measured.letter, 1)
    digits = measured.digit / np.maximum(signs + measured.letter, 1)
    broken = measured.broken / np.maximum(measured.length, 1)
    garbled = measured.odd >= np.maximum(measured.length // 50, 2)
    garbled &= measured.letter - measured.in_alphabet >= 2  # and not quotation marks alone
    cause = (broken > BROKEN_SHARE) | garbled | (held[QUESTION] >= 3) | (held[MARK] > 0)
    cause |= (held[SEPARATOR] >= MENU_ITEMS - 1) | (held[NOTED] > 0) | (held[LINKED] > 0)
    cause |= (symbols > SYMBOL_SHARE) | (digits > ROW_SHARE)
    for index in np.flatnonzero(cause).tolist():
        text = texts[index]
        if broken[index] > BROKEN_SHARE or (held[QUESTION][index] >= 3 and _is_lost(text)):
            found[index] = ("encoding", f"{int(measured.broken[index])} broken characters")
        elif garbled[index] and _is_mojibake(text):
            found[index] = ("encoding", "mojibake")
        elif held[MARK][index] and (detail := _markup(text)) is not None:
            found[index] = ("markup", detail)
        elif (detail := _boilerplate(text, held[:, index])) is not None:
            found[index] = ("boilerplate", detail)
        elif symbols[index] > SYMBOL_SHARE:
            found[index] = ("symbols", f"{symbols[index]:.0%} digits and signs")
        elif digits[index] > ROW_SHARE and ROW.search(text):
            found[index] = ("symbols", "row of a table")
    lists = (held[LISTED] + measured.digit >= LIST_ITEMS - 1).tolist()
    for index, plain in enumerate(measured.plain):
        if found[index][0]:
            continue
        words = plain.split()
        if len(words) < LIST_ITEMS:
            continue
        if (detail := repetition(words)) is not None:
            found[index] = ("repetition", detail)
        elif lists[index] and (detail := _list(texts[index], words, function_words)) is not None:
            found[index] = ("list", detail)
        elif (few := function_words.lacking(words)) is not None:
            found[index] = ("function_words", f"{few} of {len(words)} words")
    for index, reason in _letters(measured):
        if found[index][0] in ("", "list", "function_words"):
            found[index] = reason
    return found


def is_sentence(text: str) -> bool:
    """Whether a text, be it ever so short, is words with a full stop: `Ант ит.`"""
    return SENTENCE.fullmatch(text) is not None


def _look(texts: Sequence[str]) -> NDArray[np.int64]:
    """How often each text holds what is of each kind. Shape [kinds, texts]."""
    codes, starts, _ = code_points(texts)
    kinds = _kinds().take(codes)
    places = np.flatnonzero(kinds)
    bits, where = kinds[places], np.searchsorted(starts, places, side="right") - 1
    held = np.zeros((len(SIGNS), len(texts)), np.int64)
    for kind in range(len(SIGNS)):
        held[kind] = np.bincount(where[(bits >> kind) & 1 > 0], minlength=len(texts))
    joined = "".join(["\n" + text for text in texts])
    for kind, pieces in SAID.items():
        for piece in pieces:
            place = joined.find(piece)
            while place >= 0:
                index = int(np.searchsorted(starts, place, side="right")) - 1
                held[kind, index] += 1
                following = starts[index + 1] if index + 1 < len(starts) else len(joined)
                place = joined.find(piece, int(following))
    return held


@cache
def _kinds() -> NDArray[np.uint8]:
    """A bit for each kind of `SIGNS` that a code point is of."""
    table = np.zeros(0x110000, np.uint8)
    for kind, signs in enumerate(SIGNS):
        table[[ord(sign) for sign in signs]] |= 1 << kind
    return table


def _letters(measured: Measured) -> list[tuple[int, tuple[str, str]]]:
    """Texts whose letters are of another script, of a neighbour, or strange."""
    letter = np.maximum(measured.letter, 1)
    script = measured.in_script / letter
    outside = (measured.in_script - measured.in_alphabet) / letter
    foreign = measured.foreign
    elsewhere = (measured.letter > 0) & (script < SCRIPT_SHARE)
    betrayed = (foreign > 0) & ((letter < QUOTING) | (foreign / letter > FOREIGN_SHARE))
    found = []
    for index in np.flatnonzero(elsewhere | betrayed | (outside > OUTSIDE_SHARE)).tolist():
        if elsewhere[index]:
            reason = ("script", f"{1 - script[index]:.0%} of the letters")
        elif betrayed[index]:
            reason = ("letters", f"{int(foreign[index])} of a neighbour")
        else:
            reason = ("letters", f"{outside[index]:.0%} outside the alphabet")
        found.append((index, reason))
    return found


def _is_lost(text: str) -> bool:
    """Question marks where a code page had no letter: inside words, several times."""
    text = LINKS.sub("", text)
    return len(LOST.findall(text)) >= max(2, len(text) // 200)


@cache
def _badness() -> re.Pattern[str]:
    """ftfy's expression for sequences that text read in the right encoding hardly ever has."""
    from ftfy.badness import BADNESS_RE

    return BADNESS_RE


def _is_mojibake(text: str) -> bool:
    """One sequence may be an odd quotation mark; a text read wrongly is full of them."""
    enough = max(2, len(text) // 100)
    return len(MAY_BE_BAD.findall(text)) >= enough and len(_badness().findall(text)) >= enough


def _markup(text: str) -> str | None:
    tags = TAGS.findall(text)
    if len(tags) >= 2 and sum(map(len, tags)) * 50 >= len(text):
        return f"{len(tags)} tags"
    return None


def _boilerplate(text: str, held: NDArray[np.int64]) -> str | None:
    for sign in SEPARATORS if held[SEPARATOR] >= MENU_ITEMS - 1 else "":
        items = text.count(f" {sign} ") + 1
        quotes = sign in "«»" and "«" in text and "»" in text
        if items >= MENU_ITEMS and len(text.split()) <= MENU_WORDS * items and not quotes:
            return f"menu of {items}"
    if held[NOTED] and len(text) <= SHORT_NOTICE and NOTICE.search(text):
        return "notice"
    if held[LINKED] or held[MARK]:
        links = sum(map(len, LINKS.findall(text)))
        return "links" if links > LINK_SHARE * len(text) else None
    return None


def repetition(words: Sequence[str]) -> str | None:
    """What a text of these words repeats, if that is most of it: words, or sequences of three
    (after the filters of Gopher, Rae et al. 2021, arXiv 2112.11446, table A1)."""
    if len(words) < REPEATING_WORDS:
        return None
    words = words[:LONGEST]
    different = len(set(words))
    if different <= 0.2 * min(len(words), 100) or different <= 2:
        return f"{different} different words of {len(words)}"
    if different > (1 - TWICE) * len(words) or len(words) < 2 * REPEATING_WORDS:
        return None
    sequences = len(words) - 2
    repeated = 1 - len(set(zip(words, words[1:], words[2:], strict=False))) / sequences
    return f"{repeated:.0%} of its sequences" if repeated > REPEATED_SHARE else None


def _list(text: str, words: Sequence[str], function_words: FunctionWords) -> str | None:
    """Names, one after the other, and nothing said of them."""
    if not function_words.words or function_words.count(words) > LIST_COMMON * len(words):
        return None
    items = [item for item in ITEM_END.split(text) if WORD.search(item)]
    written = WORD.findall(text)
    if len(items) < LIST_ITEMS or len(written) > LIST_WORDS * len(items):
        return None
    if sum(word[0].isupper() for word in written) < LIST_CAPITALS * len(written):
        return None
    return f"{len(items)} items"
