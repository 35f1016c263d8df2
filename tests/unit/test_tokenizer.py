"""Byte-level BPE: nothing is lost, sizes are cuts of one training, transformers reads it."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models

from pipeline.errors import UserError
from pipeline.tokenization.cuts import by_bytes
from pipeline.tokenization.tokenizer import (
    BOS,
    BOS_ID,
    byte_alphabet,
    decode,
    encode_batch,
    encode_text,
    fingerprint,
    load_tokenizer,
    save_tokenizer,
    token_bytes,
)
from pipeline.tokenization.train import cut, train_bpe

TEXTS = [
    "Минем әбием авылда яши.",
    "Әбием миңа китап укыды, китапта балалар бар иде.",
    "Балалар авылда уйный, әбиебез аларны карый.",
    "Kuri 2024 n'umwana w'umunyarwanda yabonye n'umugabo.",
    "Umwana yabonye umunyarwanda n'umwana, kuri 1998 na 2024.",
    "Azul fell-awen, d-yewwid ɣer taddart.",
] * 4


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_bpe(TEXTS, 400)


def words(text: str) -> list[str]:
    return [
        text[start:end]
        for _, (start, end) in by_bytes(models.BPE()).pre_tokenizer.pre_tokenize_str(text)
    ]


# --- nothing is lost ---


@given(text=st.text())
@settings(max_examples=300, deadline=None)
def test_any_unicode_text_survives(tokenizer, text):
    ids = encode_text(tokenizer, text)
    assert decode(tokenizer, ids) == text
    assert BOS_ID not in ids
    table = token_bytes(tokenizer)
    assert b"".join(table[index] for index in ids) == text.encode()


@given(
    text=st.lists(
        st.sampled_from([BOS, "<|", "|>", "endoftext", " ", "\n", "ә", "\u200d", "’", "7", "\x00"])
    ).map("".join)
)
@settings(max_examples=200, deadline=None)
def test_special_token_in_a_text_is_plain_text(tokenizer, text):
    ids = encode_text(tokenizer, text)
    assert BOS_ID not in ids
    assert decode(tokenizer, [BOS_ID, *ids]) == text


def test_batches_encode_like_single_texts(tokenizer):
    assert encode_batch(tokenizer, TEXTS) == [encode_text(tokenizer, text) for text in TEXTS]


def test_very_long_words_and_runs_survive(tokenizer):
    for text in ("ә" * 50_000, " " * 50_000, "-" * 50_000, "а'" * 20_000, "\u0301" * 50_000):
        assert decode(tokenizer, encode_text(tokenizer, text)) == text


# --- words are cut as their language does ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ko n'umwana w’u Rwanda", ["ko", " n'umwana", " w’u", " Rwanda"]),
        ("o‘zbek oʻzbek", ["o‘zbek", " oʻzbek"]),
        ("'umwana'", ["'", "umwana", "'"]),
        ("1998 елда", ["1", "9", "9", "8", " елда"]),
        ("е\u0308лка x\u0301y", ["е\u0308лка", " x\u0301y"]),
        ("می\u200cخواهم क्\u200dष", ["می\u200cخواهم", " क्\u200dष"]),
        ("әни-әти", ["әни", "-", "әти"]),
        ("бар.  Юк\n\n бар", ["бар", ".", " ", " Юк", "\n\n", " бар"]),
    ],
)
def test_words_are_cut_where_no_token_may_cross(text, expected):
    assert words(text) == expected


def test_apostrophes_become_part_of_tokens():
    tokens = token_bytes(train_bpe(["n'umwana na n'umugore"] * 10, 270))
    assert any(b"n'um" in token for token in tokens)


def test_no_token_holds_two_digits(tokenizer):
    for token in token_bytes(tokenizer):
        assert sum(byte in b"0123456789" for byte in token) <= 1


# --- the vocabulary ---


def test_vocabulary_is_special_token_then_bytes_then_merges(tokenizer):
    table = token_bytes(tokenizer)
    assert tokenizer.get_vocab_size() == len(table) == 400
    assert tokenizer.token_to_id(BOS) == BOS_ID and table[BOS_ID] == b""
    assert sorted(table[1:257]) == [bytes([byte]) for byte in range(256)]
    assert len(set(table[1:])) == 399
    assert all(len(token) >= 2 for token in table[257:])


def test_byte_alphabet_is_the_library_s():
    from tokenizers.pre_tokenizers import ByteLevel

    assert set(byte_alphabet()) == set(ByteLevel.alphabet())
    for character, byte in byte_alphabet().items():
        if byte < 128:
            spelt = ByteLevel(add_prefix_space=False).pre_tokenize_str(chr(byte))
            assert [token for token, _ in spelt] == [character]


@pytest.mark.parametrize("size", [257, 258, 300, 333, 399, 400])
def test_cut_equals_training_at_that_size(tokenizer, size):
    smaller, trained = cut(tokenizer, size), train_bpe(TEXTS, size)
    assert json.loads(smaller.to_str()) == json.loads(trained.to_str())
    assert fingerprint(smaller) == fingerprint(trained)


def test_training_repeats_exactly(tokenizer):
    assert fingerprint(train_bpe(TEXTS, 400)) == fingerprint(tokenizer)


def test_cut_beyond_the_vocabulary_is_refused(tokenizer):
    with pytest.raises(ValueError, match="cannot cut 400 tokens to 401"):
        cut(tokenizer, 401)


def test_more_tokens_than_the_text_supports_says_how_many():
    with pytest.raises(UserError, match=r"holds 5000.*only \d+ tokens"):
        train_bpe(["бер ике өч"] * 3, 5000)


# --- files ---


def test_saved_and_loaded_is_the_same(tokenizer, tmp_path):
    save_tokenizer(tokenizer, tmp_path)
    for path in (tmp_path, tmp_path / "tokenizer.json"):
        loaded = load_tokenizer(path)
        assert fingerprint(loaded) == fingerprint(tokenizer)
        assert encode_text(loaded, f"бар {BOS}") == encode_text(tokenizer, f"бар {BOS}")


def test_fingerprint_tells_tokenizers_apart(tokenizer):
    assert fingerprint(cut(tokenizer, 399)) != fingerprint(tokenizer)


def _foreign(folder: Path) -> None:
    Tokenizer(models.WordLevel({"a": 0, BOS: 1}, unk_token="a")).save(
        str(folder / "tokenizer.json")
    )


def _few_bytes(folder: Path) -> None:
    Tokenizer(models.BPE({BOS: 0, "a": 1}, [])).save(str(folder / "tokenizer.json"))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: None, "is missing"),
        (lambda folder: (folder / "tokenizer.json").write_text(""), "no tokenizer file"),
        (lambda folder: (folder / "tokenizer.json").write_text('{"a": 1}'), "no tokenizer file"),
        (lambda folder: (folder / "tokenizer.json").write_bytes(b"\xff\xfe"), "no tokenizer file"),
        (_foreign, "another kind"),
        (_few_bytes, "another kind"),
    ],
)
def test_bad_files_get_one_line(tmp_path, make, message):
    make(tmp_path)
    with pytest.raises(UserError, match=message) as caught:
        load_tokenizer(tmp_path)
    assert "\n" not in str(caught.value)


def test_transformers_reads_the_file_and_gives_the_same_ids(tokenizer, tmp_path):
    from transformers import PreTrainedTokenizerFast

    save_tokenizer(tokenizer, tmp_path)
    theirs = PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"))
    for text in [*TEXTS[:6], "  \n\t 😀 a\u0301 ", "", "日本語 ไทย"]:
        ids = theirs(text)["input_ids"]
        assert ids == encode_text(tokenizer, text)
        assert theirs.decode(ids) == text
    literal = f"a{BOS}b"
    assert theirs(literal, split_special_tokens=True)["input_ids"] == encode_text(
        tokenizer, literal
    )
