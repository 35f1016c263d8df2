"""Our weights as `transformers` names them: modern as Qwen3ForCausalLM, gpt2 as GPT2LMHeadModel.

Both families keep the geometry of those classes, so nothing is computed here: tensors are renamed,
GPT-2's are transposed, and no remote code is needed to load the result. What `transformers` has no
class for is left to our own loader.

Qwen3: https://arxiv.org/abs/2505.09388. GPT-2's layout, whose linear layers are stored [in, out]:
https://github.com/openai/gpt-2/blob/master/src/model.py.
"""

from collections.abc import Callable
from typing import Any

import torch

Weights = dict[str, torch.Tensor]

ROPE_THETA = 10_000.0


def class_for(family: str) -> str | None:
    """The class of `transformers` that computes what this family does; None if there is none."""
    converter = _CONVERTERS.get(family)
    return converter[0] if converter else None


def to_transformers(config: Any, weights: Weights, begin: int) -> tuple[dict[str, Any], Weights]:
    """Convert a model to (the contents of config.json, weights) of `class_for(config.family)`.

    Args:
        config: the model's config, with `family`, `heads`, `context` and `dropout`. Other sizes are
            taken from the weights.
        weights: float tensors under our names, linear layers as [out, in].
        begin: the id of the token that begins, and so ends, every document.

    Raises:
        ValueError: a weight is missing, or one is there that the class has no place for.
    """
    name, convert = _CONVERTERS[config.family]
    remaining = dict(weights)
    settings, converted = convert(config, remaining)
    if remaining:
        raise ValueError(f"{name} has no place for the weights {', '.join(sorted(remaining))}")
    common = {
        "architectures": [name],
        "vocab_size": weights["embedding.weight"].shape[0],
        "tie_word_embeddings": "head.weight" not in weights,
        "bos_token_id": begin,
        "eos_token_id": begin,
        "pad_token_id": begin,
        "dtype": "float32",
        "use_cache": True,
    }
    return settings | common, {key: value.contiguous() for key, value in converted.items()}


def _take(weights: Weights, name: str) -> torch.Tensor:
    try:
        return weights.pop(name).float()
    except KeyError:
        raise ValueError(f"the weight {name} is missing") from None


def _count_blocks(weights: Weights) -> int:
    blocks = {name.split(".")[1] for name in weights if name.startswith("blocks.")}
    return len(blocks)


def _qwen3(config: Any, weights: Weights) -> tuple[dict[str, Any], Weights]:
    layers = _count_blocks(weights)
    width = weights["embedding.weight"].shape[1]
    head = width // config.heads
    settings = {
        "model_type": "qwen3",
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": weights["blocks.0.attention.key.weight"].shape[0] // head,
        "head_dim": head,
        "intermediate_size": weights["blocks.0.feedforward.gate.weight"].shape[0],
        "hidden_act": "silu",
        "max_position_embeddings": config.context,
        "rms_norm_eps": 1e-6,
        # transformers 5 reads the first of these, transformers 4 the second
        "rope_parameters": {"rope_type": "default", "rope_theta": ROPE_THETA},
        "rope_theta": ROPE_THETA,
        "attention_bias": False,
        "attention_dropout": 0.0,
        "use_sliding_window": False,
    }
    names = {
        "norm_attention": "input_layernorm",
        "attention.query": "self_attn.q_proj",
        "attention.key": "self_attn.k_proj",
        "attention.value": "self_attn.v_proj",
        "attention.output": "self_attn.o_proj",
        "attention.norm_query": "self_attn.q_norm",
        "attention.norm_key": "self_attn.k_norm",
        "norm_feedforward": "post_attention_layernorm",
        "feedforward.gate": "mlp.gate_proj",
        "feedforward.up": "mlp.up_proj",
        "feedforward.down": "mlp.down_proj",
    }
    converted = {
        "model.embed_tokens.weight": _take(weights, "embedding.weight"),
        "model.norm.weight": _take(weights, "norm.weight"),
    }
    for layer in range(layers):
        for ours, theirs in names.items():
            weight = _take(weights, f"blocks.{layer}.{ours}.weight")
            converted[f"model.layers.{layer}.{theirs}.weight"] = weight
    if "head.weight" in weights:
        converted["lm_head.weight"] = _take(weights, "head.weight")
    return settings, converted


def _gpt2(config: Any, weights: Weights) -> tuple[dict[str, Any], Weights]:
    layers = _count_blocks(weights)
    settings = {
        "model_type": "gpt2",
        "n_embd": weights["embedding.weight"].shape[1],
        "n_layer": layers,
        "n_head": config.heads,
        "n_inner": weights["blocks.0.feedforward.up.weight"].shape[0],
        "n_positions": weights["positions.weight"].shape[0],
        "activation_function": "gelu_new",
        "layer_norm_epsilon": 1e-5,
        "embd_pdrop": config.dropout,
        "attn_pdrop": 0.0,
        "resid_pdrop": config.dropout,
    }
    converted = {
        "transformer.wte.weight": _take(weights, "embedding.weight"),
        "transformer.wpe.weight": _take(weights, "positions.weight"),
        "transformer.ln_f.weight": _take(weights, "norm.weight"),
        "transformer.ln_f.bias": _take(weights, "norm.bias"),
    }
    linear = {
        "attention.output": "attn.c_proj",
        "feedforward.up": "mlp.c_fc",
        "feedforward.down": "mlp.c_proj",
    }
    norms = {"norm_attention": "ln_1", "norm_feedforward": "ln_2"}
    for layer in range(layers):
        ours, theirs = f"blocks.{layer}.", f"transformer.h.{layer}."
        for kind in ("weight", "bias"):
            qkv = torch.cat(
                [_take(weights, f"{ours}attention.{x}.{kind}") for x in ("query", "key", "value")]
            )
            converted[f"{theirs}attn.c_attn.{kind}"] = _as_conv1d(qkv)
            for old, new in linear.items():
                converted[f"{theirs}{new}.{kind}"] = _as_conv1d(
                    _take(weights, f"{ours}{old}.{kind}")
                )
            for old, new in norms.items():
                converted[f"{theirs}{new}.{kind}"] = _take(weights, f"{ours}{old}.{kind}")
    if "head.weight" in weights:
        converted["lm_head.weight"] = _take(weights, "head.weight")
    return settings, converted


def _as_conv1d(parameter: torch.Tensor) -> torch.Tensor:
    """[out, in] to the [in, out] of GPT-2's `Conv1D`; a bias stays as it is."""
    return parameter.T if parameter.dim() == 2 else parameter


Converter = Callable[[Any, Weights], tuple[dict[str, Any], Weights]]
_CONVERTERS: dict[str, tuple[str, Converter]] = {
    "modern": ("Qwen3ForCausalLM", _qwen3),
    "gpt2": ("GPT2LMHeadModel", _gpt2),
}
