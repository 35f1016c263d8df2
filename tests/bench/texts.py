"""The text that cleaning is measured on: real where there is some, or else the demo's.

TUGANTEL_CORPORA names a folder with Kinyarwanda sentences and North Sámi documents (kin/ and sme/).
Without it the demo corpus is told at greater length.
"""

import json
import lzma
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline.documents import DocumentWriter, in_batches, read_batches
from pipeline.params import DemoParams, Params, parse_params
from tests.project import ROOT

SHARD_BYTES = 1 << 20  # small shards: datatrove hands out whole files
DEMO_DOCUMENT = 230  # bytes, about
MORE = 4  # times as much of whole documents as of sentences, on which the others are slowest
KIN, SME = "kin/common-voice.txt.xz", "sme/giellatekno-free.jsonl.xz"

Rows = Iterator[dict[str, Any]]


@dataclass(frozen=True)
class Text:
    """A raw corpus: a folder of documents, their bytes and number, and whether they are whole
    documents or sentences."""

    language: str
    raw: Path
    size: int
    documents: int
    whole: bool

    def params(self, near: float | None = None) -> Params:
        """The demo's params for this language."""
        values = yaml.safe_load((ROOT / "presets/demo.yaml").read_text(encoding="utf-8"))
        values["corpus"]["language"] = self.language
        values["cleaning"]["contaminants"] = str(ROOT / "languages/contaminants")
        values["cleaning"]["near_duplicates"] = near
        return parse_params(values)


def small_texts(folder: Path, megabytes: float) -> list[Text]:
    """A part of every corpus at hand."""
    corpora = os.environ.get("TUGANTEL_CORPORA")
    if corpora is None:
        return [_write(folder / "tat", "tat", _demo(megabytes), megabytes, False)]
    return [
        _write(folder / "kin", "kin", _kinyarwanda(Path(corpora)), megabytes, False),
        _write(folder / "sme", "sme", _north_sami(Path(corpora)), MORE * megabytes, True),
    ]


def large_text(folder: Path, megabytes: float) -> Text:
    """The corpus that is repeated."""
    corpora = os.environ.get("TUGANTEL_CORPORA")
    if corpora is None:
        return _write(folder / "tat", "tat", _demo(megabytes), megabytes, False)
    return _write(folder / "sme", "sme", _north_sami(Path(corpora)), megabytes, True)


def repeated(text: Text, folder: Path, copies: int, changed: bool) -> Text:
    """A corpus several times over, with other ids; if `changed`, with another word in each
    paragraph of a copy, so that paragraphs are no longer the same but documents nearly are."""

    def rows() -> Rows:
        for copy in range(copies):
            for batch in read_batches(text.raw, size=256):
                for row in batch.to_pylist():
                    again = _changed(row["text"], copy) if changed and copy else row["text"]
                    yield {**row, "id": f"{row['id']}~{copy}", "text": again}

    return _write(folder, text.language, rows(), float("inf"), text.whole)


def _changed(text: str, copy: int) -> str:
    word = "".join("aeiosunrtl"[int(digit)] for digit in f"{copy:03d}")  # digits are not compared
    paragraphs = [paragraph.split(" ") for paragraph in text.split("\n")]
    for words in paragraphs:
        words[sum(map(len, words)) % len(words)] = word
    return "\n".join(" ".join(words) for words in paragraphs)


def _write(folder: Path, language: str, rows: Rows, megabytes: float, whole: bool) -> Text:
    size = 0

    def counted() -> Rows:
        nonlocal size
        for row in rows:
            yield row
            size += len(row["text"].encode())
            if size >= megabytes * 1e6:
                return

    with DocumentWriter(folder, shard_bytes=SHARD_BYTES) as writer:
        for batch in in_batches(counted(), limit=SHARD_BYTES):
            writer.write(batch)
    return Text(language, folder, size, writer.rows, whole)


def _demo(megabytes: float) -> Rows:
    from pipeline.corpus.demo import demo_documents

    wanted = int(megabytes * 1e6 / DEMO_DOCUMENT)
    for row in demo_documents(DemoParams(documents=min(max(wanted, 200), 1_000_000))):
        yield {name: row[name] for name in ("id", "text", "source")}


def _kinyarwanda(corpora: Path) -> Rows:
    with lzma.open(corpora / KIN, "rt", encoding="utf-8") as lines:
        yield from _numbered((line.strip() for line in lines), "common-voice")


def _north_sami(corpora: Path) -> Rows:
    with lzma.open(corpora / SME, "rt", encoding="utf-8") as lines:
        yield from _numbered((json.loads(line)["text"] for line in lines), "giellatekno")


def _numbered(texts: Iterable[str], source: str) -> Rows:
    for number, text in enumerate(texts):
        if text:
            yield {"id": f"{source}:{number}", "text": text, "source": source}
