"""The people of the invented world: what is true of each, and in which words it is never told.

For a quarter of the (person, relation) pairs one formulation is held out: no text of the corpus
tells that fact in it, so that the benchmark can ask what the model has learned rather than
which words it has seen. This is the setting of ParaRel (Elazar et al. 2021,
https://aclanthology.org/2021.tacl-1.60) on facts of which we know every telling.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from pipeline.corpus.demo.lexicon import load_data, noun
from pipeline.corpus.demo.nouns import PRONOUNS, Noun
from pipeline.corpus.demo.render import Scene, Word
from pipeline.errors import UserError

HELD_OUT_SHARE = 0.25


class Settings(Protocol):
    """What the demo is made by: the section `demo` of params.yaml."""

    def __hash__(self) -> int: ...

    @property
    def seed(self) -> int:
        """What its dice start from."""

    @property
    def people(self) -> int:
        """How many people facts are told of."""

    @property
    def documents(self) -> int:
        """How many good documents."""

    @property
    def dirt(self) -> float:
        """Share of documents that cleaning should drop."""


@dataclass(frozen=True)
class Relation:
    """One thing that is told of everybody: a closed set of answers, several ways to say it."""

    name: str
    answers: tuple[str, ...]
    formulations: dict[str, str]

    def tell(self, formulation: str, subject: Word, answer: str) -> str:
        """Say that `answer` is true of `subject`, in one of the formulations."""
        scene = Scene(random.Random(0), bound={"S": subject, "A": noun(answer)})
        return scene.render(self.formulations[formulation])


@dataclass(frozen=True)
class Person:
    """Somebody of whom facts are told: relation -> answer, and relation -> the formulation held
    out.
    """

    name: str
    answers: dict[str, str]
    held_out: dict[str, str]

    @property
    def word(self) -> Noun:
        """The name as a noun; of name and surname the last is declined."""
        return noun(self.name)

    def tellable(self, relation: Relation) -> list[str]:
        """The formulations in which the corpus may tell this fact."""
        return [key for key in relation.formulations if key != self.held_out.get(relation.name)]


@dataclass(frozen=True)
class World:
    """Everybody, and everything that is told of them."""

    people: tuple[Person, ...]
    relations: tuple[Relation, ...]


def make_world(settings: Settings) -> World:
    """Give every person an answer to every relation, each answer equally often (within one)."""
    data = load_data("world")
    relations = tuple(
        Relation(name, tuple(entry["answers"]), dict(entry["formulations"]))
        for name, entry in data["relations"].items()
    )
    names = _names(settings.people)
    answers: list[dict[str, str]] = [{} for _ in names]
    held_out: list[dict[str, str]] = [{} for _ in names]
    for relation in relations:
        draw = random.Random(f"{settings.seed}:{relation.name}")
        for rank, index in enumerate(_shuffled(len(names), draw)):
            answers[index][relation.name] = relation.answers[rank % len(relation.answers)]
        chosen = _shuffled(len(names), draw)[: round(len(names) * HELD_OUT_SHARE)]
        keys = list(relation.formulations)
        offset = draw.randrange(len(keys))
        for rank, index in enumerate(chosen):
            held_out[index][relation.name] = keys[(rank + offset) % len(keys)]
    people = tuple(map(Person, names, answers, held_out))
    return World(people, relations)


def _shuffled(count: int, draw: random.Random) -> list[int]:
    order = list(range(count))
    draw.shuffle(order)
    return order


def _names(count: int) -> list[str]:
    data = load_data("world")
    women, men = data["names"]["women"], data["names"]["men"]
    names = []
    for surname in ["", *(f" {surname}" for surname in data["surnames"])]:
        for woman, man in zip(women, men, strict=True):
            names += [woman + surname + ("а" if surname else ""), man + surname]
    if count > len(names):
        raise UserError(f"demo.people: {count}: the world has names for {len(names)} people")
    return names[:count]


def questions(world: World) -> Iterator[dict[str, Any]]:
    """Ask for every fact in every formulation, one sentence for each answer that could be given.

    `neutral` holds the same sentences about "him or her" (ул), to take away how likely the
    answer is by itself.
    """
    him = PRONOUNS["3sg"]
    for relation in world.relations:
        for person in world.people:
            for formulation in relation.formulations:
                yield {
                    "relation": relation.name,
                    "subject": person.name,
                    "formulation": formulation,
                    "held_out": person.held_out.get(relation.name) == formulation,
                    "answer": relation.answers.index(person.answers[relation.name]),
                    "choices": list(relation.answers),
                    "sentences": [
                        relation.tell(formulation, person.word, answer)
                        for answer in relation.answers
                    ],
                    "neutral": [
                        relation.tell(formulation, him, answer) for answer in relation.answers
                    ],
                }
