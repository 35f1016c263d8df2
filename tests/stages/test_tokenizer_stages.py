"""The three tokenizer stages on a small corpus, in a folder of their own."""

import json
import os
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from pipeline.cleaning.chunks import plan_chunks
from pipeline.documents import DocumentWriter, in_batches, read_texts, write_documents
from pipeline.errors import UserError
from pipeline.files import read_json
from pipeline.params import ModelParams, Params, load_params
from pipeline.tokenization.encode import encode_splits
from pipeline.tokenization.tokenizer import BOS, BOS_ID, decode, fingerprint, load_tokenizer
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

    monkeypatch.setattr("pipeline.cleaning.engine.usable_cores", lambda: 1)
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
        assert entry["proxy_bits_per_byte"] == entry["proxies"]["bytes"]["mean"]
        assert not entry["ready"]
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


def test_judge_gives_every_size_the_same_bytes_and_then_the_same_cost(calls):
    tokenizer_sweep.main(params_with())
    found = read_json(Path("data/tokenizer_sweep/measures.json"))["sweep"]
    assert {round(entry["proxies"]["bytes"]["megabytes"], 9) for entry in found} == {0.01}
    assert len({round(entry["proxies"]["compute"]["teraflops"], 12) for entry in found}) == 1
    first = [call for call in calls if call["seed"] == 0]
    assert len(first) == 5  # three sizes, two budgets, one training of the middle for both
    for call in first:
        per_token = call["token_bytes"][call["tokens"]].mean()
        assert call["tokens"].max() < call["vocabulary"] and call["validation"].size
        step = call["optimizer"].batch * call["model_params"].context * per_token
        assert step == pytest.approx(8 * 400, rel=0.01)
        assert call["model_params"].dropout == params_with().model.dropout > 0
        assert call["settings"].threads == 1 and call["settings"].device == "cpu"
    read = [c["budget_tokens"] * c["token_bytes"][c["tokens"]].mean() for c in first]
    assert sum(one == pytest.approx(10_000, rel=0.01) for one in read) == 3
    cost = [
        c["budget_tokens"] * tokenizer_sweep.cost_of_token(params_with().model, c["vocabulary"])
        for c in first
    ]
    middle = next(cost[i] for i, call in enumerate(first) if call["vocabulary"] == 300)
    assert sum(one == pytest.approx(middle, rel=0.01) for one in cost) == 3


@pytest.mark.parametrize("family", ["modern", "gpt2", "lstm", "bigram"])
def test_a_token_costs_more_with_a_larger_vocabulary_and_less_so_a_larger_model(family):
    def ratio(width: int) -> float:
        model = ModelParams(family=family, layers=2, width=width, heads=2)
        small, large = (tokenizer_sweep.cost_of_token(model, size) for size in (300, 3000))
        return large / small

    if family == "bigram":  # looks up, whatever the size
        assert ratio(32) == 1
    else:
        assert 1 < ratio(256) < ratio(32) < 10


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
        "tokens.json",
    }
    assert {call["vocabulary"] for call in calls} == {280, 300}  # one size alone is not judged


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


def test_a_special_token_that_occurs_in_the_text_is_plain_text_and_a_line_says_so(calls, capsys):
    params = params_with(sizes=[280])
    tokenizer_sweep.main(params)
    tokenizer.main(params)
    encode.main(params)
    assert "special token" not in capsys.readouterr().out
    texts = [f"бер {BOS} ике", BOS, f"{BOS}{BOS}", "<|endoftext", "өч"]
    write_split("test", texts)
    encode.main(params)
    said = [line for line in capsys.readouterr().out.splitlines() if "special token" in line]
    assert len(said) == 1 and "3 documents" in said[0] and BOS in said[0]
    ids, starts = np.fromfile("data/tokens/test.bin", "<u2"), np.load("data/tokens/test.starts.npy")
    assert (np.flatnonzero(ids == BOS_ID) == starts).all() and len(starts) == len(texts)
    chosen = load_tokenizer(Path("data/tokenizer"))
    assert [decode(chosen, one) for one in np.split(ids, starts[1:])] == texts


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


def test_tables_and_tokens_to_look_at_are_written(calls):
    params = params_with()
    tokenizer_sweep.main(params)
    tokenizer.main(params)
    listed = read_json(Path("reports/tokenizer/tokens.json"))
    assert list(listed) == ["byte_bpe-280", "byte_bpe-300", "byte_bpe-340"]
    for one in listed.values():
        assert one["longest"] and all(token["token"].isprintable() for token in one["longest"])
        assert one["rarest"] == sorted(one["rarest"], key=lambda token: token["count"])
        assert [row["fewer_than"] for row in one["tail"]][:2] == [1, 2]
        counts = [count for _, count in one["rank_frequency"]]
        assert counts == sorted(counts, reverse=True) and counts[-1] > 0
    for name in ("sweep", "ranks", "tail"):
        lines = Path(f"reports/tokenizer/{name}.csv").read_text().splitlines()
        assert len(lines) > 3 and len({line.count(",") for line in lines}) == 1


@pytest.mark.parametrize("kinds", [["byte_bpe"], ["unigram"], ["bytes"]])
def test_token_files_do_not_depend_on_the_number_of_processes(calls, kinds):
    many = [f"{text} {number}" for number in range(50) for text in TEXTS]
    rows = [{"id": str(i), "text": text, "source": "test"} for i, text in enumerate(many)]
    with DocumentWriter(Path("data/clean/train"), shard_bytes=1 << 14) as writer:
        for batch in in_batches(rows, size=500):
            writer.write(batch)
    tokenizer_sweep.main(params_with(sizes=[310], kinds=kinds))
    (folder,) = (path for path in Path("data/tokenizer_sweep").iterdir() if path.is_dir())
    chosen = load_tokenizer(folder)
    assert len(plan_chunks(Path("data/clean/train"))) > 3
    encode_splits(Path("data/clean"), chosen, Path("one"), workers=1)
    encode_splits(Path("data/clean"), chosen, Path("three"), workers=3)
    assert [*contents("one").values()] == [*contents("three").values()]
    starts, ids = np.load("one/train.starts.npy"), np.fromfile("one/train.bin", "<u2")
    again = [decode(chosen, one) for one in np.split(ids, starts[1:])]
    assert again == list(read_texts(Path("data/clean/train")))


def test_a_token_outside_the_vocabulary_gets_one_line_and_leaves_nothing(calls, monkeypatch):
    tokenizer_sweep.main(params_with(sizes=[280]))
    chosen = load_tokenizer(Path("data/tokenizer_sweep/byte_bpe-280"))
    monkeypatch.setattr(
        "pipeline.tokenization.bulk.encode_batch", lambda _, texts: [[70_000] for _ in texts]
    )
    monkeypatch.setattr("pipeline.tokenization.bulk._merges_bytes", lambda _: False)
    for workers in (1, 2):
        with pytest.raises(UserError, match="gives token 70,000, outside its vocabulary of 280"):
            encode_splits(Path("data/clean"), chosen, Path("data/tokens"), workers=workers)
    assert not [name for name in os.listdir("data") if "tokens" in name]


def test_tokens_never_wrap():
    assert token_dtype(65_536) == np.dtype("<u2")
    assert token_dtype(65_537) == np.dtype("<u4")
    assert np.frombuffer(pack([0, 65_535], np.dtype("<u2")), "<u2").tolist() == [0, 65_535]
    assert np.frombuffer(pack([70_000], np.dtype("<u4")), "<u4").tolist() == [70_000]
    for wrong in (65_536, -1):
        with pytest.raises(OverflowError):
            pack([wrong], np.dtype("<u2"))
