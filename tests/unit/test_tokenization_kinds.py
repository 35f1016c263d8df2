"""Every kind of tokenizer: nothing is lost, training repeats, sizes are those of own trainings."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from pipeline.errors import UserError
from pipeline.params import UNSIZED
from pipeline.tokenization.kinds import CUT, train_sizes
from pipeline.tokenization.tokenizer import (
    BOS,
    BOS_ID,
    bos_id,
    decode,
    encode_batch,
    encode_text,
    fingerprint,
    load_tokenizer,
    save_tokenizer,
    token_bytes,
)
from pipeline.tokenization.words import WordEncoder
from tests.conftest import SENTENCES

KINDS = [*CUT, "unigram", *UNSIZED]
TEXTS = [
    *SENTENCES,
    "Kuri 2024 n'umwana w’umunyarwanda yabonye n'umugabo, n'umwana na n'umugore.",
    "Azul fell-awen, d-yewwid ɣer taddart; oʻzbek oʻzbekcha.",
    "a_b __ ▁ ## c# <0xD0>",
    *(
        f"{stem}{many}{case} бар"
        for stem in ("бала", "китап", "авыл", "мәктәп", "урман", "күрше", "сүз", "елга")
        for many in ("", "лар", "ләр")
        for case in ("", "ны", "га", "дан", "ның", "да", "ыбыз", "ым")
    ),
] * 4
SIZES = [530, 550, 570]
HARD = ["_", "▁", "_▁", "▁_", "#", "##", "# #", " ", "  ", "\n", "\r\n", "\t", "\x00", "\x1c"]
HARD += ["\xa0", "\u200d", "\u0301", "<0xE2>", "<0xD0>", BOS, "<|", "бала", "n'u", "19", "字", "🙂"]
HARD += ["Ġ", "Ċ", "\ufffd", "\U0010ffff", "\ue000"]
hard = st.lists(st.sampled_from(HARD) | st.text(max_size=3)).map("".join)


@pytest.fixture(scope="module")
def trained() -> dict[str, dict[int, Tokenizer]]:
    return {kind: train_sizes(kind, TEXTS, SIZES) for kind in KINDS}


@pytest.fixture(scope="module")
def largest(trained) -> dict[str, Tokenizer]:
    return {kind: sizes[max(sizes)] for kind, sizes in trained.items()}


@pytest.mark.parametrize("kind", KINDS)
@given(text=hard)
@example(text="_▁ ▁▁ _ ▁")
@example(text="### ## a## #a")
@settings(max_examples=100, deadline=None)
def test_any_text_survives_and_its_bytes_are_those_of_its_tokens(largest, kind, text):
    tokenizer = largest[kind]
    ids = encode_text(tokenizer, text)
    assert BOS_ID not in ids
    assert decode(tokenizer, [BOS_ID, *ids]) == text
    table = token_bytes(tokenizer)
    assert b"".join(table[index] for index in ids) == text.encode()


@pytest.mark.parametrize("kind", KINDS)
@given(texts=st.lists(hard))
@settings(max_examples=40, deadline=None)
def test_looking_words_up_gives_the_library_s_ids(largest, kind, texts):
    encoder = WordEncoder(largest[kind])
    assert encoder.cut("a b") == ["a", " b"]
    for _ in range(2):
        assert [ids.tolist() for ids in encoder.encode(texts)] == encode_batch(largest[kind], texts)


@pytest.mark.parametrize("kind", KINDS)
def test_every_character_up_to_u_3100_survives_in_a_word_and_alone(largest, kind):
    texts = [f"{c} {c}{c}  {c}а {c}" for c in map(chr, [*range(0x700), *range(0x700, 0x3100, 5)])]
    encoded = encode_batch(largest[kind], texts)
    assert [decode(largest[kind], ids) for ids in encoded] == texts
    assert [ids.tolist() for ids in WordEncoder(largest[kind]).encode(texts)] == encoded


@pytest.mark.parametrize("kind", KINDS)
def test_very_long_words_survive_in_little_time(largest, kind):
    for text in ("ә" * 10_000, " " * 10_000, "-#" * 5_000, "а'" * 5_000, "▁" * 10_000):
        assert decode(largest[kind], encode_text(largest[kind], text)) == text


@pytest.mark.parametrize("kind", KINDS)
def test_training_repeats_exactly(trained, kind):
    again = train_sizes(kind, TEXTS, SIZES)
    assert [fingerprint(one) for one in again.values()] == [
        fingerprint(one) for one in trained[kind].values()
    ]


@pytest.mark.parametrize("kind", [*CUT, "unigram"])
def test_each_size_of_a_sweep_is_what_its_own_training_gives(trained, kind):
    assert list(trained[kind]) == SIZES
    for size in SIZES[:2]:
        assert trained[kind][size].get_vocab_size() == size
        (alone,) = train_sizes(kind, TEXTS, [size]).values()
        assert fingerprint(alone) == fingerprint(trained[kind][size])


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_token_begins_a_text_and_has_no_bytes(largest, kind):
    table = token_bytes(largest[kind])
    assert bos_id(largest[kind]) == BOS_ID and table[BOS_ID] == b""
    assert len(table) == largest[kind].get_vocab_size()
    assert all(table[1:])
    assert {bytes([byte]) for byte in range(256)} <= set(table)


@pytest.mark.parametrize("kind", KINDS)
def test_transformers_reads_the_file_and_gives_the_same_ids(largest, kind, tmp_path):
    from transformers import PreTrainedTokenizerFast

    save_tokenizer(largest[kind], tmp_path)
    assert fingerprint(load_tokenizer(tmp_path)) == fingerprint(largest[kind])
    theirs = PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"))
    for text in [*TEXTS[:8], "  \n\t 😀 a\u0301 ", "", "日本語 ไทย", "▁ _▁ ##"]:
        ids = theirs(text)["input_ids"]
        assert ids == encode_text(largest[kind], text)
        assert theirs.decode(ids) == text
    literal = f"a{BOS}b"
    ids = theirs(literal, split_special_tokens=True)["input_ids"]
    assert ids == encode_text(largest[kind], literal)


@pytest.mark.parametrize("kind", [*CUT, "unigram"])
def test_more_tokens_than_the_text_supports_is_one_line(kind):
    with pytest.raises(UserError, match=rf"holds 5000.* {kind} .*only \d+ tokens") as caught:
        train_sizes(kind, TEXTS, [5000])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["bpe", "unigram", "wordpiece"])
def test_a_size_below_the_alphabet_says_from_where_on(kind):
    with pytest.raises(UserError, match=rf"holds 260.* {kind} .*letters of this text alone"):
        train_sizes(kind, TEXTS, [260, 700])


@pytest.mark.parametrize("kind", [*CUT, "unigram"])
def test_no_text_supports_no_size(kind):
    with pytest.raises(UserError, match=r"tokenizer\.sizes holds 600"):
        train_sizes(kind, [], [600])


@pytest.mark.parametrize("kind", UNSIZED)
def test_kinds_without_sizes_have_their_own(trained, kind):
    (size,) = trained[kind]
    assert size == 257 if kind == "bytes" else size > 257
    assert list(train_sizes(kind, TEXTS, [5000])) == [size]


def test_a_letter_is_a_character_and_one_never_seen_its_bytes(largest):
    tokenizer = largest["characters"]
    assert [tokenizer.id_to_token(index) for index in encode_text(tokenizer, "ба 字")] == [
        *("б", "а", " "),
        *("<0xE5>", "<0xAD>", "<0x97>"),
    ]


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_spaces_are_metaspaces_and_a_metaspace_is_one_token(largest, kind):
    tokenizer = largest[kind]
    assert any(token.startswith("▁") and len(token) > 2 for token in tokenizer.get_vocab())
    assert tokenizer.encode("▁").tokens == ["_▁"]
    assert tokenizer.encode(" ").tokens == ["▁"]


def test_a_piece_that_continues_a_word_begins_with_two_hashes(largest):
    tokens = largest["wordpiece"].encode("урамдагы").tokens
    assert not tokens[0].startswith("##")
    assert len(tokens) > 1 and all(token.startswith("##") for token in tokens[1:])


def test_characters_too_rare_for_a_token_do_not_join_their_neighbours():
    texts = ["аб" * 400] * 20 + ["а字а字"]
    (tokenizer,) = train_sizes("bpe", texts, [268]).values()
    assert "字" not in tokenizer.get_vocab() and "аа" not in tokenizer.get_vocab()
    assert decode(tokenizer, encode_text(tokenizer, "а字а字")) == "а字а字"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ko n'umwana w’u Rwanda", ["ko", " n'umwana", " w’u", " Rwanda"]),
        ("n´uko n＇uko n′uko n`uko", ["n´uko", " n＇uko", " n′uko", " n`uko"]),
        ("oʻzbek caʼfar tʹma", ["oʻzbek", " caʼfar", " tʹma"]),
        ("d-yewwid ɣer ɛemmi", ["d", "-", "yewwid", " ɣer", " ɛemmi"]),
        ("həм iPhoneны", ["həм", " iPhoneны"]),
        ("e\u0301te\u0301 क्षि", ["e\u0301te\u0301", " क्षि"]),
        ("19 2,5", ["1", "9", " 2", ",", "5"]),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_words_are_the_same_for_every_kind(largest, kind, text, expected):
    tokenizer = largest[kind]
    words = tokenizer.pre_tokenizer.pre_tokenize_str(text)
    assert [text[start:end] for _, (start, end) in words] == expected
