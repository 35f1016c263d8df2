"""A map over processes that keeps order and never runs far ahead of who takes the results.

Workers are forked, so that they share what was prepared (models, tables) without copies; where
forking is not to be had, the work is done in this process. Results do not depend on how many
workers there are.
"""

import multiprocessing
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from pipeline.errors import UserError

AHEAD = 2  # jobs in work or waiting, for each worker

Job = TypeVar("Job")
Result = TypeVar("Result")


def usable_cores() -> int:
    """Cores that this process may run on; one where processes cannot be forked safely."""
    if not hasattr(os, "fork") or sys.platform == "darwin":
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def ordered_map(
    work: Callable[[Job], Result], jobs: Iterable[Job], workers: int
) -> Iterator[tuple[Job, Result]]:
    """Yield each job with `work(job)`, in order. Jobs and results travel pickled; `work` does
    not."""
    global _work
    if workers <= 1:
        for job in jobs:
            yield job, work(job)
        return
    _work = work
    fork = multiprocessing.get_context("fork")
    try:
        with ProcessPoolExecutor(workers, mp_context=fork) as pool:
            waiting: deque[tuple[Job, Future[Result]]] = deque()
            try:
                for job in jobs:
                    waiting.append((job, pool.submit(_call, job)))
                    if len(waiting) >= workers * AHEAD:
                        first, result = waiting.popleft()
                        yield first, result.result()
                while waiting:
                    first, result = waiting.popleft()
                    yield first, result.result()
            finally:
                for _, future in waiting:
                    future.cancel()
    except BrokenProcessPool:
        raise UserError(
            "a cleaning process was killed, most likely for want of memory: "
            "close other programs and run `dvc repro` again"
        ) from None
    finally:
        _work = None


_work: Callable[[Any], Any] | None = None


def _call(job: Any) -> Any:
    assert _work is not None
    return _work(job)
