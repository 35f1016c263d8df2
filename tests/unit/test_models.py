"""The model family: one contract, and what each member promises."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from pipeline.errors import UserError
from pipeline.models import ModelConfig, build_model, load_model, save_model
from pipeline.models.dropout import Dropout

CONFIG = ModelConfig("modern", 320, 2, 32, 4, 2, 48, 24, 0.0, True)
FAMILIES = ["bigram", "lstm", "gpt2", "modern"]


def make(family: str, **changes: object) -> nn.Module:
    torch.manual_seed(0)
    kv_heads = 2 if family == "modern" else 4
    model = build_model(replace(CONFIG, family=family, kv_heads=kv_heads, **changes))
    with torch.no_grad():  # projections that begin at zero would hide mistakes
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model.eval()


@pytest.mark.parametrize("family", FAMILIES)
def test_no_logit_depends_on_a_later_token(family: str) -> None:
    model = make(family)
    tokens = torch.randint(0, 320, (2, 24))
    changed = tokens.clone()
    changed[:, 13:] = (changed[:, 13:] + 7) % 320
    before, after = model(tokens)[0], model(changed)[0]
    assert torch.equal(before[:, :13], after[:, :13])
    assert not torch.allclose(before[:, 13:], after[:, 13:])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("cuts", [[1] * 24, [5, 1, 1, 10, 7], [23, 1]])
def test_reading_in_pieces_gives_the_logits_of_reading_at_once(
    family: str, cuts: list[int]
) -> None:
    model = make(family)
    tokens = torch.randint(0, 320, (3, 24))
    whole, _ = model(tokens)
    state, pieces = None, []
    for piece in tokens.split(cuts, dim=1):
        logits, state = model(piece, state)
        pieces.append(logits)
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_saved_model_comes_back_with_equal_logits(
    family: str, tmp_path: Path, tokenizer_folder: Path
) -> None:
    model = make(family)
    save_model(tmp_path, model, tokenizer_folder / "tokenizer.json")
    loaded, tokenizer = load_model(tmp_path)
    tokens = torch.randint(0, 320, (1, 24))
    assert torch.equal(loaded(tokens)[0], model(tokens)[0])
    assert tokenizer.get_vocab_size() == 320


def test_tied_embeddings_are_one_matrix_and_are_saved_once(
    tmp_path: Path, tokenizer_folder: Path
) -> None:
    tied, untied = make("modern"), make("modern", tied=False)
    count = [sum(p.numel() for p in m.parameters()) for m in (tied, untied)]
    assert count[1] - count[0] == 320 * 32
    save_model(tmp_path, tied, tokenizer_folder / "tokenizer.json")
    assert (tmp_path / "model.safetensors").stat().st_size < 4 * count[0] + 8192


def test_beyond_the_context_the_transformer_refuses() -> None:
    with pytest.raises(ValueError, match="25 places"):
        make("modern")(torch.zeros(1, 25, dtype=torch.long))


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
    torch.manual_seed(0)
    model = build_model(replace(CONFIG, vocabulary=300))
    save_model(tmp_path, model, tokenizer_folder / "tokenizer.json")
    with pytest.raises(UserError, match="do not belong together"):
        load_model(tmp_path)


def test_gpt2_computes_what_pytorch_layers_of_the_same_weights_compute() -> None:
    """A pre-LN block from torch's own TransformerEncoderLayer is the reference."""
    model = make("gpt2")
    x = torch.randn(2, 24, 32)
    mask = nn.Transformer.generate_square_subsequent_mask(24)
    block = model.blocks[0]
    reference = nn.TransformerEncoderLayer(
        32, 4, 48, 0.0, lambda t: torch.nn.functional.gelu(t, approximate="tanh"),
        batch_first=True, norm_first=True,
    ).eval()  # fmt: skip
    attention = block.attention
    parts = (attention.query, attention.key, attention.value)
    with torch.no_grad():
        reference.self_attn.in_proj_weight.copy_(torch.cat([p.weight for p in parts]))
        reference.self_attn.in_proj_bias.copy_(torch.cat([p.bias for p in parts]))
        reference.self_attn.out_proj.load_state_dict(attention.output.state_dict())
        reference.linear1.load_state_dict(block.feedforward.up.state_dict())
        reference.linear2.load_state_dict(block.feedforward.down.state_dict())
        reference.norm1.load_state_dict(block.norm_attention.state_dict())
        reference.norm2.load_state_dict(block.norm_feedforward.state_dict())
        mine, _ = block(x, None, None)
        theirs = reference(x, src_mask=mask, is_causal=True)
    torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.5])
def test_dropout_zeroes_its_share_keeps_the_mean_and_rests_in_evaluation(rate: float) -> None:
    torch.manual_seed(0)
    dropout, x = Dropout(rate), torch.ones(999, 101)
    y = dropout(x)
    assert (y == 0).float().mean().item() == pytest.approx(rate, abs=0.01)
    assert y.mean().item() == pytest.approx(1, abs=0.01)
    assert torch.equal(dropout.eval()(x), x)
