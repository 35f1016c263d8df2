"""What cleaning writes: the kept documents by split, the dropped ones with reasons, and the
funnel."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.cleaning.annotate import Annotated
from pipeline.cleaning.characters import Characters
from pipeline.cleaning.filters import REASONS
from pipeline.cleaning.split import SPLITS, check_sizes, cut_contiguous, split_by_hash
from pipeline.cleaning.statistics import SAMPLE_BYTES, WordCounts
from pipeline.documents import SCHEMA, DocumentWriter, in_batches, read_batches
from pipeline.params import SplitParams

DROPPED_SCHEMA = SCHEMA.append(pa.field("reason", pa.string())).append(
    pa.field("detail", pa.string())
)
EXAMPLES = 10
EXAMPLE_CHARACTERS = 300

Job = dict[str, list[str]]
Row = dict[str, Any]


class Funnel:
    """Counts what came in, what went and why, and what is left; gathers examples and words."""

    def __init__(self, characters: Characters, size: int, labelled: bool) -> None:
        self.documents: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.dropped_bytes: Counter[str] = Counter()
        self.paragraphs: Counter[str] = Counter()
        self.examples: dict[str, list[Row]] = {reason: [] for reason in REASONS}
        self.labelled = labelled
        self.dropped_ids: set[str] = set()
        self._stride = size // SAMPLE_BYTES + 1
        self._position = 0
        self._before, self._after = WordCounts(characters), WordCounts(characters)

    def add(self, job: Job, documents: list[Annotated]) -> None:
        """Count one batch. Word statistics look at one document in so many, the same before and
        after."""
        for name, text, document in zip(job["id"], job["text"], documents, strict=True):
            self.documents["raw"] += 1
            self.bytes["raw"] += len(text.encode())
            if document.kept:
                self.documents["kept"] += 1
                self.bytes["kept"] += sum(len(p.text.encode()) + 1 for p in document.kept) - 1
            elif self.labelled:
                self.dropped_ids.add(name)
            for dropped in document.dropped:
                whole = dropped.part is None
                (self.dropped if whole else self.paragraphs)[dropped.reason] += 1
                self.dropped_bytes[dropped.reason] += len(dropped.text.encode())
                if len(examples := self.examples[dropped.reason]) < EXAMPLES:
                    part = "" if whole else f"#{dropped.part}"
                    shown = dropped.text[:EXAMPLE_CHARACTERS]
                    examples.append({"id": name + part, "text": shown, "detail": dropped.detail})
        first = -self._position % self._stride
        self._position += len(documents)
        self._before.add(job["text"][first :: self._stride])
        self._after.add([d.text for d in documents[first :: self._stride] if d.kept])

    def report(self) -> dict[str, Any]:
        """The funnel: documents, and for documents in several paragraphs also those."""
        return {
            "documents": {name: self.documents[name] for name in ("raw", "kept")},
            "bytes": {name: self.bytes[name] for name in ("raw", "kept")},
            "dropped": {reason: self.dropped[reason] for reason in REASONS},
            "dropped_paragraphs": {reason: self.paragraphs[reason] for reason in REASONS},
            "dropped_bytes": {reason: self.dropped_bytes[reason] for reason in REASONS},
        }

    def words(self) -> dict[str, Any]:
        """Word statistics before and after, and which share of the documents they were counted
        on."""
        return {
            "sampled": 1 / self._stride,
            "before": self._before.summary(),
            "after": self._after.summary(),
        }


class Outputs:
    """Writes documents where they belong. A contiguous split needs the whole length first, so that
    the documents wait in a folder of their own."""

    def __init__(self, clean: Path, dropped: Path, split: SplitParams) -> None:
        self.clean, self.split = clean, split
        names = SPLITS if split.kind == "hash" else ("waiting",)
        self._kept = [DocumentWriter(clean / name) for name in names]
        self._dropped = DocumentWriter(dropped, DROPPED_SCHEMA)
        self._characters = 0

    def __enter__(self) -> "Outputs":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for writer in [*self._kept, self._dropped]:
            writer.__exit__(kind, error, trace)

    def write(self, job: Job, documents: list[Annotated]) -> None:
        """Write one batch."""
        kept = [i for i, document in enumerate(documents) if document.kept]
        rows = [_row(job, i, documents[i].text) for i in kept]
        self._characters += sum(len(row["text"]) for row in rows)
        if self.split.kind == "hash":
            keys = np.array([documents[i].key for i in kept], np.uint64)
            where = split_by_hash(keys, self.split.validation, self.split.test).tolist()
        else:
            where = [0] * len(rows)
        for place, writer in enumerate(self._kept):
            chosen = [row for row, split in zip(rows, where, strict=True) if split == place]
            writer.write(pa.RecordBatch.from_pylist(chosen, SCHEMA))
        lost = [
            {
                **_row(job, i, dropped.text, dropped.part),
                "reason": dropped.reason,
                "detail": dropped.detail,
            }
            for i, document in enumerate(documents)
            for dropped in sorted(document.dropped, key=lambda d: -1 if d.part is None else d.part)
        ]
        self._dropped.write(pa.RecordBatch.from_pylist(lost, DROPPED_SCHEMA))

    def finish(self) -> dict[str, dict[str, int]]:
        """Close the shards and tell the size of every split.

        Raises:
            UserError: a split is too small.
        """
        for writer in [*self._kept, self._dropped]:
            writer.close()
        if self.split.kind == "contiguous":
            self._divide()
        documents, characters, sizes = [], [], {}
        for name in SPLITS:
            texts = [0, 0, 0]
            for batch in read_batches(self.clean / name, ["text"]):
                for text in batch.column(0).to_pylist():
                    texts[0] += 1
                    texts[1] += len(text)
                    texts[2] += len(text.encode())
            documents.append(texts[0])
            characters.append(texts[1])
            sizes[name] = {"documents": texts[0], "bytes": texts[2]}
        check_sizes(documents, characters)
        return sizes

    def _divide(self) -> None:
        """Move the waiting documents into the splits, in order."""
        import shutil

        waiting = self.clean / "waiting"
        for place, name in enumerate(SPLITS):
            with DocumentWriter(self.clean / name) as writer:
                for batch in in_batches(self._parts(waiting, place)):
                    writer.write(batch)
        shutil.rmtree(waiting)

    def _parts(self, folder: Path, wanted: int) -> Iterator[Row]:
        """The documents, or parts of them, that belong into one split."""
        begin = 0
        for batch in read_batches(folder):
            for row in batch.to_pylist():
                text = row["text"]
                parts = cut_contiguous(
                    begin, len(text), self._characters, self.split.validation, self.split.test
                )
                for split, first, last in parts:
                    if split == wanted:
                        name = row["id"] if len(parts) == 1 else f"{row['id']}@{first}"
                        yield {**row, "id": name, "text": text[first:last]}
                begin += len(text)


def _row(job: Job, index: int, text: str, part: int | None = None) -> Row:
    name = job["id"][index] if part is None else f"{job['id'][index]}#{part}"
    return {"id": name, "text": text, "source": job["source"][index]}
