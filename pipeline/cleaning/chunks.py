"""How a corpus is cut into chunks, so that every worker reads and writes its own share.

A chunk is a run of row groups of one shard. Where chunks begin and end follows from the corpus
alone, never from how many workers there are, and no result depends on it but the names of files.
Inside a chunk documents come in jobs of a bounded number of rows and characters, so that memory
stays flat however long documents are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.documents import shards

WANTED = 16  # chunks that a corpus is cut into, where they are neither
SMALLEST, LARGEST = 1 << 20, 16 << 20  # smaller nor larger (bytes of text)
JOB_ROWS = 4096
JOB_CHARACTERS = 1 << 20

Job = dict[str, pa.Array]
"""Columns of a few documents."""


@dataclass(frozen=True)
class Chunk:
    """`rows` documents, from the `first` of the corpus on: some row groups of a shard."""

    index: int
    path: Path
    groups: tuple[int, ...]
    first: int
    rows: int


def plan_chunks(folder: Path) -> list[Chunk]:
    """Cut the shards of a folder into chunks, in order; only their footers are read."""
    footers = [(path, pq.read_metadata(path)) for path in shards(folder)]
    size = _stored(footer for _, footer in footers)
    wanted = min(max(size // WANTED, SMALLEST), LARGEST)
    chunks: list[Chunk] = []
    first = 0
    for path, footer in footers:
        groups: list[int] = []
        rows = held = 0
        for number in range(footer.num_row_groups):
            group = footer.row_group(number)
            groups.append(number)
            rows += group.num_rows
            held += group.total_byte_size
            if held >= wanted or number == footer.num_row_groups - 1:
                if rows:
                    chunks.append(Chunk(len(chunks), path, tuple(groups), first, rows))
                first += rows
                groups, rows, held = [], 0, 0
    return chunks


def stored_bytes(folder: Path) -> int:
    """About how much text there is: what the shards hold, unpacked."""
    return _stored(pq.read_metadata(path) for path in shards(folder))


def _stored(footers: Iterator[pq.FileMetaData]) -> int:
    return sum(
        footer.row_group(i).total_byte_size
        for footer in footers
        for i in range(footer.num_row_groups)
    )


def read_jobs(chunk: Chunk, columns: Sequence[str]) -> Iterator[Job]:
    """The documents of a chunk in order. A job ends when its first column has many characters."""
    with pq.ParquetFile(chunk.path) as file:
        for batch in file.iter_batches(
            JOB_ROWS, row_groups=list(chunk.groups), columns=list(columns)
        ):
            lengths = np.cumsum(pc.utf8_length(batch.column(columns[0])).to_numpy())
            begin = done = 0
            while begin < batch.num_rows:
                end = int(np.searchsorted(lengths, done + JOB_CHARACTERS)) + 1
                job = batch.slice(begin, end - begin)
                yield {name: job.column(name) for name in columns}
                begin, done = end, int(lengths[min(end, batch.num_rows) - 1])
