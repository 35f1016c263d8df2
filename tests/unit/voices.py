"""Untrained models that speak, for tests of what talks with them."""

from typing import Any

import torch
from tokenizers import Tokenizer

from pipeline.models import ModelConfig, build_model
from pipeline.params import ModelParams
from pipeline.serving.voices import Voice
from pipeline.tokenization.tokenizer import bos_id, token_bytes


def make_voice(tokenizer: Tokenizer, name: str = "some/model", **shape: Any) -> Voice:
    """A model with random weights, so that it writes anything, over a context of 64 tokens."""
    torch.manual_seed(1)
    small = {"layers": 1, "width": 32, "heads": 2, "context": 64, "dropout": 0.0}
    size = tokenizer.get_vocab_size()
    model = build_model(ModelConfig.from_params(ModelParams(**(small | shape)), size))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return Voice(name, model.eval(), tokenizer, token_bytes(tokenizer), bos_id(tokenizer))
