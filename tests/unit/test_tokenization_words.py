"""Looking words up gives exactly the ids that the library gives for the whole text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.pre_tokenizers import ByteLevel

from pipeline.tokenization.tokenizer import BOS, encode_batch
from pipeline.tokenization.train import train_bpe
from pipeline.tokenization.words import PIECES, WordEncoder, count_pieces

SPACES = ["\t", "\n", "\r\n", "\x0b", "\x0c", "\x1c", "\x1f", "\x85", "\xa0", "\u1680", "\u180e"]
SPACES += ["\u2000", "\u200b", "\u200d", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\ufeff"]
PARTS = ["бар", "n'u", "19", "!", "!?", BOS, "\u0301", " ", " ", "  ", *SPACES]


@pytest.fixture(scope="module")
def tokenizer():
    text = (
        "бар, n'umwana бар!?\x1c!\t\t  \n\n\n бар 1998  !! \xa0\xa0 \u3000\u3000 бар\n\n бар\n бар"
    )
    return train_bpe([text] * 3, 290)


def same(tokenizer, texts, remembered=400_000):
    encoder = WordEncoder(tokenizer, remembered)
    expected = encode_batch(tokenizer, texts)
    for _ in range(2):  # new words, then known ones
        assert [ids.tolist() for ids in encoder.encode(texts)] == expected


@given(texts=st.lists(st.text()))
@settings(max_examples=200, deadline=None)
def test_any_text_gets_the_library_s_ids(tokenizer, texts):
    same(tokenizer, texts)


@given(texts=st.lists(st.lists(st.sampled_from(PARTS)).map("".join)))
@settings(max_examples=200, deadline=None)
def test_runs_of_odd_white_space_get_the_library_s_ids(tokenizer, texts):
    same(tokenizer, texts)


@given(texts=st.lists(st.lists(st.sampled_from(PARTS)).map("".join)))
@settings(max_examples=100, deadline=None)
def test_forgetting_changes_nothing(tokenizer, texts):
    same(tokenizer, texts, remembered=1)


def test_every_character_alone_and_beside_a_space_gets_the_library_s_ids(tokenizer):
    letters = [chr(code) for code in range(0x3100) if not 0xD800 <= code < 0xE000]
    same(tokenizer, [f"{c} {c}{c}  {c}а {c}" for c in letters])


@given(st.text())
def test_pieces_are_the_whole_text(text):
    assert "".join(PIECES.findall(text)) == text


def test_tokenizer_that_cuts_otherwise_is_not_cut_at_white_space(tokenizer):
    other = Tokenizer.from_str(tokenizer.to_str())
    other.pre_tokenizer = ByteLevel(add_prefix_space=True)
    same(other, ["бар бар", "", "\n бар  бар!"])


def test_pieces_are_counted_with_their_space():
    assert count_pieces(["бар бар", "бар"]) == {"бар": 2, " бар": 1}
