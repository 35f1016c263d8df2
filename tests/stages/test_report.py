"""The stage report on reports as the other stages leave them, complete or not."""

import json
from pathlib import Path

import pytest

from pipeline.params import load_params
from stages.report import curve, main

PROJECT = Path(__file__).parents[2]
PARAMS = load_params(PROJECT / "presets" / "demo.yaml")
TRAINING = {
    "family": "lstm",
    "parameters": 1000,
    "context": 64,
    "steps": 4,
    "tokens": 400,
    "seconds": 2.0,
    "epochs": [{"epoch": 1.0, "train_loss": 3.0, "validation_loss": 3.5}],
}


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "reports" / "curves").mkdir(parents=True)
    (tmp_path / "params.yaml").write_text("corpus: <b>\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_page_figures_and_metrics_are_written(inside: Path) -> None:
    reports = inside / "reports"
    (reports / "training.json").write_text(json.dumps(TRAINING))
    (reports / "curves/steps.csv").write_text("step,tokens,loss\n1,100,4.0\n4,400,3.0\n")
    (reports / "curves/validation.csv").write_text("epoch,step,validation_loss\n1.0,4,3.5\n")
    main(PARAMS)
    page = (reports / "index.html").read_text()
    assert 'id="training"' in page and "corpus: &lt;b&gt;" in page
    assert (reports / "figures/loss.png").read_bytes().startswith(b"\x89PNG")
    metrics = json.loads((reports / "metrics.json").read_text())
    assert metrics == {"parameters": 1000, "validation_loss": 3.5}
    main(PARAMS)
    assert (reports / "index.html").read_text() == page


def test_a_run_that_measured_nothing_still_reports(inside: Path) -> None:
    main(PARAMS)
    assert json.loads((inside / "reports/metrics.json").read_text()) == {}
    assert "python" in (inside / "reports/index.html").read_text()


def test_validations_stand_at_the_tokens_read_by_then(inside: Path) -> None:
    folder = inside / "reports/curves"
    (folder / "steps.csv").write_text("step,tokens,loss\n1,100,4.0\n")
    (folder / "validation.csv").write_text("epoch,step,validation_loss\n0.5,2,3.5\n")
    assert curve(folder, TRAINING) == [
        {"tokens": 100.0, "train_loss": 4.0},
        {"tokens": 200.0, "validation_loss": 3.5},
    ]
    assert curve(folder, None) == []
