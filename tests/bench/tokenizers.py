"""What a sweep over six vocabulary sizes costs beside the training of the largest alone."""

import itertools
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench.isolated import Cost, isolated
from tests.bench.texts import Text, small_texts

MEGABYTES = 20
SIZES = [600, 1024, 2048, 4096, 8192, 16384]  # WordPiece begins at 513
KINDS = ["byte_bpe", "bpe", "wordpiece", "unigram"]
ROUNDS = 3
HELD_OUT = 20  # one batch of so many is the validation text


def tokenizers(megabytes: float = MEGABYTES) -> None:
    """In turn, so that a machine that drifts drifts for all; the small models are not counted."""
    with tempfile.TemporaryDirectory() as name:
        for text in small_texts(Path(name), megabytes):
            print(f"\nsweep {text.language}: {text.size / 1e6:.1f} MB, sizes {SIZES}")
            print(f"{'':<36}{'CPU s':>8}{'GB':>8}{'ratio':>8}", flush=True)
            for kind, _ in itertools.product(KINDS, range(ROUNDS)):
                alone = _measure(_train, text, Path(name), kind, SIZES[-1:])
                _print(f"{kind}, the largest alone", alone, None)
                _print("  all six", _measure(_train, text, Path(name), kind, SIZES), alone)
                _print("  all six, measured too", _measure(_sweep, text, Path(name), kind), alone)


def _measure(
    work: Callable[..., Callable[[], None]], text: Text, folder: Path, *how: object
) -> Cost:
    with tempfile.TemporaryDirectory(dir=folder) as inside:
        return isolated(work, text.raw, Path(inside), text.size / 1e6, *how)


def _train(raw: Path, _: Path, megabytes: float, kind: str, sizes: list[int]) -> Callable[[], None]:
    """As the sweep does it, from files: a sample, then the training."""
    from pipeline.tokenization.kinds import train_sizes
    from pipeline.tokenization.sample import sample_texts

    def work() -> None:
        train_sizes(kind, sample_texts(raw, megabytes, 0), sizes)

    return work


def _sweep(raw: Path, folder: Path, megabytes: float, kind: str) -> Callable[[], None]:
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
    params = TokenizerParams.model_validate(
        {"kinds": [kind], "sizes": SIZES, "sample_megabytes": megabytes}
    )

    def work() -> None:
        try_out(params, clean, folder)

    return work


def _print(name: str, cost: Cost, alone: Cost | None) -> None:
    ratio = "" if alone is None else f"{cost.processor / alone.processor:.2f}"
    print(f"{name:<36}{cost.processor:>8.1f}{cost.together / 1e9:>8.2f}{ratio:>8}", flush=True)
