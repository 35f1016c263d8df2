"""Which files a path means, and what each of them holds by its name.

A path is a file, a folder (read recursively, in the order of names) or a glob. In a folder only
files of a known format count, the rest is reported; a file that is named, or matched by a glob,
counts as plain text when its suffix says nothing.
"""

import glob
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import UserError

FORMATS = {
    ".txt": "txt",
    ".text": "txt",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
}
COMPRESSIONS = {".gz": "gzip", ".xz": "xz", ".zst": "zstd", ".zstd": "zstd", ".bz2": "bz2"}
KNOWN = "txt, CSV, TSV, JSONL or Parquet, plain or .gz/.xz/.zst/.bz2"


@dataclass(frozen=True)
class TextFile:
    """A file of a source: `name` is its path inside the source, with forward slashes.

    `address` is where it was fetched from; messages name that, and not the copy in the cache.
    """

    path: Path
    name: str
    format: str
    compression: str | None
    address: str | None = None

    @property
    def shown(self) -> str:
        """What messages call it."""
        return self.address or str(self.path)


def describe(path: Path, name: str, default: str | None = None) -> TextFile | None:
    """Tell format and compression from the suffixes; None for an unknown format without default."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    compression = COMPRESSIONS.get(suffixes[-1]) if suffixes else None
    if compression:
        suffixes.pop()
    kind = FORMATS.get(suffixes[-1] if suffixes else "", default)
    return None if kind is None else TextFile(path, name, kind, compression)


def list_files(path: str, key: str = "corpus.sources path") -> tuple[list[TextFile], list[str]]:
    """The files that `path` means, in the order of names, and the names of those of another kind.

    `key` is the param that `path` comes from.

    Raises:
        UserError: there is no such path, nothing matches, or nothing in the folder can be read.
    """
    place = Path(path).expanduser()
    if place.is_file():
        return [_named(place, place.name)], []
    if place.is_dir():
        return _in_folder(place, path)
    if glob.has_magic(path):
        return _matched(os.fspath(place), key), []
    raise UserError(f"{path} does not exist: {key} must be a file, a folder or a glob")


def _in_folder(folder: Path, path: str) -> tuple[list[TextFile], list[str]]:
    files: list[TextFile] = []
    others: list[str] = []
    for name in sorted(walk(folder)):
        described = describe(folder / name, name)
        if described is None:
            others.append(name)
        else:
            files.append(described)
    if not files:
        seen = f" (there is {others[0]})" if others else " (it is empty)"
        raise UserError(f"{path} holds no file that can be read{seen}: wanted is {KNOWN}")
    return files, others


def _matched(pattern: str, key: str) -> list[TextFile]:
    """Files that a glob matches, named from the last folder before the first wildcard on."""
    parts = Path(pattern).parts
    first = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    base = Path(*parts[:first]) if first else Path()
    found = [Path(match) for match in glob.glob(pattern, recursive=True) if Path(match).is_file()]
    if not found:
        raise UserError(f"{pattern} matches no file: {key} must be a file, a folder or a glob")
    named = [_named(match, match.relative_to(base).as_posix()) for match in found]
    return sorted(named, key=lambda file: file.name)


def _named(path: Path, name: str) -> TextFile:
    described = describe(path, name, default="txt")
    assert described is not None
    return described


def walk(folder: Path) -> Iterator[str]:
    """Names of all files below `folder` but hidden ones; a link that leads back is not followed."""
    seen: set[str] = set()
    for place, folders, names in os.walk(folder, followlinks=True, onerror=_refuse):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            file = Path(place, name)
            if not name.startswith(".") and file.is_file():
                yield file.relative_to(folder).as_posix()


def _refuse(error: OSError) -> None:
    """`os.walk` would pass a folder by that it may not open, and text would go missing silently."""
    raise UserError(f"{error.filename} cannot be opened: {error.strerror}")
