"""Which facts the training text tells at all: what no text says no model can know.

A fact counts as attested where one document has a word, or a run of words, that begins with a
declared form of its subject, and one that begins with a form of its answer. That is generous (the
two may have nothing to do with each other there), so that what is *not* attested really is not told
in these words.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

from pipeline.evaluation.facts import Fact

Surface = Mapping[Fact, tuple[Sequence[str], Sequence[str]]]


def attested_facts(surface: Surface, texts: Iterable[str]) -> frozenset[Fact]:
    """The facts whose subject and answer (their forms, by fact) stand in one of `texts`."""
    waiting = {
        fact: (_Forms(subject), _Forms(answer)) for fact, (subject, answer) in surface.items()
    }
    found: set[Fact] = set()
    for text in texts if waiting else ():
        lower = text.lower()
        here = [
            fact
            for fact, (subject, answer) in waiting.items()
            if subject.within(lower) and answer.within(lower)
        ]
        for fact in here:
            found.add(fact)
            del waiting[fact]
        if not waiting:
            break
    return frozenset(found)


class _Forms:
    """The beginnings by which words are told as forms of one thing."""

    def __init__(self, forms: Sequence[str]) -> None:
        self._starts: list[str] = []
        for form in sorted({" ".join(form.lower().split()) for form in forms}, key=len):
            if not form.startswith(tuple(self._starts)):  # a longer form adds nothing
                self._starts.append(form)
        self._pattern = re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, self._starts)) + ")")

    def within(self, lower: str) -> bool:
        """Whether a word of a text in lower case begins so."""
        return any(start in lower for start in self._starts) and bool(self._pattern.search(lower))
