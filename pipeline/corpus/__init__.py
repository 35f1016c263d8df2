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
from urllib.parse import unquote, urlsplit

import xxhash

from pipeline.corpus.encoding import repair
from pipeline.errors import UserError
from pipeline.params import (
    DemoSource,
    FilesSource,
    HubSource,
    LeipzigSource,
    Params,
    Source,
    TextSource,
    UrlSource,
    WikipediaSource,
)


@dataclass
class SourceRecord:
    """Where the text of one source came from, and what happened to it on the way.

    `ordered` says whether neighbouring documents belong together (articles, a book) or were
    shuffled. `replaced` counts U+FFFD put in place of what could not be decoded, `empty` the rows
    without text. `files` have name, bytes and sha256; `encodings` names those that are not UTF-8.
    `revision` is the commit of a data set on the Hub, whose files have no hash of their own here.
    `capped` says that there is more text than `cap_megabytes` let through.
    """

    name: str
    kind: str
    licence: str
    ordered: bool = True
    url: str | None = None
    revision: str | None = None
    files: list[dict[str, Any]] = field(default_factory=list)
    documents: int = 0
    bytes: int = 0
    replaced: int = 0
    empty: int = 0
    encodings: dict[str, str] = field(default_factory=dict)
    skipped_files: list[str] = field(default_factory=list)
    capped: bool = False

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
        if self.capped:
            lines.append(
                f"{self.name}: the first {self.bytes / 1e6:,.1f} MB were taken, "
                "the rest was left (cap_megabytes)"
            )
        return lines


def as_document(text: str | None, place: str, record: SourceRecord) -> dict[str, Any] | None:
    """The row of a text that stands at `place` in its source; None where there is no text.

    What UTF-8 cannot hold is replaced; the record counts that, and rows without text. The id is
    stable: 16 hex digits of XXH3 over the source's name, the place, and the text.
    """
    if not text or text.isspace():
        record.empty += 1
        return None
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        encoded = b"\0"
    if b"\0" in encoded:
        text, broken = repair(text)
        record.replaced += broken
        encoded = text.encode()
    where = f"{record.name}\0{place}\0".encode("utf-8", "surrogatepass")
    return {
        "id": xxhash.xxh3_64_hexdigest(where + encoded),
        "text": text,
        "source": record.name,
    }


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
        case UrlSource(url=url):
            return file_name(url)
        case DemoSource():
            return "demo"
        case TextSource():
            return "text"
    raise AssertionError(source)


def file_name(url: str) -> str:
    """What the file at an address is called: the last part of its path, without odd characters.

    >>> file_name("https://example.org/texts/%D1%82%D0%B5%D0%BA%D1%81%D1%82.txt.gz?raw=1")
    'текст.txt.gz'
    """
    parts = urlsplit(url)
    name = unquote(parts.path).rstrip("/").rpartition("/")[2] or parts.hostname or ""
    safe = "".join(c if c.isalnum() or c in "._-" else "_" for c in name)
    return safe.lstrip(".")[-100:] or "text"


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
    yield from _capped(_rows(source, params, record), source.cap_megabytes, record)
    if not record.documents:
        if record.capped:
            raise UserError(f"{record.name} has no text within its cap_megabytes: raise it")
        raise UserError(
            f"{record.name} has no text: corpus.sources ({source.kind}) gives no document"
        )


def _capped(
    rows: Iterator[dict[str, Any]], megabytes: float | None, record: SourceRecord
) -> Iterator[dict[str, Any]]:
    """Count documents and their bytes; stop before the one that would be too much.

    Where it is the first, its beginning is taken: a book is one document.
    """
    limit = None if megabytes is None else int(megabytes * 1e6)
    for row in rows:
        text = row["text"]
        size = len(text) if text.isascii() else len(text.encode())
        if limit is not None and record.bytes + size > limit:
            record.capped = True
            beginning = "" if record.documents else _beginning(text, limit)
            if beginning:
                record.documents, record.bytes = 1, len(beginning.encode())
                yield row | {"text": beginning}
            return
        record.documents += 1
        record.bytes += size
        yield row


def _beginning(text: str, limit: int) -> str:
    """The first `limit` bytes of a text or less, up to where a line or else a word ends."""
    cut = text.encode()[:limit].decode(errors="ignore")
    for mark in "\n ":
        if kept := cut.rpartition(mark)[0].rstrip():
            return kept
    return cut.strip()


def _rows(source: Source, params: Params, record: SourceRecord) -> Iterator[dict[str, Any]]:
    match source:
        case DemoSource():
            from pipeline.corpus.demo import demo_documents

            return iter(demo_documents(params.demo))
        case FilesSource():
            from pipeline.corpus import files

            return files.documents(source, params.corpus.unit, record)
        case TextSource():
            from pipeline.corpus import text

            return text.documents(source, record)
        case UrlSource():
            from pipeline.corpus import url

            return url.documents(source, params.corpus.unit, record)
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
