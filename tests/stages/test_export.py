"""The stages export and demo on a tiny trained model, in a folder of their own."""

import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
import torch
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pipeline.documents import write_documents
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.models import build_model, save_model
from pipeline.models.config import ModelConfig
from pipeline.params import ModelParams, load_params
from pipeline.tokenization.tokenizer import save_tokenizer
from pipeline.tokenization.train import train_bpe

PROJECT = Path(__file__).parents[2]
TEXTS = ["Марат базарга бара, анда алма сатып ала.", "Алсу мәктәптә укый, китап ярата."] * 4
PARAMS = load_params(PROJECT / "presets" / "demo.yaml")


def project(folder: Path, family: str) -> Path:
    """A folder as `pretrain` leaves it."""
    save_tokenizer(train_bpe(TEXTS, 290), folder / "tokenizer")
    torch.manual_seed(0)
    params = ModelParams.model_validate(
        {"family": family, "layers": 1, "width": 16, "heads": 2, "context": 24}
    )
    (folder / "data" / "model").mkdir(parents=True)
    model = build_model(ModelConfig.from_params(params, 290))
    save_model(folder / "data/model", model, folder / "tokenizer/tokenizer.json")
    rows = [{"id": str(i), "text": text, "source": "s"} for i, text in enumerate(TEXTS)]
    write_documents(folder / "data/clean/test", rows)
    sources = [{"name": "demo", "licence": "CC0-1.0", "bytes": 500, "documents": 8}]
    write_json(folder / "data/raw/sources.json", {"sources": sources})
    shutil.copytree(PROJECT / "notebooks", folder / "notebooks")
    return folder


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("family", ["modern", "lstm"])
def test_export_writes_a_checked_folder_with_a_card(family: str, inside: Path) -> None:
    from stages.export import main

    main_folder = project(inside, family)
    main(PARAMS)
    report = json.loads((main_folder / "reports/export.json").read_text())
    assert report["ids_equal"] is True and report["documents_compared"] == len(TEXTS)
    assert report["max_logit_difference"] < 1e-3
    card = (main_folder / "data/export/README.md").read_text()
    assert card.startswith("---\nlanguage: tat\nlibrary_name: ")
    assert "\nlicense: cc0-1.0\n" in card
    assert ("library_name: transformers" in card) == (family == "modern")
    assert "Not evaluated." in card


def test_export_of_nothing_is_one_line(inside: Path) -> None:
    from stages.export import main

    folder = project(inside, "bigram")
    shutil.rmtree(folder / "data/model")
    with pytest.raises(UserError, match="no trained model"):
        main(PARAMS)
    assert not (folder / "data/export").exists()


def test_the_notebook_runs_on_the_export_alone_and_names_no_path(inside: Path) -> None:
    from stages.demo import main
    from stages.export import main as export

    folder = project(inside, "modern")
    export(PARAMS)
    shutil.rmtree(folder / "data/model")
    shutil.rmtree(folder / "reports")
    (folder / "reports").mkdir()
    main(PARAMS)
    text = (folder / "reports/demo.ipynb").read_text()
    outputs = [out for cell in json.loads(text)["cells"] for out in cell.get("outputs", [])]
    assert not [out for out in outputs if out["output_type"] == "error"]
    assert not [out for out in outputs if out.get("name") == "stderr"]
    assert sum("image/png" in out.get("data", {}) for out in outputs) == 5
    assert "No benchmark beside this export" in text
    assert str(PROJECT) not in text and str(folder) not in text


def installed(*names: str) -> set[Path]:
    """Where the files of these packages, and of all that they need, lie in this environment."""
    wanted, found, places = list(names), set[str](), set[Path]()
    while wanted:
        name = canonicalize_name(wanted.pop())
        if name in found:
            continue
        found.add(name)
        try:
            package = distribution(name)
        except PackageNotFoundError:  # needed on another system
            continue
        for need in map(Requirement, package.requires or []):
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                wanted.append(need.name)
        for file in package.files or []:
            if file.parts[0] != "..":
                places.add(Path(str(package.locate_file(file.parts[0]))))
    return places


def test_the_notebook_runs_where_there_is_nothing_but_the_export(inside: Path) -> None:
    """Another machine: no code of ours, and only the packages that the notebook asks for."""
    from stages.export import main as export

    export_folder = project(inside / "made", "modern") / "data/export"
    os.chdir("made")
    export(PARAMS)
    machine, packages = inside / "machine", inside / "packages"
    shutil.copytree(export_folder, machine / "export")
    packages.mkdir()
    for place in installed("torch", "transformers", "matplotlib", "ipykernel"):
        (packages / place.name).symlink_to(place)
    cells = json.loads((PROJECT / "notebooks/demo.ipynb").read_text())["cells"]
    lines = ["import sys", f"sys.path.append({str(packages)!r})"]
    lines += ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    lines += ["assert not {'pipeline', 'stages', 'datasets'} & set(sys.modules)"]
    (machine / "cells.py").write_text("\n".join(lines))
    result = subprocess.run(
        # -I -S: neither this folder's code nor this environment's packages
        [sys.executable, "-I", "-S", "cells.py"],
        cwd=machine,
        env={"PATH": os.environ["PATH"], "MPLBACKEND": "agg", "HOME": str(machine)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip()


def test_a_cell_that_fails_is_one_line(inside: Path) -> None:
    from pipeline.publishing.notebook import execute

    cell = {"cell_type": "code", "id": "a", "metadata": {}, "outputs": [], "execution_count": None}
    book = {"cells": [cell | {"source": "1 / 0"}], "metadata": {}, "nbformat": 4}
    (inside / "bad.ipynb").write_text(json.dumps(book | {"nbformat_minor": 5}))
    with pytest.raises(UserError, match="ZeroDivisionError"):
        execute(inside / "bad.ipynb", inside / "out.ipynb", PROJECT)
    assert not (inside / "out.ipynb").exists()


def test_the_notebook_without_an_export_is_one_line(inside: Path) -> None:
    from stages.demo import main

    with pytest.raises(UserError, match="no exported model"):
        main(PARAMS)
