"""Where the work on chunks is done: in processes of this machine, or on a Ray cluster.

Both run the same function over the same chunks and give the results in order, so that a corpus
comes out the same, row by row. What the function needs (identifier, tables) is handed over once.
Text stays on disk: workers read chunks and write chunks, and only counts and hashes come back. On a
cluster the project's folder must therefore be on a disk that every machine sees under one path.
"""

import multiprocessing
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Protocol, TypeVar

from pipeline.errors import UserError

AHEAD = 2  # jobs in work or waiting, for each worker

Job = TypeVar("Job")
Result = TypeVar("Result")


class Engine(Protocol):
    """Does work on jobs; see `LocalEngine`."""

    def map(self, work: Callable[[Job], Result], jobs: Sequence[Job]) -> Iterator[Result]:
        """Yield `work(job)` for each job, in the order of the jobs."""
        ...


def usable_cores() -> int:
    """Cores that this process may run on; one where processes cannot be forked safely."""
    if not hasattr(os, "fork") or sys.platform == "darwin":
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class LocalEngine:
    """Forked processes, which share what was prepared without copies.

    Never runs far ahead of who takes the results. With one worker, or one job, the work is done in
    this process.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers = usable_cores() if workers is None else workers

    def map(self, work: Callable[[Job], Result], jobs: Sequence[Job]) -> Iterator[Result]:
        """See `Engine.map`. Few jobs, or one worker: in this process."""
        global _work
        if self.workers <= 1 or len(jobs) <= 1:
            for job in jobs:
                yield work(job)
            return
        _work = work
        fork = multiprocessing.get_context("fork")
        try:
            with ProcessPoolExecutor(self.workers, mp_context=fork) as pool:
                waiting: deque[Future[Result]] = deque()
                try:
                    for job in jobs:
                        waiting.append(pool.submit(_call, job))
                        if len(waiting) >= self.workers * AHEAD:
                            yield waiting.popleft().result()
                    while waiting:
                        yield waiting.popleft().result()
                finally:
                    for future in waiting:
                        future.cancel()
        except BrokenProcessPool:
            raise UserError(
                "a process of this stage was killed, most likely for want of memory: "
                "close other programs and run `dvc repro` again"
            ) from None
        finally:
            _work = None


_work: Callable[[Any], Any] | None = None


def _call(job: Any) -> Any:
    assert _work is not None
    return _work(job)


class RayEngine:
    """Ray Data: the cluster that RAY_ADDRESS names, or else the cores of this machine.

    Raises:
        UserError: Ray is not installed, or a job failed more often than Ray tries again.
    """

    def __init__(self) -> None:
        try:
            import ray.data
        except ImportError:
            raise UserError(
                "cleaning.engine: ray is not installed: run `pip install 'tugantel[ray]'` "
                "or set cleaning.engine: local"
            ) from None
        import logging

        logging.getLogger("ray.data").setLevel(logging.CRITICAL + 1)
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
        if not ray.is_initialized():
            ray.init(log_to_driver=False, logging_level=logging.ERROR)

    def map(self, work: Callable[[Job], Result], jobs: Sequence[Job]) -> Iterator[Result]:
        import ray

        context = ray.data.DataContext.get_current()
        context.execution_options.preserve_order = True
        context.enable_progress_bars = False
        # As bytes: arrays that Ray shares may not be written to, and tables fill as they are used.
        shared = ray.put(ray.cloudpickle.dumps((work, jobs)))

        def call(row: dict[str, Any]) -> dict[str, Any]:
            work, jobs = ray.cloudpickle.loads(ray.get(shared))
            try:
                # As bytes again: Ray Data would make tensors of arrays.
                return {"result": ray.cloudpickle.dumps(work(jobs[row["id"]])), "error": ""}
            except UserError as error:
                return {"result": b"", "error": str(error)}
            except Exception as error:
                said = f"cleaning under Ray failed: {type(error).__name__}: {error}"
                return {"result": b"", "error": said}

        numbers = ray.data.range(len(jobs), override_num_blocks=max(len(jobs), 1))
        try:
            for row in numbers.map(call).iter_rows():
                if row["error"]:
                    raise UserError(row["error"])
                yield ray.cloudpickle.loads(row["result"])
        except ray.exceptions.RayError as error:
            said = " ".join(str(error).split())[:300]
            raise UserError(f"the Ray cluster gave up: {said}") from None


def make_engine(name: str, workers: int | None = None) -> Engine:
    """The engine of that name: local or ray."""
    return RayEngine() if name == "ray" else LocalEngine(workers)
