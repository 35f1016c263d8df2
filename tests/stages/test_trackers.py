"""Trackers over a training that is killed and goes on: each shows one run, and no secret."""

import json
import os
import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.params import TrackingParams
from pipeline.tokenization.tokenizer import fingerprint, load_tokenizer
from pipeline.training.trackers import DvcLive, Wandb
from tests.project import command, environment, write_params

SECRETS = {"HF_TOKEN": "hf_" + "Secret" * 6, "WANDB_API_KEY": "c0ffee" * 6 + "beef"}
RECIPE = "stages: {}\n"


def records(path: Path) -> Iterator[Any]:
    """The records of a .wandb file: a log of LevelDB behind seven bytes of wandb's own.

    A record lies in one or more pieces in blocks of 32 kB; one that was cut off ends the log.
    https://github.com/google/leveldb/blob/main/doc/log_format.md
    """
    from wandb.proto import wandb_internal_pb2

    data, place, held = path.read_bytes(), 7, b""
    while place + 7 <= len(data):
        left = 32768 - place % 32768
        if left < 7:
            place += left
            continue
        size, kind = struct.unpack("<HB", data[place + 4 : place + 7])
        piece = data[place + 7 : place + 7 + size]
        if kind == 0 or len(piece) < size:
            return
        place, held = place + 7 + size, held + piece
        if kind in (1, 4):  # whole, or the last piece
            record = wandb_internal_pb2.Record()
            record.ParseFromString(held)
            held = b""
            yield record


@pytest.fixture(scope="module")
def resumed(
    tmp_path_factory: pytest.TempPathFactory, tokenizer_folder: Path, tokens: np.ndarray
) -> tuple[Path, str]:
    """A folder in which a training was killed after a validation and then ended, and its output."""
    project = tmp_path_factory.mktemp("tracked")
    shutil.copytree(tokenizer_folder, project / "data/tokenizer")
    folder = project / "data/tokens"
    folder.mkdir(parents=True)
    mark = fingerprint(load_tokenizer(tokenizer_folder))
    for name, part in (("train", tokens), ("validation", tokens[:1000])):
        part.tofile(folder / f"{name}.bin")
        record = {"dtype": "uint16", "tokens": len(part), "tokenizer": mark}
        write_json(folder / f"{name}.json", record)
    (project / "dvc.yaml").write_text(RECIPE)
    write_params(
        project,
        training={"epochs": 3, "validate_steps": 10},
        tracking={"checkpoint_seconds": 0.1, "wandb": "offline", "dvclive": True}
        | {"json_lines": True},
    )
    words = command("stages.pretrain")
    place = environment() | SECRETS | {"HOME": str(project / "home")}
    with (project / "first.txt").open("w") as out:
        process = subprocess.Popen(words, cwd=project, env=place, stdout=out, stderr=out)
        wait_for_checkpoint(project, process)
        time.sleep(0.05)
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.6)  # wandb writes from another process
        process.kill()
        assert process.wait(60) < 0, "it ended before it was killed"
    done = subprocess.run(
        words, cwd=project, env=place, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "going on from step" in done.stdout
    return project, done.stdout + done.stderr


def wait_for_checkpoint(project: Path, process: subprocess.Popen[bytes]) -> None:
    """Until there is one that was written after a validation."""
    deadline = time.monotonic() + 90
    while True:
        assert process.poll() is None and time.monotonic() < deadline, "no checkpoint came"
        for path in (project / "checkpoints").glob("*/step-*/progress.json"):
            with suppress(OSError):
                if json.loads(path.read_text())["progress"]["validations"]:
                    return
        time.sleep(0.01)


def validated(project: Path) -> list[int]:
    report = json.loads((project / "reports/training.json").read_text())
    return [entry["step"] for entry in report["epochs"]]


def test_wandb_offline_stays_one_run_with_params_curves_samples_and_the_model(
    resumed: tuple[Path, str],
) -> None:
    project, said = resumed
    files = sorted(project.glob("wandb/offline-run-*/run-*.wandb"))
    assert len(files) == 2, "one part before the kill and one after it"
    found = [record for file in files for record in records(file)]
    (identifier,) = {record.run.run_id for record in found if record.HasField("run")}
    assert [file.name for file in files] == [f"run-{identifier}.wandb"] * 2
    (pattern,) = (
        line.split("wandb sync ")[1] for line in said.splitlines() if "wandb sync" in line
    )
    assert sorted(project.glob(pattern)) == sorted(file.parent for file in files)

    config = {
        item.key: item.value_json
        for record in found
        if record.HasField("run")
        for item in record.run.config.update
    }
    assert json.loads(config["training"])["validate_steps"] == 10
    steps, validations = set(), set()
    for record in found:
        if record.HasField("history"):
            items = record.history.item
            row = {item.key or ".".join(item.nested_key): item.value_json for item in items}
            step = int(row["step"])
            steps |= {step} if "train/loss" in row else set()
            validations |= {step} if "validation/loss" in row else set()
    report = json.loads((project / "reports/training.json").read_text())
    assert steps == set(range(1, report["steps"] + 1))
    assert validations == set(validated(project))

    tables = sorted(project.glob("wandb/*/files/media/table/samples_*.json"), key=table_step)
    rows = json.loads(tables[-1].read_text())["data"]
    assert [step for step, _ in rows] == validated(project), "those before the kill as well"

    kept = [record.artifact for record in found if record.HasField("artifact")]
    (artifact,) = (one for one in kept if one.type == "model")
    assert artifact.name == f"model-{identifier}"
    names = {entry.path for entry in artifact.manifest.contents}
    assert {"model.safetensors", "config.json", "tokenizer.json"} <= names
    staged = Path(
        next(e.local_path for e in artifact.manifest.contents if e.path == "model.safetensors")
    )
    weights = (project / "data/model/model.safetensors").read_bytes()
    assert (project / staged).read_bytes() == weights


def table_step(path: Path) -> tuple[str, int]:
    return path.parts[-5], int(path.name.split("_")[1])


def test_no_tracker_writes_down_a_token(resumed: tuple[Path, str]) -> None:
    project, said = resumed
    for secret in SECRETS.values():
        assert secret not in said
        for path in project.rglob("*"):
            if path.is_file():
                assert secret.encode() not in path.read_bytes(), path


def test_dvclive_has_each_validation_once_and_leaves_the_recipe_alone(
    resumed: tuple[Path, str],
) -> None:
    project, said = resumed
    (folder,) = project.glob("runs/*/dvclive")
    for name in ("train/loss", "validation/loss", "validation/bits_per_byte"):
        rows = (folder / f"plots/metrics/{name}.tsv").read_text().splitlines()
        assert [int(row.split("\t")[0]) for row in rows[1:]] == validated(project), name
    report = json.loads((project / "reports/training.json").read_text())
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["validation"]["loss"] == pytest.approx(report["epochs"][-1]["validation_loss"])
    assert "validate_steps: 10" in (folder / "params.yaml").read_text()
    assert (project / "dvc.yaml").read_text() == RECIPE
    assert f"dvc plots show {folder.relative_to(project)}" in said


def test_json_lines_have_each_step_once(resumed: tuple[Path, str]) -> None:
    project, _ = resumed
    (events,) = project.glob("runs/*/events.jsonl")
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    steps = [line["step"] for line in lines if "train/loss" in line]
    assert steps == list(range(1, len(steps) + 1))


def test_half_a_row_of_a_killed_run_is_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first = DvcLive(tmp_path / "live", {"a": 1}, 0)
    for step in (5, 10, 15):
        first.numbers(step, {"train/loss": 1.0 / step})
        first.numbers(step, {"validation/loss": 2.0 / step})
    path = tmp_path / "live/plots/metrics/validation/loss.tsv"
    path.write_text(path.read_text() + "20\t0.1")
    again = DvcLive(tmp_path / "live", {"a": 1}, 10)
    again.numbers(15, {"validation/loss": 7.0})
    assert [row.split("\t") for row in path.read_text().splitlines()[2:]] == [
        ["10", "0.2"],
        ["15", "7.0"],
    ]


def test_wandb_online_without_a_key_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("WANDB")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    with pytest.raises(UserError, match="wandb login"):
        Wandb(TrackingParams(wandb="online"), "abc", {}, [])
