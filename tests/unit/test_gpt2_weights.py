"""GPT-2's released weights load: our class then says what `transformers` says."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline.errors import UserError
from pipeline.generation.sampling import sample_tokens
from pipeline.models.gpt2 import load_gpt2


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A folder as GPT-2's is, with weights at random, and the model of `transformers`."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(vocab_size=211, n_positions=48, n_embd=32, n_layer=3, n_head=4)
    model = GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    folder = tmp_path_factory.mktemp("gpt2")
    model.save_pretrained(folder)
    return folder, model


def changed(release: tuple[Path, Any], folder: Path, **settings: Any) -> Path:
    """A copy of the folder with another config."""
    values = json.loads((release[0] / "config.json").read_text()) | settings
    (folder / "config.json").write_text(json.dumps(values))
    save_file(load_file(release[0] / "model.safetensors"), folder / "model.safetensors")
    return folder


def test_logits_equal_those_of_transformers(release: tuple[Path, Any]) -> None:
    model = load_gpt2(release[0])
    tokens = torch.randint(0, 211, (3, 48))
    with torch.inference_mode():
        torch.testing.assert_close(
            model(tokens)[0], release[1](tokens).logits, atol=2e-4, rtol=1e-4
        )
    assert model.size() == sum(p.numel() for p in release[1].parameters())


def test_greedy_text_equals_that_of_transformers(release: tuple[Path, Any]) -> None:
    prompt = [3, 77, 210, 5]
    mine = list(sample_tokens(load_gpt2(release[0]), prompt, tokens=30, temperature=0))
    ids = torch.tensor([prompt])
    theirs = release[1].generate(
        ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        max_new_tokens=30,
        eos_token_id=None,
        pad_token_id=0,
    )
    assert prompt + mine == theirs[0].tolist()


def test_the_names_and_masks_of_the_first_release_load_too(
    release: tuple[Path, Any], tmp_path: Path
) -> None:
    folder = changed(release, tmp_path)
    stored = load_file(folder / "model.safetensors")
    old = {name.removeprefix("transformer."): tensor.clone() for name, tensor in stored.items()}
    for layer in range(3):
        old[f"h.{layer}.attn.bias"] = torch.ones(1, 1, 48, 48).tril()
    save_file(old, folder / "model.safetensors")
    tokens = torch.randint(0, 211, (1, 20))
    assert torch.equal(load_gpt2(folder)(tokens)[0], load_gpt2(release[0])(tokens)[0])


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"model_type": "llama"}, "model_type is llama"),
        ({"activation_function": "relu"}, "activation_function is relu"),
        ({"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx"),
        ({"n_layer": 4}, "does not fit its config"),
        ({"n_layer": 2}, "no place for the weights"),
        ({"n_embd": 64}, "does not fit its config"),
    ],
)
def test_another_model_is_refused_in_one_line(
    settings: dict[str, Any], said: str, release: tuple[Path, Any], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=said) as error:
        load_gpt2(changed(release, tmp_path, **settings))
    assert "\n" not in str(error.value)


def test_broken_or_missing_weights_are_one_line(release: tuple[Path, Any], tmp_path: Path) -> None:
    folder = changed(release, tmp_path)
    (folder / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(UserError, match="does not fit"):
        load_gpt2(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(UserError, match="is missing"):
        load_gpt2(folder)
