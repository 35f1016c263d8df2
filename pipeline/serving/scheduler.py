"""Many writers, one machine: a thread that lets each of them write one token in turn.

Taking turns is fair, whoever came first and however long the texts are: nobody waits for another's
end, and an answer of ten tokens is ready after ten rounds. A few cores gain little from padding
texts of different lengths into one batch, and not every model could read such a batch.

A writer whose reader is slow waits for it: what is written ahead of a reader is memory.
"""

import threading
from collections import deque
from collections.abc import Callable, Generator
from typing import Any

ACTIVE = 32  # how many write in turn
WAITING = 128  # how many wait until one of those is done
AHEAD = 64  # results that a writer may have ready before its reader has taken the first of them


class Busy(Exception):
    """So many wait already that one more would wait too long."""


class Stopping(Exception):
    """The service ends, and with it what it writes."""


class Job:
    """Work in steps. Each result goes to `deliver`, and at the end None or an exception.

    Whoever takes a result says so with `Scheduler.taken`.
    """

    def __init__(self, work: Generator[Any], deliver: Callable[[Any], None]) -> None:
        self.work, self.deliver = work, deliver
        self.cancelled = False
        self.made, self.taken = 0, 0  # results: counted by the one thread, and by the other

    @property
    def ready(self) -> bool:
        """Whether a turn would be of use."""
        return self.cancelled or self.made - self.taken < AHEAD

    def step(self) -> bool:
        """Do one step; whether there is more to do."""
        if self.cancelled:
            self.work.close()
            return False
        try:
            result = next(self.work)
        except StopIteration:
            self.deliver(None)
        except Exception as error:
            self.deliver(error)
        else:
            self.made += 1
            self.deliver(result)
            return True
        return False


class Scheduler:
    """Runs jobs in a thread of its own until `stop`. `deliver` is called in that thread."""

    def __init__(self, active: int = ACTIVE, waiting: int = WAITING) -> None:
        self.most_active, self.most_waiting = active, waiting
        self.active: list[Job] = []
        self.waiting: deque[Job] = deque()
        self.changed = threading.Condition()
        self.stopping = False
        self.thread = threading.Thread(target=self._run, name="scheduler", daemon=True)
        self.thread.start()

    def submit(self, work: Generator[Any], deliver: Callable[[Any], None]) -> Job:
        """Queue work, which begins in this thread or another one later.

        Raises:
            Busy: the queue is full.
            Stopping: `stop` was called.
        """
        job = Job(work, deliver)
        with self.changed:
            if self.stopping:
                raise Stopping
            if len(self.waiting) >= self.most_waiting:
                raise Busy
            self.waiting.append(job)
            self.changed.notify()
        return job

    def taken(self, job: Job) -> None:
        """A result of the job has found its reader."""
        with self.changed:
            job.taken += 1
            self.changed.notify()

    def cancel(self, job: Job) -> None:
        """Give the job no more turns; a step that has begun is finished."""
        with self.changed:
            job.cancelled = True
            if job in self.waiting:
                self.waiting.remove(job)
            self.changed.notify()

    def stop(self) -> None:
        """Tell every job that it ends here, and end the thread."""
        with self.changed:
            self.stopping = True
            self.changed.notify()
        self.thread.join()

    def _run(self) -> None:
        while self._admit():
            for job in [job for job in self.active if job.ready]:
                if not job.step():
                    self.active.remove(job)
                if self.stopping:
                    break
        for job in (*self.active, *self.waiting):
            job.deliver(Stopping())

    def _admit(self) -> bool:
        """Wait for work and let in as many as may write; False where the end has come."""
        with self.changed:
            while not (self.stopping or any(job.ready for job in self.active) or self._room()):
                self.changed.wait()
            while self._room():
                self.active.append(self.waiting.popleft())
            return not self.stopping

    def _room(self) -> bool:
        return bool(self.waiting) and len(self.active) < self.most_active
