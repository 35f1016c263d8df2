"""Sampling: the text is the same in pieces and whole, and no letter is cut."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from torch import nn

from pipeline.generation import generate, stream
from pipeline.generation.chat import first_turn
from pipeline.generation.sampling import _complete_length, restrict, sample_tokens
from pipeline.models import ModelConfig, build_model

CONFIG = ModelConfig("modern", 320, 1, 32, 2, 2, 48, 16, 0.0, True)


def make(family: str = "modern") -> nn.Module:
    torch.manual_seed(1)
    return build_model(replace(CONFIG, family=family)).eval()


@pytest.mark.parametrize("family", ["bigram", "lstm", "gpt2", "modern"])
def test_pieces_join_to_the_whole_and_a_seed_repeats_it(family: str, tokenizer: Tokenizer) -> None:
    model = make(family)
    whole = generate(model, tokenizer, "Бүген", tokens=60, seed=3)
    assert whole == "".join(stream(model, tokenizer, "Бүген", tokens=60, seed=3))
    assert whole != generate(model, tokenizer, "Бүген", tokens=60, seed=4)


def test_generation_goes_on_beyond_the_context() -> None:
    ids = list(sample_tokens(make(), [5] * 40, tokens=50))
    assert len(ids) == 50


def test_temperature_zero_and_top_k_one_take_the_likeliest_token() -> None:
    model = make()
    greedy = list(sample_tokens(model, [1, 2], tokens=12, temperature=0))
    assert greedy == list(sample_tokens(model, [1, 2], tokens=12, top_k=1, seed=9))
    logits, _ = model(torch.tensor([[1, 2]]))
    assert greedy[0] == int(logits[0, -1].argmax())


@given(
    st.lists(st.floats(-8, 8, width=32), min_size=2, max_size=40),
    st.none() | st.integers(1, 50),
    st.none() | st.floats(0.01, 1),
)
def test_restriction_keeps_the_likeliest_and_leaves_a_distribution(
    values: list[float], top_k: int | None, top_p: float | None
) -> None:
    logits = torch.tensor(values)
    kept = restrict(logits, top_k, top_p)
    probabilities = kept.softmax(0)
    assert torch.isfinite(probabilities).all()
    assert probabilities[logits.argmax()] > 0
    if top_k is not None and len(set(values)) == len(values):
        assert int((kept > -torch.inf).sum()) <= top_k


@given(st.text(min_size=1), st.integers(0, 4))
@settings(max_examples=200)
def test_only_whole_characters_are_shown(text: str, cut: int) -> None:
    raw = text.encode("utf-8", "replace")
    part = raw[: max(len(raw) - cut, 0)]
    shown = part[: _complete_length(part)]
    assert text.encode("utf-8", "replace").startswith(shown)
    shown.decode("utf-8")  # would raise on half a character
    assert len(part) - len(shown) < 4


def test_a_stop_token_ends_the_text() -> None:
    model = make("bigram")
    with torch.no_grad():
        model.table.weight.fill_(-10.0)
        model.table.weight[:, 0] = 10.0
    assert list(sample_tokens(model, [5], tokens=20, stop=0)) == []


@given(st.lists(st.sampled_from([" ", "—", ".", "?", "а", "Ул", "\n", "ң "]), max_size=30))
def test_a_turn_ends_where_the_next_dash_begins_one_however_the_text_is_cut(
    pieces: list[str],
) -> None:
    whole = "".join(first_turn(["".join(pieces)]))
    assert "".join(first_turn(pieces)) == whole
    assert "\n" not in whole and ". —" not in whole and whole == whole.strip()


def test_a_dash_inside_a_sentence_does_not_end_a_turn() -> None:
    assert "".join(first_turn([" Ул", " — көтү", "че. ", "— Ә", "йе."])) == "Ул — көтүче."
