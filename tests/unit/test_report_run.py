"""The report says by which params each figure was made, what a run cost, and DVC draws the same."""

import csv
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline import ledger
from pipeline.params import Params
from pipeline.reporting.blocks import Listing
from pipeline.reporting.content import sections
from pipeline.reporting.cost import CORE_WATTS, GPU_WATTS, cost
from pipeline.reporting.page import render
from pipeline.reporting.plots import write_tables
from pipeline.reporting.traces import MADE, listing
from tests.project import ROOT, command, environment
from tests.unit.test_report_content import CURVE, MEASURED, PARAMS, STAGES, page, read

RECIPE = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))

# --- params -------------------------------------------------------------------------------------

# What `sources` and `download` read, without DVC's knowing: the first always runs.
READ_FIRST = {"corpus", "demo"}


def paths(stage: dict[str, Any], kind: str) -> list[str]:
    entries = stage.get("do", stage).get(kind, [])
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


def made_with(stages: tuple[str, ...]) -> set[str]:
    """The params of stages and of all before them, as dvc.yaml says."""
    found, waiting = set(READ_FIRST), list(stages)
    while waiting:
        name = waiting.pop()
        stage = RECIPE["stages"][name]
        found |= {key.replace(".${key}", "") for key in paths(stage, "params")}
        for path in paths(stage, "deps"):
            for other, candidate in RECIPE["stages"].items():
                outs = [out.split("/${key}")[0] for out in paths(candidate, "outs")]
                if other != name and any(
                    path == out or path.startswith(f"{out}/") or out.startswith(f"{path}/")
                    for out in outs
                ):
                    waiting.append(other)
    return found


@pytest.mark.parametrize("key", MADE)
def test_a_section_names_the_params_of_its_stages_and_of_those_before(key: str) -> None:
    stages, keys, builds_on = MADE[key]
    named = list(keys)
    while builds_on is not None:
        _, more, builds_on = MADE[builds_on]
        named += more
    for param in made_with(stages):
        assert any(param == name or param.startswith(f"{name}.") for name in named), param


def test_the_params_that_sections_and_rows_name_are_params() -> None:
    said = sections(MEASURED, [], CURVE, {}, STAGES)
    named = {name for section in said for name in (*section.made, *section.before)}
    named |= {key for s in said for table in s.tables for key in table.params.values()}
    for name in named:
        model: Any = Params
        for part in name.split("."):
            if isinstance(model, type) and hasattr(model, "model_fields"):
                assert part in model.model_fields, name
                model = model.model_fields[part].annotation


def test_every_section_but_the_environment_says_what_made_it() -> None:
    said = sections(MEASURED, [], CURVE, {"python": "3"}, STAGES)
    assert [section.key for section in said if not section.made] == ["run"]


def test_links_to_params_lead_to_the_line_of_the_key() -> None:
    text = page(MEASURED)
    lines = PARAMS.splitlines()
    epochs = lines.index("  epochs: 8  # passes over the text") + 1
    assert f'<a href="#params-{epochs}">tokens read</a>' in text
    assert f'<span id="params-{epochs}">  epochs: 8  # passes over the text</span>' in text
    bigram = lines.index("    bigram:") + 1
    assert f'<a href="#params-{bigram}">bigram</a>' in text
    reader = read(text)
    assert len([i for i in reader.ids if i.startswith("params-")]) == len(lines)


def test_a_key_that_params_do_not_hold_is_no_link() -> None:
    said = sections(MEASURED, [], CURVE, {}, STAGES)
    text = render("A", "B", [], said, listing("model:\n  layers: 2\n"))
    assert '<a href="#params-2">' not in text  # model.context is not there, but its section is
    assert '<a href="#params-1">context, tokens</a>' in text
    assert "<code>corpus</code>" in text


@given(st.text(max_size=60))
def test_any_params_can_be_listed(text: str) -> None:
    found = listing(text)
    assert isinstance(found, Listing)
    assert all(0 <= line <= len(found.lines) for line in found.places.values())


# --- cost ---------------------------------------------------------------------------------------


def test_energy_is_what_busy_cores_draw_by_the_assumption_that_is_named() -> None:
    section = cost(MEASURED, STAGES)
    longer = 160.2 / 80.1  # the training went on from a checkpoint: its own record knows more
    hours = CORE_WATTS * (18 + 150 * longer) / 3600
    text = " ".join(section.paragraphs)
    assert f"about {hours:,.1f} Wh" in text and f"{CORE_WATTS:g} W" in text and "estimate" in text
    assert "2 min 49 s by the clock" in text
    rows = {row[0]: row for row in section.tables[0].rows}
    assert rows["pretrain"][1:3] == ("160.2", "300.0")
    assert section.tables[1].rows[1] == ("ladder, bigram", "50 × 2", "–")


def test_a_gpu_counts_while_it_trains() -> None:
    gpu = MEASURED | {"training": MEASURED["training"] | {"device": "cuda"}}
    one, other = (cost(report, STAGES).tables[0].rows[1][3] for report in (MEASURED, gpu))
    assert float(other) - float(one) == pytest.approx(GPU_WATTS * 160.2 / 3600, abs=0.01)


def test_without_notes_on_stages_the_training_is_what_is_known() -> None:
    section = cost(MEASURED, [])
    assert [row[0] for row in section.tables[0].rows] == ["pretrain"]
    assert cost(dict.fromkeys(MEASURED), []).empty


def test_a_stage_notes_what_it_took(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert ledger.noted({}) == []
    (tmp_path / "dvc.yaml").write_text('{"stages": {"b": {}, "a": {"foreach": "${x.y}"}}}')
    for stage in ("a@1", "a@gone", "b"):
        ledger.note(stage, 1.5)
    monkeypatch.setenv("RANK", "1")
    ledger.note("a@2", 1.5)
    rows = ledger.noted({"x": {"y": {"1": 0, "2": 0}}})
    assert [row["stage"] for row in rows] == ["b", "a@1"]
    assert rows[0]["seconds"] == 1.5
    assert rows[0]["core_seconds"] > 0 and rows[0]["peak_megabytes"] > 10


# --- DVC ----------------------------------------------------------------------------------------

# Which plots of dvc.yaml draw what a figure of the report shows.
DRAWN = {
    "funnel": {"dropped by reason"},
    "funnel_paragraphs": {"cut out by reason"},
    "words": {"words by rank (Zipf, logarithms)"},
    "heaps": {"growth of the vocabulary (Heaps)"},
    "lengths": {"length of documents"},
    "tokenizer_judged": {"tokenizers by size"},
    "tokenizer_main": {"bytes a token by size", "rare tokens by size"},
    "loss": {"training loss", "loss by epoch"},
    "ladder": {"variants on one budget"},
    "ladder_losses": {"loss of the variants"},
    "bits_per_byte": {"bits per byte on test text"},
    "cost": {"where the time went"},
}


def test_dvc_draws_every_figure_of_the_report() -> None:
    cleaning = MEASURED["cleaning"] | {"dropped_paragraphs": {"menu": 3}}
    said = sections(MEASURED | {"cleaning": cleaning}, [], CURVE, {}, STAGES)
    drawn = {name for section in said for name in section.figures}
    assert drawn == set(DRAWN)
    plots = {name for entry in RECIPE["plots"] for name in entry}
    assert set().union(*DRAWN.values()) <= plots


def test_dvc_shows_the_same_figures_as_the_report(tmp_path: Path) -> None:
    """The tables of the report stage, read back from what `dvc plots show` would draw."""
    folder = tmp_path / "reports/plots"
    write_tables(folder, MEASURED, {row["stage"]: row["seconds"] for row in STAGES})
    files = {path.relative_to(tmp_path).as_posix() for path in folder.iterdir()}
    plots = [
        {name: plot}
        for entry in RECIPE["plots"]
        for name, plot in entry.items()
        if set(plot["y"]) & files
    ]
    assert {name for entry in plots for plot in entry.values() for name in plot["y"]} == files
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"plots": plots}))
    (tmp_path / ".dvc/plots").mkdir(parents=True)
    template = (ROOT / ".dvc/plots/lines_by_name.json").read_text()
    (tmp_path / ".dvc/plots/lines_by_name.json").write_text(template)
    (tmp_path / ".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
    shown = subprocess.run(
        command("dvc", "plots", "show", "--json"),
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert shown.returncode == 0, shown.stderr
    data = json.loads(shown.stdout)
    assert not data.get("errors"), data["errors"]

    def points(name: str, x: str, y: str) -> list[tuple[str, str]]:
        values = data["data"][name][0]["content"]["data"]["values"]
        return [(row[x], row[y]) for row in values]

    assert points("dropped by reason", "documents", "reason") == [
        ("60", "language"),
        ("50", "near duplicate"),
        ("30", "markup"),
    ]
    assert points("variants on one budget", "bits_per_byte", "name") == [
        ("2.1", "bigram"),
        ("1.2", "modern"),
    ]
    assert points("loss of the variants", "tokens", "loss")[:2] == [
        ("25.0", "7.0"),
        ("50.0", "2.1"),
    ]
    assert ("0.8", "model") in points("bits per byte on test text", "bits_per_byte", "name")
    assert points("where the time went", "seconds", "stage") == [
        ("9.0", "clean"),
        ("80.1", "pretrain"),
    ]


def test_a_run_with_nothing_still_writes_the_headers(tmp_path: Path) -> None:
    write_tables(tmp_path, dict.fromkeys(MEASURED), {})
    plots = {f: p for e in RECIPE["plots"] for p in e.values() for f in p["y"] if "/plots/" in f}
    for path, plot in plots.items():
        with (tmp_path / Path(path).name).open() as file:
            rows = list(csv.reader(file))
        assert len(rows) == 1 and {plot["x"], plot["y"][path]} <= set(rows[0])
