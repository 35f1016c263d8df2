"""What made a model is asked of git and DVC, and what they cannot tell is said."""

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from pipeline.publishing.provenance import provenance

STAGE = "{cmd: cp a.txt b.txt, deps: [a.txt], outs: [b.txt: {cache: false}]}"
ONE = {"hash": "md5", "md5": hashlib.md5(b"1").hexdigest(), "size": 1}
LOCK = json.dumps(
    {
        "schema": "2.0",
        "stages": {
            "export": {
                "cmd": "cp a.txt b.txt",
                "deps": [{"path": "a.txt"} | ONE],
                "outs": [{"path": "b.txt"} | ONE],
            }
        },
    }
)


def git(*words: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    done = subprocess.run(["git", *who, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    return tmp_path


def test_outside_of_git_no_commit_is_claimed(inside: Path) -> None:
    origin = provenance()
    assert origin.commit is None and not origin.clean
    assert origin.notes() == ["there is no git commit that others could go back to"]


def test_changes_since_the_commit_and_since_the_last_run_are_named(inside: Path) -> None:
    git("init", "-q")
    project = {
        "dvc.yaml": f"stages: {{export: {STAGE}}}",
        "dvc.lock": LOCK,
        ".dvc/config": "",
        ".dvc/.gitignore": "/config.local\n/tmp\n/cache\n",
        "a.txt": "1",
        "b.txt": "1",
        ".gitignore": "/b.txt",
    }
    for name, text in project.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(text)
    git("add", "-A")
    git("commit", "-qm", "made")
    origin = provenance()
    assert origin.commit == git("rev-parse", "HEAD") and origin.clean and origin.notes() == []

    Path("a.txt").write_text("2")
    Path("новый файл").write_text("x")
    changed = provenance()
    assert changed.commit == origin.commit and not changed.clean
    assert set(changed.changed) == {"a.txt", "новый файл"} and changed.stale == ("export",)
    assert "`dvc status`): export" in changed.notes()[1]


def test_without_dvc_nothing_is_claimed_of_the_results(inside: Path) -> None:
    git("init", "-q")
    git("commit", "-qm", "empty", "--allow-empty")
    origin = provenance()
    assert origin.commit and origin.stale is None and not origin.clean
    assert "DVC could not tell" in origin.notes()[0]
