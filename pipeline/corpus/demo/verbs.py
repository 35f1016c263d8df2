"""Verbs: tense, negation, person, and the forms that no person has.

A form is named by a tense (`pres past fut`), optionally `neg`, and a person (`1sg 2sg 3sg 1pl
2pl 3pl`); or by one of `inf` (барырга), `conv` (барып), `part` (барган), `imp` (бар), `impl`
(барыгыз), `cond` with a person.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.corpus.demo.sounds import ends_in_vowel, is_front, join

TENSES = ("pres", "past", "fut", "cond")
PERSONS = ("1sg", "2sg", "3sg", "1pl", "2pl", "3pl")

_FULL = {"1sg": "мYн", "2sg": "сYң", "3sg": "", "1pl": "бYз", "2pl": "сYз", "3pl": "LAр"}
_AFTER_PRESENT = _FULL | {"1sg": "м"}
_SHORT = {"1sg": "м", "2sg": "ң", "3sg": "", "1pl": "к", "2pl": "гYз", "3pl": "LAр"}


@dataclass(frozen=True)
class Verb:
    """A verb by its stem (the imperative).

    `aorist` is the suffix of the indefinite future and so of the infinitive: р after a vowel,
    else Yр or Aр, which has to be known for each verb; `present` overrides an irregular present
    stem (йөри).
    """

    stem: str
    aorist: str
    present: str | None = None

    @property
    def front(self) -> bool:
        """Whether its suffixes take front vowels."""
        return is_front(self.stem)

    def form(self, features: Sequence[str]) -> str:
        """Give the form that `features` name. Raises ValueError for a name no verb has."""
        negative = "neg" in features
        rest = [name for name in features if name != "neg"]
        if len(rest) == 1:
            return self._without_person(rest[0], negative)
        tense = next((name for name in rest if name in TENSES), None)
        person = next((name for name in rest if name in PERSONS), None)
        if len(rest) != 2 or tense is None or person is None:
            raise ValueError(f"{self.stem}: no such form: {' '.join(features)}")
        stem = self._join(self.stem, "мA") if negative else self.stem
        if tense == "pres":
            return self._join(self._present(negative), _AFTER_PRESENT[person])
        if tense == "past":
            return self._join(self._join(stem, "DY"), _SHORT[person])
        if tense == "cond":
            return self._join(self._join(stem, "сA"), _SHORT[person])
        future = self._join(stem, "ячAк" if ends_in_vowel(stem) else "AчAк")
        return self._join(future, _FULL[person])

    def _present(self, negative: bool) -> str:
        if negative:
            return self.stem + ("ми" if self.front else "мый")
        if self.present:
            return self.present
        if not ends_in_vowel(self.stem):
            return self._join(self.stem, "A")
        return self.stem[:-1] + ("и" if self.front else "ый")

    def _without_person(self, name: str, negative: bool) -> str:
        stem = self._join(self.stem, "мA") if negative else self.stem
        if name == "inf":
            return self._join(self._join(self.stem, "мAс" if negative else self.aorist), "GA")
        if name == "conv":
            return self._join(stem, "п" if ends_in_vowel(stem) else "Yп")
        if name == "part":
            return self._join(stem, "GAн")
        if name == "imp":
            return stem
        if name == "impl":
            return self._join(stem, "гYз" if ends_in_vowel(stem) else "YгYз")
        raise ValueError(f"{self.stem}: no such form: {name}")

    def _join(self, stem: str, suffix: str) -> str:
        return join(stem, suffix, self.front)
