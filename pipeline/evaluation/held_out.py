"""What the benchmark measures on: a sample of the test split, less what training text holds."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xxhash

from pipeline.documents import count_documents, read_batches, read_texts
from pipeline.errors import UserError
from pipeline.evaluation.choices import Item
from pipeline.evaluation.facts import Question
from pipeline.evaluation.likelihood import utf8_bytes
from pipeline.evaluation.overlap import OVERLAP_WORDS, RunFinder, document_phrases, hashed, words
from pipeline.evaluation.pairs import Pair
from pipeline.progress import track

OVERLAP_SHARE = 0.2
ROWS = 256  # documents may be long


class Document(NamedTuple):
    """A text of the test split and the source that it is from."""

    text: str
    source: str


def sample_documents(folder: Path, megabytes: float, seed: int) -> list[Document]:
    """At most so much of a folder's text, in the folder's order; chosen by hash of the id.

    A single document that is larger than that is cut to fit, so that there is always something.

    Raises:
        UserError: the folder holds no text.
    """
    limit = int(megabytes * 1e6)
    ranks, sizes = [], []
    for batch in read_batches(folder, ["id", "text"], ROWS):
        for row in batch.to_pylist():
            ranks.append(xxhash.xxh64_intdigest(row["id"].encode(), seed))
            sizes.append(utf8_bytes(row["text"]))
    if not sum(sizes):
        raise UserError(
            f"{folder} holds no text to measure on: the corpus is too small for its split"
        )
    order = np.argsort(np.array(ranks, dtype=np.uint64), kind="stable")
    fits = np.cumsum(np.array(sizes)[order]) <= limit
    chosen = set(order[: max(1, int(fits.sum()))].tolist())
    documents = []
    number = 0
    for batch in read_batches(folder, ["text", "source"], ROWS):
        for row in batch.to_pylist():
            if number in chosen:
                text = row["text"].encode("utf-8")[:limit].decode("utf-8", "ignore")
                documents.append(Document(text, row["source"]))
            number += 1
    return documents


def training_texts(folder: Path, description: str) -> Iterator[str]:
    """Stream a folder's texts with a progress bar."""
    return track(read_texts(folder), description, count_documents(folder))


def count_words(folder: Path) -> Counter[str]:
    """How often each word stands in a folder's text, in lower case."""
    counts: Counter[str] = Counter()
    for text in training_texts(folder, "words of the training text"):
        counts.update(words(text))
    return counts


class DocumentOverlap:
    """Which documents are too much like training text to measure on.

    A fifth or more of the words stand in runs of 13 that training holds too (the bound of Touvron
    et al. 2023, https://arxiv.org/abs/2307.09288, A.6, for what is not clean), or the document is
    shorter than 13 words and is one of the training documents.
    """

    def __init__(self, texts: Sequence[str], finder: RunFinder) -> None:
        self._finder = finder
        self._places = [finder.add(document_phrases(text)) for text in texts]

    def clean(self) -> list[int]:
        """The numbers of the documents that do not overlap, after `finder.search`."""
        return [
            number
            for number, place in enumerate(self._places)
            if _covered(self._finder.whole(place)) < OVERLAP_SHARE
        ]


def _covered(met: np.ndarray) -> float:
    """The share of a document's words that the runs which were met cover.

    There is one run from each word on but the last twelve, or one for the whole of a document.
    """
    covered = np.zeros(len(met) + OVERLAP_WORDS - 1, dtype=bool)
    for start in np.flatnonzero(met):
        covered[start : start + OVERLAP_WORDS] = True
    return float(covered.mean())


class PairOverlap:
    """Which given pairs have a sentence, good or bad, that stands in training text."""

    def __init__(self, pairs: Sequence[Pair], finder: RunFinder) -> None:
        self._pairs, self._finder = pairs, finder
        self._good = finder.add(hashed(pair.good) for pair in pairs)
        self._bad = finder.add(hashed(pair.bad) for pair in pairs)

    def pairs(self) -> list[Pair]:
        """The pairs that do not overlap, after `finder.search`."""
        held = self._finder.whole(self._good) | self._finder.whole(self._bad)
        return [pair for pair, drop in zip(self._pairs, held, strict=True) if not drop]


class ItemOverlap:
    """Which multiple-choice items have their right text in training, whole or by a fifth or more.

    (As documents do: runs of 13 words. A short one counts where it stands within a document.)
    """

    def __init__(self, items: Sequence[Item], finder: RunFinder) -> None:
        self._items, self._finder = items, finder
        self._whole = finder.add(hashed(item.right) for item in items)
        self._runs = DocumentOverlap([item.right for item in items], finder)

    def items(self) -> list[Item]:
        """The items that do not overlap, after `finder.search`."""
        clean = set(self._runs.clean()) - set(np.flatnonzero(self._finder.whole(self._whole)))
        return [item for number, item in enumerate(self._items) if number in clean]


class FactOverlap:
    """Which held-out questions have their right sentence in training text after all."""

    def __init__(self, questions: Sequence[Question], finder: RunFinder) -> None:
        self._questions, self._finder = questions, finder
        self._place = finder.add(hashed(self._right(number)) for number in range(len(questions)))

    def told(self, texts: Iterable[str]) -> frozenset[int]:
        """The numbers of these questions, after `finder.search`.

        The same words in a row may be part of another formulation (`X — a teacher.`, `X, a teacher
        from Y`), so the few that are found are looked for again in `texts`, with punctuation.
        """
        met = self._finder.whole(self._place)
        suspected = {
            number: _plain(self._right(number))
            for number, question in enumerate(self._questions)
            if question.held_out and met[number]
        }
        told: set[int] = set()
        for text in texts if suspected else ():
            plain = _plain(text)
            told |= {number for number, sentence in suspected.items() if sentence in plain}
        return frozenset(told)

    def _right(self, number: int) -> str:
        return self._questions[number].sentences[self._questions[number].answer]


def _plain(text: str) -> str:
    """Lower case, with single spaces."""
    return " ".join(text.lower().split())
