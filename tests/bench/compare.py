"""Ours against the plain way, in turn, so that a machine that drifts drifts for both."""

import contextlib
import multiprocessing
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

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


def apart(make: Callable[..., Callable[[], int]], *how: object) -> Callable[[], int]:
    """What `make(*how)` gives, run in a process of its own: what ours does to this one, such as
    keeping freed memory, is not done to it."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    context.Process(target=_serve, args=(there, make, how), daemon=True).start()

    def run() -> int:
        here.send(None)
        return int(here.recv())

    return run


def _serve(there: Connection, make: Callable[..., Callable[[], int]], how: tuple) -> None:
    run = make(*how)
    with contextlib.suppress(EOFError):  # the other end has gone
        while True:
            there.recv()
            there.send(run())
