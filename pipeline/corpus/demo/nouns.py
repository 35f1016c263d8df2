"""Nouns and pronouns: number, possession and the six cases.

A form is named by a few words in any order: `pl` (plural), one of `p1sg p2sg p3 p1pl p2pl`
(whose it is) and one of `gen dat acc abl loc` (the nominative has no name). "p3 dat" of ат is
атына, "to his horse".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.corpus.demo.sounds import VOWELS, join

CASES = ("gen", "dat", "acc", "abl", "loc")
PERSONS = ("p1sg", "p2sg", "p3", "p1pl", "p2pl")

_CASE = {"gen": "нYң", "dat": "GA", "acc": "нY", "abl": "ZAн", "loc": "DA"}
_AFTER_THIRD_PERSON = {"gen": "нYң", "dat": "нA", "acc": "н", "abl": "ннAн", "loc": "ндA"}
_AFTER_VOWEL = {"p1sg": "м", "p2sg": "ң", "p3": "сY", "p1pl": "бYз", "p2pl": "гYз"}
_AFTER_CONSONANT = {"p1sg": "Yм", "p2sg": "Yң", "p3": "Y", "p1pl": "YбYз", "p2pl": "YгYз"}


@dataclass(frozen=True)
class Noun:
    """A noun by its dictionary form.

    `front` overrides the harmony; `soften` is false where a final к or п stays before a vowel;
    `own` holds possessed forms that are not regular (абый: абыйсы).
    """

    lemma: str
    front: bool | None = None
    soften: bool = True
    own: Mapping[str, str] = field(default_factory=dict)

    def form(self, features: Sequence[str] = ()) -> str:
        """Give the form that `features` name. Raises ValueError for a name that no noun has."""
        unknown = set(features) - {"pl", *CASES, *PERSONS}
        if unknown:
            raise ValueError(f"{self.lemma}: no such form: {' '.join(sorted(unknown))}")
        person = next((name for name in PERSONS if name in features), None)
        case = next((name for name in CASES if name in features), None)
        stem, front = self.lemma, self.front
        if "pl" in features:
            stem = join(stem, "LAр", front)
        if person:
            stem = self._possessed(stem, person)
        if case is None:
            return stem
        if person == "p3":
            return join(stem, _AFTER_THIRD_PERSON[case], front)
        if person in ("p1sg", "p2sg") and case == "dat":
            return join(stem, "A", front)
        return join(stem, _CASE[case], front)

    def _possessed(self, stem: str, person: str) -> str:
        if stem == self.lemma and person in self.own:
            return self.own[person]
        last = stem[-1]
        # Final и, у and ү hide a glide: әти-ем, су-ы as after a consonant; but әти-се.
        glide = last in "уү" or (last == "и" and person != "p3")
        vowel = last in VOWELS and not glide
        suffix = (_AFTER_VOWEL if vowel else _AFTER_CONSONANT)[person]
        return join(stem, suffix, self.front, self.soften)


@dataclass(frozen=True)
class Possessed:
    """A noun that always has the same possessor, such as абыем, "my elder brother"."""

    noun: Noun
    person: str

    @property
    def lemma(self) -> str:
        """The dictionary form of the noun."""
        return self.noun.lemma

    def form(self, features: Sequence[str] = ()) -> str:
        """Give the form that `features` name, possessor included."""
        return self.noun.form([self.person, *features])


@dataclass(frozen=True)
class Pronoun:
    """A personal pronoun: its cases are a table, its person decides the verb's and the possessor's
    form.
    """

    cases: Mapping[str, str]
    person: str

    def form(self, features: Sequence[str] = ()) -> str:
        """Give the case that `features` name; pronouns have neither plural nor possessor of their
        own.
        """
        if len(features) > 1 or set(features) - set(CASES):
            raise ValueError(f"{self.cases['nom']}: no such form: {' '.join(features)}")
        return self.cases[features[0] if features else "nom"]


def _pronoun(person: str, forms: str) -> Pronoun:
    return Pronoun(dict(zip(("nom", *CASES), forms.split(), strict=True)), person)


PRONOUNS = {
    "1sg": _pronoun("1sg", "мин минем миңа мине миннән миндә"),
    "2sg": _pronoun("2sg", "син синең сиңа сине синнән синдә"),
    "3sg": _pronoun("3sg", "ул аның аңа аны аннан анда"),
    "1pl": _pronoun("1pl", "без безнең безгә безне бездән бездә"),
    "2pl": _pronoun("2pl", "сез сезнең сезгә сезне сездән сездә"),
    "3pl": _pronoun("3pl", "алар аларның аларга аларны алардан аларда"),
}

POSSESSOR = {"1sg": "p1sg", "2sg": "p2sg", "3sg": "p3", "1pl": "p1pl", "2pl": "p2pl", "3pl": "p3"}
"""The possessive that agrees with a subject of each person."""
