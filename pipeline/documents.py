"""Documents on disk: the Arrow schema, shards, and reading them.

A document is a row `id, text, source`. Shards are Parquet files of a bounded number of bytes, so
that a reader holds one batch in memory however large the corpus is. A folder of them appears whole.
"""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import UserError
from pipeline.files import atomic_folder

SCHEMA = pa.schema([("id", pa.string()), ("text", pa.string()), ("source", pa.string())])
SHARD_BYTES = 64 << 20


class DocumentWriter:
    """Write record batches into `folder` as part-00000.parquet, part-00001.parquet, ...

    Several writers share a folder by stems of their own, such as part-00007.
    """

    def __init__(
        self,
        folder: Path,
        schema: pa.Schema = SCHEMA,
        shard_bytes: int = SHARD_BYTES,
        stem: str = "part",
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.schema, self.shard_bytes, self.stem = folder, schema, shard_bytes, stem
        self.rows = 0
        self._parts = 0
        self._written = 0
        self._writer: pq.ParquetWriter | None = None

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch with this writer's schema; begin a new shard when this one is full."""
        if batch.num_rows == 0:
            return
        if self._writer is None:
            path = self.folder / f"{self.stem}-{self._parts:05d}.parquet"
            self._writer = pq.ParquetWriter(path, self.schema, compression="zstd")
            self._parts, self._written = self._parts + 1, 0
        self._writer.write_batch(batch)
        self.rows += batch.num_rows
        self._written += batch.nbytes
        if self._written >= self.shard_bytes:
            self._finish_shard()

    def _finish_shard(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def close(self) -> None:
        """Finish the last shard. A corpus with no rows still gets one empty shard."""
        if self._parts == 0:
            pq.write_table(self.schema.empty_table(), self.folder / f"{self.stem}-00000.parquet")
        self._finish_shard()

    def __enter__(self) -> "DocumentWriter":
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            with contextlib.suppress(OSError):
                self._finish_shard()


def write_documents(
    folder: Path, rows: Iterable[dict[str, Any]], schema: pa.Schema = SCHEMA
) -> int:
    """Write dictionaries into `folder`, which appears whole. Returns the number of rows."""
    with atomic_folder(folder) as partial, DocumentWriter(partial, schema) as writer:
        for batch in in_batches(rows, schema):
            writer.write(batch)
        return writer.rows


def in_batches(
    rows: Iterable[dict[str, Any]],
    schema: pa.Schema = SCHEMA,
    size: int = 4096,
    limit: int = 8 << 20,
) -> Iterator[pa.RecordBatch]:
    """Group rows into batches of at most `size` rows and about `limit` characters of text."""
    held: list[dict[str, Any]] = []
    characters = 0
    for row in rows:
        held.append(row)
        characters += len(row["text"])
        if len(held) >= size or characters >= limit:
            yield pa.RecordBatch.from_pylist(held, schema)
            held, characters = [], 0
    if held:
        yield pa.RecordBatch.from_pylist(held, schema)


def shards(folder: Path) -> list[Path]:
    """The shards of a folder in order; a folder without any is the user's to repair."""
    found = sorted(folder.glob("part-*.parquet"))
    if not found:
        raise UserError(f"{folder} holds no documents: run `dvc repro` to make them")
    return found


def read_batches(
    folder: Path, columns: Sequence[str] | None = None, size: int = 4096
) -> Iterator[pa.RecordBatch]:
    """Stream the record batches of a folder in order, at most `size` rows at a time."""
    for path in shards(folder):
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(size, columns=list(columns) if columns else None)


def read_texts(folder: Path) -> Iterator[str]:
    """Stream only the texts of a folder, in order."""
    for batch in read_batches(folder, ["text"]):
        yield from batch.column(0).to_pylist()


def texts_within(texts: Iterable[str], characters: int) -> Iterator[str]:
    """The first texts, until they have so many characters together."""
    held = 0
    for text in texts:
        yield text
        held += len(text)
        if held >= characters:
            return


def count_documents(folder: Path) -> int:
    """The number of rows in a folder, from the shards' footers alone."""
    return sum(pq.read_metadata(path).num_rows for path in shards(folder))
