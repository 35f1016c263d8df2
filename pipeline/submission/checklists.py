"""Checklists of courses as data: `checklists/NAME.yaml`, one item a thing that is asked for.

An item says in words what is asked for, which check looks (a function of `checks` by its name,
with its settings), what it is worth, and what to do where it is not there.
"""

from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import UserError
from pipeline.submission.checks import CHECKS, settings_of

FOLDER = Path("checklists")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Item(_Strict):
    """One thing that is asked for. What is `required` must be there before anything is made."""

    what: str
    check: str
    settings: dict[str, Any] = Field(default={}, alias="with")
    points: int = Field(ge=0)
    required: bool = True
    otherwise: str


class Part(_Strict):
    """A part of the work, with a title."""

    title: str
    items: list[Item] = Field(min_length=1)


class Checklist(_Strict):
    """What one piece of coursework asks for."""

    title: str
    about: str
    parts: list[Part] = Field(min_length=1)

    @property
    def items(self) -> list[Item]:
        """The items of all parts, in order."""
        return [item for part in self.parts for item in part.items]

    @property
    def points(self) -> int:
        """What all of it is worth."""
        return sum(item.points for item in self.items)


def names() -> list[str]:
    """The checklists there are."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def read_checklist(name: str) -> Checklist:
    """The checklist of a name.

    Raises:
        UserError: there is none of that name, or its file is not what it should be.
    """
    if name not in names():
        raise UserError(
            f"there is no checklist {name}: there are {', '.join(names()) or 'none'} in {FOLDER}/"
        )
    path = FOLDER / f"{name}.yaml"
    try:
        checklist = Checklist.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid YAML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(f"{path}: {where}: {first['msg']}") from None
    for item in checklist.items:
        if item.check not in CHECKS:
            raise UserError(f"{path}: no check {item.check}: there are {', '.join(CHECKS)}")
        if set(item.settings) != settings_of(item.check):
            wanted = ", ".join(sorted(settings_of(item.check))) or "nothing"
            raise UserError(f"{path}: check {item.check} takes {wanted} under `with`")
    return checklist
