"""GPT-2's released weights in our class: from a folder that `transformers` calls GPT2LMHeadModel.

The geometry is the same, so tensors are renamed and split, and nothing is computed. The folder may
be a download of `openai-community/gpt2`, a model fine-tuned from it, or an export of ours. Its
tokenizer is its own: the token that begins a text is `bos_token_id` of its config, not our 0.
"""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from pipeline.errors import UserError
from pipeline.files import read_json
from pipeline.models.config import ModelConfig
from pipeline.models.contract import LanguageModel
from pipeline.models.storage import build_model, load_weights

# What the config must say, where it says anything, for our class to be the same function.
_REQUIRED = {
    "model_type": "gpt2",
    "activation_function": "gelu_new",
    "layer_norm_epsilon": 1e-5,
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
    "add_cross_attention": False,
}
_LINEAR = {
    "attn.c_proj": "attention.output",
    "mlp.c_fc": "feedforward.up",
    "mlp.c_proj": "feedforward.down",
}
_NORMS = {"ln_1": "norm_attention", "ln_2": "norm_feedforward"}


def load_gpt2(folder: Path | str) -> LanguageModel:
    """The model of a folder with `config.json` and `model.safetensors`, ready to be asked.

    Raises:
        UserError: a file is missing or broken, or it is not the GPT-2 that our class computes.
    """
    folder = Path(folder)
    settings = read_json(folder / "config.json")
    for name, value in _REQUIRED.items():
        if settings.get(name, value) != value or "model_type" not in settings:
            found = settings.get(name)
            raise UserError(
                f"{folder / 'config.json'} is not of a GPT-2 that can be read here: "
                f"{name} is {found}, not {value}"
            )
    path = folder / "model.safetensors"
    if not path.is_file():
        raise UserError(f"{path} is missing: name a folder with the weights of a GPT-2")
    try:
        stored = load_file(path)
        model = build_model(_config(settings, stored))
        load_weights(model, _rename(stored, model.config))
    except (SafetensorError, KeyError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"{path} does not fit its config: {reason}") from None
    return model.eval()


def _config(settings: dict[str, Any], stored: dict[str, torch.Tensor]) -> ModelConfig:
    width = settings["n_embd"]
    return ModelConfig(
        family="gpt2",
        vocabulary=settings["vocab_size"],
        layers=settings["n_layer"],
        width=width,
        heads=settings["n_head"],
        kv_heads=settings["n_head"],
        feedforward=settings.get("n_inner") or 4 * width,
        context=settings["n_positions"],
        dropout=settings.get("resid_pdrop", 0.1),
        attention_dropout=settings.get("attn_pdrop", 0.1),
        tied=settings.get("tie_word_embeddings", True),
        activation="gelu",
        norm="layer",
        bias=True,
    )


def _rename(stored: dict[str, torch.Tensor], config: ModelConfig) -> dict[str, torch.Tensor]:
    """Tensors under our names, linear layers as [out, in]; the causal masks of old files go."""
    left = {name.removeprefix("transformer."): tensor.float() for name, tensor in stored.items()}
    take = left.pop
    ours = {
        "embedding.weight": take("wte.weight"),
        "positions.weight": take("wpe.weight"),
        "norm.weight": take("ln_f.weight"),
        "norm.bias": take("ln_f.bias"),
    }
    for layer in range(config.layers):
        here, there = f"h.{layer}.", f"blocks.{layer}."
        for kind in ("weight", "bias"):
            fused = take(f"{here}attn.c_attn.{kind}").chunk(3, dim=-1)
            for part, tensor in zip(("query", "key", "value"), fused, strict=True):
                ours[f"{there}attention.{part}.{kind}"] = tensor.T if tensor.dim() == 2 else tensor
            for old, new in _LINEAR.items():
                tensor = take(f"{here}{old}.{kind}")
                ours[f"{there}{new}.{kind}"] = tensor.T if tensor.dim() == 2 else tensor
            for old, new in _NORMS.items():
                ours[f"{there}{new}.{kind}"] = take(f"{here}{old}.{kind}")
        for mask in ("attn.bias", "attn.masked_bias"):
            left.pop(here + mask, None)
    head = left.pop("lm_head.weight", ours["embedding.weight"])
    if not config.tied:
        ours["head.weight"] = head
    if left:
        raise KeyError(f"no place for the weights {', '.join(sorted(left))}")
    return ours
