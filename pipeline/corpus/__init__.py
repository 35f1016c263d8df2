"""Sources of text: each turns its settings into a stream of documents and a record of their origin.

A source is one module with one function `documents(settings, ..., record)`. It yields rows
`{"id", "text", "source"}` one at a time, so that memory stays flat however large the corpus is, and
fills in a `SourceRecord` as it goes. Modules are imported only when their kind is asked for: the
stage that looks for changed files runs at every `dvc repro` and must stay cheap.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import xxhash

from pipeline.errors import UserError
from pipeline.params import (
    DemoSource,
    FilesSource,
    HubSource,
    LeipzigSource,
    Params,
    Source,
    WikipediaSource,
)


@dataclass
class SourceRecord:
    """Where the text of one source came from, and what happened to it on the way.

    `ordered` says whether neighbouring documents belong together (articles, a book) or were
    shuffled. `replaced` counts U+FFFD put in place of what could not be decoded, `empty` the rows
    without text. `files` have name, bytes and sha256; `encodings` names those that are not UTF-8.
    """

    name: str
    kind: str
    licence: str
    ordered: bool = True
    url: str | None = None
    files: list[dict[str, Any]] = field(default_factory=list)
    documents: int = 0
    bytes: int = 0
    replaced: int = 0
    empty: int = 0
    encodings: dict[str, str] = field(default_factory=dict)
    skipped_files: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The record as it stands in data/raw/sources.json."""
        return asdict(self)

    def notes(self) -> list[str]:
        """What a person should hear about this source, one line each."""
        lines = [
            f"{self.name}: {name} is not UTF-8; read as {encoding}"
            for name, encoding in self.encodings.items()
        ]
        if self.replaced:
            lines.append(
                f"{self.name}: {self.replaced:,} broken characters were replaced by U+FFFD; "
                "the rest of their documents is kept"
            )
        if self.empty:
            lines.append(f"{self.name}: {self.empty:,} rows without text were skipped")
        if self.skipped_files:
            shown = ", ".join(self.skipped_files[:3])
            more = ", ..." if len(self.skipped_files) > 3 else ""
            count = f"{len(self.skipped_files):,} files of another kind were not read"
            lines.append(f"{self.name}: {count}: {shown}{more}")
        return lines


def document_id(source: str, place: str, text: str) -> str:
    """A stable id: 16 hex digits of XXH3 over the source's name, the place in it, and the text."""
    return xxhash.xxh3_64_hexdigest(f"{source}\0{place}\0{text}".encode("utf-8", "surrogatepass"))


def source_names(sources: Sequence[Source]) -> list[str]:
    """One distinct name for each source; a name that came before gets a number."""
    names: list[str] = []
    for source in sources:
        base = _base_name(source)
        name, number = base, 1
        while name in names:
            number += 1
            name = f"{base}-{number}"
        names.append(name)
    return names


def _base_name(source: Source) -> str:
    match source:
        case FilesSource(path=path):
            return Path(path).expanduser().resolve().name or "files"
        case LeipzigSource(name=name):
            return name
        case WikipediaSource(code=code):
            return f"wikipedia-{code}"
        case HubSource(name=name, config=config):
            local = Path(name).expanduser()
            base = local.resolve().name if local.is_dir() else name
            return f"{base}-{config}" if config else base
        case DemoSource():
            return "demo"
    raise AssertionError(source)


def open_record(source: Source, name: str) -> SourceRecord:
    """An empty record for `source`, whose licence is known before the first document is read."""
    licences = {
        "demo": "Apache-2.0",
        "leipzig": "CC BY 4.0",
        "wikipedia": "CC BY-SA 4.0",
    }
    licence = licences.get(source.kind) or str(getattr(source, "licence", "unknown"))
    return SourceRecord(name=name, kind=source.kind, licence=licence)


def documents(
    source: Source, params: Params, record: SourceRecord | None = None
) -> Iterator[dict[str, Any]]:
    """Stream the documents of one source; `record` is complete when the stream has ended.

    Yields:
        Rows `id`, `text`, `source`; the demo's have their `label` too.

    Raises:
        UserError: the source cannot be read, or has no text at all.
    """
    if record is None:
        record = open_record(source, _base_name(source))
    for row in _rows(source, params, record):
        record.documents += 1
        record.bytes += len(row["text"].encode())
        yield row
    if not record.documents:
        raise UserError(
            f"{record.name} has no text: corpus.sources ({source.kind}) gives no document"
        )


def _rows(source: Source, params: Params, record: SourceRecord) -> Iterator[dict[str, Any]]:
    match source:
        case DemoSource():
            from pipeline.corpus.demo import demo_documents

            return iter(demo_documents(params.demo))
        case FilesSource():
            from pipeline.corpus import files

            return files.documents(source, params.corpus.unit, record)
        case LeipzigSource():
            from pipeline.corpus import leipzig

            return leipzig.documents(source, record)
        case WikipediaSource():
            from pipeline.corpus import wikipedia

            return wikipedia.documents(source, record)
        case HubSource():
            from pipeline.corpus import hub

            return hub.documents(source, record)
    raise AssertionError(source)
