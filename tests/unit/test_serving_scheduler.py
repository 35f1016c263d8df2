"""Turns: a short text does not wait for a long one, and nobody's failure is another's."""

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest

from pipeline.serving.scheduler import AHEAD, Busy, Scheduler, Stopping

SECONDS = 30


@pytest.fixture
def make() -> Iterator[Callable[..., Scheduler]]:
    """Schedulers that end with the test."""
    made: list[Scheduler] = []

    def make(**limits: int) -> Scheduler:
        made.append(Scheduler(**limits))
        return made[-1]

    yield make
    for scheduler in made:
        scheduler.stop()


class Endless:
    """Work without an end, which says when it was closed."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def work(self) -> Generator[int]:
        try:
            number = 0
            while True:
                yield (number := number + 1)
        finally:
            self.closed.set()


def until_end(results: "queue.Queue[Any]") -> list[Any]:
    found = []
    while (result := results.get(timeout=SECONDS)) is not None:
        found.append(result)
        if isinstance(result, Exception):
            break
    return found


def count(number: int) -> Generator[int]:
    yield from range(number)


def ignore(_: Any) -> None: ...


def test_a_short_text_does_not_wait_for_a_long_one(make: Callable[..., Scheduler]) -> None:
    scheduler, results = make(), queue.Queue[Any]()
    endless = [scheduler.submit(Endless().work(), ignore) for _ in range(3)]
    scheduler.submit(count(5), results.put)
    assert until_end(results) == [0, 1, 2, 3, 4]
    assert all(job in scheduler.active for job in endless)


def test_all_write_as_much_as_each_other(make: Callable[..., Scheduler]) -> None:
    scheduler, ended, order = make(), threading.Event(), list[int]()
    gate = threading.Event()

    def wait() -> Generator[int]:
        gate.wait(SECONDS)  # until all are in the queue
        yield 0

    scheduler.submit(wait(), ignore)
    for number in range(4):
        scheduler.submit(
            count(10), lambda result, me=number: order.append(me) if result is not None else None
        )
    scheduler.submit(count(11), lambda result: ended.set() if result is None else None)
    gate.set()
    assert ended.wait(SECONDS)
    assert [order[i : i + 4] for i in range(0, 40, 4)] == [[0, 1, 2, 3]] * 10


def test_what_is_cancelled_is_closed_and_makes_room(make: Callable[..., Scheduler]) -> None:
    scheduler, results, endless = make(active=1), queue.Queue[Any](), Endless()
    running = threading.Event()
    job = scheduler.submit(endless.work(), lambda _: running.set())
    assert running.wait(SECONDS)
    waiting = scheduler.submit(count(3), results.put)
    gone = scheduler.submit(count(3), results.put)
    scheduler.cancel(gone)
    scheduler.cancel(job)
    assert endless.closed.wait(SECONDS)
    assert until_end(results) == [0, 1, 2]
    scheduler.cancel(waiting)  # has ended
    assert results.empty()


def test_a_writer_waits_for_its_reader_and_others_go_on(make: Callable[..., Scheduler]) -> None:
    scheduler, slow, quick = make(), queue.Queue[Any](), queue.Queue[Any]()
    job = scheduler.submit(Endless().work(), slow.put)
    other = scheduler.submit(count(3 * AHEAD), quick.put)
    for number in range(3 * AHEAD):
        assert quick.get(timeout=SECONDS) == number
        scheduler.taken(other)
    assert slow.qsize() == AHEAD
    for number in range(1, 3 * AHEAD):  # it goes on, no further than before
        assert slow.get(timeout=SECONDS) == number
        scheduler.taken(job)
        assert slow.qsize() <= AHEAD


def test_a_failure_is_told_to_its_own_client_alone(make: Callable[..., Scheduler]) -> None:
    scheduler, bad, good = make(), queue.Queue[Any](), queue.Queue[Any]()

    def fail() -> Generator[int]:
        yield 1
        raise RuntimeError("no")

    scheduler.submit(fail(), bad.put)
    scheduler.submit(count(20), good.put)
    first, error = until_end(bad)
    assert first == 1 and isinstance(error, RuntimeError)
    assert until_end(good) == list(range(20))


def test_a_full_queue_refuses(make: Callable[..., Scheduler]) -> None:
    scheduler, running = make(active=1, waiting=2), threading.Event()
    scheduler.submit(Endless().work(), lambda _: running.set())
    assert running.wait(SECONDS)
    jobs = [scheduler.submit(count(1), ignore) for _ in range(2)]
    with pytest.raises(Busy):
        scheduler.submit(count(1), ignore)
    scheduler.cancel(jobs[0])
    scheduler.submit(count(1), ignore)


def test_a_stop_is_told_to_all_and_ends_the_thread() -> None:
    scheduler, results = Scheduler(active=1), queue.Queue[Any]()
    writing, running = Endless(), threading.Event()
    ends = queue.Queue[Any]()

    def watch(result: Any) -> None:
        running.set()
        if not isinstance(result, int):
            ends.put(result)

    scheduler.submit(writing.work(), watch)
    assert running.wait(SECONDS)
    scheduler.submit(count(3), results.put)
    scheduler.stop()
    assert not scheduler.thread.is_alive()
    assert isinstance(ends.get(timeout=SECONDS), Stopping)
    assert isinstance(results.get(timeout=SECONDS), Stopping)
    with pytest.raises(Stopping):
        scheduler.submit(count(1), ignore)
