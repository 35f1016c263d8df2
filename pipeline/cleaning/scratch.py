"""What the passes of cleaning leave for one another: texts with verdicts, and arrays, by chunk.

Everything lies in one folder that goes when cleaning ends. A chunk has a file of its own for every
thing, so that workers never write to the same file, be they on one machine or on several.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.cleaning.annotate import Annotated

KEPT = pa.schema([("text", pa.string())])
"""A row a document: what is left of it, null where nothing is."""

LOST = pa.schema(
    [
        ("document", pa.int64()),  # number in the chunk
        ("part", pa.int64()),  # number of the paragraph; -1 for a whole document
        ("text", pa.string()),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)
"""A row for everything that was dropped, in the order of documents and paragraphs."""


@dataclass(frozen=True)
class Scratch:
    """The folder of one cleaning."""

    folder: Path

    def save(self, name: str, chunk: int, values: NDArray[Any]) -> None:
        """Keep an array of a chunk."""
        np.save(self._path(name, chunk), values, allow_pickle=False)

    def load(self, name: str, chunk: int) -> NDArray[Any]:
        """An array of a chunk, mapped into memory, where only what is looked at takes any."""
        path = self._path(name, chunk)
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
        return mapped if len(mapped) else np.load(path, allow_pickle=False)

    def texts(self, chunk: int) -> "TextWriter":
        """A writer for the annotated documents of a chunk."""
        return TextWriter(*self._text_paths(chunk))

    def read_texts(self, chunk: int) -> Iterator[tuple[pa.Array, pa.Table]]:
        """What was written of a chunk, batch by batch: a text a document (see `KEPT`), and what
        was dropped of these documents (see `LOST`)."""
        kept, lost = self._text_paths(chunk)
        with pq.ParquetFile(kept) as texts, pq.ParquetFile(lost) as rows:
            for number in range(texts.num_row_groups):
                column = texts.read_row_group(number).column(0).combine_chunks()
                yield column, rows.read_row_group(number)

    def save_plain(self, chunk: int, texts: Sequence[str]) -> None:
        """Keep plain texts (see `Measured.plain`) where single ones can be looked at."""
        table = pa.table({"plain": pa.array(texts, pa.large_string())})
        with (
            pa.OSFile(str(self._plain_path(chunk)), "wb") as sink,
            pa.ipc.new_file(sink, table.schema) as writer,
        ):
            writer.write_table(table)

    def read_plain(self, chunk: int) -> pa.ChunkedArray:
        """Those texts, mapped into memory."""
        with pa.memory_map(str(self._plain_path(chunk))) as source:
            return pa.ipc.open_file(source).read_all()["plain"]

    def _plain_path(self, chunk: int) -> Path:
        return self.folder / f"plain-{chunk:05d}.arrow"

    def _path(self, name: str, chunk: int) -> Path:
        return self.folder / f"{name}-{chunk:05d}.npy"

    def _text_paths(self, chunk: int) -> tuple[Path, Path]:
        return self.folder / f"kept-{chunk:05d}.parquet", self.folder / f"lost-{chunk:05d}.parquet"


class TextWriter:
    """Writes batches of annotated documents; each batch can be read back by itself."""

    def __init__(self, kept: Path, lost: Path) -> None:
        self._kept = pq.ParquetWriter(kept, KEPT, compression="lz4", use_dictionary=False)
        self._lost = pq.ParquetWriter(lost, LOST, compression="lz4", use_dictionary=["reason"])
        self._number = 0

    def write(self, documents: Sequence[Annotated]) -> None:
        """Append a batch of documents, and what was dropped of them."""
        texts = [document.text if document.kept else None for document in documents]
        self._kept.write_table(
            pa.table([pa.array(texts, pa.string())], schema=KEPT), row_group_size=max(len(texts), 1)
        )
        rows = [
            (number, -1 if d.part is None else d.part, d.text, d.reason, d.detail)
            for number, document in enumerate(documents, self._number)
            for d in sorted(document.dropped, key=lambda d: d.part or 0)
        ]
        self._lost.write_table(table_of(rows), row_group_size=max(len(rows), 1))
        self._number += len(documents)

    def __enter__(self) -> "TextWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self._kept.close()
        self._lost.close()


def table_of(rows: Sequence[tuple[int, int, str, str, str]]) -> pa.Table:
    """Rows of `LOST` as a table."""
    columns = zip(*rows, strict=True) if rows else [[] for _ in LOST]
    return pa.table(
        [pa.array(list(c), f.type) for c, f in zip(columns, LOST, strict=True)], schema=LOST
    )
