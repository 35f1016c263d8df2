"""What of a sample is in the language, found out from the sample itself.

A gate is fitted on one half of the lines and scores the other half; lines far worse than the rest
are set aside; repeat. What is left is the language, more or less. Then every line is heard once
more, by a gate and a classifier that learnt from other lines: it is in if both agree, be its
subject ever so rare. Foreign lines that both take for the language go, too: every collection has
some. Where sure sentences are given, the first gate is fitted on those instead.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.cleaning.babble import babble
from pipeline.cleaning.classifier import Classifier
from pipeline.cleaning.identify import Bools, Floats
from pipeline.cleaning.likelihood import Background, Likelihood
from pipeline.errors import UserError

PASSES = 0.99  # share of lines heard in, that all foreign lines are compared with
WEIGHT = 0.6  # of the background while dirt is looked for
HALFWAY = 0.3  # of the way to babble, up to which a line is clean enough to learn from
ROUNDS = 3
ALIKE = 0.2  # share of another language's sentences that may pass at first
MOST = 0.5  # share of the sample that must fit together
COMPARED = 50  # foreign lines that tell whether the corpus is of that language


def purify(
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
    background = Background.fit([*lines, *sure], flat(others), WEIGHT)
    core = _near_sure(lines, sure, background, rng) if sure else _set_aside(lines, background, rng)
    folds = np.arange(len(lines)) % 2
    own, clean = np.zeros(len(lines), bool), {name: list[str]() for name in others}
    for fold in (0, 1):
        learnt = [*sure, *those(lines, core & (folds != fold))]
        rest = {name: texts[1 - fold :: 2] for name, texts in others.items()}
        classifier = classify(code, learnt, rest, rng, seed)
        gate = Likelihood.fit(learnt, background)
        heard = those(lines, folds == fold)
        foreign = {name: texts[fold::2] for name, texts in others.items()}
        scores = gate.score(heard)
        border = border_of(scores, gate, learnt, rng)
        mine = (scores <= border) & named(classifier, heard, code)
        own[folds == fold] = mine
        limit = float(np.quantile(scores[mine], PASSES)) if mine.any() else -np.inf
        for name, texts in foreign.items():
            strays = named(classifier, texts, code) & (gate.score(texts) < limit)
            clean[name] += those(texts, ~strays)
    if not sure and own.mean() < MOST:
        raise UserError(
            f"most of the corpus is not in one language: only {own.mean():.0%} of a sample fits "
            f"together, and {code} is learnt from what most is: name a file of sure sentences in "
            "cleaning.sure, or an identifier in cleaning.identifier"
        )
    return those(lines, own), clean


def tell_apart(code: str, others: Mapping[str, list[str]], clean: Mapping[str, list[str]]) -> None:
    """See to it that what was learnt is not, or not also, another language.

    Raises:
        UserError: much of what is known of another language passes.
    """
    for name, texts in others.items():
        passed = 1 - len(clean[name]) / max(len(texts), 1)
        if len(texts) >= COMPARED and passed > ALIKE:
            raise UserError(
                f"much of the corpus is in {name}, or {code} and {name} are one: {passed:.0%} of "
                f"the sentences that cleaning.contaminants has for {name} pass for {code}: check "
                "corpus.language, name a file of sure sentences in cleaning.sure, or take that "
                "file of contaminants away"
            )


def those(texts: Sequence[str], chosen: Bools) -> list[str]:
    """The chosen texts."""
    return [texts[i] for i in np.flatnonzero(chosen).tolist()]


def flat(texts: Mapping[str, Sequence[str]]) -> list[str]:
    """All texts, in the order of their names."""
    return [text for name in sorted(texts) for text in texts[name]]


def named(classifier: Classifier | None, texts: Sequence[str], code: str) -> Bools:
    """Which texts the classifier calls `code`; all where there is no classifier."""
    if classifier is None:
        return np.ones(len(texts), bool)
    return np.array([name == code for name in classifier.predict(texts)[1]], bool)


def _set_aside(lines: list[str], background: Background, rng: np.random.Generator) -> Bools:
    """Which lines a gate fitted on other lines finds no worse than the mass of them."""
    kept = np.ones(len(lines), bool)
    half = np.arange(len(lines)) % 2 == 0
    for _ in range(ROUNDS):
        near = np.zeros(len(lines), bool)
        for part in (half, ~half):
            learnt = those(lines, part & kept)
            gate = Likelihood.fit(learnt, background)
            scores = gate.score(those(lines, ~part))
            near[~part] = scores <= border_of(scores, gate, learnt, rng)
        kept = near
    return kept


def _near_sure(
    lines: list[str], sure: Sequence[str], background: Background, rng: np.random.Generator
) -> Bools:
    """Which lines a gate fitted on the sure ones takes for the same language."""
    gate = Likelihood.fit(sure[::2], background)
    middle = float(np.median(gate.score(sure[1::2])))
    far = float(np.median(gate.score(babble(sure, rng))))
    return Likelihood.fit(sure, background).score(lines) <= middle + HALFWAY * (far - middle)


def border_of(
    scores: Floats,
    gate: Likelihood,
    learnt: Sequence[str],
    rng: np.random.Generator,
    share: float = HALFWAY,
) -> float:
    """The score that is `share` of the way from the middle of `scores` to babble's."""
    middle = float(np.median(scores))
    return middle + share * (float(np.median(gate.score(babble(learnt, rng)))) - middle)


def classify(
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
