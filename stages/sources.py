"""Say what the corpus consists of, and notice when local text was edited.

This stage always runs. It writes data/sources.json, which `download` depends on: settings of every
source and the hashes of local files, but no path: the same text elsewhere is the same corpus.
Likewise data/references.json, for what `clean` compares with, data/ready.json, for tokenizers of
others, and data/benchmark.json, for pairs, facts and texts that `evaluate` asks.
"""

from pathlib import Path

from pipeline.corpus.fingerprint import (
    as_text,
    benchmark_settings,
    corpus_settings,
    ready_settings,
    reference_settings,
    write_if_changed,
)
from pipeline.params import Params
from stages import run

SOURCES = Path("data/sources.json")
REFERENCES = Path("data/references.json")
READY = Path("data/ready.json")
BENCHMARK = Path("data/benchmark.json")


def main(params: Params) -> None:
    """Fingerprint the sources; a file is touched only when something changed."""
    write_if_changed(SOURCES, as_text(corpus_settings(params)))
    write_if_changed(REFERENCES, as_text(reference_settings(params)))
    write_if_changed(READY, as_text(ready_settings(params)))
    write_if_changed(BENCHMARK, as_text(benchmark_settings(params)))


if __name__ == "__main__":
    run(main)
