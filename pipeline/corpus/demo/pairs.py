"""Minimal pairs: two sentences that differ in one point of grammar, one of them right.

The shape is that of BLiMP (Warstadt et al. 2020, https://aclanthology.org/2020.tacl-1.25). Good
sentences are new combinations of words that the corpus knows: none of them stands in a training
text.
"""

import random
import re
from collections.abc import Callable, Iterator

from pipeline.corpus.demo.documents import good_texts, plain
from pipeline.corpus.demo.lexicon import load_data, noun
from pipeline.corpus.demo.nouns import PRONOUNS
from pipeline.corpus.demo.render import Scene
from pipeline.corpus.demo.stories import word_classes
from pipeline.corpus.demo.world import Settings, make_world

PAIRS_EACH = 34
"""Pairs of each phenomenon."""

Pair = tuple[str, str]

_TURNED = str.maketrans("аәые", "әаеы")
_OTHER = {
    "dat": {"г": "к", "к": "г"},
    "loc": {"д": "т", "т": "д"},
    "abl": {"д": "т", "т": "д", "н": "д"},
    "pl": {"л": "н", "н": "л"},
}
_VERB_PATTERNS = [
    "{S} {place dat} {бар past}.",
    "{S} {outdoors loc} {эшлә pres}.",
    "{S} кичә {dish} {пешер past}.",
    "{S} иртәгә {place dat} {бар fut}.",
    "{S} {kin} белән чәй {эч pres}.",
    "{S} бүген {outdoors loc} {йөр past}.",
    "{S} китап {укы pres}.",
]
_NOUN_PATTERNS = [
    ("{name} {place dat} китте.", "place", "dat"),
    ("{name} {place loc} эшли.", "place", "loc"),
    ("{name} {place abl} кайтты.", "place", "abl"),
    ("{name} {outdoors loc} йөри.", "outdoors", "loc"),
    ("Бездә {farm pl} күп.", "farm", "pl"),
    ("{name} {farm pl acc} ашата.", "farm", "pl"),
    ("{town loc} {thing pl} күп.", "thing", "pl"),
    ("{name} {tree dat} карап тора.", "tree", "dat"),
    ("{name} {thing abl} курыкты.", "thing", "abl"),
    ("{outdoors loc} {tree pl} үсә.", "tree", "pl"),
]


def demo_pairs(settings: Settings) -> Iterator[dict[str, str]]:
    """Yield minimal pairs: `good`, `bad` and `phenomenon`, as many for each phenomenon."""
    told = " " + "  ".join(plain(text) for text in good_texts(settings)) + " "
    names = [person.name for person in make_world(settings).people]
    makers: dict[str, Callable[[random.Random, list[str]], Pair]] = {
        "harmony": _harmony,
        "assimilation": _assimilation,
        "agreement": _agreement,
    }
    for phenomenon in [*makers, *load_data("pairs")]:
        draw = random.Random(f"{settings.seed}:{phenomenon}")
        make = makers.get(phenomenon) or _from_table(phenomenon)
        seen: set[str] = set()
        for _ in range(200 * PAIRS_EACH):
            pair = make(draw, names)
            if pair[0] in seen or f" {plain(pair[0])} " in told:
                continue
            seen.add(pair[0])
            yield {"good": pair[0], "bad": pair[1], "phenomenon": phenomenon}
            if len(seen) == PAIRS_EACH:
                break


def _scene(draw: random.Random, names: list[str]) -> Scene:
    """A scene about anybody: a person of the world, one of the others, or a pronoun."""
    classes = word_classes()
    if draw.random() < 0.5:
        return Scene(draw, classes, noun(draw.choice([*names, *classes["name"]])))
    person = draw.choice(["1sg", "2sg", "3sg", "1pl", "2pl"])
    return Scene(draw, classes, PRONOUNS[person], person)


def _from_table(phenomenon: str) -> Callable[[random.Random, list[str]], Pair]:
    patterns = load_data("pairs")[phenomenon]

    def make(draw: random.Random, names: list[str]) -> Pair:
        scene = _scene(draw, names)
        good, bad = draw.choice(patterns)
        return scene.render(good), scene.render(bad)

    return make


def _agreement(draw: random.Random, names: list[str]) -> Pair:
    """The verb takes another person than its subject. (With алар both numbers are in use, so it is
    left out.)
    """
    scene = _scene(draw, names)
    pattern = draw.choice(_VERB_PATTERNS)
    good = scene.render(pattern)
    scene.person = draw.choice(
        [p for p in ("1sg", "2sg", "3sg", "1pl", "2pl") if p != scene.person]
    )
    return good, scene.render(pattern)


def _harmony(draw: random.Random, names: list[str]) -> Pair:
    """A suffix has the vowels of the other harmony: урманга, урмангә."""
    return _respell(draw, names, lambda suffix, feature: suffix.translate(_TURNED))


def _assimilation(draw: random.Random, names: list[str]) -> Pair:
    """A suffix begins with the consonant that another stem would ask for: китапка, китапга."""
    return _respell(draw, names, lambda suffix, feature: _OTHER[feature][suffix[0]] + suffix[1:])


def _respell(draw: random.Random, names: list[str], change: Callable[[str, str], str]) -> Pair:
    """Misspell the suffix of one noun: `change` gets the suffix and the name of the form."""
    scene = _scene(draw, names)
    pattern, kind, feature = draw.choice(_NOUN_PATTERNS)
    good = scene.render(pattern)
    stem = scene.render(f"{{{kind}}}")
    suffix = scene.render(f"{{{kind} {feature}}}").removeprefix(stem)
    spelt = re.compile(f"({stem}){suffix}", re.IGNORECASE)
    return good, spelt.sub(lambda match: match[1] + change(suffix, feature), good)
