"""The textbook's start: one sentence, characters, an LSTM, a hundred steps, and it says it."""

import shutil
from pathlib import Path

import pytest

from pipeline.generation import generate
from pipeline.models import load_model
from pipeline.params import load_params
from tests.project import ROOT, run_stage


def test_the_textbook_preset_learns_its_sentence_and_writes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    from pipeline.presets import read_preset, write_params

    write_params(read_preset("textbook"), False, tmp_path / "params.yaml")
    shutil.copytree(ROOT / "languages", tmp_path / "languages")
    for stage in ("sources", "download", "clean", "tokenizer_sweep", "tokenizer", "encode"):
        done = run_stage(tmp_path, stage)
        assert done.returncode == 0, done.stderr
    done = run_stage(tmp_path, "pretrain")
    assert done.returncode == 0, done.stderr
    assert "100 steps" in done.stdout
    monkeypatch.chdir(tmp_path)
    sentence = load_params().corpus.sources[0].model_dump()["text"]
    model, tokenizer = load_model(Path("data/model"))
    begun = sentence[: len(sentence) // 2]
    assert begun + generate(model, tokenizer, begun, tokens=40, temperature=0) == sentence
