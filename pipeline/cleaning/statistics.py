"""Word statistics of a corpus, before and after cleaning and by source.

Counts of parts add up to those of the whole, in whatever order the parts come: workers count, and
the counts are merged. Of a large corpus `SAMPLE_BYTES` are counted, the same documents before and
after.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from pipeline.cleaning.characters import Characters, count_words
from pipeline.cleaning.word_laws import heaps, rank_frequency, spread_of_lengths, zipf_slope

if TYPE_CHECKING:
    import pandas as pd

SAMPLE_BYTES = 20 << 20
LONGEST = 1 << 20  # characters of one document that are counted
TYPES = 1 << 20  # different words that are kept
TOP = 30
MOST_SOURCES = 20
MOST_LANGUAGES = 15  # that are told apart; the rest are counted together
OTHERS = "others"
Side = Literal["before", "after"]
SIDES: tuple[Side, Side] = ("before", "after")
BELIEVED = 3  # times that a long word must occur to be one

SCALARS = ("documents", "tokens", "types", "seen_once_share", "tokens_per_document", "zipf_slope",
           "letters_outside_share")  # fmt: skip


@dataclass
class WordCounts:
    """Words (runs of letters, in lower case), letters and lengths of some texts.

    Where there are more than `TYPES` different words, those are kept whose hash ends in `level`
    zero bits, a sample of the vocabulary with its true counts (Gibbons 2001, "Distinct sampling"):
    which words these are does not depend on the order of counting or merging.
    """

    words: Counter[str] = field(default_factory=Counter)
    outside: Counter[str] = field(default_factory=Counter)
    lengths: Counter[int] = field(default_factory=Counter)
    letters: int = 0
    strange: int = 0
    tokens: int = 0
    level: int = 0

    def add(self, texts: Iterable[str], characters: Characters) -> None:
        """Count more documents."""
        texts = [text[:LONGEST] for text in texts if text]
        if not texts:
            return
        measured = characters.measure(texts)
        alphabet = characters.language.alphabet
        words = count_words(measured.plain)
        self.lengths.update(map(len, texts))
        self.letters += int(measured.letter.sum())
        self.strange += int((measured.letter - measured.in_alphabet).sum())
        if (measured.letter > measured.in_alphabet).any():
            letters = Counter("".join(measured.plain))
            self.outside.update(
                {c: n for c, n in letters.items() if c not in alphabet and c != " "}
            )
        self.tokens += sum(words.values())
        self._take(words)

    def merge(self, other: "WordCounts") -> None:
        """Count what the other has counted, too."""
        self.outside.update(other.outside)
        self.lengths.update(other.lengths)
        self.letters += other.letters
        self.strange += other.strange
        self.tokens += other.tokens
        if other.level > self.level:
            self.level = other.level
            self.words = Counter(self._sampled(self.words))
        self._take(other.words)

    def _take(self, words: Mapping[str, int]) -> None:
        self.words.update(self._sampled(words) if self.level else words)
        while len(self.words) > TYPES:
            self.level += 1
            self.words = Counter(self._sampled(self.words))

    def _sampled(self, words: Mapping[str, int]) -> dict[str, int]:
        import xxhash

        mask = (1 << self.level) - 1
        return {w: n for w, n in words.items() if not xxhash.xxh3_64_intdigest(w.encode()) & mask}

    def summary(self) -> dict[str, Any]:
        """Everything as JSON: how much, how varied, commonest and longest words, the laws of Zipf
        and Heaps with their curves, lengths, strange letters."""
        import pandas as pd

        counts = pd.DataFrame(self.words.items(), columns=["word", "count"])
        counts = counts.astype({"word": object, "count": "int64"})
        counts = counts.sort_values(["count", "word"], ascending=[False, True], ignore_index=True)
        frequencies = counts["count"].to_numpy(np.int64)
        scale = 1 << self.level  # words that each kept one stands for
        once, documents = int((frequencies == 1).sum()), self.lengths.total()
        return {
            "documents": documents,
            "tokens": self.tokens,
            "types": len(counts) * scale,
            "vocabulary_sampled": 1 / scale,
            "seen_once": once * scale,
            "seen_once_share": once / len(counts) if len(counts) else None,
            "tokens_per_document": self.tokens / documents if documents else None,
            "zipf_slope": zipf_slope(frequencies) if scale == 1 else None,
            "rank_frequency": rank_frequency(frequencies, scale),
            "heaps": heaps(frequencies, self.tokens, scale),
            "characters_per_document": spread_of_lengths(self.lengths),
            "letters_outside_share": self.strange / self.letters if self.letters else None,
            "letters_outside": dict(
                sorted(self.outside.items(), key=lambda i: (-i[1], i[0]))[:TOP]
            ),
            "top": _records(counts.head(TOP)),
            "longest": _longest(counts[counts["count"] >= BELIEVED]),
        }


def _records(counts: "pd.DataFrame") -> list[dict[str, Any]]:
    words, times = counts["word"].tolist(), counts["count"].tolist()
    return [{"word": word, "count": count} for word, count in zip(words, times, strict=True)]


def _longest(counts: "pd.DataFrame") -> list[dict[str, Any]]:
    """The longest words that occur several times."""
    by_length = counts.assign(length=counts["word"].str.len())
    by_length = by_length.sort_values(["length", "word"], ascending=[False, True]).head(TOP // 2)
    return _records(by_length)


@dataclass
class CorpusWords:
    """Words of a corpus by source, before and after cleaning."""

    sources: dict[str, tuple[WordCounts, WordCounts]] = field(default_factory=dict)

    def add(
        self, side: Side, sources: Sequence[str], texts: Sequence[str], characters: Characters
    ) -> None:
        """Count documents, each with the name of its source."""
        by_source: dict[str, list[str]] = {}
        for source, text in zip(sources, texts, strict=True):
            by_source.setdefault(source, []).append(text)
        for source, own in by_source.items():
            self._of(source)[SIDES.index(side)].add(own, characters)

    def _of(self, source: str) -> tuple[WordCounts, WordCounts]:
        return self.sources.setdefault(source, (WordCounts(), WordCounts()))

    def merge(self, other: "CorpusWords") -> None:
        """Count what the other has counted, too."""
        for source, counts in other.sources.items():
            for words, more in zip(self._of(source), counts, strict=True):
                words.merge(more)

    def report(self, share: float, languages: Mapping[str, int], size: int) -> dict[str, Any]:
        """What goes to reports/words.json.

        Args:
            share: of the documents, that were counted.
            languages: bytes that were dropped as being in each other language.
            size: bytes of the raw corpus.
        """
        named = self._largest()
        whole = _before_and_after(_sum(self.sources.values()))
        alone = len(named) == 1
        return {
            "sampled": share,
            **whole,
            "by_source": {
                source: whole if alone else _before_and_after(named[source]) for source in named
            },
            "languages": _languages(languages, size),
        }

    def _largest(self) -> dict[str, tuple[WordCounts, WordCounts]]:
        """The sources by name, largest first, but for many small ones, which are counted
        together."""
        ranked = sorted(self.sources, key=lambda s: (-self.sources[s][0].tokens, s))
        kept = {source: self.sources[source] for source in ranked[:MOST_SOURCES]}
        if rest := ranked[MOST_SOURCES:]:
            kept[OTHERS] = _sum(self.sources[source] for source in rest)
        return kept


def _sum(parts: Iterable[tuple[WordCounts, WordCounts]]) -> tuple[WordCounts, WordCounts]:
    before, after = WordCounts(), WordCounts()
    for part in parts:
        before.merge(part[0])
        after.merge(part[1])
    return before, after


def _before_and_after(counts: tuple[WordCounts, WordCounts]) -> dict[str, Any]:
    return {side: part.summary() for side, part in zip(SIDES, counts, strict=True)}


def _languages(dropped: Mapping[str, int], size: int) -> dict[str, dict[str, float]]:
    """Bytes in each other language and their share of the corpus, most first."""
    ranked = sorted(dropped.items(), key=lambda item: (-item[1], item[0]))
    kept = dict(ranked[:MOST_LANGUAGES])
    if rest := ranked[MOST_LANGUAGES:]:
        kept[OTHERS] = kept.get(OTHERS, 0) + sum(count for _, count in rest)
    return {name: {"bytes": count, "share": count / max(size, 1)} for name, count in kept.items()}


def plot_tables(words: Mapping[str, Any]) -> dict[str, str]:
    """Tables of reports/words.json as CSV, by file name: what `dvc plots` draws and a spreadsheet
    opens."""
    import pandas as pd

    tables: dict[str, pd.DataFrame] = {}
    for side in SIDES:
        part = words[side]
        ranks = pd.DataFrame(part["rank_frequency"], columns=["rank", "count"])
        for column in ("rank", "count"):
            ranks[f"log10_{column}"] = np.log10(ranks[column].astype(float)).round(4)
        tables[f"words_{side}.csv"] = ranks
        growth = pd.DataFrame(part["heaps"]["curve"], columns=["words", "different_words"])
        tables[f"heaps_{side}.csv"] = growth
        bins = part["characters_per_document"].get("histogram", [])
        lengths = pd.DataFrame(bins, columns=["from", "to", "documents"])
        lengths["log10_characters"] = np.log10(lengths["from"].astype(float)).round(4)
        tables[f"lengths_{side}.csv"] = lengths
    languages = [{"language": name, **found} for name, found in words["languages"].items()]
    tables["languages.csv"] = pd.DataFrame(languages, columns=["language", "bytes", "share"])
    rows = [
        {"source": source, "cleaning": side, **{key: part[side][key] for key in SCALARS}}
        for source, part in {"all": words, **words["by_source"]}.items()
        for side in SIDES
    ]
    tables["sources.csv"] = pd.DataFrame(rows)
    return {name: table.to_csv(index=False, lineterminator="\n") for name, table in tables.items()}
