"""Checkpoints that a killed run goes on from, bit for bit.

They live in a git-ignored folder that is no DVC out, one folder for each identity: a hash of
everything that shapes the run (code, params, tokens, tokenizer, precision, compilation, threads). A
run with any other value finds no checkpoint of ours. Weights and optimizer state are safetensors;
no random state is stored, since batches and dropout are functions of (seed, step).
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

from pipeline.documents import atomic_folder, read_json
from pipeline.errors import UserError
from pipeline.models import LanguageModel
from pipeline.models.storage import load_weights, weights

Identity = dict[str, Any]


@dataclass
class Progress:
    """What a run has done so far, beside weights and optimizer state."""

    step: int = 0
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)  # since the last validation
    steps: list[list[float]] = field(default_factory=list)
    validations: list[dict[str, Any]] = field(default_factory=list)


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


def file_hash(path: Path) -> str:
    """SHA-256 of a file's contents."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Checkpoints:
    """The checkpoints of one identity, the newest only, in `root`/KEY."""

    def __init__(self, root: Path, identity: Identity) -> None:
        self.identity = identity
        self.folder = root / key(identity)

    def save(self, model: LanguageModel, optimizers: list[Optimizer], progress: Progress) -> None:
        """Write one checkpoint, whole or not at all, and drop the one before."""
        with atomic_folder(self.folder) as partial:
            save_file(weights(model), partial / "model.safetensors")
            save_file(_flatten(optimizers), partial / "optimizer.safetensors")
            record = {"identity": self.identity, "progress": vars(progress)}
            (partial / "progress.json").write_text(
                json.dumps(record, default=str), encoding="utf-8"
            )

    def load(self, model: LanguageModel, optimizers: list[Optimizer]) -> Progress:
        """Put the newest checkpoint into model and optimizers; a fresh `Progress` where there is
        none.

        Raises:
            UserError: the checkpoint is damaged, or it is one of another configuration.
        """
        if not self.folder.is_dir():
            return Progress()
        record = read_json(self.folder / "progress.json")
        found = record.get("identity", {})
        mine = json.loads(json.dumps(self.identity, default=str))
        different = [
            name for name in sorted(mine.keys() | found.keys()) if mine.get(name) != found.get(name)
        ]
        if different:
            raise UserError(
                f"the checkpoint in {self.folder} is of another configuration "
                f"(it differs in {', '.join(different)}): delete that folder to train anew"
            )
        try:
            load_weights(model, load_file(self.folder / "model.safetensors"))
            _restore(optimizers, load_file(self.folder / "optimizer.safetensors"))
        except (SafetensorError, RuntimeError, KeyError, OSError) as error:
            reason = str(error).strip().splitlines()[0]
            raise UserError(
                f"the checkpoint in {self.folder} is damaged ({reason}): "
                "delete that folder to train anew"
            ) from None
        return Progress(**record["progress"])

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
