"""Bits per text: against hand computation, and independent of everything that must not matter."""

import math

import pytest
import torch
from evaluation_doubles import (
    TEXTS,
    UniformModel,
    by_hand,
    longest_token,
    small_model,
    small_tokenizer,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.evaluation import likelihood
from pipeline.evaluation.likelihood import bits_per_byte, score_lines, text_bits, windows
from pipeline.progress import progress
from pipeline.tokenization.tokenizer import BOS, encode_text

TOKENIZER = small_tokenizer()
LONG = " ".join(TEXTS * 3)


@settings(deadline=None)
@given(st.integers(0, 70), st.integers(1, 20))
def test_each_token_is_scored_once_with_half_a_context_before_it(length: int, context: int) -> None:
    tokens = list(range(length + 1))
    scored = []
    for window in windows(0, tokens, context):
        assert len(window.tokens) - 1 <= context
        for place in range(window.skip, len(window.tokens) - 1):
            target = window.tokens[place + 1]
            scored.append(target)
            assert target == tokens[target]
            assert place + 1 >= min(target, context - context // 2)
    assert scored == tokens[1:]


def test_bits_of_a_bigram_model_are_those_of_a_hand_computation() -> None:
    model = small_model("bigram", TOKENIZER)
    table = model.get_parameter("table.weight").detach()
    assert longest_token(TOKENIZER) > 2
    for text, bits in zip(TEXTS, text_bits(model, TOKENIZER, TEXTS), strict=True):
        assert bits == pytest.approx(by_hand(table, encode_text(TOKENIZER, text)), abs=1e-3)


def test_windows_change_nothing_for_a_model_without_memory() -> None:
    narrow = small_model("bigram", TOKENIZER, context=6)
    wide = small_model("bigram", TOKENIZER, context=10_000)
    assert len(encode_text(TOKENIZER, LONG)) > 100
    assert text_bits(narrow, TOKENIZER, [LONG]) == pytest.approx(
        text_bits(wide, TOKENIZER, [LONG]), rel=1e-7
    )


@pytest.mark.parametrize("family", ["bigram", "lstm", "gpt2", "modern"])
def test_company_and_order_do_not_change_the_bits_of_a_text(family: str) -> None:
    model = small_model(family, TOKENIZER)
    texts = [*TEXTS, "", LONG, "ә", *TEXTS[::-1]]
    together = text_bits(model, TOKENIZER, texts)
    alone = [text_bits(model, TOKENIZER, [text])[0] for text in texts]
    assert together == pytest.approx(alone, abs=1e-3)
    assert text_bits(model, TOKENIZER, texts[::-1])[::-1] == pytest.approx(together, abs=1e-3)


@pytest.mark.parametrize("family", ["lstm", "gpt2", "modern"])
def test_small_batches_and_rounds_give_the_same_bits(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = small_model(family, TOKENIZER)
    whole = text_bits(model, TOKENIZER, [*TEXTS, LONG])
    monkeypatch.setattr(likelihood, "TOKENS_PER_BATCH", 20)
    monkeypatch.setattr(likelihood, "CHARACTERS_PER_ROUND", 30)
    assert text_bits(model, TOKENIZER, [*TEXTS, LONG]) == pytest.approx(whole, abs=1e-3)


def test_a_transformer_within_its_context_is_scored_in_one_pass() -> None:
    model = small_model("modern", TOKENIZER, context=64)
    ids = encode_text(TOKENIZER, TEXTS[1])
    with torch.no_grad():
        logits = model(torch.tensor([[0, *ids[:-1]]]))[0][0]
    expected = -logits.log_softmax(-1)[range(len(ids)), ids].sum().item() / math.log(2)
    assert text_bits(model, TOKENIZER, [TEXTS[1]])[0] == pytest.approx(expected, abs=1e-3)


def test_a_text_longer_than_the_context_is_scored_in_windows_half_a_context_apart() -> None:
    model = small_model("modern", TOKENIZER, context=8)
    tokens = [0, *encode_text(TOKENIZER, TEXTS[0])]
    expected = 0.0
    for target in range(1, len(tokens)):
        window = max(0, math.ceil((target - 8) / 4))
        with torch.no_grad():
            logits = model(torch.tensor([tokens[4 * window : target]]))[0][0, -1]
        expected -= logits.log_softmax(-1)[tokens[target]].item() / math.log(2)
    assert text_bits(model, TOKENIZER, [TEXTS[0]])[0] == pytest.approx(expected, abs=1e-3)


def test_a_model_that_knows_nothing_pays_the_same_for_every_token() -> None:
    vocabulary = TOKENIZER.get_vocab_size()
    bits = text_bits(UniformModel(vocabulary), TOKENIZER, TEXTS)
    expected = [math.log2(vocabulary) * len(encode_text(TOKENIZER, text)) for text in TEXTS]
    assert bits == pytest.approx(expected, rel=1e-6)


def test_an_empty_text_costs_nothing_and_no_text_has_no_rate() -> None:
    model = small_model("modern", TOKENIZER)
    assert text_bits(model, TOKENIZER, []).shape == (0,)
    assert text_bits(model, TOKENIZER, ["", ""]).tolist() == [0, 0]
    assert bits_per_byte(text_bits(model, TOKENIZER, [""]), [""]) is None
    assert score_lines(model, TOKENIZER, [])["bits_per_byte"] is None


def test_bytes_are_those_of_the_text_not_of_its_tokens() -> None:
    model = small_model("bigram", TOKENIZER)
    scores = score_lines(model, TOKENIZER, ["әә", "a", "", "日本\U0001f600"])
    assert [line["bytes"] for line in scores["lines"]] == [4, 1, 0, 10]
    assert scores["bytes"] == 15
    assert scores["bits_per_byte"] == pytest.approx(
        sum(line["bits"] for line in scores["lines"]) / 15
    )


def test_the_letters_of_the_special_token_are_scored_as_text() -> None:
    model = small_model("bigram", TOKENIZER)
    ids = encode_text(TOKENIZER, BOS)
    assert 0 not in ids
    table = model.get_parameter("table.weight").detach()
    assert text_bits(model, TOKENIZER, [BOS])[0] == pytest.approx(by_hand(table, ids), abs=1e-3)


def test_dropout_is_off_while_scoring_and_back_on_afterwards() -> None:
    model = small_model("gpt2", TOKENIZER).train()
    first = text_bits(model, TOKENIZER, TEXTS)
    assert model.training
    assert text_bits(model, TOKENIZER, TEXTS).tolist() == first.tolist()


def test_progress_counts_every_text_once() -> None:
    texts = [*TEXTS, "", LONG]
    with progress("scoring", len(texts)) as bar:
        text_bits(small_model("bigram", TOKENIZER), TOKENIZER, texts, bar)
    assert bar.done == len(texts)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(max_size=12), max_size=5))
def test_any_text_has_finite_bits_that_are_not_negative(texts: list[str]) -> None:
    texts = [text.encode("utf-8", "ignore").decode() for text in texts]
    bits = text_bits(small_model("modern", TOKENIZER), TOKENIZER, texts)
    assert all(math.isfinite(cost) and cost >= 0 for cost in bits)
