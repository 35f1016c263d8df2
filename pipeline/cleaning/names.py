"""Names belong to no language: a text heard without them.

A sentence that tells who met whom is in its own language, however many foreign names it holds, yet
to every model names look like the language they come from. So a text that was refused is heard once
more without the words that are written with a capital, where enough of it is left to be judged. A
heading in capitals leaves nothing, and its first verdict stands.
"""

import re

LEAST = 24  # characters of a text without its names that tell its language
SHARE = 0.4  # of a text, at least, that must be other words: else it is a list of names

WORD = re.compile(r"[^\W\d_]+")


def without_names(plain: str, text: str) -> str:
    """The words of `plain` that `text` does not write with a capital; empty where too few are left
    or no word is left out."""
    capital = [word[0].isupper() for word in WORD.findall(text)]
    words = plain.split()
    if len(capital) != len(words) or not any(capital):
        return ""
    rest = " ".join(word for word, name in zip(words, capital, strict=True) if not name)
    return rest if len(rest) >= max(LEAST, SHARE * len(plain)) else ""
