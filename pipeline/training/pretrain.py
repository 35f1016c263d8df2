"""Pretraining: the main run, from token files to a model folder, resumable at any moment."""

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch

from pipeline.files import atomic_folder, file_hash, write_json
from pipeline.models import ModelConfig, build_model, save_model
from pipeline.params import Params
from pipeline.tokenization.tokenizer import fingerprint, load_tokenizer
from pipeline.training import checkpoints
from pipeline.training.batches import Batches, document_starts
from pipeline.training.data import read_tokens, token_lengths
from pipeline.training.distributed import World, world
from pipeline.training.fitting import check_memory
from pipeline.training.learner import Learner
from pipeline.training.loop import Plan, train
from pipeline.training.precision import Machine, choose_machine
from pipeline.training.records import curve, model_record, training_report, write_reports
from pipeline.training.run import Prober, Run
from pipeline.training.speed import Costs, matrix_peak, operations_per_token
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


def pretrain(
    params: Params, places: Places, resume: Path | None = None, prober: Prober | None = None
) -> list[dict[str, float]]:
    """Train, go on from a checkpoint where a killed run left one, and write the model.

    `resume` names a checkpoint to go on from. What `prober` finds at each validation goes to the
    trackers. Under `torchrun` this is one of many processes.
    Returns the curve, for a figure: entries with `step`, `tokens` and `train_loss` or
    `validation_loss`; nothing in a process that is not the first.

    Raises:
        UserError: text, context and memory do not fit, the loss diverges, a checkpoint is damaged
            or of another configuration.
    """
    training = params.training
    with world(training.batch, training.accumulation, params.model.family) as here:
        return _pretrain(params, places, resume, here, prober)


def _pretrain(
    params: Params, places: Places, resume: Path | None, here: World, prober: Prober | None
) -> list[dict[str, float]]:
    training = params.training
    tokenizer = load_tokenizer(places.tokenizer)
    tokens = read_tokens(places.tokens, "train", tokenizer)
    held = Held(read_tokens(places.tokens, "validation", tokenizer), token_lengths(tokenizer))
    config = ModelConfig.from_params(params.model, tokenizer.get_vocab_size())
    documents = document_starts(training, config, tokens, held.token_bytes)
    batches = Batches(
        tokens, params.model.context, training.batch, training.seed, here.rank, here.size, documents
    )
    plan = Plan.make(
        batches,
        min(training.epochs, 1) if config.one_pass else training.epochs,
        training.tokens,
        training.validations_per_epoch,
        training.validate_steps,
    )
    torch.manual_seed(training.seed)
    model = build_model(config)
    model.checkpoint_layers = training.checkpoint_layers
    per_token = operations_per_token(model)
    machine = choose_machine(training, per_token * plan.steps * plan.tokens_per_step)
    check_memory(model, training.batch // here.size, training.accumulation, machine)
    model.to(machine.device)
    learner = Learner(model, training, machine)
    costs = Costs(per_token, here.size * matrix_peak(machine))
    processes = f"{here.size} processes, " if here.size > 1 else ""
    if here.first:
        print(
            f"{params.model.family} with {model.size():,} parameters on {machine.device} "
            f"({processes}{machine.threads} threads, {machine.precision}, "
            f"{'compiled' if machine.compile else 'eager'}; {machine.why}); "
            f"{plan.steps:,} steps of {plan.tokens_per_step:,} tokens, "
            f"{plan.steps / plan.steps_per_epoch:.1f} epochs; "
            f"measured matrix peak {costs.peak / 1e9:,.0f} GFLOP/s",
            flush=True,
        )
        for note in config.notes():
            print(note, flush=True)
    identity = _identity(params, places, fingerprint(tokenizer), machine, here)
    saved = checkpoints.Checkpoints(places.checkpoints, identity, params.tracking.keep_checkpoints)
    with saved.alone() if here.first else nullcontext():
        here.wait()  # until no other run writes there
        done = saved.load(learner, resume)
        trackers: list[Tracker] = []
        if here.first:
            if done.step:
                print(f"going on from step {done.step:,} of {plan.steps:,}", flush=True)
            trackers = open_trackers(
                params.tracking, saved.folder.name, params.model_dump(), done.step, done.samples
            )
        run = Run(params, plan, learner, tokenizer, saved, done, trackers, costs, here, prober)
        run.go(train(learner, batches, held, plan, training, machine, done.step, done.losses, here))
        if not here.first:
            return []
        if training.patience is not None:
            saved.load_best(model)
        elif learner.average is not None:
            learner.average.swap()
        with atomic_folder(places.model) as partial:
            save_model(partial, model, places.tokenizer / "tokenizer.json")
            record = model_record(params, plan, model.size(), machine, done)
            write_json(partial / "training.json", record)
        report = training_report(params, plan, model.size(), machine, done, costs)
        write_reports(places.reports, done, report)
        for tracker in trackers:
            tracker.model(places.model)
            line = tracker.close()
            if line:
                print(line, flush=True)
        saved.remove()
    return curve(done, plan)


def _identity(
    params: Params, places: Places, tokenizer: str, machine: Machine, here: World
) -> checkpoints.Identity:
    return {
        "code": checkpoints.code_hash([CODE / "models", CODE / "training"]),
        "model": params.model.model_dump(),
        "training": params.training.model_dump(),
        "train_tokens": file_hash(places.tokens / "train.bin"),
        "validation_tokens": file_hash(places.tokens / "validation.bin"),
        "tokenizer": tokenizer,
        "precision": machine.precision,
        "compile": machine.compile,
        "device": machine.device,
        "threads": machine.threads,
        "processes": here.size,
        "torch": torch.__version__,
    }
