"""Pretraining as a process: it resumes bit for bit, repeats bit for bit, and stops cleanly."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from pipeline.documents import write_json
from pipeline.tokenization.tokenizer import fingerprint, load_tokenizer
from tests.project import command, environment, one_line_of_trouble, run_stage, write_params


@pytest.fixture
def project(tmp_path: Path, tokenizer_folder: Path, tokens: np.ndarray) -> Path:
    """Tokens and a tokenizer, as the stage `encode` leaves them."""
    shutil.copytree(tokenizer_folder, tmp_path / "data/tokenizer")
    folder = tmp_path / "data/tokens"
    folder.mkdir(parents=True)
    mark = fingerprint(load_tokenizer(tokenizer_folder))
    for name, part in (("train", tokens), ("validation", tokens[:3000])):
        part.tofile(folder / f"{name}.bin")
        record = {"dtype": "uint16", "tokens": len(part), "tokenizer": mark}
        write_json(folder / f"{name}.json", record)
    write_params(tmp_path, tracking={"checkpoint_seconds": 0.01})
    return tmp_path


def weights(project: Path) -> bytes:
    return (project / "data/model/model.safetensors").read_bytes()


def start(project: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command("stages.pretrain"),
        cwd=project,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait_for_checkpoint(project: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 90
    while not list((project / "checkpoints").glob("*/progress.json")):
        assert process.poll() is None and time.monotonic() < deadline, "no checkpoint came"
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_training_goes_on_and_ends_in_the_same_weights(
    project: Path, tmp_path: Path, number: signal.Signals
) -> None:
    write_params(project, training={"epochs": 3}, tracking={"checkpoint_seconds": 0.01})
    assert run_stage(project, "pretrain").returncode == 0
    undisturbed = weights(project)
    shutil.rmtree(project / "data/model")

    process = start(project)
    wait_for_checkpoint(project, process)
    os.kill(process.pid, number)
    assert process.wait(60) != 0
    assert not (project / "data/model").exists()

    result = run_stage(project, "pretrain")
    assert result.returncode == 0, result.stderr
    assert "going on from step" in result.stdout
    assert weights(project) == undisturbed
    assert not list((project / "checkpoints").iterdir()), "a forced re-run is to train anew"
    epochs = json.loads((project / "reports/training.json").read_text())["epochs"]
    assert [entry["epoch"] for entry in epochs] == [1, 2, 3]
    steps = (project / "reports/curves/steps.csv").read_text().splitlines()
    assert [int(row.split(",")[0]) for row in steps[1:]] == list(range(1, len(steps)))


def test_other_params_do_not_touch_the_checkpoint_of_a_killed_run(project: Path) -> None:
    write_params(project, training={"epochs": 3}, tracking={"checkpoint_seconds": 0.01})
    process = start(project)
    wait_for_checkpoint(project, process)
    process.kill()
    process.wait(60)
    write_params(project, training={"epochs": 0.2, "learning_rate": 0.01})
    result = run_stage(project, "pretrain")
    assert result.returncode == 0, result.stderr
    assert "going on" not in result.stdout
    assert len(list((project / "checkpoints").glob("*/progress.json"))) == 1


@pytest.mark.parametrize("file", ["model.safetensors", "optimizer.safetensors", "progress.json"])
def test_a_damaged_checkpoint_is_one_line_and_stays_for_the_user_to_see(
    project: Path, file: str
) -> None:
    write_params(project, training={"epochs": 3}, tracking={"checkpoint_seconds": 0.01})
    process = start(project)
    wait_for_checkpoint(project, process)
    process.kill()
    process.wait(60)
    (damaged,) = (project / "checkpoints").glob(f"*/{file}")
    damaged.write_bytes(damaged.read_bytes()[:-50])
    assert "checkpoints" in one_line_of_trouble(run_stage(project, "pretrain"))
    assert damaged.exists()


def test_a_checkpoint_of_another_configuration_is_refused_with_the_difference(
    project: Path,
) -> None:
    write_params(project, training={"epochs": 3}, tracking={"checkpoint_seconds": 0.01})
    process = start(project)
    wait_for_checkpoint(project, process)
    process.kill()
    process.wait(60)
    (path,) = (project / "checkpoints").glob("*/progress.json")
    path.write_text(path.read_text().replace('"precision": "float32"', '"precision": "float8"'))
    line = one_line_of_trouble(run_stage(project, "pretrain"))
    assert "another configuration" in line and "precision" in line


def test_tokens_of_another_tokenizer_are_one_line(project: Path) -> None:
    record = project / "data/tokens/train.json"
    values = json.loads(record.read_text()) | {"tokenizer": "0" * 64}
    write_json(record, values)
    assert "another tokenizer" in one_line_of_trouble(run_stage(project, "pretrain"))


def test_truncated_tokens_are_one_line(project: Path) -> None:
    path = project / "data/tokens/train.bin"
    path.write_bytes(path.read_bytes()[:1000])
    assert "data/tokens" in one_line_of_trouble(run_stage(project, "pretrain"))


@pytest.mark.parametrize("family", ["bigram", "lstm", "gpt2"])
def test_every_family_trains_to_a_model_folder(project: Path, family: str) -> None:
    write_params(project, model={"family": family}, training={"epochs": 0.2, "optimizer": "adamw"})
    result = run_stage(project, "pretrain")
    assert result.returncode == 0, result.stderr
    names = {path.name for path in (project / "data/model").iterdir()}
    files = {"model.safetensors", "config.json", "tokenizer.json", "token_bytes.json"}
    assert names == files | {"training.json"}
    assert (project / "reports/loss.png").stat().st_size > 1000
