"""Cleaning from end to end: passes over the corpus, chunk by chunk, in bounded memory.

    data/raw -> sample -> identifier
        `-> annotate -> what repeats -> survey -> what is nearly the same -> finish -> data/clean,
                                                                                       data/dropped

Passes work on text and run in parallel; the comparisons between them need only hashes. Documents
keep their order, and no result depends on who did the work, or how many.
"""

import time
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.cleaning.annotate import Rules, pieces
from pipeline.cleaning.characters import Characters
from pipeline.cleaning.choose import check_letters, choose_identifier
from pipeline.cleaning.chunks import Chunk, plan_chunks, read_jobs, stored_bytes
from pipeline.cleaning.deduplicate import Candidates, Compare, Repeats, partitions
from pipeline.cleaning.engine import Engine, make_engine
from pipeline.cleaning.finish import DROPPED_SCHEMA, Finish
from pipeline.cleaning.function_words import function_words
from pipeline.cleaning.funnel import Funnel, stride
from pipeline.cleaning.held_out import read_held_out
from pipeline.cleaning.identify import Identifier, NoIdentifier
from pipeline.cleaning.minhash import BANDS
from pipeline.cleaning.normalise import normalise
from pipeline.cleaning.passes import DUPLICATE, NEAR, STAYS, Annotate, Extract, Survey
from pipeline.cleaning.sample import Sample
from pipeline.cleaning.scratch import Scratch
from pipeline.cleaning.split import SPLITS, check_sizes
from pipeline.corpus.identifiers import identifier_file, identifier_origin
from pipeline.documents import DocumentWriter, count_documents, read_batches, shards
from pipeline.errors import UserError
from pipeline.files import atomic_folder, scratch_folder
from pipeline.languages import Language, describe, language_from_text, load_language
from pipeline.params import Params
from pipeline.progress import progress

WORD_BYTES = 16 << 20  # text that words are taken from to put broken ones together
TOLD_BY = 2 << 20  # characters that tell the letters of a language without a file


def clean(
    raw: Path,
    out: Path,
    dropped: Path,
    params: Params,
    weights: Mapping[str, float] | None = None,
    parts: Mapping[str, str] | None = None,
    workers: int | None = None,
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Clean the documents in `raw` into `out`/{train,validation,test} and `dropped`.

    `weights` says how often the training documents of a source are read, `parts` which split all
    documents of a source go to, both by the name of the source.
    Returns what goes to reports/cleaning.json, words.json and dropped_examples.json.

    Raises:
        UserError: nothing is left, a split is too small, or the identifier cannot be had.
    """
    started = time.monotonic()
    if not count_documents(raw):
        raise UserError("data/raw holds no documents: check corpus.sources")
    engine = make_engine(params.cleaning.engine, workers)
    chunks = plan_chunks(raw)
    language = find_language(params.corpus.language, chunks, params.cleaning.enabled)
    rules, measured = _make_rules(raw, chunks, language, params, engine)
    labelled = "label" in pq.read_schema(shards(raw)[0]).names
    with (
        scratch_folder(out.with_name(f".{out.name}.scratch")) as folder,
        atomic_folder(out) as clean_folder,
        atomic_folder(dropped) as dropped_folder,
    ):
        work = _Work(engine, chunks, Scratch(folder.resolve()), rules, params)
        funnel = work.annotate(stride(stored_bytes(raw)))
        work.survey()
        total = work.decide()
        finish = Finish(
            rules,
            work.scratch,
            funnel.stride,
            clean_folder.resolve(),
            dropped_folder.resolve(),
            params.split,
            total,
            {name: weight for name, weight in (weights or {}).items() if weight != 1},
            parts or {},
            labelled,
        )
        splits, lost = work.finish(finish, funnel)
    report = {
        **funnel.report(),
        "identifier": {"name": rules.identifier.name, **measured},
        "language": describe(language),
        "dirt": _measure_dirt(raw, lost) if labelled else {"precision": None, "recall": None},
        "splits": splits,
        "seconds": round(time.monotonic() - started, 2),
    }
    return report, funnel.said(), funnel.examples


def find_language(code: str, chunks: list[Chunk], check: bool = True) -> Language:
    """What languages/ says of a language, or else what its text does.

    Raises:
        UserError: the text is in other letters than the language's file says.
    """
    texts: list[str] = []
    for chunk in chunks:  # some of each, wherever its sources begin and end
        left = TOLD_BY // len(chunks)
        some: list[str] = []
        for job in read_jobs(chunk, ("text",)):
            for text in job["text"].to_pylist():
                some.append(text[:left])
                left -= len(some[-1])
                if left <= 0:
                    break
            if left <= 0:
                break
        texts += normalise(some)
    language = load_language(code)
    if language is None:
        language = language_from_text(code, texts)
        print(describe(language), flush=True)
    elif check:
        check_letters(language, texts)
    return language


def _make_rules(
    raw: Path, chunks: list[Chunk], language: Language, params: Params, engine: Engine
) -> tuple[Rules, dict[str, Any]]:
    """All that judging a document needs, and how well the identifier does."""
    cleaning = params.cleaning
    characters = Characters(language)
    identifier: Identifier = NoIdentifier()
    measured: dict[str, Any] = {"precision": None, "recall": None}
    sample = Sample()
    if cleaning.enabled:
        every = stored_bytes(raw) // WORD_BYTES + 1
        work = partial(_sample_chunk, characters=characters, seed=cleaning.seed, every=every)
        with progress("clean: reading", sum(chunk.rows for chunk in chunks)) as bar:
            for chunk, part in zip(chunks, engine.map(work, chunks), strict=True):
                sample.merge(part)
                bar.advance(chunk.rows)
        ready = cleaning.identifier not in ("made", "none")
        path = identifier_file(cleaning.identifier)[0] if ready else None
        identifier, measured = choose_identifier(
            cleaning, path, language, characters, sample.finish(characters)
        )
        if ready:
            measured["origin"] = identifier_origin(cleaning.identifier)
    rules = Rules(
        characters,
        identifier,
        sample.vocabulary(),
        function_words(sample.words),
        read_held_out(cleaning.held_out, characters),
        cleaning.personal_data,
        cleaning.min_characters,
        cleaning.max_characters,
    )
    return rules, measured


def _sample_chunk(chunk: Chunk, characters: Characters, seed: int, every: int) -> Sample:
    sample = Sample()
    for index, job in enumerate(read_jobs(chunk, ("text",))):
        texts = [piece for text in job["text"].to_pylist() for piece in pieces(text)]
        sample.read(texts, seed)
        if index % every == 0:
            sample.count(texts, characters)
    return sample


@dataclass
class _Work:
    """One cleaning under way."""

    engine: Engine
    chunks: list[Chunk]
    scratch: Scratch
    rules: Rules
    params: Params

    def annotate(self, stride: int) -> Funnel:
        """Judge every document by itself; find what repeats exactly."""
        cleaning = self.params.cleaning
        funnel = Funnel(stride)
        work = Annotate(self.rules, self.scratch, stride, cleaning.enabled)
        with self._progress("clean") as bar:
            for chunk, part in zip(self.chunks, self.engine.map(work, self.chunks), strict=True):
                funnel.pour(part)
                bar.advance(chunk.rows)
        exact = cleaning.enabled and cleaning.deduplicate
        for name, found in (("left", "duplicates"), ("paragraphs", "repeated")):
            sizes = [len(self.scratch.load(name, chunk.index)) for chunk in self.chunks]
            self._save(found, sizes, self._repeats(name, sizes) if exact else _NONE)
        return funnel

    def survey(self) -> None:
        """See what is left of every document."""
        work = Survey(self.rules, self.scratch, self._near is not None)
        with self._progress("clean: surveying") as bar:
            for chunk, _ in zip(self.chunks, self.engine.map(work, self.chunks), strict=True):
                bar.advance(chunk.rows)

    def decide(self) -> int:
        """Give every document its verdict and its place among those that stay, by characters.

        Returns:
            How many characters stay.
        """
        sizes = [chunk.rows for chunk in self.chunks]
        verdicts = np.full(sum(sizes), STAYS, np.uint8)
        cleaning = self.params.cleaning
        if self._near is not None:
            verdicts[self._find_near(self._near)] = NEAR
        if cleaning.enabled and cleaning.deduplicate:
            verdicts[self._repeats("left", sizes)] = DUPLICATE
        total = 0
        for chunk in self.chunks:
            mine = verdicts[chunk.first : chunk.first + chunk.rows]
            left = self.scratch.load("left", chunk.index)
            stays = np.where((mine == STAYS) & (left["key"] != 0), left["characters"], 0)
            self.scratch.save("verdicts", chunk.index, mine)
            self.scratch.save("begins", chunk.index, total + np.cumsum(stays) - stays)
            total += int(stays.sum())
        return total

    def _find_near(self, threshold: float) -> NDArray[np.int64]:
        """Documents that are nearly the same as an earlier one."""
        firsts = [*(chunk.first for chunk in self.chunks), sum(c.rows for c in self.chunks)]
        pairs = np.zeros((0, 2), np.int64)
        with progress("clean: comparing", BANDS + 2 * len(self.chunks)) as bar:
            for found in self.engine.map(Candidates(self.scratch, firsts), range(BANDS)):
                pairs = np.unique(np.concatenate([pairs, found]), axis=0)
                bar.advance()
            sizes = [chunk.rows for chunk in self.chunks]
            self._save("wanted", sizes, np.unique(pairs))
            for chunk in self.chunks:
                mine = (pairs[:, 1] >= chunk.first) & (pairs[:, 1] < chunk.first + chunk.rows)
                self.scratch.save("pairs", chunk.index, pairs[mine])
            for _ in self.engine.map(Extract(self.rules, self.scratch), self.chunks):
                bar.advance()
            near = []
            compare = Compare(self.scratch, firsts, threshold)
            for found in self.engine.map(compare, range(len(self.chunks))):
                near.append(found)
                bar.advance()
        return np.concatenate(near)

    def finish(self, work: Finish, funnel: Funnel) -> tuple[dict[str, Any], set[str]]:
        """Write everything. Returns the sizes of the splits, and who was dropped whole.

        Raises:
            UserError: a split is too small.
        """
        sizes: dict[str, Counter[str]] = {}
        lost: set[str] = set()
        with self._progress("clean: writing") as bar:
            for chunk, part in zip(self.chunks, self.engine.map(work, self.chunks), strict=True):
                funnel.pour(part.funnel)
                for name, size in part.sizes.items():
                    sizes.setdefault(name, Counter()).update(size)
                lost.update(part.dropped)
                bar.advance(chunk.rows)
        splits = [sizes.get(name, Counter()) for name in SPLITS]
        check_sizes([s["documents"] for s in splits], [s["characters"] for s in splits])
        if not any(work.dropped.glob("part-*.parquet")):
            DocumentWriter(work.dropped, DROPPED_SCHEMA).close()
        report = {
            name: {what: size[what] for what in ("documents", "bytes")}
            for name, size in zip(SPLITS, splits, strict=True)
        }
        copies = [size for name, size in sizes.items() if name not in SPLITS]
        if copies:
            report["copies"] = {w: sum(s[w] for s in copies) for w in ("documents", "bytes")}
        return report, lost

    @property
    def _near(self) -> float | None:
        cleaning = self.params.cleaning
        return cleaning.near_duplicates if cleaning.enabled and cleaning.deduplicate else None

    def _progress(self, what: str) -> Any:
        return progress(what, sum(chunk.rows for chunk in self.chunks))

    def _repeats(self, name: str, sizes: list[int]) -> NDArray[np.int64]:
        """Places, over all chunks, of keys that stand at an earlier place too."""
        of = partitions(sum(sizes))
        work = Repeats(self.scratch, len(self.chunks), name, of)
        return np.sort(np.concatenate(list(self.engine.map(work, range(of)))))

    def _save(self, name: str, sizes: list[int], places: NDArray[np.int64]) -> None:
        """Hand every chunk its part of these places, counted from its own first."""
        begin = 0
        for chunk, size in zip(self.chunks, sizes, strict=True):
            here = places[np.searchsorted(places, begin) : np.searchsorted(places, begin + size)]
            self.scratch.save(name, chunk.index, here - begin)
            begin += size


_NONE = np.zeros(0, np.int64)


def _measure_dirt(raw: Path, dropped: Collection[str]) -> dict[str, float | None]:
    """Precision and recall of dropping documents, where the source knows which are dirt."""
    flagged = dirty = both = 0
    for batch in read_batches(raw, ["id", "label"]):
        for name, label in zip(*batch.to_pydict().values(), strict=True):
            flagged += name in dropped
            dirty += label != "good"
            both += name in dropped and label != "good"
    return {
        "precision": both / flagged if flagged else None,
        "recall": both / dirty if dirty else None,
    }
