"""The model family: one contract, and what each member promises."""

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor, nn

from pipeline.errors import UserError
from pipeline.models import (
    LanguageModel,
    ModelConfig,
    auxiliary_loss,
    build_model,
    load_model,
    save_model,
)
from pipeline.models.cache import KeyValueCache, causal_mask
from pipeline.models.dropout import Dropout
from pipeline.models.experts import Experts
from pipeline.params import ModelParams

SHAPE: dict[str, Any] = {"layers": 2, "width": 32, "heads": 4, "context": 24, "dropout": 0.0}
VARIANTS: dict[str, dict[str, Any]] = {
    "ngram": {"family": "ngram"},
    "bigram_counted": {"family": "ngram", "order": 2},
    "bigram": {"family": "bigram"},
    "lstm": {"family": "lstm"},
    "gpt2": {"family": "gpt2"},
    "gpt2_window": {"family": "gpt2", "window": 5},
    "gpt2_no_bias_untied": {"family": "gpt2", "bias": False, "tied": False},
    "modern": {"family": "modern", "kv_heads": 2},
    "relu2_cap": {"family": "modern", "activation": "relu2", "soft_cap": 5.0, "bias": True},
    "window": {"family": "modern", "kv_heads": 1, "window": 4, "window_pattern": "SL"},
    "all_windows": {"family": "modern", "kv_heads": 2, "window": 6, "window_pattern": "S"},
    "experts": {"family": "modern", "experts": 4, "feedforward": 16},
    "gpt2_experts": {"family": "gpt2", "experts": 3, "experts_per_token": 1},
    "batchnorm": {"family": "modern", "norm": "batch"},
    "gpt2_batchnorm": {"family": "gpt2", "norm": "batch"},
    "layernorm": {"family": "modern", "norm": "layer"},
}
COUNTED = ["ngram", "bigram_counted"]
TRANSFORMERS = [
    name for name, changes in VARIANTS.items() if changes["family"] in ("gpt2", "modern")
]


def config_of(name: str, **changes: Any) -> ModelConfig:
    return ModelConfig.from_params(ModelParams(**(SHAPE | VARIANTS[name] | changes)), 320)


def make(name: str, **changes: Any) -> LanguageModel:
    """A model that has opinions: projections that begin at zero would hide mistakes."""
    torch.manual_seed(0)
    model = build_model(config_of(name, **changes))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
        for buffer_name, buffer in model.named_buffers():
            if "running" in buffer_name:
                buffer.add_(torch.rand_like(buffer))
        if not any(True for _ in model.parameters()):
            model.train()(torch.randint(0, 320, (50, 24)) % 40)
    return model.eval()


def embedded(model: LanguageModel, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Logits, and the embeddings of the tokens as a leaf that gradients reach."""
    seen: list[Tensor] = []

    def hook(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        leaf = output.detach().requires_grad_()
        seen.append(leaf)
        return leaf

    table = model.table if hasattr(model, "table") else model.embedding
    handle = table.register_forward_hook(hook)  # type: ignore[operator,union-attr]
    logits, _ = model(tokens)
    handle.remove()
    return logits, seen[0]


@pytest.mark.parametrize("name", VARIANTS)
def test_no_logit_depends_on_a_later_token(name: str) -> None:
    model = make(name)
    tokens = torch.randint(0, 40, (2, 24))
    changed = tokens.clone()
    changed[:, 13:] = (changed[:, 13:] + 7) % 40
    before, after = model(tokens)[0], model(changed)[0]
    torch.testing.assert_close(before[:, :13], after[:, :13], atol=1e-6, rtol=0)
    assert not torch.allclose(before[:, 13:], after[:, 13:])


@pytest.mark.parametrize("mode", ["training", "evaluation"])
@pytest.mark.parametrize("name", [name for name in VARIANTS if name not in COUNTED])
def test_no_gradient_comes_from_a_later_place(name: str, mode: str) -> None:
    """Of the logits at one place, by the embeddings of every place, in training too."""
    model = make(name).train(mode == "training")
    tokens = torch.randint(0, 320, (2, 24))
    logits, leaf = embedded(model, tokens)
    (gradient,) = torch.autograd.grad(logits[0, 11].sum(), leaf)
    later = gradient[0, 12:].abs().max().item() + gradient[1].abs().max().item()
    assert gradient[0, 11].abs().max() > 0
    leaks = "batchnorm" in name and mode == "training"
    assert (later > 1e-6) if leaks else (later == 0), "batch norm leaks in training, nothing else"


@pytest.mark.parametrize("name", ["window", "all_windows", "gpt2_window"])
def test_a_window_bounds_how_far_a_layer_looks_back(name: str) -> None:
    model = make(name, layers=1, window=5, window_pattern="S")
    logits, leaf = embedded(model, torch.randint(0, 320, (1, 24)))
    (gradient,) = torch.autograd.grad(logits[0, 20].sum(), leaf)
    reach = gradient[0].abs().sum(-1).nonzero().flatten().tolist()
    assert reach == [16, 17, 18, 19, 20]


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize("cuts", [[1] * 24, [5, 1, 1, 10, 7], [23, 1]])
def test_reading_in_pieces_gives_the_logits_of_reading_at_once(name: str, cuts: list[int]) -> None:
    model = make(name)
    tokens = torch.randint(0, 40, (3, 24))
    whole, _ = model(tokens)
    state, pieces = None, []
    for piece in tokens.split(cuts, dim=1):
        logits, state = model(piece, state)
        pieces.append(logits)
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", VARIANTS)
def test_forward_is_hidden_then_logits_at_any_places(name: str) -> None:
    model = make(name)
    tokens = torch.randint(0, 40, (2, 24))
    hidden, _ = model.hidden(tokens)
    whole, _ = model(tokens)
    torch.testing.assert_close(model.logits(hidden[:, 5:9]), whole[:, 5:9], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_saved_model_comes_back_with_equal_logits(
    name: str, tmp_path: Path, tokenizer_folder: Path
) -> None:
    model = make(name)
    save_model(tmp_path, model, tokenizer_folder / "tokenizer.json")
    loaded, tokenizer = load_model(tmp_path)
    tokens = torch.randint(0, 40, (1, 24))
    assert torch.equal(loaded(tokens)[0], model(tokens)[0])
    assert loaded.size() == model.size() > 0
    assert tokenizer.get_vocab_size() == 320


@given(st.integers(1, 9), st.lists(st.integers(1, 7), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_a_ring_holds_exactly_what_a_window_sees(window: int, cuts: list[int]) -> None:
    torch.manual_seed(0)
    keys = torch.randn(1, 1, sum(cuts), 2)
    cache, start = None, 0
    for cut in cuts:
        new = keys[:, :, start : start + cut]
        if cache is None:
            cache = KeyValueCache(new, new, window)
        else:
            given_keys, _, mask = cache.read(new, new)
            for place in range(cut):
                seen = given_keys[0, 0] if mask is None else given_keys[0, 0][mask[place]]
                end = start + place + 1
                expected = keys[0, 0, max(0, end - window) : end]
                assert sorted(seen.tolist()) == sorted(expected.tolist())
        start += cut
        assert cache.keys.shape[2] <= window


def test_an_endless_model_reads_on_past_its_context_in_bounded_memory() -> None:
    model = make("all_windows")
    assert model.limit is None and make("window").limit == 24
    tokens = torch.randint(0, 320, (1, 300))
    state, last = None, None
    with torch.inference_mode():
        for token in tokens.split(1, dim=1):
            last, state = model(token, state)
        reach = 2 * (6 - 1) + 1  # two layers of a window of 6
        alone, _ = model(tokens[:, -reach:])
    torch.testing.assert_close(last[:, -1], alone[:, -1], atol=1e-4, rtol=1e-4)
    for cache in state.caches:  # type: ignore[union-attr]
        assert cache.keys.shape == cache.values.shape == (1, 2, 6, 8)


def test_a_mask_shows_the_last_places_only() -> None:
    assert causal_mask(3, 0, 2).int().tolist() == [[1, 0, 0], [1, 1, 0], [0, 1, 1]]


# --- the counted family -------------------------------------------------------------------------


def witten_bell(rows: list[list[int]], context: list[int], token: int, vocabulary: int) -> float:
    """The definition, one number at a time."""
    p = 1 / vocabulary
    for length in range(len(context) + 1):
        before = context[len(context) - length :]
        followers: Counter[int] = Counter()
        for row in rows:
            for i in range(len(row) - length):
                if row[i : i + length] == before:
                    followers[row[i + length]] += 1
        seen, types = sum(followers.values()), len(followers)
        if seen:
            p = (followers[token] + types * p) / (seen + types)
    return p


@given(
    st.lists(st.lists(st.integers(0, 4), min_size=9, max_size=9), min_size=2, max_size=6),
    st.lists(st.integers(0, 5), min_size=3, max_size=5),
    st.integers(2, 4),
)
@settings(max_examples=40, deadline=None)
def test_counted_n_grams_are_witten_bell_to_the_letter(
    rows: list[list[int]], text: list[int], order: int
) -> None:
    config = replace(config_of("ngram"), vocabulary=6, order=order)
    model = build_model(config).train()
    for row in rows:  # several batches: tries are joined
        model(torch.tensor([row]))
        model._merge()  # type: ignore[operator]
    p = model.eval()(torch.tensor([text]))[0][0].exp()
    torch.testing.assert_close(p.sum(-1), torch.ones(len(text)), atol=1e-5, rtol=0)
    for place in range(len(text)):
        context = text[max(0, place + 2 - order) : place + 1]
        for token in range(6):
            expected = witten_bell(rows, context, token, 6)
            assert math.isclose(p[place, token].item(), expected, rel_tol=1e-4)


def test_counts_do_not_depend_on_how_the_text_came() -> None:
    rows = torch.randint(0, 30, (12, 24))
    one, many = build_model(config_of("ngram")).train(), build_model(config_of("ngram")).train()
    one(rows)
    for row in rows.split(5):
        many(row)
        many._merge()  # type: ignore[operator]
    for name, buffer in one.state_dict().items():
        assert torch.equal(buffer, many.state_dict()[name]), name


# --- GPT-2 and the reference ---------------------------------------------------------------------


class Reference(nn.Module):
    """A pre-LayerNorm decoder from torch's own layers: the textbook's way to write GPT-2."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.embedding = nn.Embedding(config.vocabulary, config.width)
        self.positions = nn.Embedding(config.context, config.width)
        layer = nn.TransformerEncoderLayer(
            config.width,
            config.heads,
            config.feedforward,
            0.0,
            lambda x: F.gelu(x, approximate="tanh"),
            batch_first=True,
            norm_first=True,
        )
        self.body = nn.TransformerEncoder(
            layer, config.layers, nn.LayerNorm(config.width), enable_nested_tensor=False
        )

    def take(self, model: Any) -> None:
        """The weights of one of our models."""
        self.embedding.load_state_dict(model.embedding.state_dict())
        self.positions.load_state_dict(model.positions.state_dict())
        assert self.body.norm is not None
        self.body.norm.load_state_dict(model.norm.state_dict())
        for block, layer in zip(model.blocks, self.body.layers, strict=True):
            parts = (block.attention.query, block.attention.key, block.attention.value)
            layer.self_attn.in_proj_weight.copy_(torch.cat([p.weight for p in parts]))
            layer.self_attn.in_proj_bias.copy_(torch.cat([p.bias for p in parts]))
            layer.self_attn.out_proj.load_state_dict(block.attention.output.state_dict())
            layer.linear1.load_state_dict(block.feedforward.up.state_dict())
            layer.linear2.load_state_dict(block.feedforward.down.state_dict())
            layer.norm1.load_state_dict(block.norm_attention.state_dict())
            layer.norm2.load_state_dict(block.norm_feedforward.state_dict())

    def forward(self, tokens: Tensor) -> Tensor:
        length = tokens.shape[1]
        x = self.embedding(tokens) + self.positions.weight[:length]
        mask = nn.Transformer.generate_square_subsequent_mask(length)
        return self.body(x, mask=mask, is_causal=True) @ self.embedding.weight.T


def test_gpt2_is_the_textbook_transformer_in_numbers_and_gradients() -> None:
    model = make("gpt2").train()
    reference = Reference(model.config).train()
    with torch.no_grad():
        reference.take(model)
    tokens, targets = torch.randint(0, 320, (2, 2, 24))
    mine, theirs = model(tokens)[0], reference(tokens)
    torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=1e-4)
    for logits in (mine, theirs):
        F.cross_entropy(logits.flatten(0, 1), targets.flatten()).backward()
    for part in ("embedding", "positions"):
        pair = (getattr(model, part).weight.grad, getattr(reference, part).weight.grad)
        torch.testing.assert_close(*pair, atol=1e-5, rtol=1e-3)


def test_two_steps_of_learning_agree_with_the_textbook_transformer() -> None:
    model = make("gpt2").train()
    reference = Reference(model.config).train()
    with torch.no_grad():
        reference.take(model)
    losses: list[list[float]] = []
    for network in (model, reference):
        optimizer = torch.optim.AdamW(network.parameters(), 1e-3)
        torch.manual_seed(3)
        losses.append([])
        for _ in range(3):
            tokens, targets = torch.randint(0, 320, (2, 2, 24))
            out = network(tokens)
            logits = out[0] if isinstance(out, tuple) else out
            loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses[-1].append(loss.item())
    assert losses[0] == pytest.approx(losses[1], abs=2e-4)


GOLDEN = {
    "bigram": 5.819471,
    "lstm": 5.854007,
    "gpt2": 6.157360,
    "modern": 6.511289,
    "relu2_cap": 6.349911,
    "window": 6.426285,
    "experts": 6.577049,
    "batchnorm": 32.603916,
}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_fixed_model_and_text_have_the_loss_they_always_had(name: str) -> None:
    """Where this fails on purpose, put the new figure in GOLDEN and say in the log why it moved."""
    torch.manual_seed(5)
    model = build_model(config_of(name)).eval()
    generator = torch.Generator().manual_seed(6)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.2)
    tokens = torch.randint(0, 320, (2, 25), generator=generator)
    logits, _ = model(tokens[:, :-1])
    loss = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten()).item()
    assert loss == pytest.approx(GOLDEN[name], rel=3e-4), f"{name}: {loss:.6f}"


# --- experts ------------------------------------------------------------------------------------


def test_experts_answer_as_each_place_by_itself_would_be_answered() -> None:
    torch.manual_seed(0)
    experts = Experts(config_of("experts"))
    x = torch.randn(2, 7, 32)
    mixed, _ = experts(x)
    for place, y in zip(x.flatten(0, 1), mixed.flatten(0, 1), strict=True):
        p = experts.router(place).softmax(-1)
        shares, chosen = p.topk(2)
        by_hand = sum(
            share / shares.sum() * experts.experts[i](place)
            for share, i in zip(shares, chosen.tolist(), strict=True)
        )
        torch.testing.assert_close(y, by_hand, atol=1e-5, rtol=1e-5)


def test_the_loss_of_balance_is_one_where_all_are_used_alike_and_falls_with_training() -> None:
    torch.manual_seed(0)
    experts = Experts(config_of("experts", experts_per_token=1))
    x = torch.randn(4, 16, 32) + 1  # a direction that all places share
    with torch.no_grad():
        experts.router.weight.zero_()
        assert experts(x)[1].item() == pytest.approx(1.0, abs=1e-5)  # even probabilities
        experts.router.weight.normal_(0, 0.05)
        experts.router.weight[0] += 0.1  # towards it: nearly everything goes to the first
    before = experts(x)[1].item()
    assert before > 1.5
    optimizer = torch.optim.SGD([experts.router.weight], 0.01)
    for _ in range(100):
        optimizer.zero_grad()
        experts(x)[1].backward()
        optimizer.step()
    assert experts(x)[1].item() < 1.1


def test_the_auxiliary_loss_travels_in_the_state_in_training_only() -> None:
    tokens = torch.randint(0, 320, (2, 24))
    model = make("experts").train()
    _, state = model(tokens)
    extra = auxiliary_loss(state)
    assert extra is not None and extra.requires_grad
    assert extra.item() == pytest.approx(0.01, rel=0.9)
    assert auxiliary_loss(model.eval()(tokens)[1]) is None
    for name in ("lstm", "bigram", "modern", "ngram"):
        assert auxiliary_loss(make(name).train()(tokens)[1]) is None


# --- dropout, biases, caps ----------------------------------------------------------------------


@pytest.mark.parametrize("which", ["dropout", "attention_dropout", "feedforward_dropout"])
@pytest.mark.parametrize("name", ["gpt2", "modern", "experts"])
def test_each_dropout_acts_in_training_and_rests_in_evaluation(name: str, which: str) -> None:
    model, plain = make(name, **{which: 0.5}), make(name)
    tokens = torch.randint(0, 320, (2, 24))
    assert torch.equal(model(tokens)[0], plain(tokens)[0])
    model.train()
    assert not torch.allclose(model(tokens)[0], plain(tokens)[0], atol=1e-3)


def test_biases_are_there_or_not_as_asked() -> None:
    def biases(name: str, **changes: Any) -> int:
        names = [n for n, _ in make(name, **changes).named_parameters()]
        return sum(n.endswith(".bias") and "norm" not in n for n in names)

    assert biases("modern") == biases("gpt2", bias=False) == 0
    assert biases("gpt2") == 2 * 6 and biases("modern", bias=True) == 2 * 7


def test_a_soft_cap_keeps_logits_below_it_and_leaves_small_ones() -> None:
    capped, free = make("modern", soft_cap=3.0), make("modern")
    with torch.no_grad():
        for model in (capped, free):
            model.embedding.weight.mul_(20)  # type: ignore[operator,union-attr]
    tokens = torch.randint(0, 320, (2, 24))
    low, high = capped(tokens)[0], free(tokens)[0]
    assert high.abs().max() > 6 and low.abs().max() <= 3
    torch.testing.assert_close(low, 3 * torch.tanh(high / 3))


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.5])
def test_dropout_zeroes_its_share_keeps_the_mean_and_rests_in_evaluation(rate: float) -> None:
    torch.manual_seed(0)
    dropout, x = Dropout(rate), torch.ones(999, 101)
    y = dropout(x)
    assert (y == 0).float().mean().item() == pytest.approx(rate, abs=0.01)
    assert y.mean().item() == pytest.approx(1, abs=0.01)
    assert torch.equal(dropout.eval()(x), x)


# --- on disk, and bad input ---------------------------------------------------------------------


def test_tied_embeddings_are_one_matrix_and_are_saved_once(
    tmp_path: Path, tokenizer_folder: Path
) -> None:
    tied, untied = make("modern"), make("modern", tied=False)
    count = [model.size() for model in (tied, untied)]
    assert count[1] - count[0] == 320 * 32
    save_model(tmp_path, tied, tokenizer_folder / "tokenizer.json")
    assert (tmp_path / "model.safetensors").stat().st_size < 4 * count[0] + 8192


@pytest.mark.parametrize("name", ["modern", "gpt2", "window"])
def test_beyond_the_context_the_transformer_refuses(name: str) -> None:
    with pytest.raises(ValueError, match="25 places"):
        make(name)(torch.zeros(1, 25, dtype=torch.long))


def test_a_missing_model_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no trained model"):
        load_model(tmp_path)


def test_weights_of_another_shape_are_one_line(tmp_path: Path, tokenizer_folder: Path) -> None:
    save_model(tmp_path, make("modern"), tokenizer_folder / "tokenizer.json")
    config = (tmp_path / "config.json").read_text().replace('"width": 32', '"width": 64')
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(UserError, match="does not fit its config"):
        load_model(tmp_path)


def test_truncated_weights_are_one_line(tmp_path: Path, tokenizer_folder: Path) -> None:
    save_model(tmp_path, make("modern"), tokenizer_folder / "tokenizer.json")
    file = tmp_path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(UserError, match="does not fit its config"):
        load_model(tmp_path)


def test_a_tokenizer_of_another_size_is_one_line(tmp_path: Path, tokenizer_folder: Path) -> None:
    model = build_model(replace(config_of("modern"), vocabulary=300))
    save_model(tmp_path, model, tokenizer_folder / "tokenizer.json")
    with pytest.raises(UserError, match="do not belong together"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"heads": 3}, "heads: 3 does not divide width: 128"),
        ({"window": 300}, "window: 300 is wider than context: 256"),
        ({"window": 8, "window_pattern": "L"}, "gives none of 4 layers a window"),
        ({"window": 8, "layers": 2, "window_pattern": "LLS"}, "gives none of 2 layers"),
        ({"experts": 2, "experts_per_token": 3}, "experts: 2 are fewer than experts_per_token: 3"),
        ({"family": "lstm", "experts": 4}, "experts: family lstm has none"),
        ({"family": "bigram", "window": 8}, "window: family bigram has none"),
        ({"family": "ngram", "soft_cap": 8.0}, "soft_cap: family ngram has none"),
        ({"family": "lstm", "attention_dropout": 0.1}, "attention_dropout: family lstm"),
        ({"family": "gpt2", "activation": "relu2"}, "gpt2 has gelu"),
        ({"activation": "gelu"}, "modern has swiglu or relu2"),
        ({"family": "gpt2", "kv_heads": 2}, "kv_heads: family gpt2"),
    ],
)
def test_a_contradiction_is_said_by_its_key(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ModelParams(**values)


def test_a_table_that_memory_cannot_hold_is_one_line() -> None:
    with pytest.raises(UserError, match="does not fit into memory"):
        build_model(replace(config_of("bigram"), vocabulary=30_000_000))


def test_batch_norm_says_what_it_does() -> None:
    assert "later" in config_of("batchnorm").notes()[0]
    assert config_of("modern").notes() == []
