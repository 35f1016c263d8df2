"""How cleaning grows: with processes, and with the corpus."""

import tempfile
from pathlib import Path

from pipeline.cleaning.engine import usable_cores
from tests.bench.contestants import ours
from tests.bench.isolated import Cost, isolated
from tests.bench.texts import Text, large_text, repeated

MEGABYTES = 1000  # of the corpus: all of it
COPIES = (1, 2, 4, 8)
NEAR = 0.8


def scaling(megabytes: float = MEGABYTES) -> None:
    """More processes on the same text; then the text 1, 2, 4, 8 times with other ids, first as it
    is, then with a word changed in every paragraph of every copy. Near-duplicates are looked for.

    The identifier is made from a sample of a fixed size, so its seconds are shown apart.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = large_text(folder, megabytes)
        print(f"\nscaling {text.language}: {text.size / 1e6:.1f} MB, {text.documents:,} documents")
        _head("processes")
        before = None
        for workers in range(1, usable_cores() + 1):
            cost = _clean(text, folder, workers)
            _print(str(workers), text, cost, before)
            before = before or cost
        for changed in (False, True):
            _head("copies, changed" if changed else "copies")
            before = None
            for copies in COPIES:
                with tempfile.TemporaryDirectory(dir=folder) as inside:
                    more = repeated(text, Path(inside), copies, changed)
                    cost = _clean(more, folder, usable_cores())
                _print(str(copies), more, cost, before)
                before = cost


def _clean(text: Text, folder: Path, workers: int) -> Cost:
    with tempfile.TemporaryDirectory(dir=folder) as inside:
        return isolated(ours, text.raw, Path(inside), text.params(NEAR), workers)


def _head(what: str) -> None:
    columns = ("MB", "seconds", "x", "CPU s", "x", "identifier", "MB/s", "GB", "largest", "kept")
    print(f"{what:<16}" + "".join(f"{column:>11}" for column in columns), flush=True)


def _print(name: str, text: Text, cost: Cost, before: Cost | None) -> None:
    """One row; ratios are to the row before (of processes: to one), the identifier not counted."""
    spent = cost.result["identifier"]
    rest = cost.less(spent["seconds"], spent["processor"])
    clock = processor = ""
    if before is not None:
        earlier = before.result["identifier"]
        clock = f"{rest.seconds / (before.seconds - earlier['seconds']):.2f}"
        processor = f"{rest.processor / (before.processor - earlier['processor']):.2f}"
    columns = (
        f"{text.size / 1e6:.0f}",
        f"{rest.seconds:.1f}",
        clock,
        f"{rest.processor:.1f}",
        processor,
        f"{spent['seconds']:.1f}",
        f"{text.size / 1e6 / rest.seconds:.2f}",
        f"{cost.together / 1e9:.2f}",
        f"{cost.largest / 1e9:.2f}",
        f"{cost.result['kept']:,}",
    )
    print(f"{name:<16}" + "".join(f"{column:>11}" for column in columns), flush=True)
