"""The three times that every document is looked at, chunk by chunk.

    Annotate   reads raw text; judges each document by itself; leaves texts, verdicts and hashes
    Survey     with what is known to repeat: what is left of each document, its hash and signature
    Finish     with every verdict: writes what is kept, what is dropped, and counts

Between them stand the comparisons of all documents with all others (see `deduplicate`), which need
only hashes. Each pass is a function of a chunk: it may run anywhere, in any order.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.cleaning import minhash
from pipeline.cleaning.annotate import REPEATABLE, Rules, annotate, untouched
from pipeline.cleaning.chunks import Chunk, read_jobs
from pipeline.cleaning.funnel import Funnel
from pipeline.cleaning.scratch import Scratch, table_of
from pipeline.cleaning.split import SPLITS, cut_contiguous, split_by_hash
from pipeline.documents import SCHEMA, DocumentWriter
from pipeline.params import SplitParams

DROPPED_SCHEMA = SCHEMA.append(pa.field("reason", pa.string())).append(
    pa.field("detail", pa.string())
)
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


@dataclass
class Finished:
    """What a chunk came to: its funnel, the sizes of its splits, and the documents dropped whole
    (where the source labels its dirt)."""

    funnel: Funnel
    sizes: dict[str, Counter[str]] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Finish:
    """Write what is kept into its splits, and what is dropped with its reason.

    A source of weight 2 has every training document twice, in files that come after all others, so
    that no model sees a text and its copy in one window; one of weight 0.5 has every other. All
    documents of a source in `parts` go to the split named there. A contiguous split knows neither.
    """

    rules: Rules
    scratch: Scratch
    stride: int
    clean: Path
    dropped: Path
    split: SplitParams
    total: int  # characters that stay
    weights: Mapping[str, float]
    parts: Mapping[str, str]
    labelled: bool

    def __call__(self, chunk: Chunk) -> Finished:
        result = Finished(Funnel(self.stride))
        left = self.scratch.load("left", chunk.index)
        verdicts = self.scratch.load("verdicts", chunk.index)
        rows = _Rows(chunk)
        with _Writers(self.clean, self.dropped, chunk.index) as writers:
            for batch in without_repeats(self.scratch, chunk, self.rules.min_characters):
                place = slice(batch.first, batch.first + len(batch.texts))
                names, sources = rows.take(len(batch.texts))
                verdict = verdicts[place]
                drop_whole(
                    batch,
                    np.flatnonzero(verdict == DUPLICATE),
                    "duplicate",
                    "but for repeated paragraphs",
                )
                drop_whole(batch, np.flatnonzero(verdict == NEAR), "near_duplicate", "")
                where, copies = self._places(left["key"][place], sources)
                drop_whole(batch, np.flatnonzero((where == 0) & (copies == 0)), "weight", "by lot")
                table = pa.table([names, batch.texts, sources], schema=SCHEMA)
                if self.split.kind == "contiguous":
                    begins = self.scratch.load("begins", chunk.index)[place]
                    parts = self._cut(table, begins)
                else:
                    parts = self._divide(table, where, copies)
                for name, part in parts:
                    self._write(name, part, writers, result)
                self._lose(batch, names, sources, writers, result)
                first = chunk.first + batch.first
                result.funnel.stayed(batch.texts, sources, first, self.rules.characters)
        return result

    def _places(
        self, keys: NDArray[np.uint64], sources: pa.Array
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The split of each document, and how often it is read in training: the weight of its
        source, the fraction of that by lot."""
        where = split_by_hash(keys, self.split.validation, self.split.test)
        if self.split.kind == "contiguous" or not (self.weights or self.parts):
            return where, np.ones(len(keys), np.int64)
        names = sources.to_pylist()
        if self.parts:
            sent = [SPLITS.index(self.parts[n]) if n in self.parts else -1 for n in names]
            where = np.where(np.array(sent) >= 0, sent, where)
        weights = np.array([self.weights.get(name, 1.0) for name in names])
        lot = minhash.mix(keys).astype(np.float64) / 2.0**64
        return where, (np.floor(weights) + (lot < weights % 1)).astype(np.int64)

    def _divide(
        self, table: pa.Table, where: NDArray[np.int64], copies: NDArray[np.int64]
    ) -> Iterator[tuple[str, pa.Table]]:
        there = table["text"].combine_chunks().is_valid().to_numpy(zero_copy_only=False)
        for place, name in enumerate(SPLITS):
            yield name, table.filter(pa.array(there & (where == place)))
        for copy in range(2, int(copies.max(initial=1)) + 1):
            chosen = table.filter(pa.array(there & (where == 0) & (copies >= copy)))
            again = pc.binary_join_element_wise(chosen["id"], f"~{copy}", "")
            yield f"copy{copy}", chosen.set_column(0, "id", again)

    def _cut(self, table: pa.Table, begins: NDArray[np.int64]) -> Iterator[tuple[str, pa.Table]]:
        found: dict[str, list[dict[str, str]]] = {}
        for row, begin in zip(table.to_pylist(), begins.tolist(), strict=True):
            text = row["text"]
            if text is None:
                continue
            parts = cut_contiguous(
                begin, len(text), self.total, self.split.validation, self.split.test
            )
            for split, first, last in parts:
                name = row["id"] if len(parts) == 1 else f"{row['id']}@{first}"
                part = {**row, "id": name, "text": text[first:last]}
                found.setdefault(SPLITS[split], []).append(part)
        for name, rows in found.items():
            yield name, pa.Table.from_pylist(rows, SCHEMA)

    def _write(self, name: str, table: pa.Table, writers: "_Writers", result: Finished) -> None:
        if table.num_rows:
            writers.write(name, table)
            size = result.sizes.setdefault(name, Counter())
            size["documents"] += table.num_rows
            size["characters"] += pc.sum(pc.utf8_length(table["text"])).as_py()
            size["bytes"] += pc.sum(pc.binary_length(table["text"])).as_py()

    def _lose(
        self,
        batch: Batch,
        names: pa.Array,
        sources: pa.Array,
        writers: "_Writers",
        result: Finished,
    ) -> None:
        rows = pa.concat_tables(batch.lost)
        if not rows.num_rows:
            return
        rows = rows.sort_by([("document", "ascending"), ("part", "ascending")])
        place = pc.subtract(rows["document"], batch.first)
        ids = [
            name if part < 0 else f"{name}#{part}"
            for name, part in zip(
                names.take(place).to_pylist(), rows["part"].to_pylist(), strict=True
            )
        ]
        columns = [ids, rows["text"], sources.take(place), rows["reason"], rows["detail"]]
        writers.write("dropped", pa.table(columns, schema=DROPPED_SCHEMA))
        result.funnel.went(rows, ids)
        if self.labelled:
            whole = [part < 0 for part in rows["part"].to_pylist()]
            result.dropped += [name for name, gone in zip(ids, whole, strict=True) if gone]


class _Rows:
    """Names and sources of the documents of a chunk, in order, as many as are asked for."""

    def __init__(self, chunk: Chunk) -> None:
        self._jobs = read_jobs(chunk, ("id", "source"))
        self._held = {name: pa.array([], pa.string()) for name in ("id", "source")}

    def take(self, count: int) -> tuple[pa.Array, pa.Array]:
        held = self._held
        while len(held["id"]) < count:
            more = next(self._jobs)
            held = {name: pa.concat_arrays([held[name], more[name]]) for name in held}
        self._held = {name: values[count:] for name, values in held.items()}
        return held["id"][:count], held["source"][:count]


class _Writers:
    """One file a split for this chunk, made when there is something to write."""

    def __init__(self, clean: Path, dropped: Path, chunk: int) -> None:
        self._clean, self._dropped, self._chunk = clean, dropped, chunk
        self._open: dict[str, DocumentWriter] = {}

    def write(self, name: str, table: pa.Table) -> None:
        if name not in self._open:
            folder = self._dropped if name == "dropped" else self._clean / _folder(name)
            stem = f"part-{name}" if name.startswith("copy") else "part"
            self._open[name] = DocumentWriter(
                folder, table.schema, stem=f"{stem}-{self._chunk:05d}"
            )
        for batch in table.combine_chunks().to_batches():
            self._open[name].write(batch)

    def __enter__(self) -> "_Writers":
        return self

    def __exit__(self, *error: Any) -> None:
        for writer in self._open.values():
            writer.__exit__(*error)


def _folder(name: str) -> str:
    return "train" if name.startswith("copy") else name
