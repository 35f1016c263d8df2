"""Causal attention by blocks: what `scaled_dot_product_attention` gives, forward and backward."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.models import ModelConfig, build_model, causal
from pipeline.models.cache import causal_mask
from pipeline.params import ModelParams


@settings(max_examples=40, deadline=None)
@given(
    length=st.integers(2, 70),
    block=st.integers(1, 40),
    window=st.one_of(st.none(), st.integers(1, 80)),
    seed=st.integers(0, 1000),
)
def test_blocks_give_the_numbers_and_gradients_of_masked_attention(
    length: int, block: int, window: int | None, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    inputs = [torch.randn(2, 3, length, 8, generator=generator) for _ in range(3)]
    slope = torch.randn(2, 3, length, 8, generator=generator)
    mask = causal_mask(length, 0, window)
    found = []
    before, causal.BLOCK = causal.BLOCK, block
    try:
        for own in (True, False):
            leaves = [tensor.clone().requires_grad_() for tensor in inputs]
            if own:
                mixed = causal.causal_attention(*leaves, window)
            else:
                mixed = F.scaled_dot_product_attention(*leaves, attn_mask=mask)
            mixed.backward(slope)
            found.append([mixed.detach(), *(leaf.grad for leaf in leaves)])
    finally:
        causal.BLOCK = before
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("window", [None, 20])
def test_a_bfloat16_step_is_that_of_the_librarys_attention_up_to_rounding(
    window: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pattern = {"window": window, "window_pattern": "S"} if window else {}
    shape = ModelParams(layers=2, width=64, heads=4, kv_heads=2, context=160, dropout=0, **pattern)
    torch.manual_seed(0)
    model = build_model(ModelConfig.from_params(shape, 50)).train()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    tokens, found, served = torch.randint(0, 50, (2, 160)), [], []
    real = causal.serves
    for own in (True, False):
        monkeypatch.setattr(
            causal, "serves", lambda *a, own=own: served.append(real(*a)) or (own and real(*a))
        )
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            logits, _ = model(tokens)
        logits.float().square().mean().backward()
        found.append({name: p.grad.clone() for name, p in model.named_parameters()})
    assert all(served) and served, "the test must take both ways"
    for name, gradient in found[0].items():
        assert (gradient - found[1][name]).norm() <= 0.03 * gradient.norm(), name


def test_evaluation_float32_and_long_texts_stay_with_the_library() -> None:
    query = torch.zeros(1, 1, 2, 4)
    assert not causal.serves(query, 2)
    assert causal.serves(query.bfloat16(), 2)
    assert not causal.serves(query.bfloat16(), causal.LONGEST + 1)
    with torch.no_grad():
        assert not causal.serves(query.bfloat16(), 2)
