"""Local text: txt, CSV, TSV, JSONL and Parquet, plain or compressed, streamed with flat memory.

In a text file a document is a line, a paragraph between blank lines, or the whole file
(`corpus.unit`); in the other formats it is a row. Text is kept as it stands: cleaning is the next
stage's work. Lines and rows without text are skipped. No document may be longer than `LONGEST`, so
that a file without a line end cannot fill the memory.
"""

import csv
import io
import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pipeline.corpus import SourceRecord, as_document
from pipeline.corpus.compression import RATIO, SPARE, open_bytes, reading, unpacks_too_far
from pipeline.corpus.encoding import MARK, SAMPLE, detect_encoding
from pipeline.corpus.fingerprint import Fingerprints
from pipeline.corpus.paths import TextFile, list_files
from pipeline.errors import UserError
from pipeline.params import FilesSource

Found = Iterator[tuple[int, str | None]]
"""Place (line or row, counted from 1) and text of each document; None where a row has no text."""

LONGEST = 128 << 20
"""Characters that a document may have, and a line of a table."""

_LONGEST_FIELD = LONGEST // 2  # of CSV: its reader spends four bytes on every character
_DELIMITERS = ",;\t|"
_BATCH_BYTES = 8 << 20
_BATCH_ROWS = 256
_HOW = "set corpus.sources column"


def documents(source: FilesSource, unit: str, record: SourceRecord) -> Iterator[dict[str, Any]]:
    """Stream the documents of a file, a folder or a glob, in the order of file names.

    Args:
        source: where the text is, and in which column of a table.
        unit: "line", "paragraph" or "file": what a document is in a text file.
        record: gets files, hashes, encodings and counts.

    Raises:
        UserError: a file is missing, no text, truncated, or lacks the column; the message names it.
    """
    files, record.skipped_files = list_files(source.path)
    with Fingerprints() as fingerprints:
        record.files = [fingerprints.describe(file) for file in files]
    return stream(files, source.column, unit, record)


def stream(
    files: Sequence[TextFile], column: str, unit: str, record: SourceRecord
) -> Iterator[dict[str, Any]]:
    """Stream the documents of `files`, which `record` names already; see `documents`."""
    for file in files:
        with reading(file):
            for place, text in _read(file, column, unit, record):
                row = as_document(text, f"{file.name}\0{place}", record)
                if row is not None:
                    yield row


def _read(file: TextFile, column: str, unit: str, record: SourceRecord) -> Found:
    if file.format == "parquet":
        return _parquet(file, column)
    with open_bytes(file) as stream:
        encoding = detect_encoding(stream.read(SAMPLE), file.shown)
    if encoding not in ("utf-8", "utf-8-sig"):
        record.encodings[file.name] = encoding
    if file.format == "csv":
        return _csv(file, encoding, column)
    if file.format == "tsv":
        return _tsv(file, encoding, column)
    if file.format == "jsonl":
        return _jsonl(file, encoding, column)
    if unit == "file":
        return _whole(file, encoding)
    return _paragraphs(file, encoding) if unit == "paragraph" else _lines(file, encoding)


@contextmanager
def _open_text(file: TextFile, encoding: str, newline: str | None) -> Iterator[io.TextIOWrapper]:
    with (
        open_bytes(file) as stream,
        io.TextIOWrapper(stream, encoding=encoding, errors=MARK, newline=newline) as text,
    ):
        yield text


def _bounded(file: TextFile, stream: io.TextIOWrapper) -> Iterator[str]:
    """The lines of a file with their ends. None is held while it is worked on: it may be large."""
    for number in itertools.count(1):
        line = [stream.readline(LONGEST + 1)]
        if len(line[0]) > LONGEST:
            raise UserError(_too_long(f"{file.shown}:{number}"))
        if not line[0]:
            return
        yield line.pop()


def _too_long(where: str) -> str:
    return (
        f"{where} is longer than {LONGEST >> 20} million characters: "
        "divide it into documents, one on each line"
    )


def _lines(file: TextFile, encoding: str) -> Found:
    with _open_text(file, encoding, newline=None) as stream:
        for number in itertools.count(1):
            line = stream.readline(LONGEST + 1)
            if not line:
                return
            if len(line) > LONGEST:
                raise UserError(_too_long(f"{file.shown}:{number}"))
            if not line.isspace():  # a blank line separates, it is no lost document
                line = line.removesuffix("\n")
                yield number, line


def _paragraphs(file: TextFile, encoding: str) -> Found:
    """Lines that no blank line separates, and the number of the first of them."""
    held: list[str] = []
    characters = 0
    with _open_text(file, encoding, newline=None) as stream:
        for number, line in enumerate(_bounded(file, stream), 1):
            if line.isspace():
                if held:
                    yield number - len(held), "".join(held).removesuffix("\n")
                    held, characters = [], 0
                continue
            held.append(line)
            characters += len(line)
            if characters > LONGEST:
                raise UserError(_too_long(f"{file.shown}: the paragraph that ends at {number}"))
        if held:
            yield number - len(held) + 1, "".join(held).removesuffix("\n")


def _whole(file: TextFile, encoding: str) -> Found:
    with _open_text(file, encoding, newline=None) as stream:
        text = stream.read(LONGEST + 1)
        if len(text) > LONGEST:
            raise UserError(_too_long(f"{file.shown} as one document (corpus.unit: file)"))
        yield 1, text.strip("\n")


def _jsonl(file: TextFile, encoding: str, column: str) -> Found:
    with _open_text(file, encoding, newline="\n") as stream:
        for number, line in enumerate(_bounded(file, stream), 1):
            if not line.isspace():
                yield number, _field(line, column, f"{file.shown}:{number}")


def _field(line: str, column: str, where: str) -> str | None:
    """The text in one line of JSONL."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = getattr(error, "msg", None) or "it is nested too deeply or has too long a number"
        raise UserError(
            f"{where} is not valid JSON: {reason}; JSONL has one object on each line"
        ) from None
    if not isinstance(row, dict):
        what = "an array" if isinstance(row, list) else "a bare value"
        raise UserError(f"{where} is {what}, not a JSON object: JSONL has one object on each line")
    if column not in row:
        raise UserError(f"{where} has no key {column!r}: {_HOW} to one of {_listed(list(row))}")
    return _as_text(row[column], column, where)


def _as_text(value: Any, column: str, where: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise UserError(
        f"{where}: {column!r} is {type(value).__name__}, not text: {_HOW} to one that is text"
    )


def _csv(file: TextFile, encoding: str, column: str) -> Found:
    """Rows of a CSV; the delimiter is the one of `,` `;` tab `|` that sets `column` apart."""
    csv.field_size_limit(_LONGEST_FIELD)
    with _open_text(file, encoding, newline="") as stream:
        lines = _bounded(file, stream)
        first = next(lines, "")
        headers = {mark: next(csv.reader([first], delimiter=mark), []) for mark in _DELIMITERS}
        fitting = [mark for mark, header in headers.items() if column in header]
        if not fitting:
            most = max(headers.values(), key=len)
            raise UserError(_no_column(file, column, most))
        rows = csv.reader(itertools.chain([first], lines), delimiter=fitting[0], strict=True)
        yield from _cells(file, column, rows)


def _tsv(file: TextFile, encoding: str, column: str) -> Found:
    """Rows of a TSV: no quoting, as IANA's text/tab-separated-values and most corpora have it."""
    csv.field_size_limit(_LONGEST_FIELD)
    with _open_text(file, encoding, newline="") as stream:
        rows = csv.reader(_bounded(file, stream), delimiter="\t", quoting=csv.QUOTE_NONE)
        yield from _cells(file, column, rows)


def _cells(file: TextFile, column: str, rows: Any) -> Found:
    """One column of the rows of a `csv.reader`, whose first row is the header."""
    try:
        header: list[str] = next(rows, [])
        if column not in header:
            raise UserError(_no_column(file, column, header))
        index = header.index(column)
        for number, row in enumerate(rows, 2):
            if not row:
                continue
            if len(row) > len(header) and any(row[len(header) :]):
                raise UserError(
                    f"{file.shown}:{rows.line_num} has {len(row)} fields where the header has "
                    f"{len(header)}: put a text that contains the delimiter in quotes"
                )
            yield number, row[index] if index < len(row) else None
    except csv.Error as error:
        raise UserError(
            f"{file.shown}:{rows.line_num} is not valid {file.format.upper()}: {error}"
        ) from None


def _parquet(file: TextFile, column: str) -> Found:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if file.compression:
        raise UserError(f"{file.shown} is Parquet inside {file.compression}: unpack it first")
    with pq.ParquetFile(file.path) as table:
        schema = table.schema_arrow
        if column not in schema.names:
            raise UserError(_no_column(file, column, schema.names))
        kind = schema.field(column).type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        if not (
            pa.types.is_string(kind)
            or pa.types.is_large_string(kind)
            or pa.types.is_string_view(kind)
        ):
            raise UserError(
                f"{file.shown}: column {column!r} is {kind}, not text: {_HOW} to one that is text"
            )
        whole = sum(
            table.metadata.row_group(i).total_byte_size for i in range(table.num_row_groups)
        )
        # A dictionary lets a value repeat for nothing, so the sizes above may promise too little.
        size = max(1, min(_BATCH_ROWS, _BATCH_BYTES * table.metadata.num_rows // max(1, whole)))
        left = file.path.stat().st_size * RATIO + SPARE
        number = 0
        for batch in table.iter_batches(size, columns=[column]):
            for raw in batch.column(0).cast(pa.large_binary()).to_pylist():
                number += 1
                if raw is None:
                    yield number, None
                    continue
                left -= len(raw)
                if left < 0:
                    raise UserError(unpacks_too_far(file.shown))
                if len(raw) > LONGEST:
                    raise UserError(_too_long(f"{file.shown}: row {number}"))
                yield number, raw.decode("utf-8", MARK)


def _no_column(file: TextFile, column: str, columns: list[str]) -> str:
    if not columns:
        return f"{file.shown} is empty: its first line must name the columns, {column!r} among them"
    return f"{file.shown} has no column {column!r}: {_HOW} to one of {_listed(columns)}"


def _listed(names: list[str]) -> str:
    shown = [name if len(name) <= 40 else name[:40] + "..." for name in names[:20]]
    return ", ".join(shown) + (", ..." if len(names) > 20 else "")
