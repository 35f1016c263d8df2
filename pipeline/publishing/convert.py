"""Our weights as `transformers` names them: modern as Qwen3ForCausalLM, with experts as
Qwen3MoeForCausalLM, gpt2 as GPT2LMHeadModel.

Both families keep the geometry of those classes, so nothing is computed here: tensors are renamed,
GPT-2's are transposed, and no remote code is needed to load the result. What `transformers` has no
class for is left to our own loader, and `obstacle` says why.

Qwen3: https://arxiv.org/abs/2505.09388. GPT-2's layout, whose linear layers are stored [in, out]:
https://github.com/openai/gpt-2/blob/master/src/model.py.
"""

from typing import Any

import torch

from pipeline.models.config import TRANSFORMERS, ModelConfig

Weights = dict[str, torch.Tensor]

ROPE_THETA = 10_000.0


def obstacle(config: ModelConfig) -> str | None:
    """What `transformers` has no class for in this shape; None where it has one."""
    if config.family not in TRANSFORMERS:
        return f"family {config.family}"
    gpt2 = config.family == "gpt2"
    if config.norm != ("layer" if gpt2 else "rms"):
        return f"{config.family} with norm: {config.norm}"
    if config.activation != ("gelu" if gpt2 else "swiglu"):
        return f"{config.family} with activation: {config.activation}"
    if config.bias != gpt2:
        return f"{config.family} {'with' if config.bias else 'without'} biases"
    if config.soft_cap is not None:
        return "a soft_cap on the logits"
    if gpt2 and (config.window is not None or config.experts is not None):
        return f"gpt2 with {'a window' if config.window is not None else 'experts'}"
    if config.experts is not None and len(set(config.windows())) > 1:
        return "experts together with windows in some of the layers only"
    return None


def class_for(config: ModelConfig) -> str | None:
    """The class of `transformers` that computes what this model does; None if there is none."""
    if obstacle(config) is not None:
        return None
    if config.family == "gpt2":
        return "GPT2LMHeadModel"
    return "Qwen3ForCausalLM" if config.experts is None else "Qwen3MoeForCausalLM"


def to_transformers(
    config: ModelConfig, weights: Weights, begin: int
) -> tuple[dict[str, Any], Weights]:
    """Convert a model to (the contents of config.json, weights) of `class_for(config)`.

    Args:
        config: the model's config; there is a class for it.
        weights: float tensors under our names, linear layers as [out, in].
        begin: the id of the token that begins, and so ends, every document.

    Raises:
        ValueError: a weight is missing, or one is there that the class has no place for.
    """
    name = class_for(config)
    assert name is not None, obstacle(config)
    convert = _gpt2 if config.family == "gpt2" else _qwen3
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


def _qwen3(config: ModelConfig, weights: Weights) -> tuple[dict[str, Any], Weights]:
    layers, windows = config.layers, config.windows()
    settings: dict[str, Any] = {
        "model_type": "qwen3",
        "hidden_size": config.width,
        "num_hidden_layers": layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.width // config.heads,
        "intermediate_size": config.feedforward,
        "hidden_act": "silu",
        "max_position_embeddings": config.context,
        "rms_norm_eps": 1e-6,
        # transformers 5 reads the first of these, transformers 4 the second
        "rope_parameters": {"rope_type": "default", "rope_theta": ROPE_THETA},
        "rope_theta": ROPE_THETA,
        "attention_bias": False,
        "attention_dropout": config.attention_dropout,
        "use_sliding_window": config.window is not None,
    }
    if config.window is not None:
        settings["sliding_window"] = config.window
    if config.experts is None:
        settings["layer_types"] = [
            "sliding_attention" if window else "full_attention" for window in windows
        ]
    else:
        settings |= {
            "model_type": "qwen3_moe",
            "moe_intermediate_size": config.feedforward,
            "num_experts": config.experts,
            "num_experts_per_tok": config.experts_per_token,
            "norm_topk_prob": True,
            "decoder_sparse_step": 1,
            "mlp_only_layers": [],
            "router_aux_loss_coef": config.balance,
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
    }
    if config.experts is None:
        parts = {"feedforward.": "mlp."}
    else:
        names["feedforward.router"] = "mlp.gate"
        parts = {f"feedforward.experts.{i}.": f"mlp.experts.{i}." for i in range(config.experts)}
    for ours, theirs in parts.items():
        names |= {f"{ours}{part}": f"{theirs}{part}_proj" for part in ("gate", "up", "down")}
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


def _gpt2(config: ModelConfig, weights: Weights) -> tuple[dict[str, Any], Weights]:
    layers = config.layers
    settings = {
        "model_type": "gpt2",
        "n_embd": config.width,
        "n_layer": layers,
        "n_head": config.heads,
        "n_inner": config.feedforward,
        "n_positions": config.context,
        "activation_function": "gelu_new",
        "layer_norm_epsilon": 1e-5,
        "embd_pdrop": config.dropout,
        "attn_pdrop": config.attention_dropout,
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
