"""Progress on the terminal: a bar where there is a terminal, a line every ten seconds where there
is none.

DVC runs stages with their output passed through, and continuous integration has no terminal at all;
both need to see that something moves.
"""

import sys
import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class Progress:
    """A counter on its way to `total` (None where the end is not known)."""

    def __init__(self, description: str, total: int | None) -> None:
        self.description, self.total, self.done = description, total, 0
        self.note = ""
        self._started = self._printed = time.monotonic()
        self._bar = None
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as RichProgress

            self._bar = RichProgress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn(
                    "{task.completed:,.0f}/{task.total:,.0f}" if total else "{task.completed:,.0f}"
                ),
                TextColumn("{task.fields[note]}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task(description, total=total, note="")

    def advance(self, amount: int = 1, note: str | None = None) -> None:
        """Count `amount` more as done; `note` stands behind the bar from now on."""
        self.done += amount
        if note is not None:
            self.note = note
        if self._bar is not None:
            self._bar.update(self._task, completed=self.done, note=self.note)
        elif time.monotonic() - self._printed >= 10:
            self._printed = time.monotonic()
            of = f"/{self.total:,}" if self.total else ""
            print(f"{self.description}: {self.done:,}{of} {self.note}", file=sys.stderr, flush=True)

    def line(self, text: str) -> None:
        """Print one line that stays, above the bar."""
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False)
        else:
            print(text, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()


@contextmanager
def progress(description: str, total: int | None = None) -> Iterator[Progress]:
    """A `Progress` that is taken down when the block ends, however it ends."""
    bar = Progress(description, total)
    try:
        yield bar
    finally:
        bar.close()


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Yield `items` and show how far along they are."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with progress(description, total) as bar:
        for item in items:
            yield item
            bar.advance()
