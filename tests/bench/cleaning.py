"""Cleaning against `datasets.map`, row by row, and against datatrove's local executor."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.cleaning.engine import usable_cores
from tests.bench.contestants import Work, by_map, ours
from tests.bench.isolated import Cost, isolated
from tests.bench.texts import Text, small_texts

MEGABYTES = 10
NEAR = 0.8


def cleaning(megabytes: float = MEGABYTES) -> None:
    """From raw to clean text, once each: a round takes minutes.

    Ratios are of our whole cleaning but for the making of the identifier, which the others find
    ready, to theirs.
    """
    with tempfile.TemporaryDirectory() as name:
        for text in small_texts(Path(name), megabytes):
            _one_text(text, Path(name) / "work")


def _one_text(text: Text, folder: Path) -> None:
    from tests.bench.trove import by_datatrove

    workers = usable_cores()
    print(
        f"\ncleaning {text.language}: {text.size / 1e6:.1f} MB, {text.documents:,} documents, "
        f"{workers} processes\n{'':<44} {'MB/s':>8} {'MB/CPU s':>9} {'x clock':>8} {'x CPU':>8} "
        f"{'kept':>10} {'GB':>6}",
        flush=True,
    )
    mine: Cost | None = None

    def measure(name: str, near: bool, prepare: Callable[..., Work], *more: Any) -> None:
        nonlocal mine
        params = text.params(NEAR if near else None)
        with tempfile.TemporaryDirectory(dir=folder) as inside:
            cost = isolated(prepare, text.raw, Path(inside), params, workers, *more)
        spent = cost.result.get("identifier")
        if spent:
            _print(f"{name}, with making the identifier", text, cost, None)
            cost = mine = cost.less(spent["seconds"], spent["processor"])
        _print(name, text, cost, None if spent else mine)

    folder.mkdir(exist_ok=True)
    measure("ours", False, ours)
    if text.whole:
        measure("datasets.map, paragraph by paragraph", False, by_map, "paragraph")
    measure("datasets.map, row by row", False, by_map, "row")
    measure("datasets.map, a thousand rows at a time", False, by_map, "rows")
    unit = "document" if text.whole else "sentence"
    measure("datatrove, filters alone", False, by_datatrove, unit, False, False)
    measure("datatrove, and exact duplicates", False, by_datatrove, unit, True, False)
    if text.whole:
        measure("datatrove, by paragraph", False, by_datatrove, "paragraph", True, False)
    measure("ours, near-duplicates too", True, ours)
    measure("datatrove, and MinHash", True, by_datatrove, unit, True, True)


def _print(name: str, text: Text, cost: Cost, mine: Cost | None) -> None:
    size = text.size / 1e6
    ratios = ("", "")
    if mine is not None:
        clock, processor = cost.seconds / mine.seconds, cost.processor / mine.processor
        ratios = (f"{clock:.2f}", f"{processor:.2f}")
    print(
        f"{name:<44} {size / cost.seconds:>8.2f} {size / cost.processor:>9.2f} {ratios[0]:>8} "
        f"{ratios[1]:>8} {cost.result['kept']:>10,} {cost.together / 1e9:>6.2f}",
        flush=True,
    )
