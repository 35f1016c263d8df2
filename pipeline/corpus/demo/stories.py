"""Small stories and talks that fill the world: weather, markets, work, animals, a day of somebody.

They tell nothing of the people of whom facts are told, so that no story contradicts a fact.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.corpus.demo.lexicon import load_data, noun
from pipeline.corpus.demo.nouns import PRONOUNS, Possessed
from pipeline.corpus.demo.render import Scene


def tell_story(draw: random.Random) -> str:
    """One story or talk of two to six sentences."""
    data = load_data("stories")
    titles = [(kind, name) for kind in ("scenes", "dialogues") for name in data[kind]]
    kind, name = draw.choice(titles)
    if kind == "dialogues":
        return _follow(data[kind][name], Scene(draw, word_classes()))
    return _follow(data[kind][name]["steps"], _cast(data[kind][name], draw))


def word_classes() -> Mapping[str, Sequence[str]]:
    """The classes that slots draw from, the names of the other people among them."""
    others = load_data("world")["others"]
    people = {"woman": others["women"], "man": others["men"]}
    return load_data("stories")["classes"] | people | {"name": others["women"] + others["men"]}


def _cast(entry: Mapping[str, Any], draw: random.Random) -> Scene:
    classes = word_classes()
    who = draw.choice(entry["who"])
    if who == "me":
        return Scene(draw, classes, PRONOUNS["1sg"], "1sg")
    if who == "we":
        return Scene(draw, classes, PRONOUNS["1pl"], "1pl")
    if who == "sibling":
        return Scene(draw, classes, Possessed(noun(draw.choice(classes["sibling"])), "p1sg"))
    if who == "other":
        return Scene(draw, classes, noun(draw.choice(classes["name"])))
    return Scene(draw, classes)


def _follow(steps: Sequence[Sequence[str]], scene: Scene) -> str:
    chosen = [scene.draw.choice(step) for step in steps]
    return " ".join(scene.render(pattern) for pattern in chosen if pattern)
