"""Which params made which part of the report: every figure can be followed to its knobs.

Each section shows what some stages measured. The params that those stages read stand first, then
those of the stages before them, whose results they worked on. dvc.yaml is the recipe that decides;
a test holds the two together.
"""

from collections.abc import Iterable

import yaml

from pipeline.reporting.blocks import Listing, Section

# Section: (stages whose results it shows, params that they read, section that it builds on)
MADE: dict[str, tuple[tuple[str, ...], tuple[str, ...], str | None]] = {
    "corpus": (("download", "clean"), ("corpus", "demo", "cleaning", "split"), None),
    "words": (("clean",), ("corpus", "demo", "cleaning", "split"), None),
    "tokenizer": (("tokenizer_sweep", "tokenizer"), ("tokenizer", "model"), "corpus"),
    "training": (("pretrain",), ("model", "training"), "tokenizer"),
    "ladder": (("experiments", "ladder"), ("experiments",), "tokenizer"),
    "trials": (("trials",), ("trials",), "tokenizer"),
    "benchmark": (("evaluate",), ("evaluation", "generation"), "training"),
    "samples": (("evaluate",), ("evaluation", "generation"), "training"),
    "cost": (
        ("pretrain", "experiments", "evaluate"),
        ("model", "training", "experiments", "evaluation", "generation"),
        "tokenizer",
    ),
    "export": (("export",), ("corpus.language", "generation"), "benchmark"),
}


def trace(sections: Iterable[Section]) -> None:
    """Write into each section which params made it."""
    for section in sections:
        if section.key in MADE:
            _, section.made, builds_on = MADE[section.key]
            before: list[str] = []
            while builds_on is not None:
                _, keys, builds_on = MADE[builds_on]
                before += [key for key in keys if key not in (*section.made, *before)]
            section.before = before


def listing(text: str) -> Listing:
    """The lines of a YAML file, and where its keys stand; no places where it is no mapping.

    >>> listing("model:\\n  width: 128\\n").places
    {'model': 0, 'model.width': 1}
    """
    places: dict[str, int] = {}

    def walk(node: yaml.Node | None, prefix: str) -> None:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                path = f"{prefix}{key.value}"
                places[path] = key.start_mark.line
                walk(value, f"{path}.")

    try:
        walk(yaml.compose(text, yaml.SafeLoader), "")
    except yaml.YAMLError:
        places = {}
    return Listing(text.splitlines(), places)
