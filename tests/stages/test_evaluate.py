"""The evaluate stage on a small corpus, from files to reports/evaluation.json."""

import json
from pathlib import Path
from typing import Any

import pytest
from evaluation_project import PEOPLE, PLACES, make_project, params, rows, sentence

from pipeline.documents import write_documents
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.tokenization.tokenizer import save_tokenizer
from pipeline.tokenization.train import train_bpe
from stages.evaluate import main


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    make_project(tmp_path)
    return tmp_path


def report(project: Path) -> dict[str, Any]:
    result = json.loads((project / "reports/evaluation.json").read_text(encoding="utf-8"))
    assert isinstance(result, dict)
    return result


def write_probes(project: Path) -> None:
    questions = [
        {
            "relation": "яши",
            "subject": name,
            "formulation": formulation,
            "held_out": formulation == "b",
            "answer": number % 3,
            "choices": PLACES,
            "sentences": [text.format(name, place) for place in PLACES],
            "neutral": [text.format("Ул", place) for place in PLACES],
        }
        for number, name in enumerate(PEOPLE)
        for formulation, text in (("a", "{} {} яши."), ("b", "{} бүген {} тора."))
    ]
    write_json(project / "data/probes/facts.json", {"questions": questions})
    pairs = [
        {"good": f"{name} китап укый", "bad": f"{name} укый китап", "phenomenon": "order"}
        for name in PEOPLE
    ]
    text = "".join(json.dumps(pair) + "\n" for pair in pairs)
    (project / "data/probes/pairs.jsonl").write_text(text, encoding="utf-8")


def test_the_report_of_a_real_corpus_has_the_promised_keys(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(params())
    result = report(project)
    bits = result["bits_per_byte"]
    orders = [bits[f"char_{order}gram"] for order in range(1, 6)]
    assert all(rate > 0 for rate in orders)
    assert bits["model"] > orders[0]  # an untrained model knows less than letter counts
    pairs = result["minimal_pairs"]
    assert pairs["made"]
    assert pairs["pairs"] > 10
    assert 0 <= pairs["accuracy"] <= 1
    for key in ("accuracy", "consistency", "accurate_and_consistent", "chance", "majority"):
        assert result["facts"][key] is None
    assert result["facts"]["char_5gram"] is None
    assert len(result["samples"]) == 3 * params().evaluation.samples
    assert {"prompt", "text", "temperature", "longest_copied_run"} <= set(result["samples"][0])
    assert result["test"]["documents"] == 40
    assert result["seconds"]["total"] >= 0
    assert "bits per byte" in capsys.readouterr().out


def test_probes_are_used_where_there_are_some(project: Path) -> None:
    write_probes(project)
    main(params())
    result = report(project)
    assert not result["minimal_pairs"]["made"]
    assert result["minimal_pairs"]["pairs"] == 6
    facts = result["facts"]
    assert facts["chance"] == pytest.approx(1 / 3)
    assert facts["majority"] == pytest.approx(1 / 3)
    assert 0 <= facts["accuracy"] <= 1
    assert 0 <= facts["char_5gram"] <= 1
    assert facts["held_out"] == 6
    assert facts["by_relation"]["яши"]["accuracy"] == facts["accuracy"]


def test_the_same_input_gives_the_same_report_but_for_seconds(project: Path) -> None:
    write_probes(project)
    main(params())
    first = report(project)
    main(params())
    second = report(project)
    del first["seconds"], second["seconds"]
    assert first == second


def test_test_documents_that_training_holds_are_counted_and_left_out(project: Path) -> None:
    kept = [sentence(number).replace("укый", "сата") for number in range(200, 210)]
    write_documents(project / "data/clean/test", rows("x", [*kept, sentence(3), sentence(4)]))
    main(params())
    test = report(project)["test"]
    assert (test["documents"], test["contaminated_documents"]) == (10, 2)
    assert test["contaminated_share"] == pytest.approx(1 / 6)
    write_documents(project / "data/clean/test", rows("x", [sentence(3), sentence(4)]))
    main(params())
    result = report(project)
    assert result["bits_per_byte"]["model"] is None
    assert result["bits_per_byte_all"]["model"] > 0
    assert result["test"]["contaminated_share"] == 1


def test_no_more_than_the_limit_is_measured(project: Path) -> None:
    main(params(test_megabytes=0.001))
    assert 900 < report(project)["test"]["sampled_bytes"] <= 1000


def test_one_document_beyond_the_limit_is_cut_at_a_letter(project: Path) -> None:
    write_documents(project / "data/clean/test", rows("x", ["ә" * 3000]))
    main(params(test_megabytes=0.001001))
    assert report(project)["test"]["sampled_bytes"] == 1000


@pytest.mark.parametrize(("name", "text"), [("pairs.jsonl", "{"), ("facts.json", "{}")])
def test_a_malformed_probe_ends_the_stage_before_any_computing(
    project: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    (project / "data/probes" / name).write_text(text)
    monkeypatch.setattr("pipeline.evaluation.benchmark.write_samples", None)
    monkeypatch.setattr("pipeline.evaluation.benchmark.Rivals", None)
    with pytest.raises(UserError, match=name):
        main(params())
    assert not (project / "reports").exists()


def test_another_tokenizer_than_the_models_is_an_error(project: Path) -> None:
    other = train_bpe([sentence(number)[::-1] for number in range(50)], 300)
    save_tokenizer(other, project / "data/tokenizer")
    with pytest.raises(UserError, match="another tokenizer"):
        main(params())


def test_an_empty_test_split_is_an_error(project: Path) -> None:
    write_documents(project / "data/clean/test", iter(()))
    with pytest.raises(UserError, match="no text"):
        main(params())


def test_a_missing_model_is_an_error(project: Path) -> None:
    (project / "data/model/model.safetensors").unlink()
    with pytest.raises(UserError, match="no trained model"):
        main(params())
