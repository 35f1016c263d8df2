"""Models from outside: any causal language model of `transformers` in a local folder.

It is dressed as one of ours, so that scoring and sampling need not know: tokens and a state to
logits. Nothing is fetched, no code from the folder is run, and no pickle is read.
"""

import json
import os
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor

from pipeline.errors import UserError
from pipeline.models import LanguageModel, ModelConfig, load_model
from pipeline.tokenization.tokenizer import prepare

CONTEXT_NAMES = ("max_position_embeddings", "n_positions", "n_ctx")
LONGEST = 2048  # tokens of a window at most, for a model that sets itself no limit or a vast one


class Outside(LanguageModel):
    """A model of `transformers` behind our contract; its state is the key/value cache."""

    def __init__(self, model: Any, config: ModelConfig) -> None:
        super().__init__()
        self.inner, self.config = model, config

    @property
    def limit(self) -> int | None:
        return self.config.context

    def hidden(self, tokens: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """[B, T, vocabulary]: here the last layer is inside."""
        out = self.inner(
            input_ids=tokens, past_key_values=state, use_cache=not self.training, return_dict=True
        )
        return out.logits, getattr(out, "past_key_values", None)

    def logits(self, hidden: Tensor) -> Tensor:
        return hidden


def load_any(folder: Path) -> tuple[LanguageModel, Tokenizer]:
    """A model of ours or of `transformers`, and its tokenizer.

    Raises:
        UserError: there is none, it does not load, or model and tokenizer do not belong together.
    """
    config = folder / "config.json"
    if not config.is_file():
        raise UserError(f"there is no model in {folder}: it has no config.json")
    try:
        values = json.loads(config.read_text(encoding="utf-8"))
    except ValueError:
        raise UserError(f"{config} is not valid JSON") from None
    if isinstance(values, dict) and "family" in values:
        return load_model(folder)
    return _load_outside(folder)


def _load_outside(folder: Path) -> tuple[LanguageModel, Tokenizer]:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    from transformers import AutoModelForCausalLM, AutoTokenizer, logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
        )
        fast = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # the library raises whatever its parts raise
        reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        raise UserError(f"{folder} does not load with transformers: {reason}") from None
    if not getattr(fast, "is_fast", False):
        raise UserError(f"{folder} has no tokenizer.json: only fast tokenizers are read")
    tokenizer = prepare(Tokenizer.from_str(fast.backend_tokenizer.to_str()), str(folder))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    vocabulary = model.get_output_embeddings().weight.shape[0]
    if tokenizer.get_vocab_size() > vocabulary:
        raise UserError(
            f"{folder}: the tokenizer has {tokenizer.get_vocab_size():,} tokens, the model "
            f"{vocabulary:,}: they do not belong together"
        )
    limits = [getattr(model.config, name, None) for name in CONTEXT_NAMES]
    context = min([LONGEST, *(limit for limit in limits if isinstance(limit, int) and limit > 1)])
    config = ModelConfig(
        family=str(model.config.model_type),
        vocabulary=vocabulary,
        layers=1,
        width=1,
        heads=1,
        kv_heads=1,
        feedforward=1,
        context=context,
        dropout=0.0,
        tied=False,
    )
    return Outside(model.eval(), config).eval(), tokenizer
