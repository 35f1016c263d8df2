"""A small project in a folder of its own, on which stages run as processes, as users run them."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent


def environment() -> dict[str, str]:
    """The environment of a stage: this project's code, and nothing sent anywhere."""
    inherited = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([str(ROOT), *([inherited] if inherited else [])])
    return os.environ | {"PYTHONPATH": path, "WANDB_MODE": "disabled", "NO_COLOR": "1"}


def write_params(folder: Path, **changes: dict[str, Any]) -> None:
    """The demo's params with small values, and `changes` laid over each section."""
    values = yaml.safe_load((ROOT / "presets/demo.yaml").read_text(encoding="utf-8"))
    values["model"] |= {"layers": 1, "width": 32, "heads": 2, "kv_heads": None, "context": 32}
    values["training"] |= {"batch": 8, "epochs": 1, "threads": 1}
    values["tracking"] |= {"tensorboard": False, "wandb": "disabled"}
    for section, change in changes.items():
        values[section] |= change
    (folder / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")


def command(*words: str) -> list[str]:
    """`python -m` in this environment."""
    return [sys.executable, "-m", *words]


def run_stage(folder: Path, *words: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    """Run `python -m stages.NAME` in `folder` and wait for it."""
    return subprocess.run(
        command(f"stages.{words[0]}", *words[1:]),
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def one_line_of_trouble(result: subprocess.CompletedProcess[str]) -> str:
    """The single line that a failed command ends with; a traceback fails the test."""
    assert result.returncode != 0, result.stdout
    assert "Traceback" not in result.stderr, result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("tugantel")]
    assert len(lines) == 1, result.stderr
    return lines[0]
