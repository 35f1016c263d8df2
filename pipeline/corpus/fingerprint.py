"""Fingerprints of local text: an edited corpus is noticed, an unchanged one costs nothing.

The hash of a file is remembered under its path, size, times and inode, as git's index does it, in a
machine-local file that may be deleted at any time. A file touched within the last two seconds is
hashed but not remembered: it could change again without its time moving on
("racy git", https://git-scm.com/docs/racy-git).
This module runs at every `dvc repro`, so it imports nothing heavy.
"""

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

from pipeline.corpus import source_names
from pipeline.corpus.paths import TextFile, list_files, walk
from pipeline.errors import UserError
from pipeline.files import write_text
from pipeline.params import FilesSource, HubSource, Params, Source

BENCHMARKS = "languages/benchmarks"
CACHE = Path(".cache/fingerprints.json")
_RACY_NANOSECONDS = 2_000_000_000
_BLOCK = 1 << 20


class Fingerprints:
    """SHA-256 of files, remembered while they stay as they are; leaving the context saves that."""

    def __init__(self, cache: Path = CACHE) -> None:
        self._cache = cache
        self._known = _load(cache)
        self._changed = False

    def sha256(self, path: Path) -> str:
        """The hash of a file's content, in hex.

        Raises:
            UserError: the file cannot be read, or is being written to.
        """
        key = os.path.abspath(path)
        try:
            before = _state(path)
            known = self._known.get(key)
            if known is not None and known[1:] == before:
                return known[0]
            digest = _hash(path)
            if _state(path) != before:
                raise UserError(f"{path} changed while it was read: wait until it is written")
        except FileNotFoundError:
            raise UserError(f"{path} does not exist") from None
        except OSError as error:
            raise UserError(f"{path} cannot be read: {error.strerror}") from None
        self._known.pop(key, None)
        if time.time_ns() - max(before[1], before[2]) > _RACY_NANOSECONDS:
            self._known[key] = [digest, *before]
        self._changed = True
        return digest

    def describe(self, file: TextFile) -> dict[str, Any]:
        """What is written down about a file: its name inside the source, its size, its hash."""
        digest = self.sha256(file.path)
        return {"name": file.name, "bytes": file.path.stat().st_size, "sha256": digest}

    def __enter__(self) -> "Fingerprints":
        return self

    def __exit__(self, *_: object) -> None:
        if self._changed:
            write_if_changed(self._cache, json.dumps(self._known, indent=0, ensure_ascii=False))


def _state(path: Path) -> list[int]:
    """Size, times of content and of inode in ns, inode: an edit changes at least one."""
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _load(cache: Path) -> dict[str, list[Any]]:
    """The remembered hashes; a memory that is missing or damaged is an empty one."""
    try:
        known = json.loads(cache.read_text(encoding="utf-8"))
        return {
            key: value
            for key, value in known.items()
            if len(value) == 5
            and len(value[0]) == 64
            and all(isinstance(n, int) for n in value[1:])
        }
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def write_if_changed(path: Path, text: str) -> None:
    """Write UTF-8 text whole, unless the file already holds it: then its time stays as it is."""
    try:
        if path.read_text(encoding="utf-8") == text:
            return
    except (OSError, UnicodeDecodeError):
        pass
    write_text(path, text)


def corpus_settings(params: Params) -> dict[str, Any]:
    """What shapes the raw corpus: settings of the sources and hashes of local files, no paths.

    Moving a corpus to another folder does not change this; renaming or editing its files does.
    What only cleaning looks at, such as weights, is in `reference_settings`.
    """
    corpus = params.corpus
    settings: dict[str, Any] = {"language": corpus.language, "unit": corpus.unit, "sources": []}
    with Fingerprints() as fingerprints:
        for source, name in zip(corpus.sources, source_names(corpus.sources), strict=True):
            settings["sources"].append({"name": name, **_settings(source, params, fingerprints)})
    return settings


def _settings(source: Source, params: Params, fingerprints: Fingerprints) -> dict[str, Any]:
    settings = source.model_dump(exclude={"weight", "part"})
    if source.cap_megabytes is None:
        del settings["cap_megabytes"]
    if source.kind == "demo":
        settings["demo"] = params.demo.model_dump()
    elif isinstance(source, FilesSource):
        del settings["path"]
        files, _ = list_files(source.path)
        settings["files"] = [fingerprints.describe(file) for file in files]
    elif isinstance(source, HubSource) and Path(source.name).expanduser().is_dir():
        folder = Path(source.name).expanduser()
        del settings["name"]
        names = sorted(walk(folder))
        settings["files"] = [
            fingerprints.describe(TextFile(folder / name, name, "hub", None)) for name in names
        ]
    return settings


def ready_settings(params: Params) -> dict[str, Any]:
    """Hashes of the files of ready tokenizers that lie here; a name that is none stands alone."""
    described = {}
    with Fingerprints() as fingerprints:
        for name in params.tokenizer.ready:
            path = Path(name).expanduser()
            files = sorted(walk(path)) if path.is_dir() else [path.name] if path.is_file() else []
            folder = path if path.is_dir() else path.parent
            described[path.name if files else name] = [
                fingerprints.describe(TextFile(folder / file, file, "txt", None)) for file in files
            ]
    return described


def benchmark_settings(params: Params) -> dict[str, Any]:
    """Hashes of the files that the benchmark reads: those of params, and the language's own.

    Raises:
        UserError: a file does not exist or cannot be read.
    """
    settings = params.evaluation
    own = sorted(Path(BENCHMARKS).glob(f"{params.corpus.language}.*"))
    named = {
        "pairs": settings.pair_files,
        "facts": settings.fact_files,
        "choices": settings.choice_files,
        "texts": settings.text_files,
        "language": [str(path) for path in own],
    }
    with Fingerprints() as fingerprints:
        return {
            kind: [
                fingerprints.describe(TextFile(file, file.name, "txt", None))
                for path in paths
                for file in _benchmark_files(Path(path).expanduser())
            ]
            for kind, paths in named.items()
        }


def _benchmark_files(path: Path) -> list[Path]:
    """A file, or the JSON lines of a folder, as BLiMP comes."""
    if path.is_dir():
        return sorted(path.glob("*.jsonl"))
    if not path.is_file():
        raise UserError(f"{path} does not exist: a param of evaluation names it")
    return [path]


def reference_settings(params: Params) -> dict[str, Any]:
    """What cleaning looks at besides the corpus: hashes of other texts, and how sources are used.

    These are the contaminants, the identifier if it is a file, the texts that must not be in the
    corpus, each source's weight, and the split of those sources that belong to one. Contaminants
    and identifiers that do not exist are left to the stage that needs them.

    Raises:
        UserError: a held-out text cannot be read.
    """
    cleaning, sources = params.cleaning, params.corpus.sources
    folder, identifier = Path(cleaning.contaminants), Path(cleaning.identifier)
    names = source_names(sources)
    with Fingerprints() as fingerprints:
        return {
            "contaminants": [
                fingerprints.describe(TextFile(folder / name, name, "txt", None))
                for name in (sorted(walk(folder)) if folder.is_dir() else [])
            ],
            "identifier": fingerprints.sha256(identifier)
            if identifier.is_file()
            else identifier.name,
            "held_out": [
                fingerprints.describe(file)
                for path in cleaning.held_out
                for file in list_files(path, "cleaning.held_out")[0]
            ],
            "weights": dict(zip(names, (source.weight for source in sources), strict=True)),
            "parts": {
                name: source.part
                for name, source in zip(names, sources, strict=True)
                if source.part
            },
        }


def as_text(settings: dict[str, Any]) -> str:
    """Settings as they stand in data/: the same bytes for the same text."""
    return json.dumps(settings, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
