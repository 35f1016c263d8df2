"""One process or many: who this one is, and the few words that they exchange.

`torchrun` starts the processes and tells each its place. Every one reads its share of the same
batch and takes the same steps; the first (rank 0) validates, logs and saves. Gradients are averaged
by DDP; what is said besides (losses, a wish to stop) are single numbers.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from pipeline.errors import UserError


@dataclass(frozen=True)
class World:
    """`size` processes, of which this is number `rank`."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process is the one that validates, logs and saves."""
        return self.rank == 0

    def wrap(self, module: nn.Module) -> nn.Module:
        """The module, with gradients averaged over all processes."""
        if self.size == 1:
            return module
        return DistributedDataParallel(module, gradient_as_bucket_view=True)

    def mean(self, value: float) -> float:
        """The mean of what every process gives."""
        if self.size == 1:
            return value
        box = torch.tensor([value], dtype=torch.float64)
        dist.all_reduce(box)
        return box.item() / self.size

    def any(self, flag: bool) -> bool:
        """Whether one of them says so."""
        return self.mean(float(flag)) > 0

    def first_says(self, values: tuple[float, ...]) -> tuple[float, ...]:
        """What rank 0 gives, everywhere."""
        if self.size == 1:
            return values
        box = torch.tensor(values, dtype=torch.float64)
        dist.broadcast(box, 0)
        return tuple(box.tolist())

    def wait(self) -> None:
        """Go on when all have come here."""
        self.mean(0.0)


ALONE = World()


@contextmanager
def world(batch: int, accumulation: int, family: str) -> Iterator[World]:
    """The processes that `torchrun` started, or this one alone; they part when the block ends.

    Raises:
        UserError: they cannot share a batch evenly, or the family learns without gradients.
    """
    size, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    if size == 1:
        yield ALONE
        return
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    dist.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo")
    try:
        here = World(rank, size)
        problem = None
        if batch % (size * accumulation):
            parts = f" times training.accumulation: {accumulation}" if accumulation > 1 else ""
            problem = (
                f"{size} processes{parts} do not divide training.batch: {batch}; "
                f"set it to a multiple of {size * accumulation}, or start fewer"
            )
        elif family == "ngram":
            problem = "family ngram counts in one process: start it without torchrun"
        if problem is not None:
            _tell_once(here, problem)
        yield here
    finally:
        dist.destroy_process_group()


def _tell_once(here: World, problem: str) -> None:
    """One line, of rank 0; the others wait until it has gone and leave without a word."""
    if here.first:
        raise UserError(problem)
    with suppress(RuntimeError):  # the line to rank 0 is closed
        dist.barrier()
    raise SystemExit(1)
