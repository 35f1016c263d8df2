"""Is this text in the language? Three ways to tell: made on the spot, a ready model, or not at all.

Most languages this project is for are known to no identifier. One is then made from the corpus
itself, on the assumption that most of it is in the language, and from texts in other languages:

1. A likelihood gate (`likelihood`) is fitted on one half of a sample and scores the other half;
   lines far worse than the rest are set aside; repeat. What is left is the language, more or less.
2. A fastText classifier learns to tell that from the other languages, and the gate is fitted again.
   Now every line of the sample is heard once more: it is in if both agree, be its subject ever so
   rare; and foreign lines that both take for the language go. Fit both again.
3. Thresholds of the gate, by length, let 99 % of held-out text in the language pass.

A text is in the language if the gate passes it and the classifier names the language: the
classifier knows close neighbours, the gate refuses languages that the classifier has never seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.cleaning.classifier import Classifier
from pipeline.cleaning.likelihood import Background, Likelihood
from pipeline.errors import UserError
from pipeline.languages import Language

PASSES = 0.99  # share of held-out text that the gate lets through
LENIENCE = 0.25  # of the room between that and the nearest other language
LENGTHS = np.array([12, 24, 48, 96, 192])  # characters at which thresholds are measured
SURE = 30  # characters that a line must have for the gate to be fitted on it
BRIEF = 24  # characters below which neighbours often share every word,
SURE_OF_ANOTHER = 0.9  # so that the classifier must be as sure as this to overrule the gate
FEWEST = 50  # lines to make an identifier from
HELD_OUT = 0.15
FOREIGN = "unknown"  # what a text is that no model has a name for

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Judged:
    """Verdicts on texts: whether each is in the language, how far from the border (in bits a
    character, below zero is inside; zero where there is no gate), and the language's name."""

    inside: Bools
    excess: Floats
    names: list[str]


class Identifier(Protocol):
    """Judges texts: `plain` as `characters` makes it, `texts` as they are written."""

    @property
    def name(self) -> str: ...

    def judge(self, plain: Sequence[str], texts: Sequence[str]) -> Judged: ...


class NoIdentifier:
    """Takes everything for the language."""

    name = "none"

    def judge(self, plain: Sequence[str], texts: Sequence[str]) -> Judged:
        count = len(plain)
        return Judged(np.ones(count, bool), np.zeros(count, np.float32), [""] * count)


@dataclass(frozen=True)
class ReadyIdentifier:
    """A fastText model that somebody else made."""

    name: str
    classifier: Classifier
    label: str
    threshold: float

    def judge(self, plain: Sequence[str], texts: Sequence[str]) -> Judged:
        probability, names = self.classifier.predict(texts)
        own = np.array([name == self.label for name in names], bool)
        inside = own & (probability >= self.threshold)
        names = [FOREIGN if mine else name for mine, name in zip(own, names, strict=True)]
        return Judged(inside, np.zeros(len(names), np.float32), names)


@dataclass(frozen=True)
class MadeIdentifier:
    """A gate, thresholds for it by length, and a classifier where there are other languages."""

    code: str
    gate: Likelihood
    limits: Floats
    classifier: Classifier | None
    threshold: float
    name: str = "made"

    def judge(self, plain: Sequence[str], texts: Sequence[str]) -> Judged:
        excess = self.gate.score(plain) - _limit(self.limits, plain)
        if self.classifier is None:
            return Judged(excess <= 0, excess, [FOREIGN] * len(plain))
        probability, names = self.classifier.predict(plain)
        own = np.array([name == self.code for name in names], bool)
        named = own & (probability >= self.threshold)
        brief = np.fromiter(map(len, plain), np.int64, len(plain)) < BRIEF
        inside = (excess <= 0) & (named | (brief & (probability < SURE_OF_ANOTHER)))
        names = [FOREIGN if mine else name for mine, name in zip(own, names, strict=True)]
        return Judged(inside, excess, names)


def _limit(limits: Floats, plain: Sequence[str]) -> Floats:
    """The largest score that passes, for each text by its length."""
    lengths = np.fromiter((max(len(text), 1) for text in plain), np.float64, len(plain))
    return np.interp(np.log(lengths), np.log(LENGTHS), limits).astype(np.float32)


# --- made on the spot ---------------------------------------------------------------------------


def make_identifier(
    code: str,
    sample: Sequence[str],
    others: Mapping[str, Sequence[str]],
    threshold: float = 0.5,
    seed: int = 0,
) -> tuple[MadeIdentifier, dict[str, Any]]:
    """Make an identifier from a sample of the corpus and texts in other languages of its script.

    All texts are plain (see `characters`). Returns the identifier and what is measured on lines
    that nothing was fitted on: `recall` (of the language), `precision` (against the other
    languages, a line a line) and `taken`, the share of each other language's lines that it accepts.

    Raises:
        UserError: the sample has too few lines to learn from.
    """
    rng = np.random.default_rng(seed)
    lines = [text for text in dict.fromkeys(sample) if len(text) >= SURE]
    if len(lines) < FEWEST:
        lines = [text for text in dict.fromkeys(sample) if len(text) >= LENGTHS[0]]
    if len(lines) < FEWEST:
        raise UserError(
            f"the corpus has {len(lines)} lines in the script of {code} to learn the language "
            f"from, at least {FEWEST} are needed: add text or set cleaning.identifier: none"
        )
    lines = [lines[i] for i in rng.permutation(len(lines))]
    held, fitted = _divide(lines, HELD_OUT)
    held_others, fit_others = {}, {}
    for name in sorted(others):
        unique = list(dict.fromkeys(text for text in others[name] if text))
        shuffled = [unique[i] for i in rng.permutation(len(unique))]
        held_others[name], fit_others[name] = _divide(shuffled, HELD_OUT)
    background = Background.fit(fitted, _flat(fit_others))
    core = _set_aside(fitted, background)
    classifier = _classify(code, core, fit_others, rng, seed)
    gate = Likelihood.fit(core, background)
    foreign = _flat(held_others)
    border = _far_border(gate.score(core), gate.score(foreign))
    own = (gate.score(fitted) <= border) & _named(classifier, fitted, code)
    fitted = [text for text, mine in zip(fitted, own, strict=True) if mine]
    limit = float(np.quantile(gate.score(fitted), PASSES))
    for name, texts in fit_others.items():
        strays = _named(classifier, texts, code) & (gate.score(texts) < limit)
        fit_others[name] = [t for t, stray in zip(texts, strays, strict=True) if not stray]
    classifier = _classify(code, fitted, fit_others, rng, seed)
    gate = Likelihood.fit(fitted, Background.fit(fitted, _flat(fit_others)))
    scores = gate.score(held)
    sure = scores <= _far_border(gate.score(fitted), gate.score(foreign))
    sure &= _named(classifier, held, code)
    held = [text for text, mine in zip(held, sure, strict=True) if mine]
    limits = _limits(gate, held, foreign, rng)
    made = MadeIdentifier(code, gate, limits, classifier, threshold)
    return made, measure(made, held, held_others)


def measure(
    identifier: Identifier, own: Sequence[str], others: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """Precision and recall on given lines, and what share of each language is taken for the
    target."""
    kept = int(identifier.judge(own, own).inside.sum())
    accepted = {
        name: int(identifier.judge(texts, texts).inside.sum()) for name, texts in others.items()
    }
    wrong = sum(accepted.values())
    return {
        "precision": kept / (kept + wrong) if kept + wrong else None,
        "recall": kept / len(own) if own else None,
        "held_out": {"target": len(own), "others": sum(map(len, others.values()))},
        "taken": {name: accepted[name] / max(len(others[name]), 1) for name in sorted(others)},
    }


def _divide(lines: list[str], share: float) -> tuple[list[str], list[str]]:
    cut = int(len(lines) * share)
    return lines[:cut], lines[cut:]


def _flat(texts: Mapping[str, Sequence[str]]) -> list[str]:
    return [text for name in sorted(texts) for text in texts[name]]


def _named(classifier: Classifier | None, texts: Sequence[str], code: str) -> Bools:
    if classifier is None:
        return np.ones(len(texts), bool)
    return np.array([name == code for name in classifier.predict(texts)[1]], bool)


def _set_aside(lines: list[str], background: Background, rounds: int = 2) -> list[str]:
    """Keep the lines that a gate fitted on other lines finds no worse than the mass of them."""
    kept = np.ones(len(lines), bool)
    half = np.arange(len(lines)) % 2 == 0
    for _ in range(rounds):
        scores = np.zeros(len(lines), np.float32)
        for part in (half, ~half):
            gate = Likelihood.fit([lines[i] for i in np.flatnonzero(part & kept)], background)
            scores[~part] = gate.score([lines[i] for i in np.flatnonzero(~part)])
        kept = scores <= _near_border(scores)
    return [lines[i] for i in np.flatnonzero(kept)]


def _near_border(scores: Floats) -> float:
    """A border as far out on the bad side as the good side, where no dirt is, is wide."""
    best, middle = np.quantile(scores, [0.05, 0.5])
    return float(middle + 2.2 * (middle - best))


def _far_border(scores: Floats, foreign: Floats) -> float:
    """That border, or half the way to other languages where that is farther.

    In a corpus of few words and subjects the rest passes for dirt at first; a gate that has seen
    none of the dirt can tell.
    """
    border = _near_border(scores)
    if len(foreign):
        middle = float(np.median(scores))
        border = max(border, middle + 0.5 * (float(np.quantile(foreign, 0.01)) - middle))
    return border


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
) -> Floats:
    """The largest score that passes, at each of `LENGTHS`: windows of held-out text of that
    length."""
    limits = []
    for length in LENGTHS.tolist():
        own = gate.score(_windows(held, length, rng))
        limit = float(np.quantile(own, PASSES))
        if others:
            nearest = float(np.quantile(gate.score(_windows(others, length, rng)), 0.01))
            limit += LENIENCE * max(nearest - limit, 0)
        limits.append(limit)
    return np.array(limits, np.float32)


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


# --- ready-made ---------------------------------------------------------------------------------


def ready_identifier(
    path: Path, language: Language, label: str | None, threshold: float
) -> ReadyIdentifier:
    """Load a fastText identifier and find its label for the language.

    Raises:
        UserError: the file is no fastText model, or it has no label for this language.
    """
    classifier = Classifier.load(path)
    known = set(classifier.labels)
    wanted = (
        [label] if label else [*language.identifiers.values(), language.iso639_1, language.code]
    )
    found = next((name for name in wanted if name in known), None)
    if found is None:
        tried = ", ".join(name for name in wanted if name)
        raise UserError(
            f"cleaning.identifier: {path} has no label for {language.code} (tried {tried}): "
            "set cleaning.label to one it has, or use identifier: made"
        )
    return ReadyIdentifier(path.name, classifier, found, threshold)
