"""Documents become token files: what training reads, one file for each split.

`NAME.bin` holds token ids as little-endian uint16 or uint32, document after document, each begun by
`BOS`; `NAME.starts.npy` the index of each of those; `NAME.json` what is needed to read them. A
group of documents is encoded at a time in the library's threads, so memory stays flat however large
the corpus is.
"""

from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from pipeline.documents import atomic_folder, count_documents, read_batches, write_json
from pipeline.errors import UserError
from pipeline.progress import progress
from pipeline.tokenization.sample import groups
from pipeline.tokenization.tokenizer import bos_id, fingerprint
from pipeline.tokenization.words import WordEncoder, pack

SPLITS = ("train", "validation", "test")


def encode_splits(clean: Path, tokenizer: Tokenizer, folder: Path) -> dict[str, dict[str, Any]]:
    """Encode the splits of `clean` into `folder`, which appears only when all of them are there.

    Returns:
        What was written into each NAME.json.

    Raises:
        UserError: a split holds no document.
    """
    records = {}
    with atomic_folder(folder) as partial:
        for split in SPLITS:
            records[split] = _encode_split(clean / split, tokenizer, partial, split)
    return records


def _encode_split(source: Path, tokenizer: Tokenizer, folder: Path, name: str) -> dict[str, Any]:
    total = count_documents(source)
    if total == 0:
        raise UserError(
            f"the split {name} is empty: give the corpus more documents or raise split.{name}"
            if name != "train"
            else "the split train is empty: give the corpus more documents"
        )
    encoder = WordEncoder(tokenizer)
    begin = pack([bos_id(tokenizer)], encoder.dtype)
    starts = array("q")
    tokens = size = 0
    with progress(f"encoding {name}", total) as bar, (folder / f"{name}.bin").open("wb") as file:
        for group in groups(_texts(source)):
            for packed in encoder.pack(group):
                starts.append(tokens)
                tokens += file.write(begin + packed) // encoder.dtype.itemsize
            size += sum(len(text.encode()) for text in group)
            bar.advance(len(group))
    np.save(folder / f"{name}.starts.npy", np.frombuffer(starts, np.int64))
    record = {
        "dtype": encoder.dtype.name,
        "tokens": tokens,
        "bytes": size,
        "documents": len(starts),
        "document_starts": f"{name}.starts.npy",
        "tokenizer": fingerprint(tokenizer),
    }
    write_json(folder / f"{name}.json", record)
    return record


def _texts(source: Path) -> Iterable[str]:
    for batch in read_batches(source, ["text"], size=256):
        yield from batch.column(0).to_pylist()
