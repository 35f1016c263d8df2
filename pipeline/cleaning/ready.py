"""A fastText identifier that somebody else made, and one made on the spot that votes with it.

A ready model knows many languages but was not made for this corpus: it is unsure of short lines,
and takes near relatives for each other. What it is sure of is enough to make an identifier on the
spot (`made`), which knows this corpus' kind of text and the languages at hand for comparison. Then
a text is in the language if the made one says so and the ready one is not sure of another language.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.cleaning.classifier import Classifier
from pipeline.cleaning.identify import FOREIGN, Judged, measure
from pipeline.cleaning.made import TRUSTED, MadeIdentifier, learn
from pipeline.errors import UserError
from pipeline.languages import Language

SURE = 0.5  # probability from which on a line of the corpus is one to learn the language from
SURE_OF_ANOTHER = 0.8  # from which on it is in another language, whatever else speaks for it
ENOUGH = 300  # sure lines that a made identifier needs to be better than the ready one alone
KNOWN = 50  # lines of another language that make it worth knowing
SCARCE = 0.02  # share of sure lines below which the corpus is hardly in this language
NEUTRAL = 0.5  # threshold where neither params nor the language's file have one


@dataclass(frozen=True)
class ReadyIdentifier:
    """A model with its label for the language, how sure it must be, and who votes with it."""

    name: str
    classifier: Classifier
    label: str
    threshold: float
    made: MadeIdentifier | None = None

    def judge(self, plain: Sequence[str], texts: Sequence[str]) -> Judged:
        """See `Identifier.judge`: alone by the threshold, or together with the made one."""
        probability, names = self.classifier.predict(texts)
        own = np.array([name == self.label for name in names], bool)
        names = [FOREIGN if mine else name for mine, name in zip(own, names, strict=True)]
        if self.made is None:
            inside = np.where(own, probability, 0) >= self.threshold
            unsure = np.flatnonzero(~inside & (probability < SURE_OF_ANOTHER))
            second = self.classifier.probability([texts[i] for i in unsure.tolist()], self.label)
            inside[unsure] = second >= self.threshold
            return Judged(inside, np.zeros(len(names), np.float32), names)
        judged = self.made.judge(plain, texts)
        inside = judged.inside & (own | (probability < SURE_OF_ANOTHER))
        return Judged(inside, judged.excess, names)


def ready_identifier(
    path: Path, language: Language, label: str | None, threshold: float | None = None
) -> ReadyIdentifier:
    """Load a fastText identifier and find its label for the language, and its threshold.

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
    if threshold is None:
        named = (n for n, known in language.identifiers.items() if known == found)
        threshold = language.thresholds.get(next(named, ""), NEUTRAL)
    return ReadyIdentifier(path.name, classifier, found, threshold)


def with_made(
    ready: ReadyIdentifier,
    code: str,
    sample: Sequence[str],
    others: Mapping[str, Sequence[str]],
    seed: int = 0,
) -> tuple[ReadyIdentifier, dict[str, Any]]:
    """Let an identifier made of what the ready one is sure of vote with it, if there is enough.

    Arguments and result are as those of `made.make_identifier`.

    Raises:
        UserError: hardly any line of the sample is in the language.
    """
    probability, names = ready.classifier.predict(sample)
    own = np.array([name == ready.label for name in names], bool)
    sure = own & (probability >= SURE)
    if len(sample) >= ENOUGH and sure.mean() < SCARCE:
        other = max(sorted(set(names) - {ready.label}), key=names.count, default="")
        raise UserError(
            f"{ready.name} finds hardly any {code} in the corpus ({sure.mean():.1%} of a sample, "
            f"most is {other!r} to it): check corpus.language and cleaning.label"
        )
    if sure.sum() < ENOUGH:
        return ready, measure(ready, sample, others)
    foreign: dict[str, list[str]] = {}
    rest = []
    for text, name, p, mine in zip(sample, names, probability, own, strict=True):
        if not mine and p >= SURE_OF_ANOTHER:
            foreign.setdefault(f"{name} ({ready.name})", []).append(text)
        else:
            rest.append(text)
    foreign = {name: texts for name, texts in foreign.items() if len(texts) >= KNOWN}
    chosen = [sample[i] for i in np.flatnonzero(sure).tolist()]
    learnt = learn(code, rest, others, TRUSTED, seed, chosen, foreign)
    joined = replace(ready, made=learnt.made)
    return joined, measure(joined, learnt.held, learnt.held_others)
