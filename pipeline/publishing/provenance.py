"""What made a published model: the commit, what differed from it, and what DVC says of it."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from pipeline.params import Params


@dataclass(frozen=True)
class Provenance:
    """`commit` is None outside of git; `changed` names files that differ from it, `stale` the
    stages whose results are not what their code, params and inputs would make now; None where DVC
    cannot tell."""

    commit: str | None
    changed: tuple[str, ...] = ()
    stale: tuple[str, ...] | None = None

    @property
    def clean(self) -> bool:
        """Whether the commit alone tells how the model was made."""
        return self.commit is not None and not self.changed and self.stale == ()

    def notes(self, named: bool = True) -> list[str]:
        """What keeps others from making the same model again, one line each; `named` says which
        files differ, whose names are nobody else's business."""
        if self.commit is None:
            return ["there is no git commit that others could go back to"]
        lines = []
        if self.changed:
            names = f": {few(self.changed)}" if named else ""
            lines.append(f"{len(self.changed)} files differ from the commit{names}")
        if self.stale is None:
            lines.append("DVC could not tell whether the results are those of code and params")
        elif self.stale:
            lines.append(f"not what code and params make now (`dvc status`): {few(self.stale)}")
        return lines


def few(names: tuple[str, ...]) -> str:
    """The first names of many."""
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")


def provenance(stage: str = "export") -> Provenance:
    """Ask git and DVC about the folder we are in; `stage` and those before it made the model."""
    commit, status = _run("git", "rev-parse", "HEAD"), _run("git", "status", "--porcelain=v1", "-z")
    if commit is None or status is None:
        return Provenance(None)
    return Provenance(commit.strip(), _changed(status), _stale(stage))


def _changed(status: str) -> tuple[str, ...]:
    """Paths in the output of `git status --porcelain=v1 -z`; a rename has its old name as well.

    >>> _changed(" M a.py\\0R  new.py\\0old.py\\0?? notes.txt\\0")
    ('a.py', 'new.py', 'notes.txt')
    """
    parts = iter(status.split("\0"))
    names = []
    for part in parts:
        if part:
            names.append(part[3:])
            if part[0] in "RC":
                next(parts)
    return tuple(names)


def _stale(stage: str) -> tuple[str, ...] | None:
    """The stages that `dvc status` names; the one that always runs is no sign of a change."""
    words = ("status", "--json", "--with-deps", stage)
    told = _run(sys.executable, "-m", "dvc", *words)
    try:
        found: dict[str, list[Any]] = json.loads(told or "")
    except ValueError:
        return None
    return tuple(sorted(name for name, why in found.items() if why != ["always changed"]))


def _run(*words: str) -> str | None:
    """What a command says; None where it fails or is not there."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=120)
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout


def check_params(record: dict[str, Any], params: Params) -> None:
    """Refuse params that are not those that `record` (data/model/training.json) was trained with.

    Raises:
        UserError: names the first of them.
    """
    now = params.model_dump(mode="json")
    for section in ("model", "training"):
        for name, there in record[section].items():
            if now[section].get(name) != there:
                raise UserError(
                    f"the model was trained with {section}.{name}: {there}, params.yaml says "
                    f"{now[section].get(name)}: run `dvc repro`, or put params.yaml back"
                )


def public_params(text: str, params: Params) -> str:
    """params.yaml without the folders of this machine: of a path that leads out of the project,
    its last part stays."""
    outside = (path for path in _paths(params) if path[:1] == "~" or Path(path).is_absolute())
    for path in sorted(outside, key=len, reverse=True):
        text = text.replace(path, f".../{Path(path).name}")
    return text


def _paths(params: Params) -> set[str]:
    """All values that may be a path."""
    cleaning = params.cleaning
    named = [cleaning.identifier, cleaning.sure, cleaning.contaminants, *cleaning.held_out]
    for source in params.corpus.sources:
        named += [getattr(source, "path", None), getattr(source, "name", None)]
    return {path for path in [*named, *params.tokenizer.ready] if path}
