"""Sampling: from the logits of a model to the next token, and the next, for one text or many."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pipeline.models import LanguageModel

SEEDS = 2**63  # torch takes no larger ones
COLD = 1e-6  # a temperature below it would overflow, and tells the likeliest token as 0 does


@dataclass(frozen=True)
class Sampling:
    """How one token is chosen. Temperature 0 takes the most likely one.

    In this order: the penalty on what was said (1: none), the temperature, and what `top_k`,
    `top_p` and `min_p` leave.
    """

    temperature: float = 0.8
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repetition_penalty: float = 1.0

    def choose(self, logits: Tensor, said: Tensor, generator: torch.Generator) -> int:
        """One id by logits [vocabulary]; `said`, bool [vocabulary], are those in the text."""
        if self.repetition_penalty != 1:
            logits = penalise(logits, said, self.repetition_penalty)
        if self.temperature < COLD:
            return int(logits.argmax())
        allowed = restrict(logits / self.temperature, self.top_k, self.top_p, self.min_p)
        return int(torch.multinomial(allowed.softmax(0), 1, generator=generator))


def penalise(logits: Tensor, said: Tensor, penalty: float) -> Tensor:
    """Make what was said less likely: its logits are divided, where negative multiplied, by
    `penalty` (CTRL, Keskar et al. 2019, arXiv:1909.05858)."""
    lowered = torch.where(logits > 0, logits / penalty, logits * penalty)
    return torch.where(said, lowered, logits)


def restrict(
    logits: Tensor, top_k: int | None = None, top_p: float | None = None, min_p: float | None = None
) -> Tensor:
    """Set to minus infinity what the three leave out of logits [vocabulary].

    Top-p keeps the smallest set of tokens whose probability reaches `top_p` (Holtzman et al. 2020,
    arXiv:1904.09751); min-p those that are at least `min_p` times as likely as the likeliest
    (Nguyen et al. 2024, arXiv:2407.01082).
    """
    if top_k is not None and top_k < logits.numel():
        logits = logits.masked_fill(logits < logits.topk(top_k).values[-1], -torch.inf)
    if top_p is not None and top_p < 1:
        ordered, places = logits.sort(descending=True, stable=True)
        likely = ordered.softmax(0)
        logits = logits.index_fill(0, places[likely.cumsum(0) - likely >= top_p], -torch.inf)
    if min_p is not None:
        likely = logits.softmax(0)
        logits = logits.masked_fill(likely < min_p * likely.max(), -torch.inf)
    return logits


class Reader:
    """Feeds B texts of one length to a model, which remembers them in its state.

    A model with a limit forgets: when it is full, the last half of the texts is read again and
    reading goes on from there. A model without one is never read to again.
    """

    def __init__(self, model: LanguageModel) -> None:
        self.model, self.device = model, model.device
        self.history: Tensor | None = None
        self.places = 0
        self.state: Any = None

    def read(self, tokens: Tensor) -> Tensor:
        """Read [B, T] more tokens, T at least 1; logits [B, vocabulary] of what may follow."""
        beginning = self.history is None
        limit, new = self.model.limit, tokens
        if limit is not None:
            both = tokens if self.history is None else torch.cat((self.history, tokens), dim=1)
            self.history = both[:, -limit:]
            if self.places + new.shape[1] > limit:
                new = self.history[:, -(limit - 1 if beginning else max(limit // 2, 1)) :]
                self.state, self.places = None, 0
        for piece in new.split(self.model.config.context, dim=1):
            hidden, self.state = self.model.hidden(piece.to(self.device), self.state)
            self.places += piece.shape[1]
        return self.model.logits(hidden[:, -1]).float().cpu()


def sample_rows(
    model: LanguageModel, prompts: Sequence[Sequence[int]], **settings: Any
) -> Iterator[list[int | None]]:
    """The ids of `sample_steps` alone."""
    for chosen, _ in sample_steps(model, prompts, **settings):
        yield chosen


@torch.inference_mode()
def sample_steps(
    model: LanguageModel,
    prompts: Sequence[Sequence[int]],
    *,
    tokens: int,
    seeds: Sequence[int],
    sampling: Sampling,
    stop: int | None = None,
) -> Iterator[tuple[list[int | None], Tensor]]:
    """Continue prompts of one length together; yield, step by step, the next id of each and the
    logits [B, vocabulary] that it was chosen by, as the model gave them.

    A row that reached `stop` yields None from there on. Each row draws from its own seed, so that
    it says what it would say alone.
    """
    rows = torch.tensor([list(prompt) for prompt in prompts])
    generators = [torch.Generator().manual_seed(seed % SEEDS) for seed in seeds]
    said = torch.zeros(len(rows), model.config.vocabulary, dtype=torch.bool).scatter_(1, rows, True)
    reader, going = Reader(model), [True] * len(rows)
    for _ in range(tokens):
        logits = reader.read(rows)
        chosen: list[int | None] = []
        for row, generator in enumerate(generators):
            choice = sampling.choose(logits[row], said[row], generator) if going[row] else None
            if choice == stop:
                choice = None
            going[row] = choice is not None
            chosen.append(choice)
        if not any(going):
            return
        yield chosen, logits
        rows = torch.tensor([[0 if choice is None else choice] for choice in chosen])
        if sampling.repetition_penalty != 1:
            said.scatter_(1, rows, True)


def sample_tokens(
    model: LanguageModel,
    prompt: Sequence[int],
    *,
    tokens: int,
    seed: int = 0,
    stop: int | None = None,
    **sampling: Any,
) -> Iterator[int]:
    """Yield up to `tokens` new ids after `prompt`, which is not empty; end at `stop`.

    `sampling` are the fields of `Sampling`.
    """
    choice = Sampling(**sampling)
    for (token,) in sample_rows(
        model, [prompt], tokens=tokens, seeds=[seed], sampling=choice, stop=stop
    ):
        assert token is not None
        yield token
