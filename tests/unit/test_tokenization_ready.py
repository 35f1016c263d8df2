"""Tokenizers of others: their ids stay, one special token begins a text, what is lost is said."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from pipeline.errors import UserError
from pipeline.tokenization import tiktokens
from pipeline.tokenization.ready import first_lost, load_ready
from pipeline.tokenization.tokenizer import (
    BOS,
    bos_id,
    bos_token,
    byte_alphabet,
    decode,
    encode_batch,
    encode_text,
    fingerprint,
    load_tokenizer,
    save_tokenizer,
    token_bytes,
)
from pipeline.tokenization.train import train_bpe
from pipeline.tokenization.words import WordEncoder
from tests.conftest import SENTENCES

TEXTS = [*SENTENCES, "It's n'umwana 2024, we'll  see.\n\nБалалар китап укый."] * 4


def gpt2_files(folder: Path) -> Path:
    """A small tokenizer in the files that OpenAI gave out for GPT-2."""
    folder.mkdir()
    from tokenizers import trainers

    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)
    trained.train_from_iterator(TEXTS, trainer)
    merges = json.loads(trained.to_str())["model"]["merges"]
    names = [*byte_alphabet(), *dict.fromkeys("".join(merge) for merge in merges)]
    vocabulary = {token: index for index, token in enumerate(names)}
    (folder / "encoder.json").write_text(json.dumps(vocabulary | {BOS: len(vocabulary)}))
    lines = ["#version: 0.2", *(" ".join(merge) for merge in merges), ""]
    (folder / "vocab.bpe").write_text("\n".join(lines), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory) -> Path:
    return gpt2_files(tmp_path_factory.mktemp("ready") / "gpt2")


@pytest.fixture(scope="module")
def encoding(gpt2):
    tiktoken = pytest.importorskip("tiktoken")
    from tiktoken.load import data_gym_to_mergeable_bpe_ranks
    from tiktoken_ext.openai_public import r50k_pat_str

    ranks = data_gym_to_mergeable_bpe_ranks(str(gpt2 / "vocab.bpe"), str(gpt2 / "encoder.json"))
    return tiktoken.Encoding(
        "small", pat_str=r50k_pat_str, mergeable_ranks=ranks, special_tokens={BOS: len(ranks)}
    )


@pytest.fixture(scope="module")
def from_files(gpt2, encoding) -> Tokenizer:
    return load_ready(str(gpt2))


@given(
    text=st.text()
    | st.lists(st.sampled_from(["It's", " ", "\n", "бала", "19", "!?", BOS, "\xa0"])).map("".join)
)
@settings(max_examples=200, deadline=None)
def test_gpt2_s_files_give_tiktoken_s_ids_for_any_text(from_files, encoding, text):
    ids = encode_text(from_files, text)
    assert ids == encoding.encode_ordinary(text)
    assert decode(from_files, ids) == text
    table = token_bytes(from_files)
    assert b"".join(table[index] for index in ids) == text.encode()
    assert WordEncoder(from_files).encode([text])[0].tolist() == ids


def test_gpt2_keeps_its_ids_and_its_end_of_text_begins_a_text(from_files, encoding, gpt2):
    assert bos_token(from_files) == BOS and bos_id(from_files) == encoding.n_vocab - 1
    assert from_files.get_vocab_size() == encoding.n_vocab
    assert WordEncoder(from_files).cut("a b") == ["a", " b"]
    assert fingerprint(load_ready(f"tiktoken:{gpt2}")) == fingerprint(from_files)


def test_merges_are_recovered_from_ranks(gpt2, encoding, from_files):
    lines = (gpt2 / "vocab.bpe").read_text(encoding="utf-8").splitlines()[1:]
    merges = json.loads(from_files.to_str())["model"]["merges"]
    assert [" ".join(merge) for merge in merges] == lines


@pytest.mark.parametrize("name", ["cl100k_base", "o200k_base"])
@given(
    text=st.text()
    | st.lists(
        st.sampled_from(["It's", "'LL", " ", "\r\n", "\n", "бала", "1", "!?", "/", "\xa0"])
    ).map("".join)
)
@settings(max_examples=100, deadline=None)
def test_the_patterns_of_later_encodings_cut_as_tiktoken_does(
    monkeypatch_ranks, encoding, name, text
):
    other = monkeypatch_ranks(name)
    assert encode_text(tiktokens.convert(other, False), text) == other.encode_ordinary(text)


@pytest.fixture(scope="module")
def monkeypatch_ranks(encoding):
    """A later encoding's pattern and special tokens over the ranks of the small one."""
    import functools

    import tiktoken
    from tiktoken_ext import openai_public

    @functools.cache
    def make(name):
        before = openai_public.load_tiktoken_bpe
        openai_public.load_tiktoken_bpe = lambda *args, **kwargs: encoding._mergeable_ranks
        try:
            made = getattr(openai_public, name)()
        finally:
            openai_public.load_tiktoken_bpe = before
        size = encoding.n_vocab
        made["special_tokens"] = {BOS: size + 2, "<|endofprompt|>": size + 5}
        return tiktoken.Encoding(**made)

    return make


def test_ids_that_no_token_has_are_filled(monkeypatch_ranks, encoding, tmp_path, monkeypatch):
    import tiktoken

    other = monkeypatch_ranks("cl100k_base")
    monkeypatch.setattr(tiktoken, "get_encoding", lambda name: other)
    tokenizer = load_ready("tiktoken:cl100k_base")
    assert tokenizer.get_vocab_size() == max(other._special_tokens.values()) + 1
    assert bos_id(tokenizer) == other._special_tokens[BOS]
    assert len(token_bytes(tokenizer)) == tokenizer.get_vocab_size()


def test_a_folder_with_a_vocabulary_and_merges(gpt2, encoding, tmp_path):
    (tmp_path / "vocab.json").write_bytes((gpt2 / "encoder.json").read_bytes())
    (tmp_path / "merges.txt").write_bytes((gpt2 / "vocab.bpe").read_bytes())
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "GPT2Tokenizer"}')
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    tokenizer = load_ready(str(tmp_path))
    assert encode_batch(tokenizer, TEXTS) == [encoding.encode_ordinary(text) for text in TEXTS]


def test_a_sentencepiece_folder(tmp_path):
    from transformers.utils import sentencepiece_model_pb2_new as proto

    model = proto.ModelProto()
    control, unknown, byte = 3, 2, 6
    pieces = [("<unk>", 0, unknown), ("<s>", 0, control), ("</s>", 0, control)]
    pieces += [(f"<0x{index:02X}>", 0, byte) for index in range(256)]
    letters = sorted({letter for text in TEXTS for letter in text if letter > " "} | {"▁"})
    pieces += [(letter, -5.0, 1) for letter in letters] + [("▁китап", -3.0, 1)]
    for piece, score, kind in pieces:
        model.pieces.add(piece=piece, score=score, type=kind)
    model.trainer_spec.model_type = 1
    model.trainer_spec.byte_fallback = True
    model.normalizer_spec.add_dummy_prefix = True
    (tmp_path / "tokenizer.model").write_bytes(model.SerializeToString())
    tokenizer = load_ready(str(tmp_path))
    assert bos_token(tokenizer) == "<s>" and bos_id(tokenizer) == 1
    assert "▁китап" in tokenizer.encode("бар китап 字").tokens


def test_one_that_loses_capitals_is_taken_and_told(tmp_path, capsys):
    vocabulary = {"[CLS]": 0, "[UNK]": 1, "бала": 2, "##лар": 3}
    other = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    other.normalizer = normalizers.Lowercase()
    other.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    other.add_special_tokens([AddedToken("[CLS]", special=True)])
    other.save(str(tmp_path / "tokenizer.json"))
    for name in (tmp_path, tmp_path / "tokenizer.json"):
        tokenizer = load_ready(str(name))
        assert bos_id(tokenizer) == 0 and encode_text(tokenizer, "Балалар") == [2, 3]
    assert first_lost(tokenizer, ["Балалар"]) is not None
    assert "does not keep every text" in capsys.readouterr().err


def test_one_without_a_special_token_gets_ours_behind_its_own(tmp_path):
    Tokenizer(models.BPE({"a": 0, "b": 1}, [])).save(str(tmp_path / "tokenizer.json"))
    tokenizer = load_ready(str(tmp_path))
    assert bos_token(tokenizer) == BOS and bos_id(tokenizer) == 2
    assert tokenizer.get_vocab_size() == 3 and token_bytes(tokenizer) == [b"a", b"b", b""]


def test_a_ready_one_is_saved_and_loaded_as_any(from_files, tmp_path):
    save_tokenizer(from_files, tmp_path)
    assert fingerprint(load_tokenizer(tmp_path)) == fingerprint(from_files)
    stored = json.loads((tmp_path / "token_bytes.json").read_text())
    assert stored["begin"] == {"token": BOS, "id": bos_id(from_files)}
    assert [bytes.fromhex(raw) for raw in stored["bytes"]] == token_bytes(from_files)


def test_the_bytes_of_another_tokenizer_are_noticed(tmp_path):
    save_tokenizer(train_bpe(TEXTS, 300), tmp_path)
    beside = (tmp_path / "token_bytes.json").read_bytes()
    save_tokenizer(train_bpe(TEXTS, 301), tmp_path)
    (tmp_path / "token_bytes.json").write_bytes(beside)
    with pytest.raises(UserError, match="belongs to another tokenizer"):
        load_tokenizer(tmp_path)


def test_our_own_texts_lose_nothing():
    assert first_lost(train_bpe(TEXTS, 300), TEXTS) is None


@pytest.mark.parametrize(
    ("files", "name", "message"),
    [
        ({}, "./nowhere", "is not there"),
        ({}, "/nowhere/at/all", "is not there"),
        ({"a/tokenizer.json": "{}"}, "a", "no tokenizer file"),
        ({"a/notes.txt": "x"}, "./a", "holds no tokenizer that transformers reads"),
        ({"a/vocab.bpe": "#v\na b\n", "a/encoder.json": "{}"}, "a", "do not agree"),
        ({}, "tiktoken:no_such_encoding", "tiktoken cannot load no_such_encoding"),
    ],
)
def test_what_is_not_there_or_broken_is_one_line(tmp_path, monkeypatch, files, name, message):
    monkeypatch.chdir(tmp_path)
    for file, text in files.items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(text)
    if name.startswith("tiktoken") or "do not" in message:
        pytest.importorskip("tiktoken")
    with pytest.raises(UserError, match=message) as caught:
        load_ready(name)
    assert "\n" not in str(caught.value)


def test_a_name_without_the_network_is_one_line(monkeypatch):
    from transformers import AutoTokenizer

    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError("We couldn't connect to\n'https://hub'")

    monkeypatch.setattr(AutoTokenizer, "from_pretrained", refuse)
    with pytest.raises(UserError, match=r"the Hub did not give it.*check the name") as caught:
        load_ready("somebody/something")
    assert "\n" not in str(caught.value)


def test_tiktoken_without_the_network_is_one_line(monkeypatch):
    tiktoken = pytest.importorskip("tiktoken")

    def refuse(name: str) -> None:
        import requests

        raise requests.ConnectionError("no route")

    monkeypatch.setattr(tiktoken, "get_encoding", refuse)
    with pytest.raises(UserError, match=r"cannot load gpt2 \(no route\).*needs the network"):
        load_ready("tiktoken:gpt2")
