"""Ours against the plain way, in turn, so that a machine that drifts drifts for both."""

import statistics
import time
from collections.abc import Callable

ROUNDS = 5


def heading() -> None:
    """The head of the table that `compare` fills."""
    print(f"{'':<52} {'ours':>12} {'plain':>12}", flush=True)


def compare(
    name: str,
    ours: Callable[[], int],
    plain: Callable[[], int],
    unit: str,
    clock: Callable[[], float] = time.perf_counter,
) -> None:
    """Print throughput of both and their ratio, medians of several rounds; each callable returns
    how many units it did. `time.process_time` as the clock leaves out what others take of the
    machine."""
    ours(), plain()  # warm up
    speeds: dict[str, list[float]] = {"ours": [], "plain": []}
    for _ in range(ROUNDS):
        for label, function in (("ours", ours), ("plain", plain)):
            started = clock()
            done = function()
            speeds[label].append(done / (clock() - started))
    ratio = statistics.median(a / b for a, b in zip(speeds["ours"], speeds["plain"], strict=True))
    mine, theirs = (statistics.median(speeds[label]) for label in ("ours", "plain"))
    print(f"{name:<52} {mine:>12,.0f} {theirs:>12,.0f} {unit:<10} x {ratio:.2f}", flush=True)
