"""The benchmark that every model is given: what is asked, less what the training text holds.

One pass over the training text counts words, from which pairs and cloze are made; one looks for
everything at once that may overlap. Training text streams by and is never held.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.documents import read_texts
from pipeline.evaluation.attested import attested_facts
from pipeline.evaluation.choices import Item
from pipeline.evaluation.cloze import make_cloze
from pipeline.evaluation.facts import Fact, Question
from pipeline.evaluation.held_out import (
    Document,
    DocumentOverlap,
    FactOverlap,
    ItemOverlap,
    PairOverlap,
    count_words,
    training_texts,
)
from pipeline.evaluation.made_pairs import Sifter, WordForms, candidates
from pipeline.evaluation.overlap import RunFinder
from pipeline.evaluation.pairs import Pair, choose_pairs
from pipeline.evaluation.sets import WORLD, Sets
from pipeline.params import EvaluationParams

MADE, CLOZE = "made", "cloze"


class PairSet(NamedTuple):
    """Minimal pairs, less what training text holds."""

    pairs: list[Pair]
    contaminated: int | None  # given pairs that were left out; None for made ones


class FactSet(NamedTuple):
    """Questions, and what the training text tells of them."""

    questions: list[Question]
    told: frozenset[int]  # held-out questions that training text answers word for word
    attested: frozenset[Fact]


class ItemSet(NamedTuple):
    """Multiple-choice items, less what training text holds."""

    items: list[Item]
    contaminated: int | None


class TextSet(NamedTuple):
    """Lines of a text, less what training text holds."""

    lines: list[str]
    contaminated: int


class Material(NamedTuple):
    """What is asked, by the name of each set; `fair` numbers the documents without overlap."""

    documents: list[Document]
    fair: list[int]
    pairs: dict[str, PairSet]
    facts: dict[str, FactSet]
    choices: dict[str, ItemSet]
    texts: dict[str, TextSet]
    known: Counter[str]  # how often each word stands in the training text


def gather(
    train: Path,
    documents: Sequence[Document],
    sets: Sets,
    finder: RunFinder,
    settings: EvaluationParams,
    harmony: Sequence[str] = (),
) -> Material:
    """Make what is made, and search the training text for everything that was added to `finder`."""
    known, seed = count_words(train), settings.seed
    texts = [document.text for document in documents]
    cloze = make_cloze(texts, known, settings.cloze, seed)
    overlap = DocumentOverlap(texts, finder)
    pairs: dict[str, PairOverlap | Sifter] = {
        name: PairOverlap(given, finder) for name, given in sets.pairs.items()
    }
    if WORLD not in pairs:  # the demo's grammar makes better ones
        made = candidates(texts, WordForms(known), settings.pairs, seed, harmony)
        pairs[MADE] = Sifter(made, finder)
    facts = {name: FactOverlap(given.questions, finder) for name, given in sets.facts.items()}
    items = {name: ItemOverlap(given, finder) for name, given in sets.choices.items()}
    items[CLOZE] = ItemOverlap(cloze, finder)
    lines = {name: DocumentOverlap(given, finder) for name, given in sets.texts.items()}
    finder.search(training_texts(train, "overlap with the training text"))
    return Material(
        list(documents),
        overlap.clean(),
        {
            name: _pair_set(found.pairs(), sets.pairs.get(name), settings)
            for name, found in pairs.items()
        },
        {
            name: FactSet(
                given.questions,
                facts[name].told(read_texts(train)),
                attested_facts(given.surface, read_texts(train)),
            )
            for name, given in sets.facts.items()
        },
        {
            name: _item_set(found.items(), sets.choices.get(name), settings)
            for name, found in items.items()
        },
        {
            name: TextSet(
                [given[number] for number in lines[name].clean()],
                len(given) - len(lines[name].clean()),
            )
            for name, given in sets.texts.items()
        },
        known,
    )


def _pair_set(clean: list[Pair], given: list[Pair] | None, settings: EvaluationParams) -> PairSet:
    contaminated = None if given is None else len(given) - len(clean)
    return PairSet(choose_pairs(clean, settings.pairs, settings.seed), contaminated)


def _item_set(clean: list[Item], given: list[Item] | None, settings: EvaluationParams) -> ItemSet:
    if given is None:
        return ItemSet(clean[: settings.cloze], None)
    return ItemSet(clean, len(given) - len(clean))
