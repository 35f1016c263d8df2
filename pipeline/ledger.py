"""What each stage took on this machine, noted in `.cache/stages/STAGE.json` when it ends well.

Clocks differ from run to run, so the notes are no results: DVC does not know of them, and a stage
that it takes from its cache leaves none. The report tells what there is.
"""

import os
import resource
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from pipeline.files import read_json, write_json

FOLDER = Path(".cache/stages")
RECIPE = Path("dvc.yaml")


def note(stage: str, seconds: float) -> None:
    """Write down what this process and those it started took; of many, the first speaks for all."""
    if os.environ.get("RANK", "0") != "0":
        return
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    write_json(
        FOLDER / f"{stage}.json",
        {
            "stage": stage,
            "seconds": round(seconds, 2),
            "core_seconds": round(processes * sum(u.ru_utime + u.ru_stime for u in used), 2),
            "peak_megabytes": round(max(u.ru_maxrss for u in used) * 1024 / 1e6),
        },
    )


def noted(params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The notes on the stages of the recipe, in its order; none where there is no recipe.

    Raises:
        UserError: a note is not JSON.
    """
    if not RECIPE.is_file():
        return []
    recipe = yaml.load(RECIPE.read_text(encoding="utf-8"), yaml.CSafeLoader)
    paths = [FOLDER / f"{name}.json" for name in stage_names(recipe["stages"], params)]
    return [read_json(path) for path in paths if path.is_file()]


def stage_names(stages: Mapping[str, Any], params: Mapping[str, Any]) -> list[str]:
    """The stages of a dvc.yaml; one that is a foreach gives one a key of what it goes over.

    >>> stage_names({"a": {}, "b": {"foreach": "${c.d}"}}, {"c": {"d": {"x": 1, "y": 2}}})
    ['a', 'b@x', 'b@y']
    """
    found = []
    for name, stage in stages.items():
        over = stage.get("foreach")
        if over is None:
            found.append(name)
        else:
            items: Any = params if isinstance(over, str) else over
            for key in over.strip("${}").split(".") if isinstance(over, str) else ():
                items = items[key]
            found += [f"{name}@{key}" for key in items]
    return found
