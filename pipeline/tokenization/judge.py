"""The judge of tokenizers: small models trained on each, measured in bits per byte.

Every tokenizer gets the same small model and windows of the same number of bytes; they differ in
the vocabulary alone. Bits per byte compare across tokenizers where bits per token cannot. They are
compared twice:

- `bytes`: every model reads the same amount of text. So it is where a text is read a set number of
  times.
- `compute`: every model reads as much text as the *model to come* would read at the same cost. A
  tokenizer that makes text shorter reads more of it, one whose vocabulary is large less. So it is
  where time is what limits. The cost is that of the middle tokenizer when all read the same text.
  It is not the small model's own cost: the output layer is most of that, however little it would be
  of a larger model's, and a vocabulary would come out far too small.

Each training has a seed, and several seeds tell a difference from chance. Whoever is clearly behind
after the first gets no second one. The trainings run side by side, each in one thread of a process
of its own, since two threads take longer over a small model's step than one. The training itself
comes from the caller: models stand above tokenizers and are not known here.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from tokenizers import Tokenizer

from pipeline.cleaning.engine import LocalEngine
from pipeline.params import ModelParams, OptimizerParams, TrainingParams
from pipeline.progress import progress
from pipeline.tokenization.encode import library_threads
from pipeline.tokenization.tokenizer import bos_id, token_bytes
from pipeline.tokenization.words import WordEncoder, pack

BUDGETS = ("bytes", "compute")
WINDOW_BYTES = 400
MODEL = ModelParams(family="modern", layers=2, width=96, heads=3, feedforward=256)
OPTIMIZER = OptimizerParams(batch=8)
# On the processor, in one thread: the same result whatever else the machine has.
MACHINE = TrainingParams(compile="off", device="cpu", precision="float32", threads=1)
CLEARLY = 0.02  # behind the best after the first seed, as a share: several times what seeds make


class Verdict(Protocol):
    """What is read of a finished training."""

    @property
    def bits_per_byte(self) -> float:
        """Bits per byte of held-out text."""

    @property
    def seconds(self) -> float:
        """How long the training took."""


class Train(Protocol):
    """`pipeline.training.quick.train_quickly`, as far as the judge needs it."""

    def __call__(
        self,
        model_params: ModelParams,
        optimizer: OptimizerParams,
        tokens: np.ndarray,
        validation: np.ndarray,
        vocabulary: int,
        token_bytes: np.ndarray,
        budget_tokens: int,
        seed: int,
        description: str | None,
        settings: TrainingParams,
    ) -> Verdict: ...


@dataclass(frozen=True)
class Candidate:
    """A tokenizer with the text that small models on it read and are measured on, as tokens."""

    vocabulary: int
    lengths: np.ndarray
    train: np.ndarray
    held_out: np.ndarray

    @classmethod
    def make(
        cls, tokenizer: Tokenizer, texts: Sequence[str], held_out: Sequence[str]
    ) -> "Candidate":
        """Encode both texts with a tokenizer."""
        lengths = np.array([len(token) for token in token_bytes(tokenizer)], np.int64)
        return cls(
            tokenizer.get_vocab_size(),
            lengths,
            as_stream(tokenizer, texts),
            as_stream(tokenizer, held_out),
        )

    @property
    def bytes_per_token(self) -> float:
        """Bytes of training text that a token stands for."""
        return float(self.lengths[self.train].mean())


@dataclass(frozen=True)
class Job:
    """One training: which candidate, how much text, which seed."""

    index: int
    megabytes: float
    seed: int


@dataclass
class Judged:
    """What small models with one budget came to: bits per byte of each seed, and the budget: the
    text that they read, and what that would cost the model to come."""

    megabytes: float
    teraflops: float
    bits_per_byte: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def mean(self) -> float:
        """Mean over the seeds."""
        return statistics.mean(self.bits_per_byte)

    def to_dict(self) -> dict[str, Any]:
        """What is written down; seconds differ from run to run and stay out."""
        return {
            "mean": self.mean,
            "seeds": self.bits_per_byte,
            "megabytes": self.megabytes,
            "teraflops": self.teraflops,
        }


def judge(
    candidates: Sequence[Candidate],
    megabytes: float,
    seeds: Sequence[int],
    dropout: float,
    cost: Callable[[int], float],
    train: Train,
    workers: int | None = None,
) -> list[dict[str, Judged]]:
    """For each candidate what it came to with each of `BUDGETS`.

    Args:
        megabytes: the text of a training with the same bytes for all, repeated where there is less.
        dropout: of the model to come. A text that is read several times punishes many tokens, and
            dropout softens that; without it the small models would ask for fewer.
        cost: operations that a token costs the model to come, by the size of its vocabulary.
        workers: processes; None for one on each core. The result does not depend on it.
    """
    model = MODEL.model_copy(update={"dropout": dropout})
    costs = [cost(one.vocabulary) / one.bytes_per_token for one in candidates]  # of a byte
    middle = sorted(costs)[len(costs) // 2]
    judged = [
        {
            budget: Judged(megabytes * share, megabytes * share * cost / 1e6)
            for budget, share in (("bytes", 1.0), ("compute", middle / cost))
        }
        for cost in costs
    ]
    still = {budget: list(range(len(candidates))) for budget in BUDGETS}
    engine = LocalEngine(workers)

    def train_one(job: Job) -> tuple[float, float]:
        verdict = _train(candidates[job.index], model, job.megabytes, job.seed, train)
        return verdict.bits_per_byte, verdict.seconds

    for round_, seed in enumerate(seeds):
        # One training serves both budgets where they are the same. The dearest go first: nobody
        # waits for one that began last.
        jobs: dict[Job, list[Judged]] = {}
        for budget in BUDGETS:
            for index in still[budget]:
                found = judged[index][budget]
                jobs.setdefault(Job(index, found.megabytes, seed), []).append(found)
        order = sorted(jobs, key=lambda job: -candidates[job.index].vocabulary * job.megabytes)
        with (
            library_threads(engine.workers <= 1),
            progress(f"small models, seed {round_ + 1} of {len(seeds)}", len(order)) as bar,
        ):
            for job, (bits, seconds) in zip(order, engine.map(train_one, order), strict=True):
                for found in jobs[job]:
                    found.bits_per_byte.append(bits)
                    found.seconds += seconds / len(jobs[job])
                bar.advance()
        if round_ == 0:
            for budget, indices in still.items():
                limit = min(judged[i][budget].mean for i in indices) * (1 + CLEARLY)
                still[budget] = [i for i in indices if judged[i][budget].mean <= limit]
    return judged


def _train(
    candidate: Candidate, model: ModelParams, megabytes: float, seed: int, train: Train
) -> Verdict:
    per_token = candidate.bytes_per_token
    context = max(8, round(WINDOW_BYTES / per_token))
    return train(
        model_params=model.model_copy(update={"context": context}),
        optimizer=OPTIMIZER,
        tokens=candidate.train,
        validation=candidate.held_out,
        vocabulary=candidate.vocabulary,
        token_bytes=candidate.lengths,
        budget_tokens=round(megabytes * 1e6 / per_token),
        seed=seed,
        description=None,
        settings=MACHINE,
    )


def as_stream(tokenizer: Tokenizer, texts: Sequence[str]) -> np.ndarray:
    """int64[tokens]: all texts one after the other, each begun by `BOS`."""
    encoder = WordEncoder(tokenizer)
    begin = pack([bos_id(tokenizer)], encoder.dtype)
    packed = b"".join(begin + text for text in encoder.pack(texts))
    return np.frombuffer(packed, encoder.dtype).astype(np.int64)
