"""Encoding a corpus, file to file: against `datasets.map` with the same tokenizer, and its memory
on many copies of a corpus."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from pipeline.cleaning.engine import usable_cores
from pipeline.documents import read_texts, shards
from tests.bench.isolated import Cost, isolated
from tests.bench.texts import Text, large_text, repeated, small_texts

MEGABYTES = 20
VOCABULARY = 4096
COPIES = (1, 8)


def encoding(megabytes: float = MEGABYTES) -> None:
    """Lines and documents, ours beside the map, with one process and with one on each core."""
    with tempfile.TemporaryDirectory() as name:
        for text in small_texts(Path(name), megabytes):
            _one_text(text, Path(name))


def memory(megabytes: float) -> None:
    """The most memory of all processes together, on a corpus and on eight copies of it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = large_text(folder, megabytes)
        tokenizer = _tokenizer(text, folder)
        print(f"\nencoding {text.language}, copies of {text.size / 1e6:.0f} MB")
        _head()
        for copies in COPIES:
            with tempfile.TemporaryDirectory(dir=folder) as inside:
                more = repeated(text, Path(inside) / "clean", copies, False)
                cost = isolated(ours, more.raw, Path(inside), tokenizer, usable_cores())
            _print(f"{copies} copies", more, cost, None)


def _one_text(text: Text, folder: Path) -> None:
    tokenizer = _tokenizer(text, folder)
    print(f"\nencoding {text.language}: {text.size / 1e6:.1f} MB, {text.documents:,} documents")
    _head()
    for workers in sorted({1, usable_cores()}):
        mine: Cost | None = None
        for name, work in (("ours", ours), ("datasets.map, batched", by_map)):
            with tempfile.TemporaryDirectory(dir=folder) as inside:
                cost = isolated(work, text.raw, Path(inside), tokenizer, workers)
            _print(f"{name}, {workers} processes", text, cost, mine)
            mine = mine or cost
            if cost.result != mine.result:
                raise SystemExit(f"{name} made {cost.result:,} tokens, not {mine.result:,}")


def ours(source: Path, folder: Path, tokenizer: Path, workers: int) -> Callable[[], int]:
    """Parquet to a token file; returns the number of tokens, less those that begin documents."""
    from pipeline.cleaning.engine import LocalEngine
    from pipeline.tokenization.encode import ChunkEncoder, encode_split, library_threads

    work = ChunkEncoder(_load(tokenizer))

    def encode() -> int:
        engine = LocalEngine(workers)
        with library_threads(workers <= 1):
            record = encode_split(source, work, engine, folder, "train")
        return int(record["tokens"] - record["documents"])

    return encode


def by_map(source: Path, folder: Path, tokenizer: Path, workers: int) -> Callable[[], int]:
    """Parquet to the Arrow file that the map writes, as its documentation shows it."""
    import datasets

    datasets.disable_progress_bars()
    files = [str(path) for path in shards(source)]
    table: Any = datasets.Dataset.from_parquet(files, cache_dir=str(folder), columns=["text"])
    encoder = _load(tokenizer)

    def ids(rows: dict[str, list[str]]) -> dict[str, list[list[int]]]:
        encoded = encoder.encode_batch_fast(rows["text"], add_special_tokens=False)
        return {"ids": [one.ids for one in encoded]}

    def encode() -> int:
        import pyarrow.compute as pc

        made = table.map(ids, batched=True, num_proc=workers, remove_columns=["text"])
        lengths = [pc.sum(pc.list_value_length(part)) for part in made.data.column("ids").chunks]
        return sum(length.as_py() for length in lengths)

    return encode


def _tokenizer(text: Text, folder: Path) -> Path:
    from itertools import islice

    from pipeline.tokenization.train import train_bpe

    some = list(islice(read_texts(text.raw), text.documents // 4 + 1))
    path = folder / f"{text.language}.json"
    train_bpe(some, VOCABULARY).save(str(path))
    return path


def _load(path: Path) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.encode_special_tokens = True
    return tokenizer


def _head() -> None:
    columns = ("MB/s", "MB/CPU s", "x clock", "x CPU", "GB")
    print(f"{'':<36}" + "".join(f"{column:>10}" for column in columns), flush=True)


def _print(name: str, text: Text, cost: Cost, mine: Cost | None) -> None:
    size = text.size / 1e6
    ratios = ("", "")
    if mine is not None:
        clock, processor = cost.seconds / mine.seconds, cost.processor / mine.processor
        ratios = (f"{clock:.2f}", f"{processor:.2f}")
    columns = (
        f"{size / cost.seconds:.2f}",
        f"{size / cost.processor:.2f}",
        *ratios,
        f"{cost.together / 1e9:.2f}",
    )
    print(f"{name:<36}" + "".join(f"{column:>10}" for column in columns), flush=True)
