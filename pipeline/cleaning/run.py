"""Cleaning from end to end: two readings of the corpus, whatever its size, in bounded memory.

    data/raw -> sample -> identifier ---.
        `-----------------> annotate -> deduplicate -> split -> data/clean, data/dropped
                           (workers)    (one process, in order)

The first reading samples lines and makes the identifier; the second judges every document.
Documents keep their order, and no result depends on how many processes did the work.
"""

import time
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from pipeline.cleaning.annotate import REPEATABLE, Annotated, Rules, annotate
from pipeline.cleaning.characters import Characters
from pipeline.cleaning.choose import check_letters, choose_identifier
from pipeline.cleaning.deduplicate import HashSet
from pipeline.cleaning.normalise import normalise
from pipeline.cleaning.outputs import Funnel, Outputs
from pipeline.cleaning.parallel import ordered_map, usable_cores
from pipeline.cleaning.sample import Sample, Sampled, sample_batch
from pipeline.documents import SCHEMA, atomic_folder, count_documents, read_batches, shards
from pipeline.errors import UserError
from pipeline.languages import Language, describe, language_from_text, load_language
from pipeline.params import Params
from pipeline.progress import Progress, progress

JOB_CHARACTERS = 1 << 20
JOB_ROWS = 4096
TOLD_BY = 4 << 20  # characters that tell of the language's letters
WORD_BYTES = 32 << 20  # text that words are taken from to put broken ones together

Job = dict[str, list[str]]


def clean(
    raw: Path,
    out: Path,
    dropped: Path,
    params: Params,
    workers: int | None = None,
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Clean the documents in `raw` into `out`/{train,validation,test} and `dropped`.

    Returns what goes to reports/cleaning.json, words.json and dropped_examples.json.

    Raises:
        UserError: nothing is left, a split is too small, or the identifier cannot be had.
    """
    started = time.monotonic()
    workers = usable_cores() if workers is None else workers
    total = count_documents(raw)
    if not total:
        raise UserError("data/raw holds no documents: check corpus.sources")
    language = find_language(params.corpus.language, raw)
    characters = Characters(language)
    with progress("clean: reading", total) as bar:
        sample = _read_sample(raw, characters, params.cleaning.seed, workers, bar)
    wanted = params.cleaning.identifier
    path = None if wanted in ("made", "none") else Path(wanted)
    identifier, measured = choose_identifier(
        params.cleaning, path, language, characters, sample.finish()
    )
    rules = Rules(
        characters,
        identifier,
        sample.vocabulary(),
        params.cleaning.min_characters,
        params.cleaning.max_characters,
    )
    with (
        atomic_folder(out) as clean_folder,
        atomic_folder(dropped) as dropped_folder,
        progress("clean", total) as bar,
        Outputs(clean_folder, dropped_folder, params.split) as outputs,
    ):
        funnel = Funnel(characters, _stored_bytes(raw), labelled=_has_labels(raw))
        seen, paragraphs = HashSet(), HashSet()
        for job, documents in ordered_map(partial(_judge, rules=rules), _jobs(raw), workers):
            if params.cleaning.deduplicate:
                _deduplicate(documents, seen, paragraphs, rules)
            funnel.add(job, documents)
            outputs.write(job, documents)
            bar.advance(len(documents))
        splits = outputs.finish()
    report = {
        **funnel.report(),
        "identifier": {"name": identifier.name, **measured},
        "language": describe(language),
        "dirt": _measure_dirt(raw, funnel.dropped_ids),
        "splits": splits,
        "seconds": round(time.monotonic() - started, 2),
    }
    return report, funnel.words(), funnel.examples


def find_language(code: str, raw: Path) -> Language:
    """What languages/ says of a language, or else what the beginning of its text does."""
    texts: list[str] = []
    for batch in read_batches(raw, ["text"], 256):
        texts += normalise(batch.column(0).to_pylist())
        if sum(map(len, texts)) > TOLD_BY:
            break
    language = load_language(code)
    if language is None:
        language = language_from_text(code, texts)
        print(describe(language), flush=True)
    check_letters(language, texts)
    return language


def _jobs(raw: Path) -> Iterator[Job]:
    """Documents in order, in jobs of a bounded number of rows and characters."""
    for batch in read_batches(raw, SCHEMA.names, JOB_ROWS):
        rows = batch.to_pydict()
        begin = characters = 0
        for end, text in enumerate(rows["text"], 1):
            characters += len(text)
            if characters >= JOB_CHARACTERS or end == batch.num_rows:
                yield {name: rows[name][begin:end] for name in SCHEMA.names}
                begin, characters = end, 0


def _read_sample(
    raw: Path, characters: Characters, seed: int, workers: int, bar: Progress
) -> Sample:
    sample = Sample()
    stride = _stored_bytes(raw) // WORD_BYTES + 1
    jobs = (
        (job["text"], sample.limit, index % stride == 0) for index, job in enumerate(_jobs(raw))
    )

    def work(job: tuple[list[str], int, bool]) -> Sampled:
        return sample_batch(job[0], characters, seed, job[1], job[2])

    for (texts, _, _), part in ordered_map(work, jobs, workers):
        sample.add(part)
        bar.advance(len(texts))
    return sample


def _judge(job: Job, rules: Rules) -> list[Annotated]:
    return annotate(job["text"], rules)


def _stored_bytes(raw: Path) -> int:
    """About how much text there is: what the shards hold, unpacked."""
    files = [pq.read_metadata(path) for path in shards(raw)]
    return sum(
        file.row_group(i).total_byte_size for file in files for i in range(file.num_row_groups)
    )


def _has_labels(raw: Path) -> bool:
    return "label" in pq.read_schema(shards(raw)[0]).names


def _deduplicate(
    documents: list[Annotated], seen: HashSet, paragraphs: HashSet, rules: Rules
) -> None:
    """Drop documents that were there before, then long paragraphs that were: the later ones go."""
    kept = [document for document in documents if document.kept]
    new = seen.add(np.array([document.key for document in kept], np.uint64))
    for document, first in zip(kept, new.tolist(), strict=True):
        if not first:
            document.drop("duplicate", "")
    long = [
        (document, paragraph)
        for document in kept
        if len(document.kept) > 1
        for paragraph in document.kept
        if len(paragraph.text) >= REPEATABLE
    ]
    new = paragraphs.add(np.array([paragraph.key for _, paragraph in long], np.uint64))
    repeated: dict[int, tuple[Annotated, set[int]]] = {}
    for (document, paragraph), first in zip(long, new.tolist(), strict=True):
        if not first:
            repeated.setdefault(id(document), (document, set()))[1].add(paragraph.part)
    left = []
    for document, parts in repeated.values():
        document.drop_parts(parts, "repeated", "in an earlier document or earlier in this one")
        if len(document.text) < rules.min_characters:
            document.drop("repeated", "nearly every paragraph")
        else:
            left.append(document)
    if left:  # what is left may be what is left of another document
        keys = rules.characters.measure([document.text for document in left]).keys
        for document, key, first in zip(left, keys.tolist(), seen.add(keys).tolist(), strict=True):
            document.key = key
            if not first:
                document.drop("duplicate", "but for repeated paragraphs")


def _measure_dirt(raw: Path, dropped: Collection[str]) -> dict[str, float | None]:
    """Precision and recall of dropping documents, where the source knows which are dirt."""
    if not _has_labels(raw):
        return {"precision": None, "recall": None}
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
