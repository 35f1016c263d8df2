"""What checks look at: the params, reports, README, notebook and recipe of a project."""

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from pipeline.errors import UserError
from pipeline.ledger import stage_names
from pipeline.params import Params, load_params
from pipeline.publishing.results import dig, read_reports
from pipeline.submission.repository import Repository


class Project:
    """A folder with a run of the pipeline in it, read as it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repository = Repository(folder)

    @cached_property
    def params(self) -> Params:
        """The params of now."""
        return load_params(self.folder / "params.yaml")

    @cached_property
    def reports(self) -> dict[str, Any]:
        """What the stages measured, by name."""
        return read_reports(self.folder / "reports")

    @cached_property
    def readme(self) -> str:
        """README.md, empty where there is none."""
        path = self.folder / "README.md"
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""

    @cached_property
    def sources(self) -> list[dict[str, Any]]:
        """The records of the sources that were read."""
        path = self.folder / "data/raw/sources.json"
        return (_json(path) or {}).get("sources", []) if path.is_file() else []

    @property
    def epochs(self) -> list[dict[str, Any]]:
        """The validations of the training, in order."""
        return dig(self.reports["training"], "epochs") or []

    def figures(self) -> dict[str, float]:
        """The figures of this run that a README may tell."""
        last = self.epochs[-1] if self.epochs else {}
        found = {
            "bits per byte": dig(self.reports["evaluation"], "bits_per_byte.model"),
            "validation loss": last.get("validation_loss"),
            "training loss": last.get("train_loss"),
        }
        return {name: value for name, value in found.items() if isinstance(value, int | float)}

    def notebook_cells(self) -> list[dict[str, Any]] | None:
        """The code cells of the executed notebook; None where there is none to be read."""
        content = _json(self.folder / "reports/demo.ipynb")
        if content is None:
            return None
        return [cell for cell in content.get("cells", []) if cell.get("cell_type") == "code"]

    def why_unfinished(self) -> str | None:
        """Which stage has not run with the params of now, by dvc.lock; None where all have.

        What lies in `reports` must be what the stage wrote; code and data are left to
        `dvc status`.
        """
        recipe, lock = (_yaml(self.folder / name) for name in ("dvc.yaml", "dvc.lock"))
        if not recipe or not lock:
            return "no run was recorded in dvc.lock"
        now = _yaml(self.folder / "params.yaml")
        done = lock.get("stages") or {}
        for name in stage_names(recipe.get("stages") or {}, now):
            if name not in done:
                return f"stage {name} has not run"
            for key, value in (dig(done[name], "params") or {}).get("params.yaml", {}).items():
                if dig(now, key) != value:
                    return f"stage {name} ran with another {key}"
            for out in done[name].get("outs") or []:
                path = self.folder / out["path"]
                if not path.exists():
                    return f"{out['path']} of stage {name} is missing"
                report = path.is_file() and out["path"].startswith("reports/")
                if report and hashlib.md5(path.read_bytes()).hexdigest() != out.get("md5"):
                    return f"{out['path']} is not what stage {name} wrote"
        return None


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _yaml(path: Path) -> dict[str, Any]:
    try:
        return yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader) or {}
    except FileNotFoundError:
        return {}
    except (yaml.YAMLError, UnicodeDecodeError):
        raise UserError(f"{path} is not valid YAML: git checkout it, or run make repro") from None
