"""Ways to clean a corpus that `cleaning` compares. Each is a function that makes ready and returns
the work that is measured; see `isolated`."""

import contextlib
import io
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from pipeline.cleaning import run
from pipeline.cleaning.annotate import Annotated, Rules, annotate
from pipeline.cleaning.characters import Characters, Measured
from pipeline.cleaning.chunks import plan_chunks
from pipeline.cleaning.engine import make_engine
from pipeline.cleaning.identify import Identifier, Judged
from pipeline.documents import shards
from pipeline.params import Params
from tests.bench.isolated import processor_seconds

Work = Callable[[], dict[str, Any]]

rules: Rules | None = None
"""What the processes of the other contestants find ready when they are forked."""


def ours(raw: Path, folder: Path, params: Params, workers: int) -> Work:
    """The whole of cleaning, from raw to clean text, with the making of the identifier; says what
    that took."""
    spent: dict[str, float] = {}
    make_rules = run._make_rules

    def timed(*arguments: Any) -> Any:
        started, before = time.perf_counter(), processor_seconds()
        made = make_rules(*arguments)
        spent["seconds"] = time.perf_counter() - started
        spent["processor"] = processor_seconds() - before
        return made

    def work() -> dict[str, Any]:
        with quiet(), patch.object(run, "_make_rules", timed):
            report, _, _ = run.clean(
                raw, folder / "clean", folder / "dropped", params, workers=workers
            )
        return {"kept": report["documents"]["kept"], "identifier": spent}

    return work


def make_rules(raw: Path, params: Params, workers: int) -> Rules:
    """What judging a document needs, made from the corpus as `clean` makes it."""
    engine = make_engine(params.cleaning.engine, workers)
    chunks = plan_chunks(raw)
    with quiet():
        language = run.find_language(params.corpus.language, chunks)
        return run._make_rules(raw, chunks, language, params, engine)[0]


def by_map(raw: Path, folder: Path, params: Params, workers: int, by: str) -> Work:
    """The same decisions in a `datasets.map`, then exact duplicates of documents with a set.

    `by` says how much goes at a time into our functions over lists: rows | row | paragraph. By
    paragraph is how it is written where there are no such functions: a loop over the paragraphs of
    a row, each identified and judged by itself.

    Does not make the identifier, look for repeated paragraphs or near-duplicates, divide into
    splits, keep what is dropped, or count anything.
    """
    global rules
    import datasets
    import multiprocess

    multiprocess.set_start_method("fork", force=True)
    datasets.disable_progress_bars()
    rules = make_rules(raw, params, workers)
    if by == "paragraph":
        rules = replace(
            rules, characters=OneByOne(rules.characters), identifier=EachAlone(rules.identifier)
        )
    batched = by == "rows"
    paths = [str(path) for path in shards(raw)]
    with quiet():
        table = datasets.Dataset.from_parquet(paths, cache_dir=str(folder))
    features = datasets.Features(
        {**table.features, "key": datasets.Value("int64"), "reason": datasets.Value("string")}
    )

    def work() -> dict[str, Any]:
        with quiet():
            judged = table.map(
                _judge_rows if batched else _judge_row,
                batched=batched,
                num_proc=workers,
                features=features,
                load_from_cache_file=False,
                new_fingerprint=f"judged_by_{by}",
            )
            seen: set[int] = {0}
            places = []
            for place, key in enumerate(judged["key"]):
                if key not in seen:
                    seen.add(key)
                    places.append(place)
            judged.select(places).to_parquet(str(folder / "clean.parquet"))
        return {"kept": len(places)}

    return work


class OneByOne:
    """Characters of one text at a time."""

    def __init__(self, characters: Characters) -> None:
        self.inner, self.language = characters, characters.language

    def measure(self, texts: Sequence[str]) -> Measured:
        found = [self.inner.measure([text]) for text in texts]
        ends = np.cumsum([measured.ends[-1] for measured in found])
        joined: dict[str, Any] = {"content": b"".join(m.content for m in found), "ends": ends}
        for field in fields(Measured):
            if field.name in joined:
                continue
            values = [getattr(measured, field.name) for measured in found]
            if isinstance(values[0], list):
                joined[field.name] = [item for value in values for item in value]
            else:
                joined[field.name] = np.concatenate(values)
        return Measured(**joined)


@dataclass(frozen=True)
class EachAlone:
    """An identifier that is asked about one text at a time."""

    inner: Identifier

    @property
    def name(self) -> str:
        return self.inner.name

    def judge(self, plain: Sequence[str], texts: Sequence[str]) -> Judged:
        found = [self.inner.judge([p], [t]) for p, t in zip(plain, texts, strict=True)]
        return Judged(
            np.concatenate([judged.inside for judged in found]),
            np.concatenate([judged.excess for judged in found]),
            [name for judged in found for name in judged.names],
        )


def _judge_row(row: dict[str, Any]) -> dict[str, Any]:
    assert rules is not None
    (document,) = annotate([row["text"]], rules, Counter())
    reason = "" if document.kept else document.dropped[0].reason
    return {"text": document.text, "key": _key(document), "reason": reason}


def _judge_rows(rows: dict[str, list[Any]]) -> dict[str, list[Any]]:
    assert rules is not None
    documents = annotate(rows["text"], rules, Counter())
    return {
        "text": [document.text for document in documents],
        "key": [_key(document) for document in documents],
        "reason": ["" if d.kept else d.dropped[0].reason for d in documents],
    }


def _key(document: Annotated) -> int:
    return document.key >> 1 if document.kept else 0  # what `datasets` can write


@contextmanager
def quiet() -> Iterator[None]:
    """Say nothing."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield
