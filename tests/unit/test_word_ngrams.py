"""The word n-gram: its probabilities sum to one, also over what it must spell."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.word_ngrams import CHARACTERS, Speller, WordNgram, word_characters

TRAINING = ["бер ике өч", "бер ике, бер өч.", "ике бер"] * 3


def test_words_and_the_rest_share_all_characters() -> None:
    assert 100_000 < word_characters() < CHARACTERS / 2


def test_spelling_sums_to_one_over_all_runs_of_a_class() -> None:
    speller = Speller(["a", "ab", "b"], characters=3)
    total = 0.0
    for length in range(1, 9):
        runs = ["".join(letters) for letters in itertools.product("abc", repeat=length)]
        total += float((2.0 ** -speller.bits(runs)).sum())
    assert 0.995 < total <= 1 + 1e-9


def test_spelling_of_a_class_that_was_never_met_sums_to_one() -> None:
    speller = Speller([], characters=2)
    total = sum(2**length * 2.0 ** -speller.bits(["a" * length])[0] for length in range(1, 60))
    assert total == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("begin", ["", "a ", "b a ", "c "])
def test_what_may_follow_any_context_sums_to_one(begin: str) -> None:
    """After a space comes a word, of the letters a, b and c; at the beginning either class may."""
    model = WordNgram.train(["a b", "b a b", "a", "b b "], alphabet=(1, 3))
    before = float(model.bits([begin])[0])
    runs = ["".join(r) for n in range(1, 8) for r in itertools.product("abc", repeat=n)]
    if not begin:
        runs += [" " * n for n in range(1, 60)]
    bits = model.bits([begin + run for run in runs]) - before
    assert 0.99 < float((2.0**-bits).sum()) <= 1 + 1e-9


def test_texts_that_training_holds_cost_less_and_order_counts() -> None:
    model = WordNgram.train(TRAINING)
    right, turned, new = model.bits(["бер ике өч", "өч ике бер", "бер ике җиде"])
    assert right < turned < new


def test_a_bigram_agrees_with_a_hand_computation() -> None:
    """After а training had a space twice and its end once; runs are counted, ends are not."""
    model = WordNgram.train(["а б", "а а"], order=2, alphabet=(1, 2))
    space = model.bits(["а "])[0] - model.bits(["а"])[0]
    spelt = 2.0 ** -Speller([" "], 1).bits([" "])[0]
    one = (2 + 1 * spelt) / (2 + 1)  # spaces: two, of one kind
    assert 2.0**-space == pytest.approx((2 + 1 * one) / (2 + 1))


@settings(deadline=None, max_examples=50)
@given(st.lists(st.text(max_size=30), max_size=5))
def test_every_text_costs_a_finite_number_of_bits_in_any_company(texts: list[str]) -> None:
    model = WordNgram.train(TRAINING)
    bits = model.bits(texts)
    assert np.isfinite(bits).all()
    assert all(
        math.isclose(model.bits([t])[0], b, abs_tol=1e-9) for t, b in zip(texts, bits, strict=True)
    )
    assert all((cost > 0) == bool(text) for text, cost in zip(texts, bits, strict=True))


def test_very_long_words_do_not_underflow() -> None:
    assert math.isfinite(WordNgram.train(TRAINING).bits(["җ" * 5000])[0])


def test_no_text_at_all_is_an_error() -> None:
    with pytest.raises(ValueError, match="no text"):
        WordNgram.train(["", ""])
