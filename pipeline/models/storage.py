"""A model on disk: model.safetensors, config.json, tokenizer.json. No pickle is ever read."""

import json
from collections.abc import Callable
from dataclasses import MISSING, fields
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from pipeline.errors import UserError
from pipeline.files import read_json
from pipeline.models.bigram import Bigram
from pipeline.models.config import ModelConfig
from pipeline.models.contract import LanguageModel
from pipeline.models.lstm import LSTM
from pipeline.models.ngram import NGram
from pipeline.models.transformer import Transformer
from pipeline.tokenization.tokenizer import FILE, fingerprint, load_tokenizer, save_tokenizer

FAMILIES: dict[str, Callable[[ModelConfig], LanguageModel]] = {
    "ngram": NGram,
    "bigram": Bigram,
    "lstm": LSTM,
    "gpt2": Transformer,
    "modern": Transformer,
}


def build_model(config: ModelConfig) -> LanguageModel:
    """A new model of `config.family`, its weights drawn from torch's global generator.

    Raises:
        UserError: the machine's memory cannot hold it.
    """
    try:
        return FAMILIES[config.family](config)
    except (RuntimeError, MemoryError) as error:
        if "memory" not in str(error):
            raise
        raise UserError(
            f"family {config.family} with a vocabulary of {config.vocabulary:,} and width "
            f"{config.width:,} does not fit into memory: choose a smaller tokenizer or model"
        ) from None


def weights(model: LanguageModel) -> dict[str, torch.Tensor]:
    """The state to save: tied weights once, under the embedding's name; contiguous, on the CPU."""
    state = model.state_dict()
    if model.config.tied and "head.weight" in state:
        del state["head.weight"]
    return {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}


def load_weights(model: LanguageModel, state: dict[str, torch.Tensor]) -> None:
    """Put back what `weights` gave. Raises RuntimeError where names or shapes differ."""
    if model.config.tied and "embedding.weight" in state:
        state = state | {"head.weight": state["embedding.weight"]}
    model.load_state_dict(state)


def save_model(folder: Path, model: LanguageModel, tokenizer: Path) -> None:
    """Write weights, config and a copy of the tokenizer into an existing folder.

    The config names the tokenizer by its hash, so that another one is recognised.
    """
    loaded = load_tokenizer(tokenizer)
    save_file(weights(model), folder / "model.safetensors", metadata={"format": "pt"})
    values = model.config.to_dict()
    text = json.dumps(values | {"tokenizer": fingerprint(loaded)}, indent=2)
    (folder / "config.json").write_text(text + "\n", encoding="utf-8")
    save_tokenizer(loaded, folder)


def load_model(folder: Path | str, device: str = "cpu") -> tuple[LanguageModel, Tokenizer]:
    """The model, ready to be asked, and its tokenizer.

    Raises:
        UserError: there is none, a file is broken, or weights, config and tokenizer do not belong
        together.
    """
    folder = Path(folder)
    if not (folder / "model.safetensors").is_file():
        raise UserError(
            f"there is no trained model in {folder}: run `make repro` first, or name its folder"
        )
    values = read_json(folder / "config.json")
    known = {field.name for field in fields(ModelConfig)} | {"tokenizer"}
    needed = {field.name for field in fields(ModelConfig) if field.default is MISSING}
    if (
        not isinstance(values, dict)
        or not needed | {"tokenizer"} <= set(values) <= known
        or values["family"] not in FAMILIES
    ):
        raise UserError(f"{folder / 'config.json'} is not the config of a tugantel model")
    tokenizer = load_tokenizer(folder)
    if fingerprint(tokenizer) != values.pop("tokenizer"):
        raise UserError(
            f"the model in {folder} was trained with another tokenizer than {folder / FILE}: "
            "put its own back, or train the model anew with `dvc repro`"
        )
    config = ModelConfig(**values)
    if tokenizer.get_vocab_size() != config.vocabulary:
        raise UserError(
            f"{folder}: the tokenizer has {tokenizer.get_vocab_size()} tokens, "
            f"the model {config.vocabulary}: they do not belong together"
        )
    model = build_model(config)
    try:
        load_weights(model, load_file(folder / "model.safetensors"))
    except (SafetensorError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(
            f"{folder / 'model.safetensors'} does not fit its config: {reason}"
        ) from None
    return model.to(device).eval(), tokenizer
