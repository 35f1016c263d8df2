"""Pretraining: the main run, from token files to a model folder, resumable at any moment."""

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType

import torch
from tokenizers import Tokenizer

from pipeline.documents import atomic_folder, write_json
from pipeline.errors import UserError
from pipeline.generation import generate
from pipeline.models import LanguageModel, ModelConfig, build_model, save_model
from pipeline.params import Params
from pipeline.progress import progress
from pipeline.tokenization.tokenizer import fingerprint, load_tokenizer
from pipeline.training import checkpoints
from pipeline.training.batches import Batches
from pipeline.training.data import read_tokens, token_lengths
from pipeline.training.loop import Plan, Step, Validation, train
from pipeline.training.optimizers import build_optimizers
from pipeline.training.precision import Machine, choose_machine
from pipeline.training.records import curve, model_record, training_report, write_reports
from pipeline.training.trackers import Tracker, open_trackers
from pipeline.training.validate import Held

CODE = Path(__file__).parent.parent


@dataclass(frozen=True)
class Places:
    """Where pretraining reads and writes."""

    tokens: Path = Path("data/tokens")
    tokenizer: Path = Path("data/tokenizer")
    model: Path = Path("data/model")
    reports: Path = Path("reports")
    checkpoints: Path = Path("checkpoints")


def pretrain(params: Params, places: Places) -> list[dict[str, float]]:
    """Train, go on from a checkpoint where a killed run left one, and write the model.

    Returns the curve, for a figure: entries with `step`, `tokens` and `train_loss` or
    `validation_loss`.

    Raises:
        UserError: text and context do not fit, the loss diverges, a checkpoint is damaged.
    """
    machine = choose_machine(params.training)
    tokenizer = load_tokenizer(places.tokenizer)
    tokens = read_tokens(places.tokens, "train", tokenizer)
    held = Held(read_tokens(places.tokens, "validation", tokenizer), token_lengths(tokenizer))
    batches = Batches(tokens, params.model.context, params.training.batch, params.training.seed)
    config = ModelConfig.from_params(params.model, tokenizer.get_vocab_size())
    plan = Plan.make(
        batches,
        min(params.training.epochs, 1) if config.one_pass else params.training.epochs,
        params.training.tokens,
        params.training.validations_per_epoch,
    )
    torch.manual_seed(params.training.seed)
    model = build_model(config)
    model.to(machine.device)
    optimizers = build_optimizers(model, params.training)
    print(
        f"{params.model.family} with {model.size():,} parameters on {machine.device} "
        f"({machine.threads} threads, {machine.precision}, "
        f"{'compiled' if machine.compile else 'eager'}; {machine.why}); "
        f"{plan.steps:,} steps of {plan.tokens_per_step:,} tokens, "
        f"{plan.steps / plan.steps_per_epoch:.1f} epochs",
        flush=True,
    )
    for note in config.notes():
        print(note, flush=True)
    saved = checkpoints.Checkpoints(
        places.checkpoints, _identity(params, places, fingerprint(tokenizer), machine)
    )
    with saved.alone():
        done = saved.load(model, optimizers)
        if done.step:
            print(f"going on from step {done.step:,} of {plan.steps:,}", flush=True)
        trackers = open_trackers(params.tracking, saved.folder.name, params.model_dump())
        run = _Run(params, plan, model, tokenizer, optimizers, saved, done, trackers)
        run.go(
            train(
                model,
                optimizers,
                batches,
                held,
                plan,
                params.training,
                machine,
                done.step,
                done.losses,
            )
        )
        with atomic_folder(places.model) as partial:
            save_model(partial, model, places.tokenizer / "tokenizer.json")
            write_json(partial / "training.json", model_record(params, plan, model.size(), machine))
        report = training_report(params, plan, model.size(), machine, done)
        write_reports(places.reports, done, report)
        for tracker in trackers:
            line = tracker.close()
            if line:
                print(line, flush=True)
        saved.remove()
    return curve(done, plan)


class _Run:
    """Consumes the loop's events: logs, saves, and stops cleanly when asked to."""

    def __init__(
        self,
        params: Params,
        plan: Plan,
        model: LanguageModel,
        tokenizer: Tokenizer,
        optimizers: list[torch.optim.Optimizer],
        saved: checkpoints.Checkpoints,
        done: checkpoints.Progress,
        trackers: list[Tracker],
    ) -> None:
        self.params, self.plan, self.model, self.tokenizer = params, plan, model, tokenizer
        self.optimizers, self.saved, self.done, self.trackers = optimizers, saved, done, trackers
        self.before = done.seconds
        self.stopping: str | None = None

    def go(self, events: Iterator[Step | Validation]) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        parent, last_save, pause = os.getppid(), time.monotonic(), 0.0
        print(
            f"{'epoch':>7} {'train':>8} {'validation':>10} {'bits/byte':>10} {'seconds':>8}",
            flush=True,
        )
        with progress("training", self.plan.steps) as bar:
            bar.advance(self.done.step)
            for event in events:
                if isinstance(event, Step):
                    self._step(event)
                    speed = event.step * self.plan.tokens_per_step / max(self.done.seconds, 1e-9)
                    bar.advance(1, f"loss {event.loss:.3f}, {speed:,.0f} tokens/s")
                    if event.step in self.plan.validate_after:
                        continue  # a checkpoint now would lose the validation that follows
                else:
                    bar.line(self._validation(event))
                if os.getppid() != parent:
                    self.stopping = "the process that started it has gone"
                due = max(self.params.tracking.checkpoint_seconds, 20 * pause)
                if self.stopping or time.monotonic() - last_save >= due:
                    began = time.monotonic()
                    self.saved.save(self.model, self.optimizers, self.done)
                    last_save = time.monotonic()
                    pause = last_save - began
                if self.stopping and event.step < self.plan.steps:
                    raise UserError(
                        f"training stopped after step {event.step:,} ({self.stopping}); "
                        "a checkpoint is kept: run again to go on"
                    )

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopping = signal.Signals(number).name

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
        self.done.seconds = self.before + event.seconds
        self.done.validations.append(asdict(event) | {"seconds": self.done.seconds})
        self.model.eval()
        text = generate(self.model, self.tokenizer, "", tokens=40, top_p=0.95)
        self.model.train()
        for tracker in self.trackers:
            tracker.numbers(
                event.step,
                {
                    "validation/loss": event.validation_loss,
                    "validation/bits_per_byte": event.bits_per_byte,
                },
            )
            tracker.text(event.step, "sample", text)
        figures = (
            f"{event.epoch:7.2f} {event.train_loss:8.4f} {event.validation_loss:10.4f} "
            f"{event.bits_per_byte:10.4f} {self.done.seconds:8.0f}"
        )
        return f"{figures}  {' '.join(text.split())[:70]}"


def _identity(
    params: Params, places: Places, tokenizer: str, machine: Machine
) -> checkpoints.Identity:
    return {
        "code": checkpoints.code_hash([CODE / "models", CODE / "training"]),
        "model": params.model.model_dump(),
        "training": params.training.model_dump(),
        "train_tokens": checkpoints.file_hash(places.tokens / "train.bin"),
        "validation_tokens": checkpoints.file_hash(places.tokens / "validation.bin"),
        "tokenizer": tokenizer,
        "precision": machine.precision,
        "compile": machine.compile,
        "device": machine.device,
        "threads": machine.threads,
        "torch": torch.__version__,
    }
