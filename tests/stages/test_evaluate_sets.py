"""Sets of one's own, other models and the harness: the same benchmark for all of them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from evaluation_project import ROOT, make_model, make_project, params, sentence, write_params
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.errors import UserError
from pipeline.publishing.export import export
from stages.evaluate import main

FACTS = """
licence: CC0-1.0
relations:
  home:
    description: where somebody lives
    formulations:
      - "{subject} {answer.loc} яши."
      - "{answer.loc} яши {subject}."
      - "{answer}: {subject}."
    answers:
      Казан: {nom: Казан, loc: Казанда}
      Уфа: {nom: Уфа, loc: Уфада}
    facts:
      - {subject: {nom: Айдар}, answer: Казан}
      - {subject: {nom: Фәния}, answer: Уфа}
      - {subject: {nom: Булат}, answer: Уфа}
"""
PAIRS = [
    {"good": f"{name} китап алачак.", "bad": f"{name} алачак китап.", "phenomenon": "order"}
    for name in ("Айдар", "Алсу", "Булат")
]
EXAM = [
    {"question": f"{one} яки {one + 1}?", "choices": [f"{one}", f"{one + 1}"], "answer": "B"}
    for one in range(6)
]


def jsonl(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return str(path)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    make_project(tmp_path, context=128)
    own = tmp_path / "languages/benchmarks"
    own.mkdir(parents=True)
    (own / "tat.facts.yaml").write_text(FACTS, encoding="utf-8")
    jsonl(own / "tat.pairs.jsonl", PAIRS[:2])
    return tmp_path


def report(path: Path = Path("reports/evaluation.json")) -> dict[str, Any]:
    result = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(result, dict)
    return result


def test_files_of_params_come_first_and_the_languages_own_are_taken_too(project: Path) -> None:
    lines = [sentence(n).replace("укый", "яза") for n in range(300, 320)]
    (project / "flores.txt").write_text("\n".join([*lines, sentence(7)]), encoding="utf-8")
    main(
        params(
            pair_files=[jsonl(project / "mine.jsonl", [*PAIRS, {**PAIRS[0], "good": sentence(5)}])],
            choice_files=[jsonl(project / "exam.jsonl", EXAM)],
            text_files=["flores.txt"],
        )
    )
    result = report()
    pairs = result["minimal_pairs"]
    assert list(pairs["sets"]) == ["mine", "tat", "made"]
    assert (pairs["set"], pairs["pairs"], pairs["contaminated"]) == ("mine", 3, 1)
    assert pairs["accuracy"] == pairs["sets"]["mine"]["accuracy"]
    assert 0 <= pairs["char_7gram"] <= 1
    assert 0 <= pairs["word_3gram_per_byte"] <= 1

    facts = result["facts"]
    assert (facts["set"], facts["facts"], facts["chance"]) == ("tat", 3, 0.5)
    # Айдар meets Казанда and Булат Уфада in training; of Фәния no text tells.
    assert facts["attested_facts"] == 2
    assert facts["told_facts"] == [["home", "Айдар"], ["home", "Булат"]]
    assert 0 <= facts["accuracy_unattested"] <= 1
    assert facts["macro"]["accuracy"] == facts["by_relation"]["home"]["accuracy"]
    assert facts["accurate_and_consistent"] == facts["all_formulations_right"]

    assert set(result["choices"]) == {"exam", "cloze"}
    exam = result["choices"]["exam"]
    assert (exam["items"], exam["chance"], exam["majority"]) == (6, 0.5, 1.0)
    assert list(result["few_shot"]) == ["facts/tat", "choices/exam", "choices/cloze"]
    assert list(result["few_shot"]["facts/tat"]) == ["0", "1", "4"]
    assert result["few_shot"]["facts/tat"]["4"]["questions"] == 5

    text = result["texts"]["flores"]
    assert (text["lines"], text["contaminated"]) == (20, 1)
    assert set(text["bits_per_byte"]) == {"model", "word_3gram", "xz"} | {
        f"char_{order}gram" for order in range(1, 8)
    }
    half = text["second_half"]
    assert half["interval"][0] <= half["bits_per_byte"]["model"] <= half["interval"][1]
    assert half["bits_per_line"] > 0
    assert sum(row["documents"] for row in result["bits_per_byte_by_length"]) == 40
    assert set(result["writing"]["by_temperature"]) == {"0.5", "0.8", "1.1"}


@pytest.mark.parametrize(
    ("key", "name", "text", "said"),
    [
        ("pair_files", "a.jsonl", "{}\n", r"a\.jsonl:1 needs `good`"),
        ("pair_files", "a.jsonl", "\n", "no pairs"),
        ("pair_files", "tat.jsonl", json.dumps(PAIRS[0]), "a set called tat already"),
        ("fact_files", "a.yaml", FACTS.replace("answer: Казан", "answer: Арча"), "relation home"),
        ("fact_files", "a.yaml", "", "no facts"),
        ("choice_files", "a.jsonl", '{"question": "a"}', r"a\.jsonl:1 needs `choices`"),
        ("text_files", "a.txt", "\n\n", "empty"),
        ("text_files", "a.txt", "Кыска.", "fewer than the context"),
        ("text_files", "a.txt", None, "does not exist"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_said_before_any_computing(
    project: Path, monkeypatch: pytest.MonkeyPatch, key: str, name: str, text: str, said: str
) -> None:
    if text is not None:
        (project / name).write_text(text, encoding="utf-8")
    for work in ("write_samples", "gather", "Rivals"):
        monkeypatch.setattr(f"pipeline.evaluation.benchmark.{work}", None)
    with pytest.raises(UserError, match=said) as error:
        main(params(**{key: [name]}))
    assert "\n" not in str(error.value)
    assert not (project / "reports").exists()


def run(*words: str) -> Any:
    result = CliRunner().invoke(app, [*words, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout.strip().splitlines()[-1])


def test_models_share_a_table_and_the_same_model_is_no_different(project: Path) -> None:
    write_params(project)
    main(params())
    make_model(project / "other", project / "data/tokenizer/tokenizer.json", 1, opinion=1.0)
    found = run("evaluate", "data/model", "other", "--seeds")
    assert list(found["models"]) == ["model", "other"]
    first = report(Path("reports/evaluations/model.json"))
    stage = report()
    for result in (first, stage):
        del result["seconds"]
    assert first == stage  # asked the same, in whatever company
    mean = found["together"]["bits per byte, test"]["mean"]
    bits = [one["bits_per_byte"]["model"] for one in found["models"].values()]
    assert mean == pytest.approx(sum(bits) / 2)

    same = run("compare", "reports/evaluation.json", "reports/evaluations/model.json")
    assert not same["not_compared"]
    assert {row["better"] for row in same["differences"]} == {None}
    other = run("compare", "reports", "reports/evaluations/other.json")
    (row,) = [row for row in other["differences"] if row["name"] == "bits_per_byte"]
    assert row["first"] == pytest.approx(bits[0], abs=1e-4)
    assert bits[0] < bits[1]  # the other is surer of what it knows nothing of
    assert row["better"] == "first"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["evaluate", "nowhere"], "there is no model in nowhere"),
        (["evaluate", "data/model", "data/model"], "named twice"),
        (["evaluate", "data/model", "--seeds"], "two folders"),
        (["compare", "a.json", "b.json"], "a.items.json is missing"),
    ],
)
def test_what_cannot_be_evaluated_is_one_line(project: Path, words: list[str], said: str) -> None:
    write_params(project)
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 1
    assert said in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_project_without_a_clean_corpus_says_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_params(tmp_path)
    result = CliRunner().invoke(app, ["evaluate", "x"])
    assert result.exit_code == 1
    assert "dvc repro clean" in result.stderr


def test_the_harness_finds_the_same_numbers_on_the_exported_model(project: Path) -> None:
    """lm-evaluation-harness runs in a process of its own, as its users run it."""
    main(params(choice_files=[jsonl(project / "exam.jsonl", EXAM)]))
    export(Path("data/model"), Path("data/export"), params().generation, card=lambda _: "")
    arguments = [
        *("--model", "hf", "--model_args", "pretrained=data/export,dtype=float32"),
        *("--include_path", "data/harness", "--tasks", "tugantel", "--device", "cpu"),
        *("--batch_size", "32", "--output_path", "harness.json"),
    ]
    environment = os.environ | {
        "HF_HOME": str(project / "hf"), "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "lm_eval", *arguments],
        cwd=project, env=environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    (found,) = project.glob("**/harness*.json")
    theirs = json.loads(found.read_text(encoding="utf-8"))["results"]
    ours = report()
    for name, scores in ours["minimal_pairs"]["sets"].items():
        task = theirs[f"tugantel_pairs_{name}"]
        assert task["acc,none"] == pytest.approx(scores["accuracy"], abs=5e-4)
        assert task["acc_bytes,none"] == pytest.approx(scores["accuracy_per_byte"], abs=5e-4)
    assert ours["choices"]["exam"]["items"] == 6
    for name, scores in ours["choices"].items():
        if not scores["items"]:
            continue
        task = theirs[f"tugantel_choices_{name}"]
        assert task["acc,none"] == pytest.approx(scores["accuracy"], abs=5e-4)
    assert {"made", "tat"} <= set(ours["minimal_pairs"]["sets"])


def test_items_that_the_harness_could_not_score_are_left_out_and_counted(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree("data/model")
    make_model(Path("data/model"), Path("data/tokenizer/tokenizer.json"), 0, context=24)
    long = {**PAIRS[0], "good": PAIRS[0]["good"] * 5}
    main(params(pair_files=[jsonl(project / "mine.jsonl", [*PAIRS, long])]))
    assert "tugantel_pairs_mine leaves out 1 of 4 items" in capsys.readouterr().out
    rows = Path("data/harness/tugantel_pairs_mine.jsonl").read_text(encoding="utf-8")
    assert len(rows.splitlines()) == 3
