"""Does the exported folder behave like the model that was trained?

Loaded as a stranger would load it, the tokenizer must give the same ids for every document of the
test split, and the model the same logits. Anything else fails the stage: an export that is nearly
right is wrong.
"""

import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from pipeline.errors import UserError
from pipeline.models import load_model
from pipeline.progress import track
from pipeline.tokenization.tokenizer import bos_id, encode_batch

TOLERANCE = 1e-3
BATCHES = 3
ROWS = 4

# What a tokenizer rebuilt from parts gets wrong: our special token, white space, digits, scripts.
AWKWARD = (
    "<|endoftext|>",
    "a<|endoftext|> b",
    " two  spaces ",
    "tab\tand\nnewline\r\n",
    "1234567,89",
    "n'umwana, l’eau",
    "е\u0301 e\u0301",
    "татарча 漢字 हिन्दी 🙂",
    "",
)


def check_export(
    model_folder: Path, folder: Path, texts: Iterable[str], for_transformers: bool
) -> dict[str, Any]:
    """Load both folders and compare ids over all `texts` and logits over some batches.

    Returns:
        `documents_compared`, `ids_equal` (True) and `max_logit_difference`.

    Raises:
        UserError: ids differ, or a logit by `TOLERANCE` or more, or the folder does not load.
    """
    trained: Any
    trained, tokenizer = load_model(model_folder)
    try:
        load = _load_with_transformers if for_transformers else _load_with_our_loader
        forward, encode = load(folder)
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise UserError(f"{folder} does not load ({error}): please report this") from None

    documents = 0
    held: list[list[int]] = []
    held_tokens, wanted = 0, BATCHES * ROWS * trained.config.context
    everything = track(itertools.chain(AWKWARD, texts), "comparing token ids")
    for batch in _batches(everything, 512):
        ours, theirs = encode_batch(tokenizer, batch), encode(batch)
        for text, expected, found in zip(batch, ours, theirs, strict=True):
            if expected != found:
                raise UserError(
                    f"the exported tokenizer encodes {text[:60]!r} as {found[:12]}, "
                    f"not as {expected[:12]}: please report this"
                )
        documents += len(batch)
        if held_tokens < wanted:
            held.extend(ours)
            held_tokens += sum(map(len, ours))
    difference = _compare_logits(trained, forward, held, bos_id(tokenizer))
    if not difference < TOLERANCE:
        raise UserError(
            f"the exported model's logits differ by {difference:.2g} from the trained model's, "
            f"allowed is {TOLERANCE:g}: please report this"
        )
    return {
        "documents_compared": documents - len(AWKWARD),
        "ids_equal": True,
        "max_logit_difference": difference,
    }


@torch.inference_mode()
def _compare_logits(trained: Any, forward: Any, encoded: list[list[int]], begin: int) -> float:
    """The largest absolute difference of a logit over a few batches as long as the context."""
    stream = torch.tensor([token for ids in encoded for token in (begin, *ids)])
    context = min(trained.config.context, len(stream))
    rows = stream[: len(stream) // context * context].view(-1, context)[: BATCHES * ROWS]
    differences = []
    for batch in rows.split(ROWS):
        ours, _ = trained(batch)
        differences.append((ours.float() - forward(batch).float()).abs().max().item())
    return max(differences)


def _load_with_transformers(folder: Path) -> tuple[Any, Any]:
    """The folder's forward (tokens to logits) and encode (texts to ids), loaded with no network."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    from transformers import AutoModelForCausalLM, AutoTokenizer, logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    return (lambda tokens: model(tokens).logits), (lambda texts: tokenizer(texts)["input_ids"])


def _load_with_our_loader(folder: Path) -> tuple[Any, Any]:
    model, tokenizer = load_model(folder)
    return (lambda tokens: model(tokens)[0]), (lambda texts: encode_batch(tokenizer, texts))


def _batches(texts: Iterable[str], size: int) -> Iterator[list[str]]:
    iterator = iter(texts)
    while batch := list(itertools.islice(iterator, size)):
        yield batch
