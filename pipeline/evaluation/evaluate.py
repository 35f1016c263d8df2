"""Models in folders, ours or not, on this project's benchmark: `tugantel evaluate`."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from pipeline.evaluation.benchmark import Subject, run_benchmark
from pipeline.evaluation.items import write_items
from pipeline.evaluation.outside import load_any
from pipeline.files import write_json
from pipeline.params import Params

CLEAN, PROBES = Path("data/clean"), Path("data/probes")


def evaluate_folders(
    folders: Sequence[Path], params: Params, out: Path
) -> dict[str, dict[str, Any]]:
    """Evaluate each folder; write `out`/NAME.json and its items; give the reports by name.

    A name is the folder's own, or where two are alike the shortest end of its path that is not.

    Raises:
        UserError: a folder holds no model, or there is no clean corpus to measure on.
    """
    import torch

    if not (CLEAN / "test").is_dir() or not (CLEAN / "train").is_dir():
        raise UserError(f"there is no text in {CLEAN} to measure on: run `dvc repro clean` first")
    if params.training.threads:
        torch.set_num_threads(params.training.threads)
    names = names_of(folders)
    subjects = [
        Subject(name, partial(load_any, folder))
        for name, folder in zip(names, folders, strict=True)
    ]
    _, verdicts = run_benchmark(subjects, CLEAN, PROBES, params)
    for name, verdict in verdicts.items():
        write_json(out / f"{name}.json", verdict.report)
        write_items(out / f"{name}.json", name, verdict.measures)
    return {name: verdict.report for name, verdict in verdicts.items()}


def names_of(folders: Sequence[Path]) -> list[str]:
    """A name for each folder, from the end of its path.

    >>> names_of([Path("a/model"), Path("b/model")])
    ['a-model', 'b-model']

    Raises:
        UserError: a folder is named twice.
    """
    paths = [folder.expanduser().resolve() for folder in folders]
    if len(set(paths)) < len(paths):
        raise UserError("a folder is named twice: name each model once")
    depth = 1
    while len({path.parts[-depth:] for path in paths}) < len(paths):
        depth += 1
    return ["-".join(path.parts[-depth:]).strip("/") for path in paths]
