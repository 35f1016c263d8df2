"""What came in, what went and why, and what is left: counts, examples and words.

Every chunk fills a funnel of its own; poured together in order they say the same as one funnel for
the whole corpus would.
"""

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.cleaning.characters import Characters
from pipeline.cleaning.filters import REASONS
from pipeline.cleaning.statistics import SAMPLE_BYTES, CorpusWords

EXAMPLES = 10
EXAMPLE_CHARACTERS = 300


def stride(size: int) -> int:
    """One document in so many is looked at for word statistics, given the bytes of the corpus."""
    return size // SAMPLE_BYTES + 1


class Funnel:
    """Counts of documents, paragraphs and bytes; the first examples of each reason; words."""

    def __init__(self, stride: int) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()  # such as ("documents", "raw")
        self.sources: dict[str, Counter[tuple[str, str]]] = {}
        self.examples: dict[str, list[dict[str, str]]] = {reason: [] for reason in REASONS}
        self.stride = stride
        self.words = CorpusWords()

    def came(self, texts: pa.Array, sources: pa.Array, first: int, characters: Characters) -> None:
        """Raw documents, of which the first is number `first` of the corpus."""
        self._count("raw", texts, sources)
        some = slice(-first % self.stride, None, self.stride)
        self.words.add("before", sources[some].to_pylist(), texts[some].to_pylist(), characters)

    def stayed(
        self, texts: pa.Array, sources: pa.Array, first: int, characters: Characters
    ) -> None:
        """What is left of the same documents when all is decided, null where nothing is."""
        self._count("kept", texts.drop_null(), sources.filter(texts.is_valid()))
        some = slice(-first % self.stride, None, self.stride)
        kept, names = texts[some].drop_null(), sources[some].filter(texts[some].is_valid())
        self.words.add("after", names.to_pylist(), kept.to_pylist(), characters)

    def went(self, rows: pa.Table, names: list[str]) -> None:
        """What was dropped (see `scratch.LOST`), and the id of each row."""
        sizes = pc.binary_length(rows["text"]).to_numpy()
        for index, (part, reason) in enumerate(
            zip(rows["part"].to_pylist(), rows["reason"].to_pylist(), strict=True)
        ):
            self.counts["dropped" if part < 0 else "dropped_paragraphs", reason] += 1
            self.counts["dropped_bytes", reason] += int(sizes[index])
            if reason == "language":
                self.counts["language", rows["detail"][index].as_py()] += int(sizes[index])
            if len(examples := self.examples[reason]) < EXAMPLES:
                shown = rows["text"][index].as_py()[:EXAMPLE_CHARACTERS]
                detail = rows["detail"][index].as_py()
                examples.append({"id": names[index], "text": shown, "detail": detail})

    def pour(self, other: "Funnel") -> None:
        """Add what another funnel has, of later documents."""
        self.counts.update(other.counts)
        for source, counts in other.sources.items():
            self.sources.setdefault(source, Counter()).update(counts)
        for reason, examples in other.examples.items():
            self.examples[reason] = (self.examples[reason] + examples)[:EXAMPLES]
        self.words.merge(other.words)

    def _count(self, what: str, texts: pa.Array, sources: pa.Array) -> None:
        encoded = sources.dictionary_encode()
        codes, names = encoded.indices.to_numpy(), encoded.dictionary.to_pylist()
        documents = np.bincount(codes, minlength=len(names)).tolist()
        sizes = np.bincount(codes, pc.binary_length(texts).to_numpy(), len(names)).tolist()
        for name, count, size in zip(names, documents, sizes, strict=True):
            for counts in (self.counts, self.sources.setdefault(name, Counter())):
                counts["documents", what] += count
                counts["bytes", what] += int(size)

    def report(self) -> dict[str, Any]:
        """The funnel: documents, and for documents in several paragraphs also those."""
        whole = ("raw", "kept")
        return {
            **_nested(self.counts, ("documents", "bytes"), whole),
            **_nested(
                self.counts, ("dropped", "dropped_paragraphs", "dropped_bytes"), tuple(REASONS)
            ),
            "personal": {
                name: count
                for (what, name), count in sorted(self.counts.items())
                if what == "personal"
            },
            "sources": {
                source: _nested(counts, ("documents", "bytes"), whole)
                for source, counts in self.sources.items()
            },
        }

    def said(self) -> dict[str, Any]:
        """Word statistics before and after, by source, and which share of documents they were
        counted on; and how much was in other languages."""
        languages = {name: n for (what, name), n in self.counts.items() if what == "language"}
        return self.words.report(1 / self.stride, languages, self.counts["bytes", "raw"])


def _nested(
    counts: Counter[tuple[str, str]], outer: tuple[str, ...], inner: tuple[str, ...]
) -> dict[str, dict[str, int]]:
    return {what: {name: counts[what, name] for name in inner} for what in outer}
