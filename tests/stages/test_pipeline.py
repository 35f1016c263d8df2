"""The whole recipe through DVC, on a world in miniature, as `make repro` runs it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.project import ROOT, environment


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is tracked, with a corpus and models of a few seconds."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("pipeline", "stages", "languages", "presets", "notebooks"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dvc.yaml", ".dvcignore"):
        shutil.copy(ROOT / name, folder)
    (folder / ".dvc").mkdir()
    (folder / ".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
    values = yaml.safe_load((ROOT / "presets/demo.yaml").read_text(encoding="utf-8"))
    values["demo"] |= {"people": 8, "documents": 800}
    values["tokenizer"] |= {"sizes": [300, 400], "proxy_megabytes": 0.01}
    values["model"] |= {"layers": 1, "width": 32, "heads": 2, "kv_heads": 1, "feedforward": 32}
    values["training"] |= {"epochs": 1, "batch": 4}
    values["tracking"] |= {"tensorboard": False, "wandb": "disabled"}
    values["evaluation"] |= {"pairs": 20, "samples": 1, "cloze": 10, "few_shot_questions": 5}
    variants = {"bigram": values["experiments"]["variants"]["bigram"]}
    values["experiments"] |= {"tokens": 4096, "variants": variants}
    (folder / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")
    result = repro(folder)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return folder


def repro(folder: Path) -> subprocess.CompletedProcess[str]:
    env = environment() | {"PYTHONPATH": str(folder)}
    command = [sys.executable, "-m", "pipeline.cli", "repro"]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)


def ran(result: subprocess.CompletedProcess[str]) -> set[str]:
    """The stages that a run did not skip, but for the one that always runs."""
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    lines = [line for line in result.stdout.splitlines() if line.startswith("Running stage")]
    return {line.split("'")[1] for line in lines} - {"sources"}


def change(folder: Path, section: str, **values: object) -> None:
    path = folder / "params.yaml"
    params = yaml.safe_load(path.read_text(encoding="utf-8"))
    params[section] |= values
    path.write_text(yaml.safe_dump(params), encoding="utf-8")


def test_a_run_leaves_a_model_a_report_and_the_keys_of_the_contract(project: Path) -> None:
    reports = project / "reports"
    read = {path.stem: json.loads(path.read_text()) for path in reports.glob("*.json")}
    assert {"documents", "bytes", "dropped", "identifier", "dirt"} <= read["cleaning"].keys()
    assert {"kind", "size", "why"} <= read["tokenizer"]["chosen"].keys()
    keys = {"parameters", "context", "seconds", "tokens_per_second", "precision", "epochs"}
    assert keys <= read["training"].keys()
    assert read["experiments"]["variants"][0]["name"] == "bigram"
    grams = {f"char_{order}gram" for order in range(1, 6)}
    assert {"model", *grams} <= read["evaluation"]["bits_per_byte"].keys()
    assert {"accuracy", "consistency", "chance", "majority"} <= read["evaluation"]["facts"].keys()
    assert "<html" in (reports / "index.html").read_text(encoding="utf-8")
    assert (project / "data/export/model.safetensors").is_file()


def test_nothing_is_left_of_absolute_paths(project: Path) -> None:
    for path in [project / "dvc.lock", *(project / "reports").glob("*.json")]:
        assert str(project) not in path.read_text(encoding="utf-8"), path


def test_a_finished_run_can_be_published(project: Path) -> None:
    command = [sys.executable, "-m", "pipeline.cli", "publish", "people/small", "--dry-run"]
    env = environment() | {"PYTHONPATH": str(project)}
    result = subprocess.run(command, cwd=project, env=env, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "checked" in result.stdout and "licence apache-2.0" in result.stdout
    text = (project / "data/publication/README.md").read_text(encoding="utf-8")
    assert "model-index:" in text and "(figures/ladder.png)" in text
    assert str(project) not in text


def test_a_second_run_says_that_nothing_changed(project: Path) -> None:
    result = repro(project)
    assert ran(result) == set()
    assert "nothing changed" in result.stdout


@pytest.mark.faults
def test_one_param_reruns_only_what_depends_on_it(project: Path) -> None:
    change(project, "generation", temperature=0.9)
    assert ran(repro(project)) == {"evaluate", "export", "demo", "report"}
    change(project, "experiments", tokens=8192)
    assert ran(repro(project)) == {"experiments@bigram", "ladder", "report"}
    change(project, "tracking", wandb="offline")
    assert ran(repro(project)) <= {"report"}
    change(project, "model", dropout=0.2)
    assert "clean" not in ran(repro(project))


@pytest.mark.faults
def test_two_runs_from_scratch_end_in_the_same_weights(project: Path) -> None:
    weights = (project / "data/model/model.safetensors").read_bytes()
    made = data_made(project)
    shutil.rmtree(project / "data")
    shutil.rmtree(project / ".dvc/cache", ignore_errors=True)
    os.remove(project / "dvc.lock")
    assert "pretrain" in ran(repro(project))
    assert data_made(project) == made
    assert (project / "data/model/model.safetensors").read_bytes() == weights


def data_made(project: Path) -> dict[str, str]:
    """The hash of everything under data/ up to the model, in the order of the stages: where two
    runs first differ is where to look."""
    lock = yaml.safe_load((project / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    stages = ("download", "clean", "tokenizer_sweep", "tokenizer", "encode", "pretrain")
    outs = [out for stage in stages for out in lock[stage]["outs"]]
    return {out["path"]: out["md5"] for out in outs if out["path"].startswith("data/")}


def test_a_bad_param_is_one_line_and_nothing_runs(project: Path) -> None:
    before = (project / "params.yaml").read_text()
    change(project, "model", layers=0)
    result = repro(project)
    (project / "params.yaml").write_text(before)
    assert result.returncode == 1 and "Running stage" not in result.stdout
    assert result.stderr.splitlines() == [
        "tugantel: params.yaml: model.layers is 0: allowed is at least 1"
    ]
