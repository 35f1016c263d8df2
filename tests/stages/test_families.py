"""Every family and option goes the whole way: pretraining, the benchmark's measure, text, export.

The stages' own functions run here in one process; that stages run as processes, others test.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.evaluation.likelihood import bits_per_byte, text_bits
from pipeline.files import write_json
from pipeline.generation import generate
from pipeline.models import load_model
from pipeline.params import GenerationParams, Params, load_params
from pipeline.publishing.check import check_export
from pipeline.publishing.export import export
from pipeline.tokenization.tokenizer import fingerprint, load_tokenizer
from pipeline.training.pretrain import Places, pretrain
from tests.conftest import SENTENCES
from tests.project import one_line_of_trouble, run_stage, write_params

FAMILIES: dict[str, tuple[dict[str, Any], str]] = {
    "bigram_counted": ({"family": "ngram", "order": 2}, "family ngram"),
    "ngram": ({"family": "ngram", "order": 4}, "family ngram"),
    "bigram": ({"family": "bigram"}, "family bigram"),
    "lstm": ({"family": "lstm", "layers": 2}, "family lstm"),
    "gpt2": ({"family": "gpt2"}, "GPT2LMHeadModel"),
    "window": ({"window": 8, "layers": 2}, "Qwen3ForCausalLM"),
    "experts": ({"experts": 4, "feedforward": 16}, "Qwen3MoeForCausalLM"),
    "batchnorm": ({"norm": "batch"}, "modern with norm: batch"),
    "cap": ({"soft_cap": 10.0, "activation": "relu2", "bias": True}, "modern with activation"),
}


@pytest.fixture
def project(
    tmp_path: Path,
    tokenizer_folder: Path,
    tokens: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """Tokens and a tokenizer, as the stage `encode` leaves them."""
    shutil.copytree(tokenizer_folder, tmp_path / "data/tokenizer")
    folder = tmp_path / "data/tokens"
    folder.mkdir(parents=True)
    mark = fingerprint(load_tokenizer(tokenizer_folder))
    for name, part in (("train", tokens), ("validation", tokens[:2000])):
        part.tofile(folder / f"{name}.bin")
        record = {"dtype": "uint16", "tokens": len(part), "tokenizer": mark}
        write_json(folder / f"{name}.json", record)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def params_of(project: Path, **model: Any) -> Params:
    write_params(project, model=model, training={"learning_rate": 0.02, "epochs": 2})
    return load_params(project / "params.yaml")


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_goes_the_whole_way(
    name: str, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, becomes = FAMILIES[name]
    pretrain(params_of(project, **model), Places())
    report = json.loads((project / "reports/training.json").read_text())
    assert report["epochs"][-1]["validation_loss"] < 5.2  # even odds: 5.77
    assert report["parameters"] > 0
    assert ("sees later" in capsys.readouterr().out) == (name == "batchnorm")

    files = {"model.safetensors", "config.json", "tokenizer.json", "token_bytes.json"}
    names = {path.name for path in (project / "data/model").iterdir()}
    assert names == files | {"training.json"}
    trained, tokenizer = load_model(project / "data/model")
    bits = bits_per_byte(text_bits(trained, tokenizer, SENTENCES), SENTENCES)
    assert bits is not None and 0 < bits < 4
    text = generate(trained, tokenizer, "Бүген", tokens=60, seed=1)
    assert text == generate(trained, tokenizer, "Бүген", tokens=60, seed=1)

    written = export(project / "data/model", project / "out", GenerationParams(), lambda _: "card")
    said = written.obstacle or written.class_name
    assert said.startswith(becomes)
    checked = check_export(
        project / "data/model", project / "out", SENTENCES, written.for_transformers
    )
    assert checked["max_logit_difference"] < 1e-3


def test_a_model_that_counts_reads_the_text_once(project: Path) -> None:
    pretrain(params_of(project, family="ngram"), Places())
    report = json.loads((project / "reports/training.json").read_text())
    trained, _ = load_model(project / "data/model")
    counts = dict(trained.named_buffers())["counts_1"]
    assert int(counts.sum()) == report["tokens"] <= len(np.fromfile("data/tokens/train.bin", "<u2"))


def test_a_rung_of_the_ladder_has_its_seeds_their_spread_and_its_cost(project: Path) -> None:
    variants = {"bigram": {"model": {"family": "bigram", "context": 32}, "training": {"batch": 4}}}
    shared = {"tokens": 2000, "seeds": 2, "seed": 5, "variants": variants}
    write_params(project, experiments=shared)
    result = run_stage(project, "experiments", "bigram")
    assert result.returncode == 0, result.stderr
    first = (project / "data/experiments/bigram.json").read_bytes()
    row = json.loads(first)
    bits = row["bits_per_byte_by_seed"]
    assert len(bits) == 2 and row["spread"] == pytest.approx(abs(bits[0] - bits[1]))
    assert row["spread"] > 0 and row["bits_per_byte"] == pytest.approx(sum(bits) / 2)
    assert row["repeatable"] is True and abs(row["tokens"] - 2000) <= 64  # half a step
    cost = json.loads((project / "reports/experiment_costs/bigram.json").read_text())
    assert cost["tokens_per_second"] > 0 and cost["seconds"] > 0
    assert cost["peak_megabytes"] is None or cost["peak_megabytes"] > 0

    assert run_stage(project, "ladder").returncode == 0
    (joined,) = json.loads((project / "reports/experiments.json").read_text())["variants"]
    assert joined == row | cost


def test_a_budget_in_seconds_is_kept_and_marked(project: Path) -> None:
    variants = {"bigram": {"model": {"family": "bigram", "context": 32}, "training": {"batch": 4}}}
    write_params(project, experiments={"seconds": 0.5, "variants": variants})
    assert run_stage(project, "experiments", "bigram").returncode == 0
    row = json.loads((project / "data/experiments/bigram.json").read_text())
    assert row["repeatable"] is False and row["tokens"] > 128


def test_an_impossible_variant_is_one_line_that_names_it(project: Path) -> None:
    variants = {"broad": {"model": {"window": 300, "context": 256}}}
    write_params(project, experiments={"variants": variants})
    line = one_line_of_trouble(run_stage(project, "experiments", "broad"))
    assert "experiments.variants.broad.model: window: 300 is wider than context: 256" in line
