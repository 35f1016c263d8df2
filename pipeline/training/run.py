"""A run consumes the loop's events: it shows and logs them, saves, and stops when it is time."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import asdict
from types import FrameType

from tokenizers import Tokenizer

from pipeline.errors import UserError
from pipeline.generation import generate
from pipeline.models import LanguageModel
from pipeline.params import Params
from pipeline.progress import progress
from pipeline.training.checkpoints import Checkpoints, Progress
from pipeline.training.distributed import World
from pipeline.training.learner import Learner
from pipeline.training.loop import Diverged, Plan, Step, Validation
from pipeline.training.speed import Costs
from pipeline.training.trackers import Tracker

Prober = Callable[[LanguageModel, Tokenizer], dict[str, float]]
"""What a model is asked at every validation. It draws no random numbers and changes no weight."""


class Run:
    """One training, from the first step or from a checkpoint to its end.

    Every process has one and all of them end at the same step; only the first shows and saves.
    """

    def __init__(
        self,
        params: Params,
        plan: Plan,
        learner: Learner,
        tokenizer: Tokenizer,
        saved: Checkpoints,
        done: Progress,
        trackers: list[Tracker],
        costs: Costs,
        here: World,
        prober: Prober | None = None,
    ) -> None:
        self.prober = prober
        self.params, self.plan, self.learner, self.tokenizer = params, plan, learner, tokenizer
        self.saved, self.done, self.trackers = saved, done, trackers
        self.costs, self.here = costs, here
        self.first_step, self.before = done.step, done.seconds
        self.stopping: str | None = None

    def go(self, events: Iterator[Step | Validation]) -> None:
        """Take all events, or so many as signals and patience allow.

        Raises:
            UserError: it was stopped, or it diverged.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        if self.here.first:
            print(
                f"{'epoch':>7} {'train':>8} {'validation':>10} {'bits/byte':>10} {'seconds':>8}",
                flush=True,
            )
        try:
            self._take(events)
        except Diverged as error:
            last = self.saved.newest()
            kept = f"the last good checkpoint is {last}" if last else "no checkpoint was due before"
            raise UserError(f"{error}; {kept}") from None

    def _take(self, events: Iterator[Step | Validation]) -> None:
        parent, last_save, pause = os.getppid(), time.monotonic(), 0.0
        shown = progress("training", self.plan.steps) if self.here.first else nullcontext()
        with shown as bar:
            if bar is not None:
                bar.advance(self.done.step)
            if self._out_of_patience():  # it was killed between that and its end
                return
            for event in events:
                if isinstance(event, Step):
                    self._step(event)
                    if bar is not None:
                        bar.advance(1, self._note(event))
                    if event.step in self.plan.validate_after:
                        continue  # a checkpoint now would lose the validation that follows
                else:
                    line = self._validation(event)
                    if bar is not None:
                        bar.line(line)
                if os.getppid() != parent:
                    self.stopping = "the process that started it has gone"
                stopping = self.here.any(self.stopping is not None)
                ended = isinstance(event, Validation) and self._out_of_patience()
                due = max(self.params.tracking.checkpoint_seconds, 20 * pause)
                if stopping or ended or time.monotonic() - last_save >= due:
                    began = time.monotonic()
                    if self.here.first:
                        self.saved.save(self.learner, self.done)
                    last_save = time.monotonic()
                    pause = last_save - began
                if ended:
                    return
                if stopping and event.step < self.plan.steps:
                    self.here.wait()  # until the checkpoint is written
                    raise UserError(
                        f"training stopped after step {event.step:,} "
                        f"({self.stopping or 'another process was stopped'}); "
                        "a checkpoint is kept: run again to go on"
                    )

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping = signal.Signals(number).name

    def _out_of_patience(self) -> bool:
        patience = self.params.training.patience
        return patience is not None and self.done.since_best >= patience

    def _note(self, event: Step) -> str:
        """What stands behind the bar: loss, speed, share of the measured peak, time left."""
        seconds = max(event.seconds, 1e-9)
        steps = event.step - self.first_step
        speed = steps * self.plan.tokens_per_step / seconds
        share = self.costs.share(speed)
        peak = f", {share:.1%} of the matrix peak" if share is not None else ""
        left = round(seconds / steps * (self.plan.steps - event.step))
        return (
            f"loss {event.loss:.3f}, {speed:,.0f} tokens/s{peak}, {left // 60}:{left % 60:02d} left"
        )

    def _step(self, event: Step) -> None:
        done = self.done
        done.step, done.seconds = event.step, self.before + event.seconds
        tokens = event.step * self.plan.tokens_per_step
        done.steps.append([event.step, tokens, event.loss, event.rate, event.gradient_norm])
        for tracker in self.trackers:
            tracker.numbers(
                event.step,
                {"train/loss": event.loss, "train/rate": event.rate, "tokens": float(tokens)},
            )

    def _validation(self, event: Validation) -> str:
        done = self.done
        done.seconds = self.before + event.seconds
        done.validations.append(asdict(event) | {"seconds": done.seconds})
        if not self.here.first:
            return ""
        with self.learner.at_its_best() as model:
            if done.since_best == 0:
                self.saved.save_best(model)
            model.eval()
            text = generate(model, self.tokenizer, "", tokens=40, top_p=0.95)
            probed = self.prober(model, self.tokenizer) if self.prober else {}
            model.train()
        done.validations[-1]["sample"] = text
        for tracker in self.trackers:
            tracker.numbers(
                event.step,
                {
                    "validation/loss": event.validation_loss,
                    "validation/bits_per_byte": event.bits_per_byte,
                    **{f"probes/{name}": value for name, value in probed.items()},
                },
            )
            tracker.text(event.step, "sample", text)
        figures = (
            f"{event.epoch:7.2f} {event.train_loss:8.4f} {event.validation_loss:10.4f} "
            f"{event.bits_per_byte:10.4f} {done.seconds:8.0f}"
        )
        return f"{figures}  {' '.join(text.split())[:70]}"
