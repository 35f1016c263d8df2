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

from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.params import load_params
from pipeline.tokenization.tokenizer import fingerprint, load_tokenizer
from pipeline.training import checkpoints, loop
from pipeline.training.pretrain import Places, pretrain
from tests.project import command, environment, one_line_of_trouble, run_stage, write_params


@pytest.fixture
def project(tmp_path: Path, tokenizer_folder: Path, tokens: np.ndarray) -> Path:
    return prepare(tmp_path, tokenizer_folder, tokens)


def prepare(project: Path, tokenizer_folder: Path, tokens: np.ndarray) -> Path:
    """Tokens and a tokenizer, as the stage `encode` leaves them."""
    shutil.copytree(tokenizer_folder, project / "data/tokenizer")
    folder = project / "data/tokens"
    folder.mkdir(parents=True)
    mark = fingerprint(load_tokenizer(tokenizer_folder))
    for name, part in (("train", tokens), ("validation", tokens[:3000])):
        part.tofile(folder / f"{name}.bin")
        record = {"dtype": "uint16", "tokens": len(part), "tokenizer": mark}
        write_json(folder / f"{name}.json", record)
    (project / "data/probes").mkdir()
    pair = {"good": "Кояш чыкты.", "bad": "Чыкты кояш.", "phenomenon": "order"}
    (project / "data/probes/pairs.jsonl").write_text(json.dumps(pair), encoding="utf-8")
    write_params(project, tracking={"checkpoint_seconds": 0.01})
    return project


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
    while not list((project / "checkpoints").glob("*/step-*/progress.json")):
        assert process.poll() is None and time.monotonic() < deadline, "no checkpoint came"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def stopped(
    tmp_path_factory: pytest.TempPathFactory, tokenizer_folder: Path, tokens: np.ndarray
) -> Path:
    """A project whose training of three epochs was told to end in its twentieth step; to be
    copied."""
    folder = prepare(tmp_path_factory.mktemp("stopped"), tokenizer_folder, tokens)
    write_params(folder, training={"epochs": 3})
    real, calls = loop.gradients, []

    def gradients(*arguments: object) -> float:
        calls.append(1)
        if len(calls) == 20:
            signal.raise_signal(signal.SIGTERM)
        return real(*arguments)  # type: ignore[arg-type]

    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(loop, "gradients", gradients)
        said = trouble()
    for number, handler in handlers.items():
        signal.signal(number, handler)
    assert "stopped after step 20 (SIGTERM)" in said and "run again to go on" in said
    return folder


@pytest.fixture
def left(stopped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, as the working directory."""
    shutil.copytree(stopped, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def trouble(resume: str | None = None) -> str:
    """The line that pretraining ends with in the working directory; that the stage prints it, and
    nothing else, others test."""
    with pytest.raises(UserError) as caught:
        pretrain(load_params(), Places(), None if resume is None else Path(resume))
    return str(caught.value)


MANY = {"accumulation": 2, "average": 0.99, "checkpoint_layers": True, "validate_steps": 20}


@pytest.mark.parametrize(
    ("number", "settings"),
    [
        (signal.SIGKILL, {}),
        (signal.SIGKILL, MANY | {"precision": "float16", "epochs": 2}),
        (signal.SIGTERM, MANY | {"optimizer": "sgd"}),
        (signal.SIGINT, {"optimizer": "adam", "learning_rate": 0.003, "patience": 50}),
    ],
)
def test_a_killed_training_goes_on_and_ends_in_the_same_weights(
    project: Path, number: signal.Signals, settings: dict
) -> None:
    changes = {"epochs": 3} | settings
    write_params(project, training=changes, tracking={"checkpoint_seconds": 0.01})
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
    assert set(range(1, changes["epochs"] + 1)) <= {entry["epoch"] for entry in epochs}
    steps = (project / "reports/curves/steps.csv").read_text().splitlines()
    assert [int(row.split(",")[0]) for row in steps[1:]] == list(range(1, len(steps)))


def test_what_is_asked_at_validations_is_logged_and_changes_no_weight(project: Path) -> None:
    found = []
    for probes in (20, 0):
        write_params(project, tracking={"json_lines": True, "probes": probes})
        assert run_stage(project, "pretrain").returncode == 0
        (events,) = (project / "runs").glob("*/events.jsonl")
        found.append((weights(project), "probes/pairs" in events.read_text(encoding="utf-8")))
        shutil.rmtree(project / "runs")
    (asked, logged), (not_asked, nothing_logged) = found
    assert asked == not_asked
    assert logged and not nothing_logged


def test_the_last_checkpoints_and_the_best_are_kept_and_no_more(project: Path) -> None:
    write_params(
        project,
        training={"epochs": 4, "validate_steps": 5},
        tracking={"checkpoint_seconds": 0.001, "keep_checkpoints": 3},
    )
    process = start(project)
    deadline = time.monotonic() + 90
    while len(list((project / "checkpoints").glob("*/step-*"))) < 3:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.terminate()
    process.wait(60)
    kept = sorted((project / "checkpoints").glob("*/step-*/progress.json"))
    assert len(kept) == 3
    done = json.loads(kept[-1].read_text())["progress"]
    assert f"step-{done['step']:08d}" == kept[-1].parent.name
    if done["validations"]:
        assert list((project / "checkpoints").glob("*/best/model.safetensors"))


def test_a_named_checkpoint_is_gone_on_from_or_refused_with_the_difference(left: Path) -> None:
    (folder,) = (path for path in Path("checkpoints").iterdir() if path.is_dir())
    write_params(left, training={"epochs": 3, "batch": 16, "learning_rate": 0.01})
    line = trouble(str(folder))
    assert "training.batch is 8 there, 16 here" in line
    assert "training.learning_rate is 0.02 there, 0.01 here" in line
    assert "no checkpoint in nowhere" in trouble("nowhere")
    write_params(left, training={"epochs": 3})
    result = run_stage(left, "pretrain", "--resume", str(folder))
    assert result.returncode == 0 and "going on from step" in result.stdout, result.stderr


def test_without_a_better_validation_a_run_ends_and_leaves_the_best_weights(project: Path) -> None:
    plan = {"epochs": 5, "validate_steps": 10, "validations_per_epoch": 1}
    worse = {"optimizer": "sgd", "learning_rate": 9.0, "warmup": 0.0, "clip": 100.0}
    write_params(project, training=plan | worse | {"patience": 2}, tracking={"json_lines": True})
    result = run_stage(project, "pretrain")
    assert result.returncode == 0, result.stderr
    report = json.loads((project / "reports/training.json").read_text())
    losses = [entry["validation_loss"] for entry in report["epochs"]]
    best = losses.index(min(losses))
    assert best == len(losses) - 3, losses
    assert report["weights_of_step"] == report["epochs"][best]["step"] < report["steps"]

    from pipeline.models import load_model
    from pipeline.params import load_params
    from pipeline.training.precision import choose_machine
    from pipeline.training.validate import Held, validate

    model, tokenizer = load_model(project / "data/model")
    tokens = np.fromfile(project / "data/tokens/validation.bin", "<u2")
    held = Held(tokens, np.ones(tokenizer.get_vocab_size()))
    machine = choose_machine(load_params(project / "params.yaml").training)
    assert validate(model, held, 32, machine)[0] == pytest.approx(min(losses), rel=1e-4)
    (events,) = (project / "runs").glob("*/events.jsonl")
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    assert [x["step"] for x in lines if "train/loss" in x] == list(range(1, report["steps"] + 1))


def test_other_params_do_not_touch_the_checkpoint_of_a_stopped_run(
    left: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params(left, training={"epochs": 0.2, "learning_rate": 0.01})
    pretrain(load_params(), Places())
    assert "going on" not in capsys.readouterr().out
    assert len({path.parent for path in Path("checkpoints").glob("*/step-*")}) == 1


@pytest.mark.parametrize("file", ["model.safetensors", "optimizer.safetensors", "progress.json"])
def test_a_damaged_checkpoint_is_one_line_and_stays_for_the_user_to_see(
    left: Path, file: str
) -> None:
    damaged = max(Path("checkpoints").glob(f"*/step-*/{file}"))
    damaged.write_bytes(damaged.read_bytes()[:-50])
    assert "checkpoints" in trouble()
    assert damaged.exists()


def test_a_checkpoint_of_another_configuration_is_refused_with_the_difference(left: Path) -> None:
    path = max(Path("checkpoints").glob("*/step-*/progress.json"))
    path.write_text(path.read_text().replace('"device": "cpu"', '"device": "tpu"'))
    line = one_line_of_trouble(run_stage(left, "pretrain"))
    assert "another configuration" in line and "device is tpu there, cpu here" in line


def test_a_run_that_diverges_names_its_step_and_its_last_good_checkpoint(
    left: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes on from the checkpoint and meets a loss that is no number five steps later."""
    real, calls = loop.gradients, []

    def gradients(*arguments: object) -> float:
        calls.append(1)
        return real(*arguments) if len(calls) < 5 else float("nan")

    monkeypatch.setattr(loop, "gradients", gradients)
    monkeypatch.setattr(checkpoints.Checkpoints, "save", lambda *_: None)
    (last,) = Path("checkpoints").glob("*/step-*")
    line = trouble()
    assert "the loss became nan at step 25 of" in line
    assert f"the last good checkpoint is {last}" in line and last.is_dir()
    assert not Path("data/model").exists()


def test_tokens_of_another_tokenizer_are_one_line(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    record = project / "data/tokens/train.json"
    values = json.loads(record.read_text()) | {"tokenizer": "0" * 64}
    write_json(record, values)
    assert "another tokenizer" in trouble()


def test_truncated_tokens_are_one_line(project: Path) -> None:
    path = project / "data/tokens/train.bin"
    path.write_bytes(path.read_bytes()[:1000])
    assert "data/tokens" in one_line_of_trouble(run_stage(project, "pretrain"))


def test_a_context_longer_than_the_text_is_said_before_anything_is_made(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    write_params(project, model={"context": 65_536})
    assert "too few for model.context: 65536" in trouble()
    assert not Path("checkpoints").exists() and not Path("data/model").exists()


def test_a_training_leaves_a_model_folder_and_a_figure(project: Path) -> None:
    write_params(project, model={"family": "lstm"}, training={"epochs": 0.2, "optimizer": "adamw"})
    result = run_stage(project, "pretrain")
    assert result.returncode == 0, result.stderr
    assert (project / "reports/loss.png").stat().st_size > 1000


def launch(project: Path, processes: int) -> subprocess.CompletedProcess[str]:
    """`torchrun` on this machine, as docs/training.md says."""
    words = ["torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"]
    return subprocess.run(
        command(*words, "-m", "stages.pretrain"),
        cwd=project,
        env=environment() | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )


def losses_of(project: Path) -> np.ndarray:
    return np.loadtxt(project / "reports/curves/steps.csv", delimiter=",", skiprows=1)[:, 2]


def test_two_processes_have_the_losses_of_one(project: Path) -> None:
    settings = {"epochs": 0.5, "precision": "float32", "accumulation": 2, "average": 0.9}
    write_params(project, model={"dropout": 0.0}, training=settings)
    assert run_stage(project, "pretrain").returncode == 0
    alone = losses_of(project)
    report = json.loads((project / "reports/training.json").read_text())
    shutil.rmtree(project / "reports")
    result = launch(project, 2)
    assert result.returncode == 0, result.stderr
    assert "2 processes" in result.stdout and result.stdout.count("parameters on cpu") == 1
    together = losses_of(project)
    assert len(together) == len(alone) > 10
    assert np.abs(together - alone).max() < 1e-5
    other = json.loads((project / "reports/training.json").read_text())
    for key in ("validation_loss", "train_loss"):
        assert other["epochs"][-1][key] == pytest.approx(report["epochs"][-1][key], abs=1e-5)


def test_processes_that_do_not_divide_the_batch_are_one_line(project: Path) -> None:
    write_params(project, training={"batch": 9})
    result = launch(project, 2)
    assert result.returncode != 0
    lines = [line for line in result.stderr.splitlines() if line.startswith("tugantel")]
    assert len(lines) == 1, result.stderr
    assert "2 processes do not divide training.batch: 9" in lines[0]
