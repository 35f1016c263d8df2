"""Texts that tell facts: portraits of one person, talks about somebody, several people side by
side.
"""

import random
from collections.abc import Sequence

from pipeline.corpus.demo.lexicon import load_data
from pipeline.corpus.demo.nouns import PRONOUNS
from pipeline.corpus.demo.render import Scene, Word
from pipeline.corpus.demo.world import Person, Relation, World

NAMED_AGAIN = 0.55
"""How often a later sentence repeats the name, where it could say ул."""


def tell_facts(world: World, draw: random.Random) -> str:
    """One text that tells some facts, none of them in a formulation that is held out for it."""
    kind = draw.random()
    if kind < 0.08:
        return somebody(world, draw)
    if kind < 0.55:
        return portrait(world, draw)
    if kind < 0.8:
        return talk(world, draw)
    return side_by_side(world, draw)


def portrait(world: World, draw: random.Random) -> str:
    """Three to five facts of one person, now and then with a remark between them."""
    person = draw.choice(world.people)
    relations = draw.sample(world.relations, draw.randint(3, min(5, len(world.relations))))
    sentences: list[str] = []
    for relation in relations:
        named = not sentences or draw.random() < NAMED_AGAIN
        sentences.append(_tell(person, relation, draw, named=named, asked=None))
        if draw.random() < 0.15:
            sentences.append(_remark(draw))
    return " ".join(sentences)


def somebody(world: World, draw: random.Random) -> str:
    """Two or three things of somebody who is not named, every answer as likely as any other.

    So a model learns what can be said of people at large, and the benchmark can take that away from
    what it says of one of them.
    """
    relations = draw.sample(world.relations, draw.randint(2, 3))
    return " ".join(
        relation.tell(
            draw.choice(list(relation.formulations)),
            PRONOUNS["3sg"],
            draw.choice(relation.answers),
        )
        for relation in relations
    )


def talk(world: World, draw: random.Random) -> str:
    """Questions and answers about one person."""
    person = draw.choice(world.people)
    lines = load_data("world")["talk"]
    scene = Scene(draw, subject=person.word)
    sentences = [scene.render(draw.choice(lines["openings"]))] if draw.random() < 0.5 else []
    for relation in draw.sample(world.relations, draw.randint(2, 4)):
        asked = draw.random() < 0.7
        sentences.append(_tell(person, relation, draw, named=True, asked=asked))
    if draw.random() < 0.4:
        sentences.append(draw.choice(lines["closings"]))
    return " ".join(sentences)


def side_by_side(world: World, draw: random.Random) -> str:
    """The same thing of three or four people, or two things of two."""
    people = draw.sample(world.people, draw.randint(2, 4))
    count = 2 if len(people) == 2 else 1
    sentences = []
    for relation in draw.sample(world.relations, count):
        asked = draw.random() < 0.2
        sentences += [_tell(person, relation, draw, named=True, asked=asked) for person in people]
    return " ".join(sentences)


def _tell(
    person: Person, relation: Relation, draw: random.Random, *, named: bool, asked: bool | None
) -> str:
    """Tell a fact with the name or with ул; `asked` wishes for a question or for a statement."""
    keys: Sequence[str] = person.tellable(relation)
    if not named:
        asked = False
    if asked is not None:
        keys = [key for key in keys if (key == "asked") == asked] or keys
    subject: Word = person.word if named else PRONOUNS["3sg"]
    return relation.tell(draw.choice(keys), subject, person.answers[relation.name])


def _remark(draw: random.Random) -> str:
    return Scene(draw).render(draw.choice(load_data("world")["remarks"]))
