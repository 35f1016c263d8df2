"""Batches as a pure function of (seed, step).

Tokens lie in one long memory-mapped row. Each epoch cuts it into windows at a new random offset and
visits them in a new random order. A window that would begin in the middle of a document begins with
that document, if it has just begun: a model is asked for documents from their beginning, and half a
sentence without the other teaches it little. Nothing but the step is needed to know a batch, so a
resumed run sees exactly what an uninterrupted one sees, and no loader state is stored.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pipeline.errors import UserError
from pipeline.models import ModelConfig
from pipeline.params import OptimizerParams

REACH = 4  # a window moves back by less than this part of it: what it leaves behind is not read


@dataclass(frozen=True)
class Batches:
    """`tokens` in windows of `context` + 1 (input and target overlap), `batch` windows a step.

    `documents` are the places where documents begin; without them, windows begin where they fall.
    Of many processes (`size`) each reads its share (`rank`) of every batch: one after another, the
    shares are the batch of a single process.
    """

    tokens: np.ndarray
    context: int
    batch: int
    seed: int
    rank: int = 0
    size: int = 1
    documents: np.ndarray | None = None

    def __post_init__(self) -> None:
        if len(self.tokens) <= self.context + 1:
            raise UserError(
                f"the training text has {len(self.tokens):,} tokens, too few for model.context: "
                f"{self.context}; add text or set model.context below "
                f"{max(len(self.tokens) - 1, 8):,}"
            )
        if self.windows < self.batch:
            raise UserError(
                f"the training text gives {self.windows:,} windows of {self.context} tokens, "
                f"fewer than training.batch: {self.batch}; add text, "
                f"or set training.batch to at most {self.windows}"
            )

    @property
    def windows(self) -> int:
        """Windows an epoch; one is given up so that the cut can begin anywhere."""
        return max((len(self.tokens) - 1) // self.context - 1, 1)

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches only: what is left over waits for another epoch's order."""
        return self.windows // self.batch

    def __call__(self, step: int) -> tuple[Tensor, Tensor]:
        """Inputs and targets of a step, each int64 [batch / size, context]."""
        epoch, position = divmod(step, self.steps_per_epoch)
        random = np.random.Generator(np.random.Philox(key=[self.seed, epoch]))
        spare = len(self.tokens) - 1 - self.windows * self.context
        offset = int(random.integers(0, spare + 1))
        order = random.permutation(self.windows)
        share = self.batch // self.size
        first = position * self.batch + self.rank * share
        chosen = order[first : first + share]
        starts = offset + chosen.astype(np.int64) * self.context
        # The last one stays: no window comes after it to read what it would leave behind.
        starts = np.where(chosen < self.windows - 1, self._with_documents(starts), starts)
        rows = self.tokens[starts[:, None] + np.arange(self.context + 1)]
        windows = torch.from_numpy(rows.astype(np.int64))
        return windows[:, :-1], windows[:, 1:]

    def _with_documents(self, starts: np.ndarray) -> np.ndarray:
        """Each start, moved back to that of its document where that is near."""
        if self.documents is None or not len(self.documents):
            return starts
        begun = np.searchsorted(self.documents, starts, side="right") - 1
        beginnings = self.documents[np.maximum(begun, 0)]
        near = (begun >= 0) & (starts - beginnings < self.context // REACH)
        return np.where(near, beginnings, starts)


def document_starts(
    params: OptimizerParams, config: ModelConfig, tokens: np.ndarray, token_bytes: np.ndarray
) -> np.ndarray | None:
    """What `Batches` wants to know of documents: the places of the tokens that stand for no text,
    int64 [documents], each of which begins one.

    None where windows are packed, as they are for a model that counts: it reads all once, and
    nothing twice.
    """
    if params.windows == "packed" or config.one_pass:
        return None
    begins, step = token_bytes == 0, 1 << 24
    parts = (
        np.flatnonzero(begins[tokens[at : at + step]]) + at for at in range(0, len(tokens), step)
    )
    return np.concatenate(list(parts))
