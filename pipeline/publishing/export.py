"""Write the trained model as a folder that others load: weights, configs, tokenizer, card.

A family that `transformers` has a class for is written for `AutoModelForCausalLM` and
`AutoTokenizer`, with no remote code. Any other family is written as safetensors and config for
`pipeline.models.load_model`, and the card says so.
"""

import shutil
from pathlib import Path
from typing import Any

from pipeline.files import atomic_folder, write_json, write_text
from pipeline.models import load_model
from pipeline.models.storage import weights
from pipeline.params import GenerationParams
from pipeline.publishing.convert import class_for, obstacle, to_transformers
from pipeline.publishing.exported import OUR_LOADER, Exported
from pipeline.tokenization.tokenizer import bos_id, bos_token, save_tokenizer


def export(model_folder: Path, folder: Path, generation: GenerationParams, card: Any) -> Exported:
    """Write the model of `model_folder` to `folder`, which appears only when it is whole.

    Args:
        card: called with the `Exported`; gives the text of README.md.

    Raises:
        UserError: `model_folder` holds no model that can be read.
    """
    from safetensors.torch import save_file

    model: Any
    model, tokenizer = load_model(model_folder)
    begin = bos_id(tokenizer)
    exported = Exported(
        class_name=class_for(model.config) or OUR_LOADER,
        family=model.config.family,
        parameters=model.size(),
        context=model.config.context,
        vocabulary=model.config.vocabulary,
        obstacle=obstacle(model.config),
    )
    with atomic_folder(folder) as partial:
        if exported.for_transformers:
            config, converted = to_transformers(model.config, weights(model), begin)
            save_file(converted, partial / "model.safetensors", metadata={"format": "pt"})
            write_json(partial / "config.json", config)
            sampling = generation_config(generation, begin, exported.context)
            write_json(partial / "generation_config.json", sampling)
        else:
            shutil.copyfile(model_folder / "model.safetensors", partial / "model.safetensors")
            shutil.copyfile(model_folder / "config.json", partial / "config.json")
        save_tokenizer(tokenizer, partial)
        write_json(
            partial / "tokenizer_config.json",
            tokenizer_config(bos_token(tokenizer), exported.context),
        )
        write_text(partial / "README.md", card(exported))
    return exported


def tokenizer_config(begin: str, context: int) -> dict[str, Any]:
    """Make `AutoTokenizer` give our ids: nothing is added, special tokens in text are text."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": begin,
        "eos_token": begin,
        "pad_token": begin,
        "model_max_length": context,
        "split_special_tokens": True,
        "clean_up_tokenization_spaces": False,
    }


def generation_config(generation: GenerationParams, begin: int, context: int) -> dict[str, Any]:
    """The sampling of params.yaml as `transformers` says it; a top-k of 0 means no limit there.

    No more tokens than fit behind the first one: learned positions end with the context.
    """
    settings: dict[str, Any] = {
        "bos_token_id": begin,
        "eos_token_id": begin,
        "pad_token_id": begin,
        "max_new_tokens": min(generation.tokens, context - 1),
    }
    penalty = generation.repetition_penalty
    if penalty != 1:
        settings["repetition_penalty"] = penalty
    if generation.temperature == 0:
        return settings | {"do_sample": False}
    return (
        settings
        | {
            "do_sample": True,
            "temperature": generation.temperature,
            "top_k": generation.top_k or 0,
            "top_p": generation.top_p or 1.0,
        }
        | ({} if generation.min_p is None else {"min_p": generation.min_p})
    )
