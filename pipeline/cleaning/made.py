"""An identifier made on the spot, for the many languages that no ready one knows.

It is made from the corpus itself, on the assumption that most of it is in the language, and from
texts in other languages:

1. A likelihood gate (`likelihood`) is fitted on one half of a sample and scores the other half;
   lines far worse than the rest are set aside; repeat. What is left is the language, more or less.
   Where sure sentences are given, the gate is fitted on those instead.
2. A fastText classifier learns to tell that from the other languages, and the gate is fitted again.
   Now every line of the sample is heard once more: it is in if both agree, be its subject ever so
   rare; and foreign lines that both take for the language go. Fit both again.
3. The gate's limits, by length, stand between the language and babble (`babble`): text with its
   letters and none of its words. Where texts are so short that both overlap, they let 99 % of
   held-out text in the language pass.

A text is in the language if the gate passes it and the classifier names the language: the
classifier knows close neighbours, the gate refuses languages that the classifier has never seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.cleaning.babble import babble
from pipeline.cleaning.classifier import Classifier
from pipeline.cleaning.identify import FOREIGN, Bools, Floats, Judged, measure
from pipeline.cleaning.likelihood import Background, Likelihood
from pipeline.errors import UserError

REACH = 0.62  # of the way from the language's middle to babble's, that the gate lets pass
LENIENCE = 0.4  # of the room between held-out text and other languages, where those are nearer
PASSES = 0.99  # share of held-out text that it lets pass at any length
LENGTHS = np.array([12, 24, 48, 96, 192])  # characters at which limits are measured
CLEAR = 0.3  # bits a character below all foreign text, where the classifier is not asked
USUAL = 0.9  # share of text in the language that it need not be asked about at most
SURE = 30  # characters that a line must have for the gate to be fitted on it
BRIEF = 24  # characters below which neighbours often share every word,
SURE_OF_ANOTHER = 0.9  # so that the classifier must be as sure as this to overrule the gate
HALFWAY = 0.35  # of the way to other languages, up to which a line is clean enough to learn from
MOST = 0.5  # share of the sample that must fit together
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


def _at(limits: Floats, lengths: "np.ndarray") -> Floats:
    """A limit for each text by its length."""
    return np.interp(np.log(np.maximum(lengths, 1)), np.log(LENGTHS), limits).astype(np.float32)


def make_identifier(
    code: str,
    sample: Sequence[str],
    others: Mapping[str, Sequence[str]],
    threshold: float = 0.5,
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
    rng = np.random.default_rng(seed)
    lines = _lines(code, sample, sure, rng)
    held, fitted = _divide(lines, HELD_OUT)
    held_others, fit_others = {}, {}
    for name in sorted(others):
        unique = list(dict.fromkeys(text for text in others[name] if text))
        shuffled = [unique[i] for i in rng.permutation(len(unique))]
        held_others[name], fit_others[name] = _divide(shuffled, HELD_OUT)
    fitted, fit_others = _purify(code, fitted, fit_others, sure, rng, seed)
    foreign = _flat(held_others)
    classifier = _classify(code, fitted, fit_others, rng, seed)
    gate = Likelihood.fit(fitted, Background.fit(fitted, _flat(fit_others)))
    scores = gate.score(held)
    border = _far_border(scores, gate.score(foreign), gate.score(babble(fitted, rng)))
    held = _those(held, (scores <= border) & _named(classifier, held, code))
    limits, clear = _limits(gate, held, [*foreign, *_flat(fit_others)], rng)
    made = MadeIdentifier(code, gate, limits, clear, classifier, threshold)
    return made, measure(made, held, held_others)


def _purify(
    code: str,
    lines: list[str],
    others: Mapping[str, list[str]],
    sure: Sequence[str],
    rng: np.random.Generator,
    seed: int,
) -> tuple[list[str], dict[str, list[str]]]:
    """Lines of the sample that are in the language, and lines of other languages that are not.

    Each is judged by a gate and a classifier that did not see it: dirt that a model was fitted on
    looks clean to it.
    """
    background = Background.fit([*lines, *sure], _flat(others))
    core = _near_sure(lines, sure, background, rng) if sure else _set_aside(lines, background)
    folds = np.arange(len(lines)) % 2
    own, clean = np.zeros(len(lines), bool), {name: list[str]() for name in others}
    for fold in (0, 1):
        learnt = [*sure, *_those(lines, core & (folds != fold))]
        rest = {name: texts[1 - fold :: 2] for name, texts in others.items()}
        classifier = _classify(code, learnt, rest, rng, seed)
        gate = Likelihood.fit(learnt, background)
        heard = _those(lines, folds == fold)
        foreign = {name: texts[fold::2] for name, texts in others.items()}
        scores = gate.score(heard)
        border = _far_border(scores, gate.score(_flat(foreign)), gate.score(babble(learnt, rng)))
        mine = (scores <= border) & _named(classifier, heard, code)
        own[folds == fold] = mine
        limit = float(np.quantile(scores[mine], PASSES)) if mine.any() else -np.inf
        for name, texts in foreign.items():
            strays = _named(classifier, texts, code) & (gate.score(texts) < limit)
            clean[name] += _those(texts, ~strays)
    if not sure and own.mean() < MOST:
        raise UserError(
            f"most of the corpus is not in one language: only {own.mean():.0%} of a sample fits "
            f"together, and {code} is learnt from what most is: name a file of sure sentences in "
            "cleaning.sure, or an identifier in cleaning.identifier"
        )
    for name, texts in others.items():
        passed = 1 - len(clean[name]) / max(len(texts), 1)
        if len(texts) >= FEWEST and passed > MOST:
            raise UserError(
                f"the corpus looks like {name}, not {code}: {passed:.0%} of the sentences that "
                f"cleaning.contaminants has for {name} pass for it: check corpus.language, or "
                "take that file away if it is the same language"
            )
    return _those(lines, own), clean


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


def _those(texts: Sequence[str], chosen: Bools) -> list[str]:
    return [texts[i] for i in np.flatnonzero(chosen).tolist()]


def _flat(texts: Mapping[str, Sequence[str]]) -> list[str]:
    return [text for name in sorted(texts) for text in texts[name]]


def _named(classifier: Classifier | None, texts: Sequence[str], code: str) -> Bools:
    if classifier is None:
        return np.ones(len(texts), bool)
    return np.array([name == code for name in classifier.predict(texts)[1]], bool)


def _set_aside(lines: list[str], background: Background, rounds: int = 2) -> Bools:
    """Which lines a gate fitted on other lines finds no worse than the mass of them."""
    kept = np.ones(len(lines), bool)
    half = np.arange(len(lines)) % 2 == 0
    for _ in range(rounds):
        scores = np.zeros(len(lines), np.float32)
        for part in (half, ~half):
            gate = Likelihood.fit(_those(lines, part & kept), background)
            scores[~part] = gate.score(_those(lines, ~part))
        kept = scores <= _near_border(scores)
    return kept


def _near_sure(
    lines: list[str], sure: Sequence[str], background: Background, rng: np.random.Generator
) -> Bools:
    """Which lines a gate fitted on the sure ones takes for the same language."""
    gate = Likelihood.fit(sure[::2], background)
    middle = float(np.median(gate.score(sure[1::2])))
    far = float(np.median(gate.score(babble(sure, rng))))
    return Likelihood.fit(sure, background).score(lines) <= middle + HALFWAY * (far - middle)


def _near_border(scores: Floats) -> float:
    """A border as far out on the bad side as the good side, where no dirt is, is wide."""
    best, middle = np.quantile(scores, [0.05, 0.5])
    return float(middle + 2.2 * (middle - best))


def _far_border(scores: Floats, foreign: Floats, nothing: Floats) -> float:
    """That border, or part of the way to other languages or to babble where that is farther.

    In a corpus of few words and subjects the rest passes for dirt at first; a gate that has seen
    none of the dirt can tell.
    """
    border, middle = _near_border(scores), float(np.median(scores))
    far = float(np.median(nothing))
    if len(foreign):
        far = max(far, float(np.quantile(foreign, 0.01)))
    return max(border, middle + HALFWAY * (far - middle))


def _classify(
    code: str,
    own: list[str],
    others: Mapping[str, list[str]],
    rng: np.random.Generator,
    seed: int,
) -> Classifier | None:
    """Train a classifier on lines and on fragments of them, a rare language more often than it
    is."""
    if not any(others.values()):
        return None
    examples = [(code, text) for text in own]
    examples += [(code, text) for text in _fragments(own, len(own) // 2, rng)]
    largest = max(len(texts) for texts in others.values())
    wanted = min(max(largest, 1000), max(len(own) // 4, 300))
    for name in sorted(others):
        if others[name]:
            examples += [(name, text) for text in others[name]]
            missing = max(wanted - len(others[name]), len(others[name]) // 2)
            examples += [(name, text) for text in _fragments(others[name], missing, rng)]
    return Classifier.train(examples, seed)


def _fragments(lines: Sequence[str], count: int, rng: np.random.Generator) -> list[str]:
    """Runs of two to eight words from random lines: short texts must be told apart too."""
    found = []
    for index, size in zip(
        rng.integers(len(lines), size=count), rng.integers(2, 9, size=count), strict=True
    ):
        words = lines[index].split(" ")
        begin = int(rng.integers(max(len(words) - size, 0) + 1))
        found.append(" ".join(words[begin : begin + size]))
    return found


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
