"""Checkpoints that a killed run goes on from, bit for bit.

They live in a git-ignored folder that is no DVC out, one folder for each identity: a hash of
everything that shapes the run (code, params, tokens, tokenizer, precision, compilation, threads). A
run with any other value finds no checkpoint of ours. In it lie the last few, `step-00000100`, and
`best`: the weights that validated best. All tensors are safetensors. Batches and dropout are
functions of (seed, step); the state of torch's generator is kept for what may be drawn besides.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch.optim import Optimizer

from pipeline.errors import UserError
from pipeline.files import atomic_folder, read_json
from pipeline.models import LanguageModel
from pipeline.models.storage import load_weights, weights
from pipeline.training.learner import Learner

Identity = dict[str, Any]


@dataclass
class Progress:
    """What a run has done so far, beside weights and optimizer state."""

    step: int = 0
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)  # since the last validation
    steps: list[list[float]] = field(default_factory=list)
    validations: list[dict[str, Any]] = field(default_factory=list)

    @property
    def best(self) -> dict[str, Any] | None:
        """The validation with the least loss, the first of equals."""
        return min(self.validations, key=lambda entry: entry["validation_loss"], default=None)

    @property
    def samples(self) -> list[tuple[int, str]]:
        """The text that the model wrote at each validation, behind its step."""
        return [(entry["step"], entry["sample"]) for entry in self.validations]

    @property
    def since_best(self) -> int:
        """How many validations came after the best."""
        losses = [entry["validation_loss"] for entry in self.validations]
        return len(losses) - 1 - losses.index(min(losses)) if losses else 0


def key(identity: Identity) -> str:
    """Sixteen hexadecimal digits that stand for an identity."""
    canonical = json.dumps(identity, sort_keys=True, default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def code_hash(folders: list[Path]) -> str:
    """SHA-256 over the Python files of some folders, names and contents."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


class Checkpoints:
    """The checkpoints of one identity, in `root`/KEY: the last `keep`, and the best weights."""

    def __init__(self, root: Path, identity: Identity, keep: int = 1) -> None:
        self.identity, self.keep = identity, keep
        self.folder = root / key(identity)

    def newest(self) -> Path | None:
        """The folder of the last checkpoint."""
        return max(self.folder.glob("step-*"), default=None)

    def save(self, learner: Learner, progress: Progress) -> None:
        """Write one checkpoint, whole or not at all, and drop those that are too old."""
        tensors = {"random": torch.get_rng_state()} | _flatten(learner.optimizers)
        if learner.average is not None:
            tensors |= {f"average.{i}": t.cpu() for i, t in enumerate(learner.average.weights)}
        with atomic_folder(self.folder / f"step-{progress.step:08d}") as partial:
            save_file(weights(learner.model), partial / "model.safetensors")
            save_file(tensors, partial / "optimizer.safetensors")
            record = {
                "identity": self.identity,
                "progress": vars(progress),
                "scaler": learner.scaler.state_dict(),
            }
            (partial / "progress.json").write_text(
                json.dumps(record, default=str), encoding="utf-8"
            )
        for old in sorted(self.folder.glob("step-*"))[: -self.keep]:
            shutil.rmtree(old, ignore_errors=True)

    def load(self, learner: Learner, resume: Path | None = None) -> Progress:
        """Put the newest checkpoint, or the one in `resume`, into the learner; a fresh `Progress`
        where there is none.

        Raises:
            UserError: the checkpoint is damaged, or it is one of another configuration.
        """
        folder = self.newest() if resume is None else _chosen(resume)
        if folder is None:
            return Progress()
        record = read_json(folder / "progress.json")
        different = differences(record.get("identity", {}), self.identity)
        if different:
            advice = "delete that folder to train anew"
            if resume is not None:
                advice = "set params back to those of the checkpoint, or train without --resume"
            shown = "; ".join(different[:6]) + ("; ..." if len(different) > 6 else "")
            raise UserError(
                f"the checkpoint in {folder} is of another configuration ({shown}): {advice}"
            )
        try:
            load_weights(learner.model, load_file(folder / "model.safetensors"))
            tensors = load_file(folder / "optimizer.safetensors")
            torch.set_rng_state(tensors.pop("random"))
            if learner.average is not None:
                for index, weight in enumerate(learner.average.weights):
                    weight.copy_(tensors.pop(f"average.{index}"))
            _restore(learner.optimizers, tensors)
            if learner.scaler.is_enabled():
                learner.scaler.load_state_dict(record["scaler"])
        except (SafetensorError, RuntimeError, KeyError, ValueError, OSError) as error:
            raise _damaged(folder, error) from None
        return Progress(**record["progress"])

    def save_best(self, model: LanguageModel) -> None:
        """Keep these weights as the best."""
        with atomic_folder(self.folder / "best") as partial:
            save_file(weights(model), partial / "model.safetensors")

    def load_best(self, model: LanguageModel) -> None:
        """Put the best weights into the model.

        Raises:
            UserError: they are damaged.
        """
        try:
            load_weights(model, load_file(self.folder / "best" / "model.safetensors"))
        except (SafetensorError, RuntimeError, OSError) as error:
            raise _damaged(self.folder / "best", error) from None

    def remove(self) -> None:
        """Forget them: the run ended well, and a forced re-run is to train."""
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep others with this identity waiting: two runs must not write into one folder."""
        try:
            import fcntl
        except ImportError:  # no such lock on this system
            yield
            return
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        path = self.folder.with_suffix(".lock")
        with path.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print("the same training runs already; waiting for it to end", flush=True)
                fcntl.flock(file, fcntl.LOCK_EX)
            yield
            path.unlink(missing_ok=True)


def differences(there: Identity, here: Identity) -> list[str]:
    """What distinguishes two identities, a phrase for each value: `training.batch is 8, not 16`.

    >>> differences({"threads": 2, "model": {"width": 8}}, {"threads": 2, "model": {"width": 16}})
    ['model.width is 8 there, 16 here']
    """
    old, new = _dotted(there), _dotted(json.loads(json.dumps(here, default=str)))
    phrases = []
    for name in sorted(old.keys() | new.keys()):
        values = (old.get(name, "missing"), new.get(name, "missing"))
        if values[0] != values[1]:
            hashes = all(isinstance(value, str) and len(value) == 64 for value in values)
            phrases.append(
                f"{name} is another" if hashes else f"{name} is {values[0]} there, {values[1]} here"
            )
    return phrases


def _dotted(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        inner = isinstance(value, dict)
        flat |= _dotted(value, f"{prefix}{name}.") if inner else {prefix + name: value}
    return flat


def _chosen(folder: Path) -> Path:
    """A checkpoint, or the newest in a folder of them."""
    found = (
        folder if (folder / "progress.json").is_file() else max(folder.glob("step-*"), default=None)
    )
    if found is None:
        raise UserError(f"there is no checkpoint in {folder}: name a folder of checkpoints/")
    return found


def _damaged(folder: Path, error: Exception) -> UserError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return UserError(
        f"the checkpoint in {folder} is damaged ({reason}): delete that folder to go on from the "
        "one before it, or to train anew"
    )


def _flatten(optimizers: list[Optimizer]) -> dict[str, torch.Tensor]:
    """Optimizer state as one flat table of tensors: OPTIMIZER.PARAMETER.NAME."""
    flat = {}
    for number, optimizer in enumerate(optimizers):
        for index, state in optimizer.state_dict()["state"].items():
            for name, tensor in state.items():
                flat[f"{number}.{index}.{name}"] = torch.as_tensor(tensor).cpu().contiguous()
    return flat


def _restore(optimizers: list[Optimizer], flat: dict[str, torch.Tensor]) -> None:
    states: list[dict[int, dict[str, torch.Tensor]]] = [{} for _ in optimizers]
    for name, tensor in flat.items():
        number, index, field_name = name.split(".", 2)
        states[int(number)].setdefault(int(index), {})[field_name] = tensor
    for optimizer, state in zip(optimizers, states, strict=True):
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": state, "param_groups": groups})
