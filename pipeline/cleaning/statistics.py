"""Word statistics of a corpus, before and after cleaning.

Counted on a part of the corpus that fits in memory, chosen by hashes of the documents' content and
so the same in every run.
"""

from collections import Counter
from typing import Any

import numpy as np

from pipeline.cleaning.characters import Characters

SAMPLE_BYTES = 20 << 20
TOP = 30
ZIPF_RANKS = (10, 1000)  # where the line is fitted: the head bends, the tail has too few words


class WordCounts:
    """Counts words (runs of letters, in lower case) and letters of the texts that it is given."""

    def __init__(self, characters: Characters) -> None:
        self.characters = characters
        self.words: Counter[str] = Counter()
        self.outside: Counter[str] = Counter()
        self.lengths: list[int] = []
        self.letters = self.strange = 0

    def add(self, texts: list[str]) -> None:
        """Count more documents."""
        if not texts:
            return
        measured = self.characters.measure(texts)
        alphabet = self.characters.language.alphabet
        for plain in measured.plain:
            self.words.update(plain.split())
        self.lengths.extend(len(text) for text in texts)
        self.letters += int(measured.letter.sum())
        self.strange += int((measured.letter - measured.in_alphabet).sum())
        if (measured.letter > measured.in_alphabet).any():
            letters = Counter("".join(measured.plain))
            self.outside.update(
                {c: n for c, n in letters.items() if c not in alphabet and c != " "}
            )

    def merge(self, other: "WordCounts") -> None:
        """Add what another has counted."""
        self.words.update(other.words)
        self.outside.update(other.outside)
        self.lengths.extend(other.lengths)
        self.letters += other.letters
        self.strange += other.strange

    def summary(self) -> dict[str, Any]:
        """Everything as JSON: how much, how varied, the commonest words, Zipf's slope, strange
        letters."""
        import pandas as pd

        counts = (
            pd.Series(dict(self.words), dtype="int64").rename_axis("word").reset_index(name="count")
        )
        counts = counts.sort_values(["count", "word"], ascending=[False, True], ignore_index=True)
        lengths = pd.Series(self.lengths, dtype="int64")
        tokens, types = int(counts["count"].sum()), len(counts)
        once = int((counts["count"] == 1).sum())
        described = dict(lengths.describe()) if len(lengths) else {}
        return {
            "documents": len(lengths),
            "tokens": tokens,
            "types": types,
            "seen_once": once,
            "seen_once_share": once / types if types else None,
            "tokens_per_document": tokens / len(lengths) if len(lengths) else None,
            "zipf_slope": _zipf_slope(counts["count"].to_numpy()),
            "characters_per_document": {
                name: float(described[key])
                for name, key in (("mean", "mean"), ("median", "50%"), ("max", "max"))
                if key in described
            },
            "letters_outside_share": self.strange / self.letters if self.letters else None,
            "letters_outside": dict(
                sorted(self.outside.items(), key=lambda i: (-i[1], i[0]))[:TOP]
            ),
            "top": counts.head(TOP).to_dict("records"),
        }


def _zipf_slope(counts: "np.ndarray[Any, np.dtype[np.int64]]") -> float | None:
    """Slope of log frequency over log rank, about -1 in natural text (Zipf 1949)."""
    first, last = ZIPF_RANKS[0], min(ZIPF_RANKS[1], len(counts))
    if last - first < 20:
        return None
    ranks = np.arange(first, last + 1)
    return float(np.polyfit(np.log(ranks), np.log(counts[first - 1 : last]), 1)[0])
