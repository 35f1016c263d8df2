"""The three times that every document is looked at, chunk by chunk.

    Annotate   reads raw text; judges each document by itself; leaves texts, verdicts and hashes
    Survey     with what is known to repeat: what is left of each document, its hash and signature
    Finish     with every verdict: writes what is kept, what is dropped, and counts (see `finish`)

Between them stand the comparisons of all documents with all others (see `deduplicate`), which need
only hashes. Each pass is a function of a chunk: it may run anywhere, in any order.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.cleaning import minhash
from pipeline.cleaning.annotate import REPEATABLE, Rules, annotate, untouched
from pipeline.cleaning.chunks import Chunk, read_jobs
from pipeline.cleaning.funnel import Funnel
from pipeline.cleaning.scratch import Scratch, table_of

PARAGRAPH = np.dtype([("document", "<i4"), ("place", "<i4"), ("part", "<i4"), ("key", "<u8")])
LEFT = np.dtype([("key", "<u8"), ("characters", "<i8")])
STAYS, DUPLICATE, NEAR = range(3)  # verdicts after the survey


@dataclass(frozen=True)
class Annotate:
    """Judge every document by itself. Returns the funnel of what came in."""

    rules: Rules
    scratch: Scratch
    stride: int
    enabled: bool

    def __call__(self, chunk: Chunk) -> Funnel:
        funnel = Funnel(self.stride)
        left: list[tuple[int, int]] = []
        paragraphs: list[tuple[int, int, int, int]] = []
        with self.scratch.texts(chunk.index) as writer:
            for job in read_jobs(chunk, ("text", "source")):
                first = chunk.first + len(left)
                funnel.came(job["text"], job["source"], first, self.rules.characters)
                texts = job["text"].to_pylist()
                if self.enabled:
                    documents = annotate(texts, self.rules, funnel.counts)
                else:
                    documents = untouched(texts, self.rules.characters)
                writer.write(documents)
                for document in documents:
                    if len(document.kept) > 1:
                        paragraphs += [
                            (len(left), place, paragraph.part, paragraph.key)
                            for place, paragraph in enumerate(document.kept)
                            if len(paragraph.text) >= REPEATABLE
                        ]
                    size = sum(len(paragraph.text) + 1 for paragraph in document.kept) - 1
                    left.append((document.key, size) if document.kept else (0, 0))
        self.scratch.save("left", chunk.index, np.array(left, LEFT))
        self.scratch.save("paragraphs", chunk.index, np.array(paragraphs, PARAGRAPH))
        return funnel


@dataclass(frozen=True)
class Survey:
    """What is left of every document without what repeats; with signatures where asked for."""

    rules: Rules
    scratch: Scratch
    near: bool

    def __call__(self, chunk: Chunk) -> None:
        left = np.array(self.scratch.load("left", chunk.index))
        signatures: list[NDArray[np.uint32]] = []
        bands: list[NDArray[np.uint64]] = []
        if self.near or len(self.scratch.load("repeated", chunk.index)):
            for batch in without_repeats(self.scratch, chunk, self.rules.min_characters):
                texts = list(batch.shortened.values())
                if self.near:
                    texts = batch.texts.fill_null("").to_pylist()
                if not texts:
                    continue
                measured = self.rules.characters.measure(texts)
                for nth, (index, text) in enumerate(batch.shortened.items()):
                    key = measured.keys[index if self.near else nth] if text else 0
                    left[batch.first + index] = (key, len(text))
                if self.near:
                    place = slice(batch.first, batch.first + len(texts))
                    signatures.append(minhash.signatures(measured.plain))
                    bands.append(minhash.bands(signatures[-1]))
                    bands[-1][left["key"][place] == 0] = 0
        left[self.scratch.load("duplicates", chunk.index)] = (0, 0)
        self.scratch.save("left", chunk.index, left)
        if self.near:
            self.scratch.save("signatures", chunk.index, np.concatenate(signatures))
            self.scratch.save("bands", chunk.index, np.concatenate(bands))


@dataclass(frozen=True)
class Extract:
    """Lay out the texts of the documents in the array `wanted`, so that they can be compared."""

    rules: Rules
    scratch: Scratch

    def __call__(self, chunk: Chunk) -> None:
        wanted = np.array(self.scratch.load("wanted", chunk.index))
        plain: list[str] = []
        for batch in without_repeats(self.scratch, chunk, self.rules.min_characters):
            inside = (wanted >= batch.first) & (wanted < batch.first + len(batch.texts))
            texts = batch.texts.take(pa.array(wanted[inside] - batch.first)).fill_null("")
            if len(texts):
                found = self.rules.characters.measure(texts.to_pylist()).plain
                plain += [text[: minhash.READ] for text in found]
        self.scratch.save_plain(chunk.index, plain)


@dataclass
class Batch:
    """Some documents without what was there before: their texts (null where nothing is left), what
    was dropped of them, and those texts that became shorter, by their place in the batch."""

    first: int
    texts: pa.Array
    lost: list[pa.Table]
    shortened: dict[int, str]


def without_repeats(scratch: Scratch, chunk: Chunk, shortest: int) -> Iterator[Batch]:
    """The documents of a chunk without what was there before: documents, then long paragraphs."""
    duplicates = np.array(scratch.load("duplicates", chunk.index))
    repeated: dict[int, dict[int, int]] = {}
    paragraphs = scratch.load("paragraphs", chunk.index)
    for row in paragraphs[scratch.load("repeated", chunk.index)]:
        repeated.setdefault(int(row["document"]), {})[int(row["place"])] = int(row["part"])
    first = 0
    for texts, lost in scratch.read_texts(chunk.index):
        here = duplicates[(duplicates >= first) & (duplicates < first + len(texts))] - first
        batch = Batch(first, texts, [lost], {})
        drop_whole(batch, here, "duplicate", "")
        gone: list[tuple[int, int, str, str, str]] = []
        for document in range(first, first + len(texts)) if repeated else ():
            parts = repeated.get(document)
            text = batch.texts[document - first].as_py() if parts else None
            if not parts or text is None:
                continue
            lines = text.split("\n")
            rest = "\n".join(line for p, line in enumerate(lines) if p not in parts)
            if len(rest) < shortest:
                gone.append((document, -1, text, "repeated", "nearly every paragraph"))
                rest = ""
            else:
                where = "in an earlier document or earlier in this one"
                gone += [
                    (document, part, lines[p], "repeated", where)
                    for p, part in sorted(parts.items())
                ]
            batch.shortened[document - first] = rest
        if batch.shortened:
            batch.lost.append(table_of(gone))
            changed = np.zeros(len(texts), bool)
            changed[list(batch.shortened)] = True
            batch.texts = pc.replace_with_mask(
                batch.texts,
                pa.array(changed),
                pa.array([text or None for text in batch.shortened.values()], pa.string()),
            )
        yield batch
        first += len(texts)


def drop_whole(batch: Batch, places: NDArray[np.int64], reason: str, detail: str) -> None:
    """Drop some documents of a batch whole: what was left of them."""
    if not len(places):
        return
    texts = batch.texts.take(pa.array(places)).to_pylist()
    rows = [
        (batch.first + place, -1, text, reason, detail)
        for place, text in zip(places.tolist(), texts, strict=True)
        if text is not None
    ]
    batch.lost.append(table_of(rows))
    gone = np.zeros(len(batch.texts), bool)
    gone[places] = True
    batch.texts = pc.if_else(pa.array(gone), pa.scalar(None, pa.string()), batch.texts)
