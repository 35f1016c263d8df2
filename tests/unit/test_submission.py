"""Handing in, on real git repositories: what is asked for is there, and all is made or nothing."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.errors import UserError
from pipeline.submission import handin
from pipeline.submission.checklists import names, read_checklist
from pipeline.submission.checks import CHECKS, Found
from pipeline.submission.handin import branch_name, web_page
from pipeline.submission.project import Project
from tests.project import ROOT

CHECKLISTS = sorted(path.stem for path in (ROOT / "checklists").glob("*.yaml"))
README = "# Mine\n\n0.162 bits per byte, https://huggingface.co/me/my-model\n"
TRAINING = {
    "family": "modern",
    "parameters": 853_376,
    "tokens": 1000,
    "seconds": 9.0,
    "epochs": [
        {"epoch": float(n), "train_loss": 4.0 / n, "validation_loss": 4.1 / n} for n in (1, 2, 3)
    ],
}
REPORTS: dict[str, Any] = {
    "training": TRAINING,
    "evaluation": {
        "bits_per_byte": {"model": 0.1617, "char_5gram": 0.477},
        "samples": [{"text": "Марат базарга бара."}],
    },
    "cleaning": {"documents": {"raw": 10, "kept": 8}},
    "dropped_examples": {},
    "tokenizer": {
        "chosen": {"size": 512, "why": "It is the best."},
        "sweep": [{"size": size, "proxy_bits_per_byte": 1.5} for size in (512, 1024, 2048)],
    },
    "experiments": {"variants": [{"family": family} for family in ("lstm", "modern")]},
}
RECIPE = {
    "stages": {
        "pretrain": {"cmd": "true", "params": ["model"]},
        "experiments": {"foreach": "${experiments.variants}", "do": {"cmd": "true"}},
    }
}


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def lock(folder: Path) -> dict[str, Any]:
    """What DVC writes when everything has run."""
    params = yaml.safe_load((folder / "params.yaml").read_text())
    report = folder / "reports/training.json"
    outs = [
        {"path": "data/model"},
        {"path": "reports/training.json", "md5": hashlib.md5(report.read_bytes()).hexdigest()},
    ]
    values = {"params.yaml": {"model": params["model"], "training.epochs": 8}}
    stages: dict[str, Any] = {"pretrain": {"params": values, "outs": outs}}
    return {"stages": stages | {f"experiments@{x}": {} for x in params["experiments"]["variants"]}}


def write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = value if isinstance(value, str) else json.dumps(value)
    path.write_text(text, encoding="utf-8")


@pytest.fixture(scope="session")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which every check of every checklist finds what it looks for."""
    folder = tmp_path_factory.mktemp("complete") / "project"
    shutil.copytree(ROOT / "checklists", folder / "checklists")
    params = yaml.safe_load((ROOT / "presets/demo.yaml").read_text(encoding="utf-8"))
    params["corpus"]["sources"] = [{"kind": "files", "path": "texts", "licence": "CC0"}]
    write(folder / "params.yaml", params)
    for name, report in REPORTS.items():
        write(folder / "reports" / f"{name}.json", report)
    write(folder / "README.md", README)
    write(folder / "dvc.yaml", RECIPE)
    write(folder / "dvc.lock", lock(folder))
    write(folder / "data/raw/sources.json", {"sources": [{"name": "files", "licence": "CC0"}]})
    for place in ("data/model", "data/export"):
        (folder / place).mkdir()
        save_file({"a": np.zeros(3)}, folder / place / "model.safetensors")
    cell = {"cell_type": "code", "source": ["1 + 1"], "execution_count": 1, "outputs": []}
    write(folder / "reports/demo.ipynb", {"cells": [cell, {"cell_type": "markdown"}]})
    write(folder / "wandb/offline-run-1/run-1.wandb", "x")
    for item in read_all(folder, "code"):
        for path in item.settings["paths"]:
            write(folder / (path if path.endswith(".py") else f"{path}/some.py"), "pass\n")
    write(folder / ".gitignore", "/data\n/wandb\n/reports/demo.ipynb\n")
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "remote", "add", "origin", "https://github.com/someone/course.git")
    for word in ("name", "email"):
        git(folder, "config", f"user.{word}", "someone@example.org")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "all")
    return folder


def read_all(folder: Path, check: str) -> list[Any]:
    """The items of all checklists with one check."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        return [i for name in CHECKLISTS for i in read_checklist(name).items if i.check == check]
    finally:
        os.chdir(before)


@pytest.fixture
def project(complete: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    shutil.copytree(complete, folder)
    monkeypatch.chdir(folder)
    return folder


def call(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["submit", *words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def trouble(*words: str) -> str:
    """The one line of a call that fails."""
    code, _, err = call(*words)
    assert code == 1 and len(err.splitlines()) == 1, err
    return err


# --- checklists ---------------------------------------------------------------------------------


def test_the_checklists_are_listed_and_say_what_is_asked_for(project: Path) -> None:
    assert names() == CHECKLISTS == ["decoder-under-1m", "rare-language"]
    code, out, _ = call("--list")
    assert code == 0 and all(name in out for name in CHECKLISTS)
    code, out, _ = call("rare-language", "--list")
    assert code == 0 and "three tokenizers or more were compared" in out


def test_a_rare_language_is_worth_fifteen_points_in_five_equal_parts(project: Path) -> None:
    parts = read_checklist("rare-language").parts
    assert [sum(item.points for item in part.items) for part in parts] == [3] * 5


def test_every_check_is_asked_for_by_a_checklist(project: Path) -> None:
    asked = {item.check for name in CHECKLISTS for item in read_checklist(name).items}
    assert asked == set(CHECKS)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"check": "colour"}, "no check colour"),
        ({"with": {"above": 3}}, "takes at_least under `with`"),
        ({"points": -1}, "greater than or equal"),
        ({"colour": 1}, "Extra inputs"),
    ],
)
def test_a_broken_checklist_is_one_line(project: Path, change: dict[str, Any], said: str) -> None:
    item = {"what": "a", "check": "epochs", "with": {"at_least": 3}, "points": 1, "otherwise": "b"}
    parts = [{"title": "c", "items": [item | change]}]
    write(project / "checklists/own.yaml", {"title": "d", "about": "e", "parts": parts})
    with pytest.raises(UserError, match=said):
        read_checklist("own")
    write(project / "checklists/own.yaml", "a: [")
    with pytest.raises(UserError, match="not valid YAML"):
        read_checklist("own")


# --- checks -------------------------------------------------------------------------------------

Change = Callable[[Path], object]


def report(name: str, **change: Any) -> Change:
    """Lay other values over a report."""
    return lambda folder: write(folder / f"reports/{name}.json", REPORTS[name] | change)


def params(section: str, **change: Any) -> Change:
    """Lay other values over a section of params.yaml."""

    def apply(folder: Path) -> None:
        values = json.loads((folder / "params.yaml").read_text())
        values[section] |= change
        write(folder / "params.yaml", values)

    return apply


def new(path: str, value: Any) -> Change:
    return lambda folder: write(folder / path, value)


def without(path: str) -> Change:
    return lambda folder: (folder / path).unlink()


def losses(*pairs: tuple[Any, Any]) -> Change:
    rows = [
        {"epoch": 3.0, "train_loss": train, "validation_loss": validation}
        for train, validation in pairs
    ]
    return report("training", epochs=rows)


def cells(*found: dict[str, Any]) -> Change:
    base = {"cell_type": "code", "source": "1", "execution_count": 1, "outputs": []}
    return new("reports/demo.ipynb", {"cells": [base | cell for cell in found]})


def both(*changes: Change) -> Change:
    return lambda folder: [change(folder) for change in changes]


NO_LINK = new("README.md", "# Mine\n\n0.162\nhttps://huggingface.co/datasets/me/text\n")
BREAK: dict[str, list[Change]] = {
    "clean": [new("new.py", "x"), new("README.md", "changed"), without("dvc.yaml")],
    "code": [
        lambda folder: git(folder, "rm", "-r", "--quiet", "--cached", "pipeline/models"),
        new("stages/pretrain.py", ""),
        without("stages/clean.py"),
    ],
    "remote": [lambda folder: git(folder, "remote", "remove", "origin")],
    "run": [
        without("dvc.lock"),
        params("model", layers=3),
        params("experiments", variants={"other": {}}),
        report("training", tokens=7),
        lambda folder: shutil.rmtree(folder / "data/model"),
    ],
    "text": [
        params("corpus", sources=[{"kind": "demo"}]),
        params("corpus", sources=[{"kind": "text", "text": "a"}, {"kind": "demo"}]),
    ],
    "licences": [
        new("data/raw/sources.json", {"sources": [{"name": "a", "licence": "unknown"}]}),
        new("data/raw/sources.json", {"sources": [{"licence": "CC0"}, {"licence": None}]}),
        without("data/raw/sources.json"),
    ],
    "cleaning": [
        params("cleaning", enabled=False),
        without("reports/cleaning.json"),
        without("reports/dropped_examples.json"),
    ],
    "tokenizers": [report("tokenizer", sweep=REPORTS["tokenizer"]["sweep"][:2])],
    "choice": [
        params("tokenizer", choose=512),
        report("tokenizer", sweep=REPORTS["tokenizer"]["sweep"][:1]),
        report("tokenizer", chosen={"size": 512, "why": ""}),
    ],
    "family": [report("training", family="lstm"), report("training", family=None)],
    "parameters": [report("training", parameters=1_000_000), report("training", parameters=None)],
    "epochs": [report("training", epochs=TRAINING["epochs"][:2]), report("training", epochs=[])],
    "loss": [
        losses((3.0, 3.0)),
        losses((3.0, 3.0), (2.0, 3.0)),
        losses((3.0, 3.0), (3.1, 2.0)),
        losses((3.0, 3.0), (2.0, None)),
        losses((3.0, 3.0), (2.0, float("nan"))),
    ],
    "model": [
        without("data/model/model.safetensors"),
        new("data/model/model.safetensors", "no tensors"),
    ],
    "hub": [NO_LINK, without("README.md")],
    "model_or_hub": [both(NO_LINK, without("data/model/model.safetensors"))],
    "wandb": [
        without("wandb/offline-run-1/run-1.wandb"),
        new("wandb/offline-run-1/run-1.wandb", ""),
    ],
    "five_gram": [
        report("evaluation", bits_per_byte={"model": 0.48, "char_5gram": 0.477}),
        report("evaluation", bits_per_byte=None),
    ],
    "ladder": [report("experiments", variants=[{"family": "lstm"}, {"family": "lstm"}])],
    "samples": [report("evaluation", samples=[{"text": ""}])],
    "notebook": [
        without("reports/demo.ipynb"),
        new("reports/demo.ipynb", "{"),
        cells(),
        cells({}, {"execution_count": None}),
        cells({"outputs": [{"output_type": "error"}]}),
    ],
    "readme": [
        without("README.md"),
        new("README.md", "It has 0.16 bits per byte, or 0.477, 10.162, 0.1621."),
        without("reports/evaluation.json"),
    ],
}  # fmt: skip


def settings(check: str, folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = read_all(folder, check)[0].settings
    return found


def look(check: str, folder: Path) -> Found:
    return CHECKS[check](Project(folder), **settings(check, folder))


@pytest.mark.parametrize("check", CHECKS)
def test_a_check_finds_what_is_there(check: str, complete: Path) -> None:
    found = look(check, complete)
    assert found.there, found.seen


@pytest.mark.parametrize(
    ("check", "change"), [(check, change) for check in CHECKS for change in BREAK[check]]
)
def test_a_check_fails_where_it_is_not_there(check: str, change: Change, project: Path) -> None:
    if check == "readme":  # figures that are not rounded to those of the run
        report("evaluation", bits_per_byte={"model": 0.1617})(project)
    change(project)
    found = look(check, project)
    assert not found.there and found.seen


def test_a_wandb_page_or_a_rounded_figure_with_a_comma_is_enough(project: Path) -> None:
    shutil.rmtree(project / "wandb")
    write(project / "README.md", "0,1617 https://wandb.ai/me/project/runs/abc")
    assert look("wandb", project).there and look("readme", project).there


# --- saying what is missing ---------------------------------------------------------------------


@pytest.mark.parametrize("name", CHECKLISTS)
def test_complete_work_passes_and_nothing_is_made(name: str, project: Path) -> None:
    code, out, err = call(name, "--check")
    assert code == 0 and err == "" and "required and missing: 0" in out
    assert git(project, "status", "--porcelain") == "" and git(project, "branch").split() == [
        "*",
        "main",
    ]


def test_what_is_required_and_missing_is_said_with_what_to_do(project: Path) -> None:
    report("training", parameters=2_000_000)(project)
    code, out, _ = call("decoder-under-1m", "--check")
    assert code == 1
    assert "[ ] 0  it has fewer than 1,000,000 parameters: 2,000,000 parameters" in out
    assert "make model.width, model.layers or tokenizer.sizes smaller" in out


def test_what_is_not_required_costs_a_point_only(project: Path) -> None:
    report("tokenizer", chosen={"size": 512, "why": None})(project)
    git(project, "commit", "--quiet", "--all", "--message", "b")
    code, out, _ = call("rare-language", "--check")
    assert code == 0 and "14 of 15 points" in out


# --- making it ----------------------------------------------------------------------------------


def test_branch_folder_and_text_are_made_and_nothing_is_pushed(project: Path) -> None:
    code, out, err = call("rare-language", "--name", "Айсылу  Ғәлиева")
    assert code == 0, err
    assert git(project, "branch", "--show-current") == "aysylu-ghalieva-final"
    assert (
        git(project, "log", "--format=%s", "main..") == "Айсылу Ғәлиева: A model of a rare language"
    )
    added = git(project, "diff", "--name-only", "main").splitlines()
    assert set(added) == {
        f"aysylu-ghalieva-final/{name}"
        for name in ("README.md", "demo.ipynb", "params.yaml", "model/model.safetensors")
    }
    assert git(project, "status", "--porcelain") == ""
    text = (project / "aysylu-ghalieva-final/README.md").read_text()
    assert "| bits per byte on test text | 0.162 |" in text and "15 of 15" in text
    assert git(project, "rev-parse", "main") in text
    assert "git push --set-upstream origin aysylu-ghalieva-final" in out
    assert "https://github.com/someone/course/compare/aysylu-ghalieva-final?expand=1" in out


def test_a_clone_of_the_course_gets_code_and_results(project: Path, tmp_path: Path) -> None:
    course = tmp_path / "course"
    course.mkdir()
    git(course, "init", "--quiet", "--initial-branch", "main")
    git(
        course,
        "-c",
        "user.name=a",
        "-c",
        "user.email=b",
        "commit",
        "--quiet",
        "--allow-empty",
        "-m",
        "x",
    )
    for word in ("name", "email"):
        git(course, "config", f"user.{word}", "someone@example.org")
    code, out, err = call("rare-language", "--name", "A B", "--to", f"{course}/work/a-b")
    assert code == 0, err
    assert git(project, "branch").split() == ["*", "main"]
    assert git(course, "branch", "--show-current") == "a-b-final"
    added = git(course, "diff", "--name-only", "main").splitlines()
    assert "work/a-b/code/stages/pretrain.py" in added and "work/a-b/README.md" in added
    assert f"cd {course}" in out and "git remote add origin" in out


def test_a_model_too_large_for_git_hosts_is_left_to_the_hub(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handin, "LARGEST", 10)
    code, _, err = call("rare-language", "--name", "A B")
    assert code == 0, err
    assert not (project / "a-b-final/model").exists()
    git(project, "switch", "--quiet", "main")
    NO_LINK(project)
    git(project, "commit", "--quiet", "--all", "--message", "b")
    assert "put the model on the Hub" in trouble("rare-language", "--name", "A C")


def refuse(folder: Path) -> None:
    hook = folder / ".git/hooks/pre-commit"
    write(hook, "#!/bin/sh\necho no, thank you >&2\nexit 1\n")
    hook.chmod(0o755)


@pytest.mark.parametrize("to", [[], ["--to", "deep/er/folder"]])
def test_a_commit_that_git_refuses_leaves_everything_as_it_was(
    project: Path, to: list[str]
) -> None:
    refuse(project)
    assert "git commit failed: no, thank you" in trouble("rare-language", "--name", "A B", *to)
    assert git(project, "branch").split() == ["*", "main"]
    assert git(project, "status", "--porcelain") == ""
    assert not (project / "a-b-final").exists() and not (project / "deep").exists()


@pytest.mark.parametrize(
    ("change", "words", "said"),
    [
        (new("README.md", "x"), ["--name", "A B"], "not committed in"),
        (new("new file.py", "x"), ["--name", "A B"], "new file.py: commit first"),
        (new("a-b-final/x", "x"), ["--name", "A B"], "a-b-final is there already"),
        (lambda f: git(f, "branch", "a-b-final"), ["--name", "A B"], "branch a-b-final is there"),
        (
            lambda f: git(f, "update-ref", "refs/remotes/origin/a-b-final", "HEAD"),
            ["--name", "A B"],
            "branch a-b-final is there",
        ),
        (lambda f: None, [], "Say --name"),
        (lambda f: None, ["--name", "  "], "Say --name"),
        (lambda f: None, ["--name", "***"], "give --branch"),
        (lambda f: None, ["--name", "A", "--branch", "a..b"], "git takes no branch"),
        (lambda f: None, ["--name", "A", "--to", "/proc/tugantel"], "in no git repository"),
        (lambda f: shutil.rmtree(f / ".git"), ["--name", "A B"], "in no git repository"),
        (lambda f: shutil.rmtree(f / "data/model"), ["--name", "A B"], "no finished run"),
        (without("reports/training.json"), ["--name", "A B"], "no finished run"),
        (without("reports/training.json"), ["--check"], "no finished run"),
    ],
)
def test_what_stands_in_the_way_is_one_line_and_nothing_is_made(
    project: Path, change: Change, words: list[str], said: str
) -> None:
    change(project)
    before = sorted(project.iterdir())
    assert said in trouble("rare-language", *words)
    assert sorted(project.iterdir()) == before


def test_work_that_is_not_complete_makes_nothing(project: Path) -> None:
    git(project, "remote", "remove", "origin")
    said = trouble("decoder-under-1m", "--name", "A B")
    assert "not complete, so nothing was made: there is a place to push to" in said
    assert git(project, "branch").split() == ["*", "main"]


def test_no_git_no_commit_no_user_and_no_checklist_are_one_line_each(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Name a checklist: decoder-under-1m, rare-language" in trouble("--name", "A B")
    assert "there is no checklist other" in trouble("other", "--name", "A B")
    for word in ("name", "email"):
        git(project, "config", "--unset", f"user.{word}")
    git(project, "config", "user.useConfigOnly", "true")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    assert "git does not know who commits" in trouble("rare-language", "--name", "A B")
    shutil.rmtree(project / ".git")
    git(project, "init", "--quiet")
    assert "has no commit yet" in trouble("rare-language", "--name", "A B")
    monkeypatch.setenv("PATH", "/nowhere")
    assert "git is not installed" in trouble("rare-language", "--name", "A B")


# --- names --------------------------------------------------------------------------------------


@given(st.text(max_size=40))
def test_a_branch_is_ascii_whatever_the_name(name: str) -> None:
    try:
        branch = branch_name(name)
    except UserError:
        return
    assert branch.isascii() and branch.endswith("-final") and "--" not in branch
    assert set(branch) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") and branch[0] != "-"


@pytest.mark.parametrize(
    ("address", "page"),
    [
        ("https://github.com/a/b.c.git", "https://github.com/a/b.c"),
        ("https://someone@github.com/a/b", "https://github.com/a/b"),
        ("ssh://git@github.com/a/b.git", "https://github.com/a/b"),
        ("https://example.org/a/b.git", None),
        ("/srv/course", None),
    ],
)
def test_only_addresses_on_github_have_a_page_to_compare(address: str, page: str | None) -> None:
    assert web_page(address) == page
