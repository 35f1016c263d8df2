"""What no text in any language looks like: a reason to drop a paragraph, or none.

Every filter looks at what `characters.Measured` counted and, where that does not suffice, at the
text. The reasons are the keys of the funnel (`reports/cleaning.json`), so they are few and stable.
The first filter that objects gives the reason.
"""

import re
from collections.abc import Sequence
from functools import cache

import numpy as np

from pipeline.cleaning.characters import Measured

REASONS = {
    "too_short": "has fewer characters than cleaning.min_characters",
    "too_long": "is one line of more characters than cleaning.max_characters",
    "encoding": "was read in a wrong encoding, or letters are lost",
    "markup": "is code or the mark-up of a page",
    "boilerplate": "is a page's menu, notice or list of links",
    "symbols": "is mostly digits and signs",
    "repetition": "says one thing again and again",
    "script": "is written in another script",
    "letters": "has letters that betray another language, or too many from outside the alphabet",
    "language": "is in another language",
    "duplicate": "is the same as an earlier document but for case, punctuation and white space",
    "repeated": "is the same as an earlier paragraph",
    "near_duplicate": "is nearly the same as an earlier document",
    "held_out": "holds a text that is kept for testing",
    "weight": "is left out of training because its source weighs less than one",
}

SCRIPT_SHARE = 0.6  # of the letters, at least: names in another script are usual
OUTSIDE_SHARE = 0.12  # of the letters, at most
FOREIGN_SHARE = 0.005  # of the letters, at most, in texts long enough to quote a neighbour
QUOTING = 200  # letters from which on a text may
SYMBOL_SHARE = 0.5
LINK_SHARE = 0.6  # of the characters
BROKEN_SHARE = 0.005
LOST = re.compile(r"\w\?+\w|(?<!\S)\?+[^\W\d_]|\?\?+\w")
TAGS = re.compile(
    r"</?[a-zA-Z][a-zA-Z0-9]*(?:\s[^<>]*)?/?>|\{\{|\}\}|\[\[|\]\]|&[a-z]{2,6};|\{\s*[\w-]+\s*:"
    r"|\{\s*\"|\w\(\)\s*\{|;\s*\}|\b(?:function|var|window|document)\b[\s.]\s*\w+\s*[(=.]"
)
MARKED = re.compile(r"[<{\[&]")
LINKS = re.compile(r"https?://\S+|www\.\S+|\S+@\S+\.\w+")
SEPARATED = re.compile(r"\s[|»«›•·→/]\s")
NOTICE = re.compile(r"[©®]|\bcookies?\b|\bcopyright\b|\ball rights reserved\b", re.IGNORECASE)
SHORT_NOTICE = 250  # characters
MENU_ITEMS = 4
MENU_WORDS = 3.5  # a menu's items are short
REPEATING_WORDS = 6  # fewer words may repeat themselves


def reasons(measured: Measured, texts: Sequence[str]) -> list[tuple[str, str]]:
    """For each text the reason to drop it and a detail, or two empty strings. Length is not judged
    here: it belongs to documents."""
    letter = np.maximum(measured.letter, 1)
    signs = measured.digit + measured.sign
    symbols = signs / np.maximum(signs + measured.letter, 1)
    broken = measured.broken / np.maximum(measured.length, 1)
    script = measured.in_script / letter
    outside = (measured.in_script - measured.in_alphabet) / letter
    foreign = measured.foreign / letter
    short = measured.letter < QUOTING
    betrayed = ((measured.foreign > 0) & (short | (foreign > FOREIGN_SHARE))).tolist()
    garbled = (measured.odd >= np.maximum(measured.length // 50, 2)).tolist()
    spoilt = (broken > BROKEN_SHARE).tolist()
    symbolic = (symbols > SYMBOL_SHARE).tolist()
    elsewhere = ((measured.letter > 0) & (script < SCRIPT_SHARE)).tolist()
    beyond = (outside > OUTSIDE_SHARE).tolist()
    found: list[tuple[str, str]] = []
    for index, text in enumerate(texts):
        if spoilt[index] or _is_lost(text):
            found.append(("encoding", f"{int(measured.broken[index])} broken characters"))
        elif garbled[index] and _is_mojibake(text):
            found.append(("encoding", "mojibake"))
        elif (detail := _markup(text)) is not None:
            found.append(("markup", detail))
        elif (detail := _boilerplate(text)) is not None:
            found.append(("boilerplate", detail))
        elif symbolic[index]:
            found.append(("symbols", f"{symbols[index]:.0%} digits and signs"))
        elif (detail := _repetition(measured.plain[index])) is not None:
            found.append(("repetition", detail))
        elif elsewhere[index]:
            found.append(("script", f"{1 - script[index]:.0%} of the letters"))
        elif betrayed[index]:
            found.append(("letters", f"{int(measured.foreign[index])} of a neighbour"))
        elif beyond[index]:
            found.append(("letters", f"{outside[index]:.0%} outside the alphabet"))
        else:
            found.append(("", ""))
    return found


def _is_lost(text: str) -> bool:
    """Question marks where a code page had no letter: inside words, several times."""
    return text.count("?") >= 3 and len(LOST.findall(text)) >= max(2, len(text) // 200)


@cache
def _badness() -> re.Pattern[str]:
    """ftfy's expression for sequences that text read in the right encoding hardly ever has."""
    from ftfy.badness import BADNESS_RE

    return BADNESS_RE


def _is_mojibake(text: str) -> bool:
    """One sequence may be an odd quotation mark; a text read wrongly is full of them."""
    return len(_badness().findall(text)) >= max(2, len(text) // 100)


def _markup(text: str) -> str | None:
    if not MARKED.search(text) and "(" not in text:
        return None
    tags = TAGS.findall(text)
    if len(tags) >= 2 and sum(map(len, tags)) * 50 >= len(text):
        return f"{len(tags)} tags"
    return None


def _boilerplate(text: str) -> str | None:
    items = SEPARATED.split(text)
    if len(items) >= MENU_ITEMS and len(text.split()) <= MENU_WORDS * len(items):
        return f"menu of {len(items)}"
    if len(text) <= SHORT_NOTICE and NOTICE.search(text):
        return "notice"
    if ("http" in text or "www." in text or "@" in text) and (
        sum(map(len, LINKS.findall(text))) > LINK_SHARE * len(text)
    ):
        return "links"
    return None


def _repetition(plain: str) -> str | None:
    words = plain.split()
    if len(words) < REPEATING_WORDS:
        return None
    different = len(set(words))
    if different <= 0.2 * min(len(words), 100) or different <= 2:
        return f"{different} different words of {len(words)}"
    return None
