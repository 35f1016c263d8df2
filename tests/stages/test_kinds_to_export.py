"""From text to an exported model with tokenizers that are no byte-level BPE: nothing is assumed."""

import json
import shutil
from pathlib import Path

import pytest
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

from pipeline.documents import write_documents
from pipeline.errors import UserError
from pipeline.evaluation.likelihood import score_lines
from pipeline.files import write_json
from pipeline.generation import generate
from pipeline.models import load_model
from pipeline.params import Params, load_params
from pipeline.tokenization.encode import encode_splits
from pipeline.tokenization.kinds import train_sizes
from pipeline.tokenization.ready import load_ready
from pipeline.tokenization.tokenizer import bos_id, bos_token, byte_alphabet, save_tokenizer
from pipeline.training.pretrain import Places, pretrain

PROJECT = Path(__file__).parents[2]
TEXTS = [
    f"{who} {where} бара, анда {what} ала ▁ ##{number}."
    for number in range(5)
    for who in ("Марат", "Алсу", "Зөһрә")
    for where in ("базарга", "мәктәпкә")
    for what in ("алма", "китап", "икмәк")
]


def ready(folder: Path) -> Tokenizer:
    """One whose texts begin with <s>, which is neither its first token nor called as ours."""
    names = [*sorted(byte_alphabet()), "<s>"]
    other = Tokenizer(models.BPE({name: index for index, name in enumerate(names)}, []))
    other.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    from tokenizers import decoders

    other.decoder = decoders.ByteLevel()
    other.add_special_tokens([AddedToken("<s>", special=True)])
    other.save(str(folder / "other.json"))
    return load_ready(str(folder / "other.json"))


def small() -> Params:
    params = load_params(PROJECT / "presets" / "demo.yaml").model_dump()
    params["model"] |= {"layers": 1, "width": 16, "heads": 2, "kv_heads": 1, "feedforward": 16}
    params["model"] |= {"context": 32}
    params["training"] |= {"epochs": 1.0, "tokens": 640, "batch": 2, "precision": "float32"}
    params["training"] |= {"compile": "off", "threads": 1}
    params["tracking"] |= {"tensorboard": False, "wandb": "disabled"}
    return Params.model_validate(params)


@pytest.mark.parametrize("kind", ["unigram", "wordpiece", "characters", "bpe", "ready"])
def test_a_model_with_any_tokenizer_is_trained_asked_and_exported(kind, tmp_path, monkeypatch):
    from stages.export import main

    monkeypatch.chdir(tmp_path)
    if kind == "ready":
        tokenizer = ready(tmp_path)
    else:
        size = {"wordpiece": 514, "unigram": 298}.get(kind, 320)
        tokenizer = next(iter(train_sizes(kind, TEXTS * 2, [size]).values()))
    for split in ("train", "validation", "test"):
        rows = [{"id": str(i), "text": text, "source": "s"} for i, text in enumerate(TEXTS)]
        write_documents(Path("data/clean") / split, rows)
    save_tokenizer(tokenizer, Path("data/tokenizer"))
    records = encode_splits(Path("data/clean"), tokenizer, Path("data/tokens"))
    assert records["test"]["bytes"] == sum(len(text.encode()) for text in TEXTS)
    params = small()
    pretrain(params, Places())

    model, tokenizer = load_model(Path("data/model"))
    assert isinstance(generate(model, tokenizer, "Марат ", tokens=5), str)
    scored = score_lines(model, tokenizer, TEXTS[:3])
    assert scored["bytes"] == sum(len(text.encode()) for text in TEXTS[:3])
    assert 0 < scored["bits_per_byte"] < 20

    sources = [{"name": "demo", "licence": "CC0-1.0", "bytes": 500, "documents": 8}]
    write_json(Path("data/raw/sources.json"), {"sources": sources})
    main(params)
    report = json.loads(Path("reports/export.json").read_text())
    assert report["ids_equal"] is True and report["max_logit_difference"] < 1e-3
    config = json.loads(Path("data/export/config.json").read_text())
    assert config["bos_token_id"] == config["eos_token_id"] == bos_id(tokenizer)
    named = json.loads(Path("data/export/tokenizer_config.json").read_text())
    assert named["bos_token"] == bos_token(tokenizer)
    assert Path("data/export/token_bytes.json").is_file()


def test_a_model_with_another_tokenizer_is_one_line_wherever_they_meet(tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from pipeline.cli import app
    from tests.stages.test_export import project

    monkeypatch.chdir(tmp_path)
    project(tmp_path, "modern")
    model = tmp_path / "data/model"
    other = train_sizes("bpe", TEXTS * 2, [320])[320]
    (model / "token_bytes.json").unlink()
    shutil.copy(model / "tokenizer.json", tmp_path / "own.json")
    (model / "tokenizer.json").write_text(other.to_str(), encoding="utf-8")
    with pytest.raises(UserError, match="trained with another tokenizer"):
        load_model(model)
    Path("a.txt").write_text("бар\n", encoding="utf-8")
    for command in (["generate", "бар"], ["chat"], ["score", "a.txt"]):
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 1
        assert "trained with another tokenizer" in result.output
    shutil.copy(tmp_path / "own.json", model / "tokenizer.json")
    load_model(model)
