"""What a sweep over six vocabulary sizes costs beside the training of the largest alone."""

import itertools
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench.isolated import Cost, isolated
from tests.bench.texts import Text, small_texts

MEGABYTES = 20
SIZES = [512, 1024, 2048, 4096, 8192, 16384]
ROUNDS = 3
HELD_OUT = 20  # one batch of so many is the validation text


def tokenizers(megabytes: float = MEGABYTES) -> None:
    """In turn, so that a machine that drifts drifts for both; the small models are not counted."""
    with tempfile.TemporaryDirectory() as name:
        for text in small_texts(Path(name), megabytes):
            print(f"\nsweep {text.language}: {text.size / 1e6:.1f} MB, sizes {SIZES}")
            print(f"{'':<28}{'CPU s':>8}{'GB':>8}{'ratio':>8}", flush=True)
            for _ in range(ROUNDS):
                alone = _measure(_train, text, Path(name))
                _print("the largest alone", alone, None)
                _print("training and measuring all", _measure(_sweep, text, Path(name)), alone)


def _measure(work: Callable[..., Callable[[], None]], text: Text, folder: Path) -> Cost:
    with tempfile.TemporaryDirectory(dir=folder) as inside:
        return isolated(work, text.raw, Path(inside), text.size / 1e6)


def _train(raw: Path, _: Path, megabytes: float) -> Callable[[], None]:
    """As the sweep does it, from files: a sample, then one training."""
    from pipeline.tokenization.kinds import train_sizes
    from pipeline.tokenization.sample import sample_texts

    def work() -> None:
        train_sizes("byte_bpe", sample_texts(raw, megabytes, 0), SIZES[-1:])

    return work


def _sweep(raw: Path, folder: Path, megabytes: float) -> Callable[[], None]:
    from pipeline.documents import DocumentWriter, read_batches
    from pipeline.params import TokenizerParams
    from pipeline.tokenization.sweep import try_out

    clean = folder / "clean"
    clean.mkdir()
    (clean / "train").symlink_to(raw)
    some = itertools.islice(read_batches(raw, size=256), 0, None, HELD_OUT)
    with DocumentWriter(clean / "validation") as writer:  # any text does to measure the cost
        for batch in some:
            writer.write(batch)
    params = TokenizerParams(sizes=SIZES, sample_megabytes=megabytes)

    def work() -> None:
        try_out(params, clean, folder)

    return work


def _print(name: str, cost: Cost, alone: Cost | None) -> None:
    ratio = "" if alone is None else f"{cost.processor / alone.processor:.2f}"
    print(f"{name:<28}{cost.processor:>8.1f}{cost.together / 1e9:>8.2f}{ratio:>8}", flush=True)
