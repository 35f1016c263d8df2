"""The three tokenizer stages on a small corpus, in a folder of their own."""

import json
import os
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from pipeline.documents import read_json, write_documents
from pipeline.errors import UserError
from pipeline.params import ModelParams, Params, load_params
from pipeline.tokenization.encode import encode_splits
from pipeline.tokenization.tokenizer import BOS_ID, decode, fingerprint, load_tokenizer
from pipeline.tokenization.words import pack, token_dtype
from stages import encode, tokenizer, tokenizer_sweep

SUBJECTS = ["Әнием", "Бабам", "Күршебез", "Сеңлем", "Абыем"]
VERBS = ["укый", "яза", "сөйли", "көтә", "күрә"]
TEXTS = [f"{who} авылда {i} китап {verb}." for i in range(12) for who in SUBJECTS for verb in VERBS]


def params_with(**settings: object) -> Params:
    params = load_params(Path(__file__).parents[2] / "presets" / "demo.yaml")
    values = {"sizes": [280, 300, 340], "proxy_megabytes": 0.01} | settings
    return params.model_copy(update={"tokenizer": params.tokenizer.model_copy(update=values)})


def write_split(name: str, texts: list[str]) -> None:
    rows = ({"id": f"{name}{i}", "text": t, "source": "test"} for i, t in enumerate(texts))
    write_documents(Path("data/clean") / name, rows)


@pytest.fixture
def calls(tmp_path, monkeypatch) -> list[dict]:
    """A clean corpus in an empty folder, and a judge that prefers more bytes for each token."""
    monkeypatch.chdir(tmp_path)
    write_split("train", TEXTS[:250])
    write_split("validation", TEXTS[250:275])
    write_split("test", TEXTS[275:])
    seen: list[dict] = []

    def train_quickly(**given: object) -> types.SimpleNamespace:
        seen.append(given)
        bits = 2 - given["token_bytes"][given["tokens"]].mean() / 10
        return types.SimpleNamespace(bits_per_byte=float(bits), seconds=0.5)

    module = types.ModuleType("pipeline.training.quick")
    module.train_quickly = train_quickly
    monkeypatch.setitem(sys.modules, "pipeline.training.quick", module)
    return seen


def contents(folder: str) -> dict[str, bytes]:
    return {
        str(path): path.read_bytes() for path in sorted(Path(folder).rglob("*")) if path.is_file()
    }


def test_sweep_then_choice_then_tokens(calls):
    params = params_with()
    tokenizer_sweep.main(params)
    tokenizer.main(params)
    encode.main(params)

    report = read_json(Path("reports/tokenizer.json"))
    assert [entry["size"] for entry in report["sweep"]] == [280, 300, 340]
    for entry in report["sweep"]:
        assert {"kind", "bytes_per_token", "fertility", "renyi_efficiency"} <= set(entry)
        assert {"rare_share", "words_whole", "invalid_utf8_share"} <= set(entry)
        assert entry["proxy_bits_per_byte"] is not None
    assert report["chosen"]["size"] == 340 and "340" in report["chosen"]["why"]
    assert "seconds" in read_json(Path("reports/tokenizer_seconds.json"))

    chosen = load_tokenizer(Path("data/tokenizer"))
    assert chosen.get_vocab_size() == 340
    for split, texts in [("train", TEXTS[:250]), ("test", TEXTS[275:])]:
        record = read_json(Path(f"data/tokens/{split}.json"))
        ids = np.fromfile(f"data/tokens/{split}.bin", record["dtype"])
        starts = np.load(Path("data/tokens") / record["document_starts"])
        assert record["dtype"] == "uint16" and starts.dtype == np.int64
        assert len(ids) == record["tokens"] and len(starts) == record["documents"] == len(texts)
        assert record["bytes"] == sum(len(text.encode()) for text in texts)
        assert record["tokenizer"] == fingerprint(chosen)
        assert (np.flatnonzero(ids == BOS_ID) == starts).all()
        assert [decode(chosen, one) for one in np.split(ids, starts[1:])] == texts


def test_judge_gives_every_size_the_same_bytes_and_steps(calls):
    tokenizer_sweep.main(params_with())
    assert [call["vocabulary"] for call in calls] == [280, 300, 340]
    for call in calls:
        per_token = call["token_bytes"][call["tokens"]].mean()
        assert call["budget_tokens"] * per_token == pytest.approx(10_000, rel=0.01)
        assert call["tokens"].max() < call["vocabulary"] and call["validation"].size
        step = call["optimizer"].batch * call["model_params"].context * per_token
        assert step == pytest.approx(8 * 400, rel=0.01)


@pytest.mark.parametrize("family", ["modern", "gpt2", "lstm", "bigram"])
def test_share_of_the_vocabulary_grows_with_it(family):
    model = ModelParams(family=family, layers=2, width=32, heads=2)
    small, large = tokenizer.vocabulary_share(model, 300), tokenizer.vocabulary_share(model, 3000)
    assert 0 < small < large < 1


def test_share_of_the_vocabulary_is_exact_for_tied_embeddings():
    model = ModelParams(family="modern", layers=1, width=32, heads=2, feedforward=64)
    attention, feedforward, norms = 4 * 32 * 32, 3 * 32 * 64, 3 * 32
    body = attention + feedforward + norms
    share = tokenizer.vocabulary_share(model, 1000)
    assert share == pytest.approx(1000 * 32 / (1000 * 32 + body), rel=0.01)


def test_same_params_give_the_same_bytes(calls):
    tokenizer_sweep.main(params_with())
    first = contents("data/tokenizer_sweep")
    tokenizer_sweep.main(params_with())
    assert contents("data/tokenizer_sweep") == first
    assert b"second" not in first["data/tokenizer_sweep/measures.json"]


def test_sizes_of_an_earlier_sweep_do_not_stay(calls):
    tokenizer_sweep.main(params_with(sizes=[280, 300]))
    tokenizer_sweep.main(params_with(sizes=[290]))
    assert {path.name for path in Path("data/tokenizer_sweep").iterdir()} == {
        "byte_bpe-290",
        "measures.json",
    }
    assert len(calls) == 2  # one size alone is not judged


def test_fixed_choice_is_taken(calls):
    params = params_with(choose=280)
    tokenizer_sweep.main(params)
    tokenizer.main(params)
    report = json.loads(Path("reports/tokenizer.json").read_text())
    assert report["chosen"]["size"] == 280 and "tokenizer.choose" in report["chosen"]["why"]


def test_size_beyond_the_text_leaves_the_old_sweep(calls):
    tokenizer_sweep.main(params_with())
    before = contents("data/tokenizer_sweep")
    with pytest.raises(UserError, match="supports only"):
        tokenizer_sweep.main(params_with(sizes=[300, 100_000]))
    assert contents("data/tokenizer_sweep") == before


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_empty_split_gets_one_line_and_leaves_the_old_tokens(calls, split):
    params = params_with(sizes=[280])
    tokenizer_sweep.main(params)
    tokenizer.main(params)
    encode.main(params)
    before = contents("data/tokens")
    write_split(split, [])
    with pytest.raises(UserError, match=f"the split {split} is empty"):
        encode.main(params)
    assert contents("data/tokens") == before
    assert [name for name in os.listdir("data") if "partial" in name] == []


@pytest.mark.parametrize("split", ["train", "validation"])
def test_sweep_on_an_empty_split_gets_one_line(calls, split):
    write_split(split, [])
    with pytest.raises(UserError, match="holds no text"):
        tokenizer_sweep.main(params_with())


def test_missing_inputs_get_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for stage in (tokenizer, encode):
        with pytest.raises(UserError, match="missing"):
            stage.main(params_with())


def test_documents_larger_than_a_group_are_encoded_whole(calls):
    write_split("test", ["китап " * 150_000, "бар", " " * 10])
    params = params_with(sizes=[280])
    tokenizer_sweep.main(params)
    tokenizer.main(params)
    chosen = load_tokenizer(Path("data/tokenizer"))
    record = encode_splits(Path("data/clean"), chosen, Path("out"))["test"]
    assert record["documents"] == 3 and record["bytes"] == 150_000 * 11 + 6 + 10


def test_tokens_never_wrap():
    assert token_dtype(65_536) == np.dtype("<u2")
    assert token_dtype(65_537) == np.dtype("<u4")
    assert np.frombuffer(pack([0, 65_535], np.dtype("<u2")), "<u2").tolist() == [0, 65_535]
    assert np.frombuffer(pack([70_000], np.dtype("<u4")), "<u4").tolist() == [70_000]
    for wrong in (65_536, -1):
        with pytest.raises(OverflowError):
            pack([wrong], np.dtype("<u2"))
