"""The demo's data files as words: every noun by its dictionary form, verbs by their stem."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from pipeline.corpus.demo.nouns import Noun
from pipeline.corpus.demo.verbs import Verb


@cache
def load_data(name: str) -> Mapping[str, Any]:
    """Read NAME.yaml of this package. The result is shared: do not change it."""
    path = Path(__file__).with_name(f"{name}.yaml")
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@cache
def noun(lemma: str) -> Noun:
    """The noun with this dictionary form; several words are declined on the last one."""
    return Noun(lemma, **load_data("lexicon")["nouns"].get(lemma, {}))


@cache
def verbs() -> Mapping[str, Verb]:
    """All verbs by stem."""
    found: dict[str, Verb] = {}
    for stem, entry in load_data("lexicon")["verbs"].items():
        known = {"aorist": entry} if isinstance(entry, str) else entry
        found[stem] = Verb(stem, **known)
    return found
