"""BPE-dropout: without dropout plain BPE, with it other tokens of the same text, and repeatable."""

import json
import random
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models
from tokenizers.pre_tokenizers import ByteLevel

from pipeline.errors import UserError
from pipeline.tokenization.dropout import DropoutEncoder, segment
from pipeline.tokenization.tokenizer import BOS, BOS_ID, decode, encode_batch
from pipeline.tokenization.train import train_bpe
from tests.conftest import SENTENCES

PARTS = [
    "балалар",
    "әни",
    " ",
    "  ",
    "\n",
    "\u3000",
    "19",
    "!?",
    BOS,
    "n'u",
    "\u0301",
    "\x1c",
    "🙂",
]
mixed = st.lists(st.lists(st.sampled_from(PARTS)).map("".join) | st.text())


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_bpe([*SENTENCES, "балалар  балаларга\n\n әниләр 1998!? n'umwana"] * 4, 340)


def tokens(encoder: DropoutEncoder, texts: list[str], first: int = 0) -> list[list[int]]:
    return [ids.tolist() for ids in encoder.encode(texts, first)]


@given(texts=mixed)
@settings(max_examples=100, deadline=None)
def test_without_dropout_any_text_gets_the_library_s_ids(tokenizer, texts):
    assert tokens(DropoutEncoder(tokenizer, 0.0, 0), texts) == encode_batch(tokenizer, texts)


@given(texts=mixed, p=st.floats(0, 1), seed=st.integers(0, 2**63), first=st.integers(0, 2**40))
@settings(max_examples=100, deadline=None)
def test_any_dropout_keeps_the_text_and_repeats_exactly(tokenizer, texts, p, seed, first):
    encoder = DropoutEncoder(tokenizer, p, seed)
    found = tokens(encoder, texts, first)
    assert [decode(tokenizer, ids) for ids in found] == texts
    assert all(BOS_ID not in ids for ids in found)
    assert tokens(encoder, texts, first) == found
    assert tokens(DropoutEncoder(tokenizer, p, seed), texts, first) == found


def test_tokens_of_a_text_do_not_depend_on_its_neighbours(tokenizer):
    together = tokens(DropoutEncoder(tokenizer, 0.3, 5), SENTENCES, 7)
    for place in reversed(range(len(SENTENCES))):
        alone = tokens(DropoutEncoder(tokenizer, 0.3, 5), [SENTENCES[place]], 7 + place)
        assert alone == [together[place]]


def test_another_position_or_seed_gives_other_tokens(tokenizer):
    text = [" ".join(SENTENCES)]
    first = tokens(DropoutEncoder(tokenizer, 0.3, 0), text)
    assert tokens(DropoutEncoder(tokenizer, 0.3, 0), text, 1) != first
    assert tokens(DropoutEncoder(tokenizer, 0.3, 1), text) != first


def test_every_token_crosses_no_cut_between_words(tokenizer):
    spaces = tokens(DropoutEncoder(tokenizer, 0.2, 0), SENTENCES * 20)
    pieces = {decode(tokenizer, [index]) for ids in spaces for index in ids}
    assert not any(" " in piece[1:] for piece in pieces)


def test_more_dropout_gives_more_tokens_up_to_single_bytes(tokenizer):
    counts = [
        sum(map(len, DropoutEncoder(tokenizer, p, 0).encode(SENTENCES * 10)))
        for p in (0.0, 0.1, 0.5, 1.0)
    ]
    assert counts == sorted(set(counts))
    assert counts[-1] == 10 * sum(len(text.encode()) for text in SENTENCES)


def literal(symbols, merges, p, draw):
    """Algorithm 1 of the paper, word for word."""
    ids = list(symbols)
    while True:
        possible = [
            (merges[pair][0], place) for place, pair in enumerate(pairwise(ids)) if pair in merges
        ]
        possible = [merge for merge in possible if draw() >= p]
        if not possible:
            return ids
        _, place = min(possible)
        ids[place : place + 2] = [merges[ids[place], ids[place + 1]][1]]


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_segmentations_are_as_frequent_as_by_the_paper_s_algorithm(p):
    a, b, ab, aba, abab, bb = range(6)
    merges = {(a, b): (0, ab), (ab, a): (1, aba), (ab, ab): (2, abab), (b, b): (3, bb)}
    draw, runs = random.Random(0).random, 10_000
    word = [a, b, a, b, b, a, b]
    ours = Counter(tuple(segment(word, merges, p, draw)) for _ in range(runs))
    theirs = Counter(tuple(literal(word, merges, p, draw)) for _ in range(runs))
    apart = sum(abs(ours[key] - theirs[key]) for key in ours | theirs) / 2 / runs
    assert apart < 0.02 and len(ours) > 5


def test_a_word_of_many_thousand_letters_is_no_trouble(tokenizer):
    text = "бала" * 5_000
    (ids,) = tokens(DropoutEncoder(tokenizer, 0.1, 0), [text])
    assert decode(tokenizer, ids) == text


def test_a_tokenizer_that_cuts_otherwise_keeps_its_cuts(tokenizer):
    other = Tokenizer.from_str(tokenizer.to_str())
    other.pre_tokenizer = ByteLevel(add_prefix_space=False)
    other.encode_special_tokens = True
    texts = ["балалар  уйный", "", "\n әни 1998!? әни"]
    assert tokens(DropoutEncoder(other, 0.0, 0), texts) == encode_batch(other, texts)


def test_a_tokenizer_without_merges_is_refused_in_one_line():
    with pytest.raises(UserError, match="needs a BPE tokenizer, and this one is Unigram"):
        DropoutEncoder(Tokenizer(models.Unigram([("<unk>", 0.0)], 0)), 0.1, 0)


def test_merges_are_read_in_the_order_of_the_file(tokenizer):
    state = json.loads(tokenizer.to_str())
    left, right = state["model"]["merges"][0]
    assert DropoutEncoder(tokenizer, 0.1, 0)._merges[
        state["model"]["vocab"][left], state["model"]["vocab"][right]
    ] == (0, state["model"]["vocab"][left + right])
