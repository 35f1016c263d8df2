"""Bring every source into one form: documents with id, text and source, in data/raw.

The demo brings its answer keys too: a column `label` that cleaning must not see, and data/probes.
"""

import json
from pathlib import Path
from typing import Any

from pipeline.corpus import documents, open_record, source_names
from pipeline.corpus.fingerprint import corpus_settings
from pipeline.documents import SCHEMA, DocumentWriter, in_batches
from pipeline.errors import UserError
from pipeline.files import atomic_folder, read_json, write_json, write_text
from pipeline.params import Params, TextSource
from pipeline.progress import progress
from stages import run

SOURCES = Path("data/sources.json")
RAW = Path("data/raw")
PROBES = Path("data/probes")


def main(params: Params) -> None:
    """Read all sources into data/raw, which appears only when it is complete."""
    recorded = read_json(SOURCES)
    _same(recorded, corpus_settings(params))
    _write_probes(params)
    with atomic_folder(RAW) as folder:
        records = _write_raw(params, folder)
        _same(recorded, corpus_settings(params))
        write_json(folder / "sources.json", {"sources": records})
    for record in records:
        print(
            f"{record['name']}: {record['documents']:,} documents, "
            f"{record['bytes'] / 1e6:,.1f} MB, licence {record['licence']}"
        )


def _write_raw(params: Params, folder: Path) -> list[dict[str, Any]]:
    import pyarrow as pa

    sources = params.corpus.sources
    labelled = any(source.kind == "demo" for source in sources)
    schema = SCHEMA.append(pa.field("label", pa.string())) if labelled else SCHEMA
    records = []
    with DocumentWriter(folder, schema) as writer:
        for source, name in zip(sources, source_names(sources), strict=True):
            record = open_record(source, name)
            with progress(f"Reading {name}") as bar:
                for batch in in_batches(documents(source, params, record), schema):
                    writer.write(batch)
                    bar.advance(batch.num_rows, f"documents, {record.bytes / 1e6:,.0f} MB")
                for note in record.notes():
                    bar.line(note)
            records.append(record.as_json())
    given = [source.text for source in sources if isinstance(source, TextSource)]
    if len(set(given)) < len(given):
        print(
            "a text of params is in more than one source: where their parts differ, validation and "
            "test say how well the training text is learnt by heart, not how well it is understood",
            flush=True,
        )
    return records


def _write_probes(params: Params) -> None:
    """The questions and pairs that the demo's world has answers to; else a word about it."""
    with atomic_folder(PROBES) as folder:
        if any(source.kind == "demo" for source in params.corpus.sources):
            from pipeline.corpus.demo import demo_facts, demo_pairs

            write_json(folder / "facts.json", demo_facts(params.demo))
            pairs = [json.dumps(pair, ensure_ascii=False) for pair in demo_pairs(params.demo)]
            write_text(folder / "pairs.jsonl", "\n".join(pairs) + "\n")
        else:
            write_text(folder / "README.md", "Only the demo brings its own questions.\n")


def _same(recorded: dict[str, Any], now: dict[str, Any]) -> None:
    """Refuse to mix two states of a corpus: what DVC was told of and what is there now."""
    if recorded == json.loads(json.dumps(now)):
        return
    before = _hashes(recorded)
    after = _hashes(now)
    changed = sorted(name for name in before | after if before.get(name) != after.get(name))
    what = f"{changed[0]} changed" if changed else "the params of the corpus changed"
    raise UserError(f"{what} since {SOURCES} was written: run `dvc repro` again")


def _hashes(settings: dict[str, Any]) -> dict[str, str]:
    sources = settings.get("sources", []) if isinstance(settings, dict) else []
    return {
        f"{source['name']}/{file['name']}": file["sha256"]
        for source in sources
        for file in source.get("files", [])
    }


if __name__ == "__main__":
    run(main)
