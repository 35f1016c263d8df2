"""A batch size and a learning rate for this text, model and machine, by a few short trainings.

First every batch size that fits is timed. Those nearly as fast as the fastest go on, since what is
larger only takes fewer steps, and so does the one that params name. Then each is trained with rates
a factor of two apart, from the same first weights, over the same windows in the same order, each
with a whole schedule of its own: a quarter of the tokens for all, half of them for the better half,
all of them, with two seeds, for the best few and a lower rate (successive halving, Jamieson and
Talwalkar 2016, arXiv:1502.07943).

A short training flatters high rates: the best rate falls as training gets longer (Bjorck et al.
2024, arXiv:2409.19913). So what lies within the spread between seeds of the best, or within a
hundredth of its loss, counts as equal to it, and of equals the lowest rate is taken, then the
fastest batch. Lengths are powers of two, so that a little noise in the timing changes no trial.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from pipeline.errors import UserError
from pipeline.params import TrainingParams

FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)  # of the rates that params name
NEARLY = 0.9  # of the best speed: such a batch goes on
GAIN = 1.05  # a doubling that brings less brings nothing
BATCHES = 3  # that go on at most, beside the one that params name
SMALLER, LARGER = 3, 6  # halvings and doublings of that one which are timed
FINALISTS, SEEDS = 3, 2
TRIAL_STEPS, RUN_STEPS = 16, 100  # a batch must leave so many steps, or nothing is learnt
SAFETY = 0.7  # of the time is planned for: validation, and trials past the edge, come on top
CLOSE = 0.01  # of the loss: two seeds may lie nearer than that by chance


@dataclass(frozen=True)
class Speed:
    """What one batch size does here; `said` is why it does not go on, or nothing."""

    batch: int
    tokens_per_second: float | None
    megabytes: float | None
    said: str = ""


@dataclass(frozen=True)
class Trial:
    """One short training; `loss` on held-out text in nats a token, infinite where it diverged."""

    batch: int
    factor: float
    tokens: int
    seed: int
    loss: float
    said: str = ""


@dataclass(frozen=True)
class Outcome:
    """All that was measured, and what follows from it for `training`, with the reasons."""

    speeds: list[Speed]
    trials: list[Trial]
    batch: int
    factor: float
    changes: dict[str, Any]
    why: list[str]


class Laboratory(Protocol):
    """Where batch sizes are timed and trials are run."""

    run_tokens: int

    def time(self, batch: int) -> Speed:
        """What a batch of that size does here, or why it cannot be trained."""
        ...

    def train(self, batch: int, factor: float, tokens: int, seed: int) -> Trial:
        """One training of so many tokens with `factor` times the rates of the params."""
        ...


class OutOfTime(Exception):
    """There is no time for another trial."""


def tune(
    laboratory: Laboratory,
    params: TrainingParams,
    context: int,
    minutes: float,
    tell: Callable[[str], None] = lambda _: None,
) -> Outcome:
    """Time batches, try rates, choose, in about so many minutes.

    Raises:
        UserError: no batch fits, the time is too short, or every trial diverges.
    """
    deadline = time.monotonic() + 60 * minutes
    speeds = _time_batches(laboratory, params.batch, context, tell)
    timed = {speed.batch: speed.tokens_per_second or 0.0 for speed in speeds if not speed.said}
    if not timed:
        raise UserError(f"no batch can be trained: {speeds[0].said}")
    speeds, batches = _candidates(speeds, timed, params.batch)
    seconds = deadline - time.monotonic()
    length = _length(batches, timed, seconds, laboratory.run_tokens)
    while length // 4 < TRIAL_STEPS * batches[-1] * context:
        if len(batches) == 1:
            raise _too_short(laboratory.run_tokens, length, batches[0], context, minutes)
        few = batches.pop()
        speeds = [replace(s, said="too few steps") if s.batch == few else s for s in speeds]
        length = _length(batches, timed, seconds, laboratory.run_tokens)
    trials: list[Trial] = []
    rung: list[Trial] = []
    cut = False

    def run(arms: Sequence[tuple[int, float]], tokens: int, seeds: int = 1) -> list[Trial]:
        done = []
        for batch, factor in arms:
            for seed in range(params.seed, params.seed + seeds):
                if time.monotonic() > deadline and trials:
                    raise OutOfTime
                tell(f"batch {batch}, {factor:g} times the rate, {tokens:,} tokens, seed {seed}")
                done.append(laboratory.train(batch, factor, tokens, seed))
                trials.append(done[-1])
        return done

    try:
        began = time.monotonic()
        rung = run([(b, f) for b in batches for f in FACTORS], length // 4)
        rung += _beyond_the_edge(rung, run)
        speed = len(rung) * (length // 4) / max(time.monotonic() - began, 1e-9)
        left = speed * (deadline - time.monotonic())
        better = _best(rung, math.ceil(len(rung) / 2))
        if length * (len(better) / 2 + FINALISTS * SEEDS) <= left:
            rung = run(better, length // 2)
        else:  # slower than the timing promised: what time is left goes to the last round
            while length * FINALISTS * SEEDS > left and length > trials[0].tokens:
                length //= 2
        rung = run(_finalists(rung, trials), length, SEEDS)
    except OutOfTime:
        cut = True
        rung = rung or trials
    return _choose(laboratory, params, speeds, trials, rung, cut)


def _too_short(most: int, length: int, batch: int, context: int, minutes: float) -> UserError:
    least = 4 * TRIAL_STEPS * batch * context
    if length == most:
        return UserError(
            f"the run has {most:,} tokens, too few to try parts of it: a trial with batch {batch} "
            f"needs {least:,}; raise training.epochs or lower training.batch"
        )
    enough = math.ceil(10 * minutes * least / length) / 10
    return UserError(f"--minutes {minutes:g} is too short for a trial: say --minutes {enough:g}")


def _time_batches(
    laboratory: Laboratory, batch: int, context: int, tell: Callable[[str], None]
) -> list[Speed]:
    """Batches a factor of two apart, the smallest first, until one does not fit or brings nothing
    more."""
    speeds: list[Speed] = []
    best, idle = 0.0, 0
    for power in range(-SMALLER, LARGER + 1):
        if batch % 2 ** max(-power, 0):
            continue
        size = int(batch * 2.0**power)
        steps = laboratory.run_tokens // (size * context)
        if steps < RUN_STEPS and size > batch:
            speeds.append(Speed(size, None, None, f"would leave {steps} steps for the whole run"))
            break
        tell(f"batch {size}: how fast?")
        speeds.append(laboratory.time(size))
        found = speeds[-1].tokens_per_second
        if found is None:
            break
        idle = 0 if found > GAIN * best else idle + 1
        best = max(best, found)
        if idle >= 2 and size >= batch:
            break
    return speeds


def _candidates(
    speeds: list[Speed], timed: dict[int, float], batch: int
) -> tuple[list[Speed], list[int]]:
    """The batches that go on: the smallest that are nearly as fast as the fastest, and `batch`."""
    best = max(timed.values())
    fast = [size for size, speed in timed.items() if speed >= NEARLY * best][:BATCHES]
    chosen = sorted({*fast, *({batch} & timed.keys())})
    marked = [
        replace(s, said="slower" if timed[s.batch] < NEARLY * best else "no faster, fewer steps")
        if s.batch in timed and s.batch not in chosen
        else s
        for s in speeds
    ]
    return marked, chosen


def _length(batches: list[int], timed: dict[int, float], seconds: float, most: int) -> int:
    """Tokens of a trial of the last round: a power of two, or what the run itself reads."""
    arms = len(batches) * len(FACTORS)
    rounds = arms / 4 + math.ceil(arms / 2) / 2 + FINALISTS * SEEDS
    speed = len(batches) / sum(1 / timed[batch] for batch in batches)
    affordable = max(SAFETY * max(seconds, 0) * speed / rounds, 1)
    return min(2 ** int(math.log2(affordable)), most)


def _best(trials: list[Trial], count: int) -> list[tuple[int, float]]:
    """The arms with the least loss; of equals the lower rate, then the smaller batch."""
    alive = sorted(
        (trial for trial in trials if math.isfinite(trial.loss)),
        key=lambda trial: (trial.loss, trial.factor, trial.batch),
    )
    return [(trial.batch, trial.factor) for trial in alive[:count]]


def _finalists(rung: list[Trial], trials: list[Trial]) -> list[tuple[int, float]]:
    """The best few, among them the best one's batch with the next lower rate: how much is lost with
    it is what decides."""
    best = _best(rung, FINALISTS)
    if best:
        batch, factor = best[0]
        lower = {t.factor for t in trials if t.batch == batch and t.factor < factor}
        if lower and (batch, max(lower)) not in best:
            best = [*best[: FINALISTS - 1], (batch, max(lower))]
    return best


def _beyond_the_edge(trials: list[Trial], run: Callable[..., list[Trial]]) -> list[Trial]:
    """Where the best rate is the highest or lowest that was tried, two more beyond it at most."""
    added: list[Trial] = []
    for _ in range(2):
        best = _best([*trials, *added], 1)
        if not best:
            break
        batch, factor = best[0]
        tried = [trial.factor for trial in [*trials, *added] if trial.batch == batch]
        if min(tried) < factor < max(tried):
            break
        added += run([(batch, factor * (2 if factor == max(tried) else 0.5))], trials[0].tokens)
    return added


def _choose(
    laboratory: Laboratory,
    params: TrainingParams,
    speeds: list[Speed],
    trials: list[Trial],
    rung: list[Trial],
    cut: bool,
) -> Outcome:
    losses: dict[tuple[int, float], list[float]] = {}
    for trial in rung:
        losses.setdefault((trial.batch, trial.factor), []).append(trial.loss)
    means = {arm: sum(seen) / len(seen) for arm, seen in losses.items()}
    alive = {arm: mean for arm, mean in means.items() if math.isfinite(mean)}
    if not alive:
        raise UserError(
            "every trial diverged: set training.learning_rate and adam_learning_rate to a tenth "
            "and try again"
        )
    least = min(alive.values())
    spread = max(max(losses[arm]) - min(losses[arm]) for arm in alive)
    close = max(spread, CLOSE * least)
    equals = [arm for arm, mean in alive.items() if mean <= least + close]
    timed = {speed.batch: speed.tokens_per_second or 0.0 for speed in speeds}
    batch, factor = min(equals, key=lambda arm: (arm[1], -timed[arm[0]]))
    longer = laboratory.run_tokens / rung[0].tokens
    seeds = "of one seed" if len(rung) == len(losses) else f"seeds lie up to {spread:.4f} apart"
    why = ["the time was over before the last round: give more --minutes"] if cut else []
    why.append(
        f"the least loss is {least:.4f}, {seeds}: what is within {close:.4f} counts as equal"
    )
    why.append(
        f"of {len(equals)} such the lowest rate is taken: the best rate falls with the length of a "
        f"training, and the run is {longer:,.1f} times as long as these trials"
    )
    return Outcome(speeds, trials, batch, factor, changes(params, batch, factor), why)


def changes(params: TrainingParams, batch: int, factor: float) -> dict[str, Any]:
    """What a choice means for `training`: Adam's rate under muon keeps its proportion."""
    values = rates(params, factor) | {"batch": batch}
    if params.accumulation > 1:
        values["accumulation"] = parts(params, batch)
    return {name: value for name, value in values.items() if value != getattr(params, name)}


def rates(params: TrainingParams, factor: float) -> dict[str, float]:
    """The rates times a factor, to four digits."""
    names = ["learning_rate"] + ["adam_learning_rate"] * (params.optimizer == "muon")
    return {name: float(f"{getattr(params, name) * factor:.4g}") for name in names}


def parts(params: TrainingParams, batch: int) -> int:
    """Into how many parts a batch is cut where params cut theirs: the parts stay as large."""
    return max(1, params.accumulation * batch // params.batch)
