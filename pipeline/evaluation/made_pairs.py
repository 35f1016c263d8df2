"""Minimal pairs for a language that has none: made from its own held-out sentences.

A sentence that no training text holds is spoilt in one place: two neighbouring words change
places, a word takes the form of another ending, a word is left out or said twice, and, where the
language's file tells of vowel harmony, a suffix takes the vowels of the other class. The two words
that meet only in the bad sentence must never have met in training, nor the misspelt word have stood
there, so that the mistake is not simply something else people say. The wrong form is the one that
is nearest in frequency, so that counting words alone does not decide.
"""

import bisect
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import permutations
from typing import NamedTuple

import numpy as np

from pipeline.evaluation.overlap import RunFinder, hashed
from pipeline.evaluation.pairs import Pair

SENTENCE_WORDS = (4, 25)
SHORTEST_STEM = 3  # letters of a word that a suffix is looked for behind
STEM = 4  # letters that two forms of one word share at least
SPARE = 3  # candidates made for each pair that is wanted

_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|\n+")
_ORDINARY = re.compile(r"[^\[\]{}<>|/\\*_=+@#]+")  # no references, markup, addresses
_PLAIN = re.compile(r"[^\W\d_]+(?:['’ʼ-][^\W\d_]+)*")


class Candidate(NamedTuple):
    """A pair, and the words (side by side) or the one word that only its bad member holds."""

    pair: Pair
    meeting: str


class WordForms:
    """The words of the training text in alphabetical order, to find other forms of a word."""

    def __init__(self, counts: Counter[str]) -> None:
        self.counts = counts
        self._words = sorted(word for word, count in counts.items() if count > 1 and word.isalpha())

    def other_form(self, word: str) -> str | None:
        """The form of the same stem that is nearest in frequency; None where the text knows none.

        The same stem: more than half of the longer form, and four letters at least, are shared; it
        is a guess, good enough where endings carry the grammar.
        """
        own = self.counts[word]
        if not own or len(word) <= STEM:
            return None
        best: tuple[float, str] | None = None
        start = word[:STEM]
        for place in range(bisect.bisect_left(self._words, start), len(self._words)):
            other = self._words[place]
            if not other.startswith(start):
                break
            if other == word or 2 * _shared(word, other) <= max(len(word), len(other)):
                continue
            rank = (abs(math.log(self.counts[other] / own)), other)
            best = rank if best is None else min(best, rank)
        return best[1] if best else None

    def stem(self, word: str) -> str | None:
        """The longest known word that `word` begins with and is not; None where there is none."""
        for end in range(len(word) - 1, SHORTEST_STEM - 1, -1):
            if self.counts[word[:end]] > 1:
                return word[:end]
        return None


def candidates(
    texts: Iterable[str], forms: WordForms, wanted: int, seed: int, harmony: Sequence[str] = ()
) -> list[Candidate]:
    """Spoil each sentence of the held-out texts in one way, the ways in turn.

    `harmony` are the language's pairs of letters that change with the vowels of a stem.
    """
    sentences = sorted({sentence for text in texts for sentence in sentences_of(text)})
    generator = np.random.default_rng(seed)
    ways: dict[str, Callable[[list[str], np.random.Generator], Candidate | None]] = {
        "word order": _swapped,
        "word form": lambda tokens, generator: _other_form(tokens, generator, forms),
        "missing word": _dropped,
        "doubled word": _doubled,
    }
    if harmony:
        turned = _turned(harmony)
        ways["suffix harmony"] = lambda tokens, generator: _out_of_harmony(
            tokens, generator, forms, turned
        )
    made: list[Candidate] = []
    count = dict.fromkeys(ways, 0)
    for index in generator.permutation(len(sentences)):
        if len(made) >= SPARE * wanted:
            break
        tokens = sentences[index].split()
        for name in sorted(ways, key=lambda name: count[name]):  # stable: the rarest so far first
            candidate = ways[name](tokens, generator)
            if candidate is not None:
                made.append(candidate)
                count[name] += 1
                break
    return made


def sentences_of(text: str) -> Iterator[str]:
    """The ordinary sentences of a text that are neither too short nor too long to spoil."""
    for sentence in _SENTENCE_END.split(text):
        tokens = sentence.split()
        fits = SENTENCE_WORDS[0] <= len(tokens) <= SENTENCE_WORDS[1]
        if fits and _ORDINARY.fullmatch(sentence):
            yield " ".join(tokens)


class Sifter:
    """Keeps the candidates whose good sentence and whose bad words training does not hold."""

    def __init__(self, made: list[Candidate], finder: RunFinder) -> None:
        self._made, self._finder = made, finder
        self._good = finder.add(hashed(candidate.pair.good) for candidate in made)
        self._meeting = finder.add(hashed(candidate.meeting) for candidate in made)

    def pairs(self) -> list[Pair]:
        """The pairs that are left, after `finder.search`."""
        held = self._finder.whole(self._good) | self._finder.whole(self._meeting)
        return [
            candidate.pair for candidate, drop in zip(self._made, held, strict=True) if not drop
        ]


def _swapped(tokens: list[str], generator: np.random.Generator) -> Candidate | None:
    """Two neighbours change places; what stands around them (a full stop) stays where it is."""
    places = [
        place
        for place in range(1, len(tokens) - 1)
        if _is_plain(tokens[place])
        and (core := core_of(tokens[place + 1])) is not None
        and tokens[place + 1].startswith(core)
        and core.lower() != tokens[place].lower()
    ]
    if not places:
        return None
    place = int(generator.choice(places))
    first, second = tokens[place], core_of(tokens[place + 1]) or ""
    after = tokens[place + 1][len(second) :]
    bad = [*tokens[:place], second, first + after, *tokens[place + 2 :]]
    return _candidate(tokens, bad, "word order", f"{second} {first}")


def _other_form(
    tokens: list[str], generator: np.random.Generator, forms: WordForms
) -> Candidate | None:
    places = [
        place
        for place in range(1, len(tokens))
        if (core := core_of(tokens[place])) is not None
        and core.islower()
        and core_of(tokens[place - 1]) is not None
    ]
    for place in generator.permutation(places):
        core = core_of(tokens[place]) or ""
        other = forms.other_form(core)
        if other is not None:
            bad = list(tokens)
            bad[place] = tokens[place].replace(core, other, 1)
            return _candidate(tokens, bad, "word form", f"{core_of(tokens[place - 1])} {other}")
    return None


def _turned(harmony: Sequence[str]) -> dict[int, str]:
    """Each letter of the pairs to the other one of its pair, for `str.translate`."""
    return {ord(one): other for pair in harmony for one, other in permutations(pair)}


def _out_of_harmony(
    tokens: list[str],
    generator: np.random.Generator,
    forms: WordForms,
    turned: dict[int, str],
) -> Candidate | None:
    """A suffix, what a word has beyond a known word, takes the vowels of the other class."""
    places = [
        place
        for place in range(1, len(tokens))
        if (core := core_of(tokens[place])) is not None and core.islower()
    ]
    for place in generator.permutation(places):
        core = core_of(tokens[place]) or ""
        stem = forms.stem(core)
        wrong = "" if stem is None else stem + core[len(stem) :].translate(turned)
        if wrong in ("", core) or forms.counts[wrong]:
            continue
        bad = list(tokens)
        bad[place] = tokens[place].replace(core, wrong, 1)
        return _candidate(tokens, bad, "suffix harmony", wrong)
    return None


def _dropped(tokens: list[str], generator: np.random.Generator) -> Candidate | None:
    places = [
        place
        for place in range(1, len(tokens) - 1)
        if all(core_of(token) is not None for token in tokens[place - 1 : place + 2])
        and _is_plain(tokens[place])
    ]
    if not places:
        return None
    place = int(generator.choice(places))
    bad = tokens[:place] + tokens[place + 1 :]
    meeting = f"{core_of(tokens[place - 1])} {core_of(tokens[place + 1])}"
    return _candidate(tokens, bad, "missing word", meeting)


def _doubled(tokens: list[str], generator: np.random.Generator) -> Candidate | None:
    places = [place for place in range(1, len(tokens) - 1) if _is_plain(tokens[place])]
    if not places:
        return None
    place = int(generator.choice(places))
    bad = [*tokens[:place], tokens[place], *tokens[place:]]
    return _candidate(tokens, bad, "doubled word", f"{tokens[place]} {tokens[place]}")


def _candidate(good: list[str], bad: list[str], phenomenon: str, meeting: str) -> Candidate:
    return Candidate(Pair(" ".join(good), " ".join(bad), phenomenon), meeting)


def core_of(token: str) -> str | None:
    """The word inside a token with punctuation around it; None where there is no one word."""
    found = _PLAIN.findall(token)
    return found[0] if len(found) == 1 else None


def _is_plain(token: str) -> bool:
    return _PLAIN.fullmatch(token) is not None


def _shared(one: str, other: str) -> int:
    """How many letters two words have in common from the first on."""
    for place, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return place
    return min(len(one), len(other))
