"""What a piece of work costs, measured in a process of its own.

A fresh process, so that memory is what the work takes and nothing that was measured before it; and
processor seconds beside seconds on the clock, because a busy machine stretches only the second.
"""

import multiprocessing
import os
import resource
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

EVERY = 0.2  # seconds between looks at the memory


@dataclass(frozen=True)
class Cost:
    """What the work returned and what it took: seconds on the clock, processor seconds of it and
    its children, the most memory of all of them together (PSS: a page that n processes share
    counts 1/n in each) and of one of them (RSS), both in bytes."""

    result: Any
    seconds: float
    processor: float
    together: int
    largest: int

    def less(self, seconds: float, processor: float) -> "Cost":
        """The same without a part of it."""
        return replace(self, seconds=self.seconds - seconds, processor=self.processor - processor)


def isolated(prepare: Callable[..., Callable[[], Any]], *arguments: Any) -> Cost:
    """Call `prepare(*arguments)` in a fresh process, then measure the work that it returns.

    `prepare` must be a function of a module. What it does itself is not measured, but counts for
    memory.

    Raises:
        RuntimeError: the process ended without a result; it has said why itself.
    """
    # datatrove leaves locks behind, of which Python's keeper of such things would tell.
    os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker")
    spawn = multiprocessing.get_context("spawn")
    mine, theirs = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_run, args=(theirs, prepare, arguments))
    process.start()
    theirs.close()
    watch = _Watch(process.pid or 0)
    watch.start()
    try:
        result, seconds, processor = mine.recv()
    except EOFError:
        raise RuntimeError(f"{prepare.__name__}: the process failed") from None
    finally:
        watch.finished.set()
        watch.join()
        process.join()
    return Cost(result, seconds, processor, watch.together, watch.largest)


def _run(out: Connection, prepare: Callable[..., Callable[[], Any]], arguments: Any) -> None:
    work = prepare(*arguments)
    started, before = time.perf_counter(), processor_seconds()
    result = work()
    out.send((result, time.perf_counter() - started, processor_seconds() - before))
    out.close()


def processor_seconds() -> float:
    """Of this process, and of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


class _Watch(threading.Thread):
    """The largest memory of a process and all below it; none is known without /proc."""

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self.root, self.finished = root, threading.Event()
        self.together = self.largest = 0

    def run(self) -> None:
        while not self.finished.wait(EVERY):
            sizes = [_sizes(process) for process in _tree(self.root)]
            self.together = max(self.together, sum(pss for _, pss in sizes))
            self.largest = max(self.largest, *(rss for rss, _ in sizes), 0)


def _tree(root: int) -> list[int]:
    """The process and all below it."""
    below: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])  # names hold anything
        except OSError:  # it has just ended
            continue
        below.setdefault(parent, []).append(int(path.parent.name))
    found, ahead = [], [root]
    while ahead:
        process = ahead.pop()
        found.append(process)
        ahead += below.get(process, [])
    return found


def _sizes(process: int) -> tuple[int, int]:
    """RSS and PSS in bytes; zeros where the process has just ended."""
    try:
        rows = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0, 0
    sizes = {row.split()[0]: int(row.split()[1]) << 10 for row in rows[1:]}
    return sizes.get("Rss:", 0), sizes.get("Pss:", 0)
