"""Presets: the demo's params with something laid over them, written as params.yaml.

`presets/demo.yaml` holds every knob with a line that explains it; the other presets hold only what
differs. The comments survive, so params.yaml stays a file to read. Its first line carries a
checksum of the rest: whoever edited it by hand is asked before it is overwritten.
"""

import hashlib
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError

from pipeline.errors import UserError
from pipeline.files import write_text
from pipeline.params import PARAMS, load_params, parse_params

FOLDER = Path("presets")
MARK = "# written by tugantel use, checksum "


def names() -> list[str]:
    """The presets there are."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def read_preset(name: str) -> dict[str, Any]:
    """What a preset lays over the demo; nothing for the demo itself.

    Raises:
        UserError: there is no preset of that name.
    """
    if name == "demo":
        return {}
    path = FOLDER / f"{name}.yaml"
    if not path.is_file():
        raise UserError(f"there is no preset {name}: there are files, {', '.join(names())}")
    return _yaml().load(path.read_text(encoding="utf-8"))


def write_params(overlay: dict[str, Any], force: bool, path: Path = PARAMS) -> list[str]:
    """Write the demo's params with `overlay` laid over them; validated before anything is touched.

    Returns:
        A line for each value that differs from what stood there: `key: old -> new`.

    Raises:
        UserError: the result is not valid, or `path` holds hand edits and `force` is not set.
    """
    base = _yaml().load((FOLDER / "demo.yaml").read_text(encoding="utf-8"))
    _lay(base, overlay)
    stream = StringIO()
    _yaml().dump(base, stream)
    body = stream.getvalue()
    parse_params(_yaml("safe").load(body), "the new params.yaml")
    before: dict[str, Any] = {}
    if path.is_file():
        if not force and _edited(path):
            raise UserError(
                f"{path} was edited by hand: commit or copy it, then say --force to overwrite it"
            )
        try:
            before = _yaml("safe").load(path.read_text(encoding="utf-8")) or {}
        except (MarkedYAMLError, UnicodeDecodeError):
            before = {}
    write_text(path, f"{MARK}{_checksum(body)}\n{body}")
    return _differences(_flatten(before), _flatten(_yaml("safe").load(body)))


def change_params(changes: dict[str, Any], path: Path = PARAMS) -> list[str]:
    """Lay `changes` over a params file, comments and hand edits kept; validated before it is
    touched.

    Returns:
        A line for each value that differs from what stood there: `key: old -> new`.

    Raises:
        UserError: the file is missing or no valid params, or the result is not.
    """
    load_params(path)
    edited = _edited(path)
    text = path.read_text(encoding="utf-8")
    mark, _, rest = text.partition("\n")
    marked = mark.startswith(MARK)
    values = _yaml().load(rest if marked else text)
    before = _flatten(_yaml("safe").load(text))
    _lay(values, changes)
    stream = StringIO()
    _yaml().dump(values, stream)
    body = stream.getvalue()
    after = _yaml("safe").load(body)
    parse_params(after, str(path))
    # What nobody edited by hand is still so; what somebody did is not to look as if it were.
    first = f"{MARK}{_checksum(body)}\n" if not edited else f"{mark}\n" if marked else ""
    write_text(path, first + body)
    return _differences(before, _flatten(after))


def _differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return [
        f"{key}: {old.get(key, 'unset')} -> {new.get(key, 'unset')}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key, "unset") != new.get(key, "unset")
    ]


def _edited(path: Path) -> bool:
    """Whether a params file differs from what `use` wrote and from the demo's."""
    text = path.read_text(encoding="utf-8", errors="replace")
    first, _, body = text.partition("\n")
    if first.startswith(MARK):
        return _checksum(body) != first.removeprefix(MARK).strip()
    return text != (FOLDER / "demo.yaml").read_text(encoding="utf-8")


def _checksum(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:16]


def _yaml(kind: str = "rt") -> YAML:
    yaml = YAML(typ=kind)
    yaml.width = 10_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.representer.add_representer(
        type(None), lambda self, _: self.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    return yaml


def _lay(base: CommentedMap, overlay: dict[str, Any]) -> None:
    """Lay mappings over mappings, key by key; lists and values replace what was there."""
    for key, value in overlay.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict) and key != "variants":
            _lay(base[key], value)
        elif isinstance(value, list) and isinstance(base.get(key), CommentedSeq):
            base[key][:] = value  # in place: the comment behind the key stays
        else:
            base[key] = value


def _flatten(values: Any, prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, its keys joined by dots."""
    if not isinstance(values, dict):
        return {prefix: values}
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flatten(value, f"{prefix}.{key}" if prefix else str(key))
    return flat
