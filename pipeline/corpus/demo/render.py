"""Sentences from patterns: words in braces are slots, filled with the form that the pattern names.

    {S gen}        a word bound to the slot S, in the genitive
    {өй poss dat}  a noun by its dictionary form
    {food2 acc}    a noun drawn from the class `food`, another one than {food}
    {kin poss}     a noun possessed by the subject: of мин it is әнием, of Тимур әнисе
    {food too}     with the particle да, дә, та or тә, "also"
    {he}           the pronoun that stands for the subject
    {бар past}     a verb that agrees with the subject; {бар past 3pl} with whom it says
    {бар past G}   a verb that agrees with the group around the subject, {G}: без or алар

A sentence begins with a capital letter, after the dash of a speaker too.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.corpus.demo.lexicon import noun, verbs
from pipeline.corpus.demo.nouns import POSSESSOR, PRONOUNS, Noun, Possessed, Pronoun
from pipeline.corpus.demo.sounds import is_front, join

Word = Noun | Possessed | Pronoun

_SLOT = re.compile(r"\{([^{}]+)\}")
_SENTENCE_START = re.compile(r"(?:^|(?<=[.!?] ))(?:— )?(\w)")
_GROUP = {"1sg": "1pl", "2sg": "2pl", "3sg": "3pl", "1pl": "1pl", "2pl": "2pl", "3pl": "3pl"}


@dataclass
class Scene:
    """What the slots of one text stand for; a slot keeps its word for the whole text."""

    draw: random.Random
    classes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    subject: Word | None = None
    person: str = "3sg"
    bound: dict[str, Word] = field(default_factory=dict)

    def render(self, pattern: str) -> str:
        """Fill the slots of `pattern`. Raises ValueError for a slot that names nothing."""
        return capitalise(_SLOT.sub(lambda match: self._fill(match[1].split()), pattern))

    def _fill(self, words: list[str]) -> str:
        name, features = words[0], words[1:]
        if name in verbs():
            return self._verb(name, features)
        inflected = [
            POSSESSOR[self.person] if word == "poss" else word for word in features if word != "too"
        ]
        form = self._word(name).form(inflected)
        if "too" not in features:
            return form
        return form + " " + join(form, "DA", is_front(form))[len(form) :]

    def _verb(self, stem: str, features: list[str]) -> str:
        features = [_GROUP[self.person] if word == "G" else word for word in features]
        personal = {"pres", "past", "fut", "cond"} & set(features)
        if personal and not set(features) & set(_GROUP):
            features.append(self.person)
        return verbs()[stem].form(features)

    def _word(self, name: str) -> Word:
        if name == "S" and self.subject is not None:
            return self.subject
        if name == "he":
            return PRONOUNS[self.person]
        if name == "G":
            return PRONOUNS[_GROUP[self.person]]
        if name not in self.bound:
            kind = name.rstrip("0123456789")
            if kind not in self.classes:
                if name.isascii():
                    raise ValueError(f"no slot, class or verb is called {name!r}")
                return noun(name)
            words = [self.subject, *self.bound.values()]
            used = {word.lemma for word in words if isinstance(word, Noun | Possessed)}
            free = [lemma for lemma in self.classes[kind] if lemma not in used]
            self.bound[name] = noun(self.draw.choice(free))
        return self.bound[name]


def capitalise(text: str) -> str:
    """Begin every sentence with a capital letter: at the start, after . ! ? and after a speaker's
    dash.
    """
    return _SENTENCE_START.sub(lambda match: match[0][:-1] + match[1].upper(), text)
