"""Second halves given the first: the two halves of a text cost what the text costs."""

import numpy as np
import pytest
from evaluation_doubles import TEXTS, UniformModel, small_model, small_tokenizer
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.evaluation.likelihood import first_halves, text_bits
from pipeline.tokenization.tokenizer import encode_text

TOKENIZER = small_tokenizer()


@pytest.mark.parametrize("context", [6, 1000])
def test_a_head_costs_nothing_and_what_follows_costs_what_it_costs_behind_it(context: int) -> None:
    model = small_model("modern", TOKENIZER, context=context)
    heads = [text.split(" ")[0] for text in TEXTS]
    whole, after = (
        text_bits(model, TOKENIZER, TEXTS),
        text_bits(model, TOKENIZER, TEXTS, None, heads),
    )
    first = text_bits(model, TOKENIZER, heads)
    assert after == pytest.approx(whole - first, abs=1e-2)
    assert (after < whole).all()


@settings(deadline=None, max_examples=40)
@given(st.lists(st.text(min_size=1, max_size=60), min_size=1, max_size=4))
def test_only_the_tokens_behind_as_many_as_the_first_half_has_are_counted(texts: list[str]) -> None:
    model = UniformModel(TOKENIZER.get_vocab_size())
    bits = text_bits(model, TOKENIZER, texts, heads=first_halves(texts))
    each = np.log2(TOKENIZER.get_vocab_size())
    for text, cost in zip(texts, bits, strict=True):
        half = len(encode_text(TOKENIZER, text[: len(text) // 2]))
        left = max(len(encode_text(TOKENIZER, text)) - half, 0)
        assert cost == pytest.approx(left * each, abs=1e-3)
