"""Documents become token files: what training reads, one file for each split.

`NAME.bin` holds token ids as little-endian uint16 or uint32, document after document, each begun by
`BOS`; `NAME.starts.npy` the index of each of those; `NAME.json` what is needed to read them.

The corpus is cut into the same chunks as for cleaning. Processes encode a chunk each, and the
tokens are written in the order of the chunks: the files are the same, byte by byte, however many
processes there are. No more than a few chunks are held at a time, so memory stays flat however
large the corpus is.
"""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from tokenizers import Tokenizer

from pipeline.cleaning.chunks import Chunk, plan_chunks, read_jobs
from pipeline.cleaning.engine import LocalEngine
from pipeline.documents import count_documents
from pipeline.errors import UserError
from pipeline.files import atomic_folder, write_json
from pipeline.progress import progress
from pipeline.tokenization.bulk import BulkEncoder
from pipeline.tokenization.tokenizer import fingerprint, special_tokens

TOGETHER = 4 << 20  # bytes of text that are encoded at a time
SPLITS = ("train", "validation", "test")
PARALLELISM = "TOKENIZERS_PARALLELISM"  # what the library asks whether it may start threads


@dataclass(frozen=True)
class Encoded:
    """One chunk: its token ids as bytes of a token file, int64[documents] of their numbers of
    tokens (`BOS` among them), the bytes of the text, and how many documents spell a special token.
    """

    packed: bytes
    lengths: np.ndarray
    size: int
    spelt: int


def encode_splits(
    clean: Path, tokenizer: Tokenizer, folder: Path, workers: int | None = None
) -> dict[str, dict[str, Any]]:
    """Encode the splits of `clean` into `folder`, which appears only when all of them are there.

    Args:
        workers: processes; None for one on each core. The files do not depend on it.

    Returns:
        What was written into each NAME.json. Documents that spell a special token are counted; its
        letters are encoded as the plain text that they are.

    Raises:
        UserError: a split holds no document, or the tokenizer gives an id outside its vocabulary.
    """
    for split in SPLITS:
        if count_documents(clean / split) == 0:
            raise UserError(
                f"the split {split} is empty: give the corpus more documents or raise split.{split}"
                if split != "train"
                else "the split train is empty: give the corpus more documents"
            )
    work = ChunkEncoder(tokenizer)
    engine = LocalEngine(workers)
    records = {}
    with atomic_folder(folder) as partial, library_threads(engine.workers <= 1):
        for split in SPLITS:
            records[split] = encode_split(clean / split, work, engine, partial, split)
            write_json(partial / f"{split}.json", records[split])
    return records


class ChunkEncoder:
    """Encodes chunks; every process that it is forked into remembers the pieces it has seen."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.encoder = BulkEncoder(tokenizer)
        self.special = "|".join(map(re.escape, special_tokens(tokenizer).values()))

    def __call__(self, chunk: Chunk) -> Encoded:
        parts, lengths = [], []
        size = spelt = 0
        for texts in _together(job["text"] for job in read_jobs(chunk, ["text"])):
            ids, counts = self.encoder.encode(texts)
            size += pc.sum(pc.binary_length(texts)).as_py()
            spelt += pc.sum(pc.match_substring_regex(texts, self.special)).as_py()
            parts.append(ids.tobytes())
            lengths.append(counts)
        return Encoded(b"".join(parts), np.concatenate(lengths), size, spelt)


def _together(jobs: Iterable[pa.Array]) -> Iterator[pa.Array]:
    """Jobs in groups of some megabytes: the more text at a time, the fewer pieces differ."""
    held: list[pa.Array] = []
    for job in jobs:
        held.append(job)
        if sum(one.nbytes for one in held) >= TOGETHER:
            yield pa.concat_arrays(held)
            held = []
    if held:
        yield pa.concat_arrays(held)


def encode_split(
    source: Path, work: ChunkEncoder, engine: LocalEngine, folder: Path, name: str
) -> dict[str, Any]:
    """Write the tokens and document starts of one split; its record."""
    chunks = plan_chunks(source)
    total = sum(chunk.rows for chunk in chunks)
    tokens = size = spelt = 0
    with (
        progress(f"encoding {name}", total) as bar,
        (folder / f"{name}.bin").open("wb") as ids,
        (folder / f"{name}.starts.npy").open("wb") as starts,
    ):
        header = {"descr": "<i8", "fortran_order": False, "shape": (total,)}
        np.lib.format.write_array_header_1_0(starts, header)
        for chunk, encoded in zip(chunks, engine.map(work, chunks), strict=True):
            ids.write(encoded.packed)
            ends = tokens + np.cumsum(encoded.lengths)
            starts.write((ends - encoded.lengths).astype("<i8").tobytes())
            tokens, size, spelt = int(ends[-1]), size + encoded.size, spelt + encoded.spelt
            bar.advance(chunk.rows)
    return {
        "dtype": work.encoder.dtype.name,
        "tokens": tokens,
        "bytes": size,
        "documents": total,
        "documents_with_special_token": spelt,
        "document_starts": f"{name}.starts.npy",
        "tokenizer": fingerprint(work.tokenizer),
    }


@contextmanager
def library_threads(wanted: bool) -> Iterator[None]:
    """Without them in the block: they do not outlive a fork, and the processes fill the cores."""
    before = os.environ.get(PARALLELISM)
    if not wanted:
        os.environ[PARALLELISM] = "false"
    try:
        yield
    finally:
        if not wanted and before is None:
            del os.environ[PARALLELISM]
        elif not wanted and before is not None:
            os.environ[PARALLELISM] = before
