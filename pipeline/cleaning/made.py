"""An identifier made on the spot, for the many languages that no ready one knows.

It is made from the corpus itself, on the assumption that most of it is in the language, and from
texts in other languages:

1. A sample of the corpus is purified (`purify`): what does not fit with the rest of it, or with
   sure sentences where those are given, is set aside.
2. A likelihood gate (`likelihood`) is fitted on what is left, and a fastText classifier learns to
   tell it from the other languages.
3. The gate's limits, by length, stand between the language and babble (`babble`): text with its
   letters and none of its words. Where texts are so short that both overlap, they let 99 % of
   held-out text in the language pass.

A text is in the language if the gate passes it and the classifier names the language: the
classifier knows close neighbours, the gate refuses languages that the classifier has never seen.
Of a long text, little may be in another known language, piece by piece, as one half can hide
another; pieces that are in no language, such as lists of names, do no harm there.
What is refused by little is heard once more without its names (`names`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.cleaning.babble import babble
from pipeline.cleaning.classifier import Classifier
from pipeline.cleaning.identify import FOREIGN, Floats, Judged, measure
from pipeline.cleaning.likelihood import Background, Likelihood
from pipeline.cleaning.names import without_names
from pipeline.cleaning.purify import border_of, classify, flat, named, purify, tell_apart, those
from pipeline.errors import UserError

REACH = 0.64  # of the way from the language's middle to babble's, that the gate lets pass
LENIENCE = 0.8  # of the room between held-out text and other languages, where those are nearer
PASSES = 0.99  # share of held-out text that it lets pass at any length
LENGTHS = np.array([12, 24, 48, 96, 192])  # characters at which limits are measured
CLEAR = 0.3  # bits a character below all foreign text, where the classifier is not asked
USUAL = 0.9  # share of text in the language that it need not be asked about at most
PIECE = 60  # characters of the pieces that a long text is judged by
MIXED = 0.35  # share of a long text that may lie in pieces which are in a known other language
NARROW = 0.3  # bits a character beyond the border, up to which names may excuse a text that without
# them is as far inside
TRUSTED = 0.7  # probability of the language, to the classifier, that is believed
SURE = 30  # characters that a line must have for the gate to be fitted on it
BRIEF = 24  # characters below which neighbours often share every word,
SURE_OF_ANOTHER = 0.9  # so that the classifier must be as sure as this to overrule the gate
FEWEST = 50  # lines to make an identifier from
LEARNT = 1_500_000  # characters that are enough to learn from
HELD_OUT = 0.15


@dataclass(frozen=True)
class MadeIdentifier:
    """A gate, its limits by length, and a classifier where there are other languages.

    Below `clear`, also by length, lies no text of the other languages: only what is above it is
    worth asking the classifier about.
    """

    code: str
    gate: Likelihood
    limits: Floats
    clear: Floats
    classifier: Classifier | None
    threshold: float
    name: str = "made"

    def judge(self, plain: Sequence[str], texts: Sequence[str]) -> Judged:
        """See `Identifier.judge`. What is refused by little is heard again without its names."""
        judged = self._hear(plain, texts)
        refused = np.flatnonzero(~judged.inside & (judged.excess < NARROW)).tolist()
        without = {i: rest for i in refused if (rest := without_names(plain[i], texts[i]))}
        rests = list(without.values())
        again = self._hear(rests, rests)
        judged.inside[list(without)] = again.inside & (again.excess < -NARROW)
        return judged

    def _hear(self, plain: Sequence[str], texts: Sequence[str]) -> Judged:
        """Each text as a whole and, if it is long, piece by piece, which leaves out names."""
        judged = self._judge(plain)
        long = [i for i in np.flatnonzero(judged.inside).tolist() if len(plain[i]) >= 2 * PIECE]
        if not long:
            return judged
        core = [without_names(plain[i], texts[i]) or plain[i] for i in long]
        pieces = [_pieces(text) for text in core]
        heard = self._judge([piece for found in pieces for piece in found])
        end = 0
        for index, text, found in zip(long, core, pieces, strict=True):
            begin, end = end, end + len(found)
            foreign: Counter[str] = Counter()
            for piece, excess, name in zip(
                found, heard.excess[begin:end], heard.names[begin:end], strict=True
            ):
                foreign[name] += 0 if excess <= 0 or name == FOREIGN else len(piece)
            if foreign.total() > MIXED * len(text):
                judged.inside[index] = False
                judged.names[index] = max(sorted(foreign), key=foreign.__getitem__)
        return judged

    def _judge(self, plain: Sequence[str]) -> Judged:
        """Each text as a whole."""
        lengths = np.fromiter(map(len, plain), np.int64, len(plain))
        scores = self.gate.score(plain)
        excess = scores - _at(self.limits, lengths)
        inside = excess <= 0
        names = [FOREIGN] * len(plain)
        if self.classifier is None:
            return Judged(inside, excess, names)
        asked = np.flatnonzero(scores > _at(self.clear, lengths))
        probability, found = self.classifier.predict([plain[i] for i in asked.tolist()])
        for index, name in zip(asked.tolist(), found, strict=True):
            if name != self.code:
                names[index] = name
        own = np.array([name == self.code for name in found], bool)
        named = own & (probability >= self.threshold)
        brief = lengths[asked] < BRIEF
        inside[asked] &= named | (brief & (probability < SURE_OF_ANOTHER))
        return Judged(inside, excess, names)


def _pieces(text: str) -> list[str]:
    """A text cut between words into pieces of about `PIECE` characters."""
    found, begin = [], 0
    while len(text) - begin >= 2 * PIECE:
        end = text.find(" ", begin + PIECE)
        if end < 0:
            break
        found.append(text[begin:end])
        begin = end + 1
    return [*found, text[begin:]]


def _at(limits: Floats, lengths: "np.ndarray") -> Floats:
    """A limit for each text by its length."""
    return np.interp(np.log(np.maximum(lengths, 1)), np.log(LENGTHS), limits).astype(np.float32)


def make_identifier(
    code: str,
    sample: Sequence[str],
    others: Mapping[str, Sequence[str]],
    threshold: float = TRUSTED,
    seed: int = 0,
    sure: Sequence[str] = (),
) -> tuple[MadeIdentifier, dict[str, Any]]:
    """Make an identifier from a sample of the corpus and texts in other languages of its script.

    All texts are plain (see `characters`). `sure` are sentences that are in the language for sure;
    without them most of the sample must be. Returns the identifier and what is measured on lines
    that nothing was fitted on (see `identify.measure`).

    Raises:
        UserError: the sample has too few lines to learn from, most of it does not fit together, or
            it cannot be told from another language.
    """
    learnt = learn(code, sample, others, threshold, seed, sure)
    return learnt.made, measure(learnt.made, learnt.held, learnt.held_others)


@dataclass(frozen=True)
class Learnt:
    """An identifier, and lines that nothing of it was fitted on."""

    made: MadeIdentifier
    held: list[str]
    held_others: dict[str, list[str]]


def learn(
    code: str,
    sample: Sequence[str],
    others: Mapping[str, Sequence[str]],
    threshold: float,
    seed: int,
    sure: Sequence[str],
    doubtful: Mapping[str, Sequence[str]] | None = None,
) -> Learnt:
    """As `make_identifier`. `doubtful` are lines of the corpus that are likely in other languages,
    by language."""
    rng = np.random.default_rng(seed)
    lines = _lines(code, sample, sure, rng)
    held, fitted = _divide(lines, HELD_OUT)
    held_others, fit_others = {}, {}
    given = {**others, **(doubtful or {})}
    for name in sorted(given):
        unique = list(dict.fromkeys(text for text in given[name] if text))
        shuffled = [unique[i] for i in rng.permutation(len(unique))]
        held_others[name], fit_others[name] = _divide(shuffled, HELD_OUT)
    fitted, clean = purify(code, fitted, fit_others, sure, rng, seed)
    tell_apart(code, {name: fit_others[name] for name in others}, clean)
    fit_others = clean
    classifier = classify(code, fitted, fit_others, rng, seed)
    gate = Likelihood.fit(fitted, Background.fit(fitted, flat(fit_others)))
    scores = gate.score(held)
    border = border_of(scores, gate, fitted, rng, REACH)
    held = those(held, (scores <= border) & named(classifier, held, code))
    limits, clear = _limits(gate, held, flat(fit_others), rng)
    return Learnt(
        MadeIdentifier(code, gate, limits, clear, classifier, threshold), held, held_others
    )


def _lines(
    code: str, sample: Sequence[str], sure: Sequence[str], rng: np.random.Generator
) -> list[str]:
    """Different lines of the sample in random order, as many as are needed to learn from."""
    unique = list(dict.fromkeys(sample))
    lines = [text for text in unique if len(text) >= SURE]
    if len(lines) < FEWEST:
        lines = [text for text in unique if len(text) >= LENGTHS[0]]
    if len(lines) < FEWEST:
        raise UserError(
            f"the corpus has {len(lines)} lines in the script of {code} to learn the language "
            f"from, at least {FEWEST} are needed: add text or set cleaning.identifier: none"
        )
    if sure and len(sure) < FEWEST:
        raise UserError(
            f"cleaning.sure holds {len(sure)} sentences of {LENGTHS[0]} characters or more in the "
            f"script of {code}, at least {FEWEST} are needed"
        )
    lines = [lines[i] for i in rng.permutation(len(lines))]
    room = np.cumsum([len(text) for text in lines])
    return lines[: max(int(np.searchsorted(room, LEARNT)), FEWEST)]


def _divide(lines: list[str], share: float) -> tuple[list[str], list[str]]:
    cut = int(len(lines) * share)
    return lines[:cut], lines[cut:]


def _limits(
    gate: Likelihood, held: list[str], others: list[str], rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """At each of `LENGTHS`, the largest score that passes, and the largest that needs no second
    opinion: no foreign text is below it.

    Measured on stretches of that length of held-out text, of other languages, and of babble.
    """
    nothing = babble(held, rng, 1000, int(LENGTHS[-1]))
    limits, clear = [], []
    for length in LENGTHS.tolist():
        own = gate.score(_windows(held, length, rng))
        middle, usual, most = np.quantile(own, [0.5, USUAL, PASSES])
        far = np.median(gate.score([_first_words(text, length) for text in nothing]))
        limit = middle + REACH * (far - middle)
        if others:
            foreign = gate.score(_windows(others, length, rng))
            limit = min(limit, most + LENIENCE * (float(np.quantile(foreign, 0.01)) - most))
            clear.append(min(usual, foreign.min() - CLEAR))
        limits.append(max(limit, most))
    return np.array(limits, np.float32), np.array(clear or limits, np.float32)


def _first_words(text: str, length: int) -> str:
    """The beginning of a text up to the end of the word at `length`."""
    end = text.find(" ", length - 1)
    return text[:end] if end > 0 else text


def _windows(
    lines: list[str], length: int, rng: np.random.Generator, count: int = 4000
) -> list[str]:
    """Stretches of about `length` characters, from words' beginnings to words' ends; where lines
    are shorter, several are put in a row."""
    text = " ".join(lines[i] for i in rng.integers(len(lines), size=max(count * length // 40, 200)))
    found = []
    for begin in rng.integers(max(len(text) - 2 * length, 1), size=count).tolist():
        first = text.find(" ", begin) + 1
        last = text.find(" ", first + length - 1)
        found.append(text[first : last if last > 0 else len(text)])
    return found
