"""The whole benchmark of one model or several: what goes into reports/evaluation.json.

Everything that can be wrong with the input is found first. Then each model writes its samples, the
training text is read for what it holds of the benchmark and of the samples, the n-grams are trained
on it, and all score. Every model gets the same benchmark.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tokenizers import Tokenizer

from pipeline.documents import read_texts
from pipeline.errors import UserError
from pipeline.evaluation.baselines import Rivals
from pipeline.evaluation.held_out import sample_documents, training_texts
from pipeline.evaluation.identified import make_identify
from pipeline.evaluation.items import Measure
from pipeline.evaluation.material import FactSet, Material, PairSet, gather
from pipeline.evaluation.measure import Examiner, add_xz
from pipeline.evaluation.overlap import RunFinder, words
from pipeline.evaluation.samples import (
    Identify,
    Judge,
    by_temperature,
    sample_prompts,
    summary,
    write_samples,
)
from pipeline.evaluation.sets import Sets, read_sets
from pipeline.languages import load_language
from pipeline.models import LanguageModel
from pipeline.params import Params
from pipeline.tokenization.tokenizer import encode_batch

Loaded = tuple[LanguageModel, Tokenizer]


class Subject(NamedTuple):
    """A model under test: its name, and how to load it."""

    name: str
    load: Callable[[], Loaded]


class Verdict(NamedTuple):
    """What a model came to: the report, and each item."""

    report: dict[str, Any]
    measures: list[Measure]


class Clock:
    """Wall-clock seconds of each part."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._began = time.monotonic()

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[part] = round(time.monotonic() - began + self.seconds.get(part, 0), 2)

    def total(self) -> dict[str, float]:
        """All seconds so far, and those of each part."""
        return {"total": round(time.monotonic() - self._began, 2), **self.seconds}


def run_benchmark(
    subjects: Sequence[Subject], clean: Path, probes: Path, params: Params
) -> tuple[Material, dict[str, Verdict]]:
    """Measure models on `clean`/test, `probes` and the sets that params and language bring.

    Returns what was asked, and what each model came to by its name.

    Raises:
        UserError: a split has no text, a set is malformed, a text is shorter than a model's
            context, or a model cannot be loaded.
    """
    settings, language = params.evaluation, params.corpus.language
    clock, seed = Clock(), settings.seed
    load = lru_cache(maxsize=1)(lambda place: subjects[place].load())  # one model at a time
    sets = read_sets(settings, probes, language)
    documents = sample_documents(clean / "test", settings.test_megabytes, seed)
    texts = [document.text for document in documents]
    for place in reversed(range(len(subjects))):
        check_texts(sets, *load(place))

    with clock("samples"):
        prompts = sample_prompts(texts, settings.samples, seed)
        written = [
            write_samples(*load(place), prompts, params.generation, settings.temperatures)
            for place in range(len(subjects))
        ]
    with clock("overlap"):
        finder = RunFinder()
        judges = [Judge([sample["text"] for sample in samples], finder) for samples in written]
        judges_of_people = [Judge(_cut_like(texts, samples, seed), finder) for samples in written]
        known = load_language(language)
        harmony = known.harmony if known else ()
        material = gather(clean / "train", documents, sets, finder, settings, harmony)
    with clock("identifier"):
        identify = make_identify(language, params.cleaning, read_texts(clean / "train"))
        writing = _Writing(material, texts, identify)
    with clock("ngrams"):
        rivals = Rivals.train(
            lambda what: training_texts(clean / "train", what), settings.ngram_order
        )
    verdicts: dict[str, Verdict] = {}
    for place in reversed(range(len(subjects))):  # the last one is loaded still
        model, tokenizer = load(place)
        examiner = Examiner(model, tokenizer, rivals, settings)
        report = measure_all(examiner, material, clock)
        with clock("xz"):
            add_xz(report, material, clean / "train")
        report |= writing.report(written[place], judges[place], judges_of_people[place])
        verdicts[subjects[place].name] = Verdict(
            report | {"seconds": clock.total()}, examiner.measures
        )
    return material, {subject.name: verdicts[subject.name] for subject in subjects}


def check_texts(sets: Sets, model: LanguageModel, tokenizer: Tokenizer) -> None:
    """Refuse a text on which too little can be measured.

    Raises:
        UserError: all lines of a text together have fewer tokens than the model's context.
    """
    for name, lines in sets.texts.items():
        tokens = sum(map(len, encode_batch(tokenizer, lines)))
        if tokens < model.config.context:
            raise UserError(
                f"evaluation.text_files: {name} has {tokens:,} tokens, fewer than the context of "
                f"the model, {model.config.context:,}: name a longer text"
            )


def measure_all(examiner: Examiner, material: Material, clock: Clock) -> dict[str, Any]:
    """Everything but what the model writes."""
    with clock("likelihood"):
        report = examiner.likelihood(material.documents, material.fair)
        report["texts"] = {
            name: examiner.text(name, given) for name, given in material.texts.items()
        }
    with clock("minimal_pairs"):
        pairs = {name: examiner.pairs(name, given) for name, given in material.pairs.items()}
        report["minimal_pairs"] = _headline(pairs, lambda: examiner.pairs("", PairSet([], 0)))
    with clock("facts"):
        facts = {name: examiner.facts(name, given) for name, given in material.facts.items()}
        nothing = FactSet([], frozenset(), frozenset())
        report["facts"] = _headline(facts, lambda: examiner.facts("", nothing))
    with clock("choices"):
        report["choices"] = {
            name: examiner.choices(name, given) for name, given in material.choices.items()
        }
    with clock("few_shot"):
        report["few_shot"] = examiner.few_shot(material)
    return report


def _headline(
    sets: dict[str, dict[str, Any]], nothing: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """The scores of the first set, its name, and those of all sets by name."""
    first = next(iter(sets), None)
    scores = nothing() if first is None else sets[first]
    return {**scores, "set": first, "sets": sets}


class _Writing:
    """Judges what models wrote."""

    def __init__(
        self, material: Material, held_out: Sequence[str], identify: Identify | None
    ) -> None:
        self._known, self._identify = material.known, identify
        self._held_out = {word for text in held_out for word in words(text)}

    def report(
        self, samples: Sequence[dict[str, Any]], judge: Judge, of_people: Judge
    ) -> dict[str, Any]:
        verdicts, people = (
            one.verdicts(self._known, self._held_out, self._identify) for one in (judge, of_people)
        )
        return {
            "samples": [
                sample | verdict for sample, verdict in zip(samples, verdicts, strict=True)
            ],
            "writing": {
                "model": summary(judge.texts, verdicts),
                "by_temperature": by_temperature(samples, verdicts),
                "held_out": summary(of_people.texts, people),
            },
        }


def _cut_like(texts: Sequence[str], samples: Sequence[dict[str, Any]], seed: int) -> list[str]:
    """As many held-out texts as there are samples, each of as many words at most."""
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(texts))[: len(samples)]
    return [
        " ".join(texts[index].split()[: len(sample["text"].split())])
        for index, sample in zip(order, samples, strict=False)
    ]
