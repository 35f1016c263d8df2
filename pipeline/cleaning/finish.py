"""The last look at every document, chunk by chunk, with every verdict: what is kept goes into its
split, what is dropped goes with its reason, and both are counted."""

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
from pipeline.cleaning.annotate import Rules
from pipeline.cleaning.chunks import Chunk, read_jobs
from pipeline.cleaning.funnel import Funnel
from pipeline.cleaning.passes import DUPLICATE, NEAR, Batch, drop_whole, without_repeats
from pipeline.cleaning.scratch import Scratch
from pipeline.cleaning.split import SPLITS, cut_contiguous, split_by_hash
from pipeline.documents import SCHEMA, DocumentWriter
from pipeline.params import SplitParams

DROPPED_SCHEMA = SCHEMA.append(pa.field("reason", pa.string())).append(
    pa.field("detail", pa.string())
)


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
