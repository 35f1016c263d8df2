"""datatrove's local executor with equivalent filters, as its FineWeb examples put them together.

In its favour: the identifier, which is the same, judges whole documents unless paragraphs are asked
for; words are what stands between spaces, since its own tokenizers are slower (spaCy's) and some
want a download; nothing looks for repeated paragraphs; where documents are sentences or paragraphs,
the shares of their commonest n-grams, which mean nothing there, are not counted. Off for all:
limits on the length of documents and words, and English stop words.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import xxhash

from pipeline.params import Params
from tests.bench import contestants
from tests.bench.contestants import Work, make_rules, quiet

try:
    from datatrove.data import Document
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.base import PipelineStep
    from datatrove.pipeline.dedup import (
        ExactDedupConfig,
        ExactDedupFilter,
        ExactDedupSignature,
        ExactFindDedups,
        MinhashConfig,
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.filters import (
        GopherQualityFilter,
        GopherRepetitionFilter,
        LambdaFilter,
    )
    from datatrove.pipeline.formatters import FTFYFormatter, PIIFormatter
    from datatrove.pipeline.readers import ParquetReader
    from datatrove.pipeline.writers import ParquetWriter
    from datatrove.utils.hashes import xxhash as hashes
    from datatrove.utils.word_tokenizers import WordTokenizer
except ImportError as error:
    raise SystemExit(f"{error}: run `make bench`, which installs it") from None


class Paragraphs(PipelineStep):
    """Makes every paragraph a document."""

    name = "Paragraphs"

    def run(self, data: Any, rank: int = 0, world_size: int = 1) -> Iterator[Document]:
        for document in data:
            for part, text in enumerate(document.text.split("\n")):
                if text.strip():
                    yield Document(text, f"{document.id}#{part}", metadata=dict(document.metadata))


class Spaces(WordTokenizer):
    """Words are what stands between spaces."""

    def word_tokenize(self, text: str) -> list[str]:
        return text.split()

    def sent_tokenize(self, text: str) -> list[str]:
        return text.splitlines()

    def span_tokenize(self, text: str) -> list[tuple[int, int]]:
        raise NotImplementedError


def by_datatrove(
    raw: Path,
    folder: Path,
    params: Params,
    workers: int,
    unit: Literal["document", "paragraph", "sentence"],
    exact: bool,
    near: bool,
) -> Work:
    """Filters; if `exact`, then exact duplicates; if `near`, MinHash after that. Documents are
    judged whole, or taken apart into paragraphs, as ours are."""
    from loguru import logger

    logger.remove()
    hashes.xxhash64 = _hash
    contestants.rules = make_rules(raw, params, workers)
    words = Spaces()

    def stage(name: str, steps: list[PipelineStep], tasks: int = workers) -> Any:
        executor = LocalPipelineExecutor(
            steps,
            tasks=tasks,
            workers=min(workers, tasks),
            logging_dir=str(folder / "logs" / name),
            start_method="fork",  # so that processes find the identifier
        )
        return executor.run()

    def read(name: str) -> ParquetReader:
        return ParquetReader(str(folder / name))

    def write(name: str) -> ParquetWriter:
        return ParquetWriter(str(folder / name), compression="zstd")

    def lost(name: str) -> ParquetWriter:
        return write(f"dropped/{name}")

    def work() -> dict[str, Any]:
        with quiet():
            config = ExactDedupConfig(content_getter=_content)
            filters = [
                ParquetReader(str(raw)),
                *([Paragraphs()] if unit == "paragraph" else []),
                FTFYFormatter(normalization="NFC"),
                LambdaFilter(_in_language, exclusion_writer=lost("language")),
                GopherRepetitionFilter(
                    **({} if unit == "document" else {"top_n_grams": ()}),
                    language=words,
                    exclusion_writer=lost("repetition"),
                ),
                GopherQualityFilter(
                    min_doc_words=None,
                    max_doc_words=None,
                    max_avg_word_length=None,
                    min_stop_words=None,
                    language=words,
                    exclusion_writer=lost("quality"),
                ),
                PIIFormatter(),
                write("filtered"),
            ]
            done = "filtered"
            if exact:
                sign = ExactDedupSignature(str(folder / "exact"), config, workers)
                stage("filters", [*filters, sign])
                find = ExactFindDedups(str(folder / "exact"), str(folder / "found"), config)
                stage("find", [find])
                drop = ExactDedupFilter(str(folder / "found"), config, lost("duplicate"))
                steps = [read("filtered"), drop, write("unique")]
                done = "unique"
            else:
                steps = filters
            if near:
                minhash = MinhashConfig()
                signatures = str(folder / "signatures")
                steps.append(MinhashDedupSignature(signatures, minhash, language=words))
                stage("unique", steps)
                buckets, clusters = str(folder / "buckets"), str(folder / "clusters")
                pairs = MinhashDedupBuckets(signatures, buckets, config=minhash)
                stage("buckets", [pairs], minhash.num_buckets)
                stage("clusters", [MinhashDedupCluster(buckets, clusters, minhash)], 1)
                drop = MinhashDedupFilter(clusters, lost("near"))
                stage("near", [read("unique"), drop, write("different")])
                done = "different"
            else:
                stage("unique", steps)
        return {"kept": _rows(folder / done)}

    return work


def _content(document: Document) -> bytes:
    return document.text.encode()


def _hash(data: str | bytes) -> int:
    """datatrove's, which hands over text; xxhash takes bytes alone since its fourth version."""
    return xxhash.xxh64_intdigest(data.encode() if isinstance(data, str) else data)


def _in_language(document: Document) -> bool:
    rules = contestants.rules
    assert rules is not None
    plain = rules.characters.measure([document.text]).plain
    return bool(rules.identifier.judge(plain, [document.text]).inside[0])


def _rows(folder: Path) -> int:
    import pyarrow.parquet as pq

    return sum(pq.read_metadata(path).num_rows for path in folder.glob("*.parquet"))
