"""The demo corpus in its order: texts that tell facts, small stories, and dirt between them."""

import random
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from pipeline.corpus.demo.dirt import REPEATED, make_dirt
from pipeline.corpus.demo.stories import tell_story
from pipeline.corpus.demo.tellings import tell_facts
from pipeline.corpus.demo.world import Settings, World, make_world
from pipeline.errors import UserError

FACTS_SHARE = 0.7
SHORTEST = 30
"""Good documents have at least so many characters, that none of them looks like a fragment."""

_TRIES = 200


def demo_documents(settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield documents with `id`, `text`, `source` and `label`: "good", or the kind of dirt.

    No two good documents are equal, however case, punctuation and white space are normalised. A
    copy comes after its original. Raises UserError where so many different documents cannot be
    told.
    """
    draw = random.Random(f"{settings.seed}:documents")
    good = good_texts(settings)
    count = round(len(good) * settings.dirt / (1 - settings.dirt))
    placed = [(float(index), text, "good") for index, text in enumerate(good)]
    for text, label, original in make_dirt(count, good, draw):
        first = original + 1 if label in REPEATED else 0
        placed.append((draw.uniform(first, len(good)), text, label))
    placed.sort(key=lambda entry: entry[0])
    for position, (_, text, label) in enumerate(placed):
        yield {"id": f"demo-{position:07d}", "text": text, "source": "demo", "label": label}


@lru_cache(maxsize=1)
def good_texts(settings: Settings) -> tuple[str, ...]:
    """The documents that are no dirt, in order, all different. Kept for who asks again."""
    world = make_world(settings)
    draw = random.Random(f"{settings.seed}:texts")
    seen: set[str] = set()
    texts: list[str] = []
    for _ in range(settings.documents):
        text = _new_text(world, draw, seen)
        seen.add(plain(text))
        texts.append(text)
    return tuple(texts)


def _new_text(world: World, draw: random.Random, seen: set[str]) -> str:
    facts = draw.random() < FACTS_SHARE
    for _ in range(_TRIES):
        text = tell_facts(world, draw) if facts else tell_story(draw)
        if len(text) >= SHORTEST and plain(text) not in seen:
            return text
    raise UserError(
        f"demo.documents: only {len(seen)} different texts can be told of this world; "
        "ask for fewer documents or for more demo.people"
    )


def plain(text: str) -> str:
    """Lower case words without punctuation: what near-duplicates have in common."""
    return " ".join(re.findall(r"\w+", text.lower()))
