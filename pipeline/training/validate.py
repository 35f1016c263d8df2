"""Validation: the loss a token, and bits per byte, which compare across tokenizers."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from pipeline.errors import UserError
from pipeline.models import LanguageModel
from pipeline.training.loss import token_losses
from pipeline.training.precision import Machine


@dataclass(frozen=True)
class Held:
    """Held-out tokens and the length in bytes of each id (0 for the beginning-of-text token)."""

    tokens: np.ndarray
    token_bytes: np.ndarray


LIMIT = 1 << 17


@torch.inference_mode()
def validate(
    model: LanguageModel, held: Held, context: int, machine: Machine
) -> tuple[float, float]:
    """(mean loss a token in nats, bits per byte of the text tokens).

    Non-overlapping windows spread evenly over the split, at most `LIMIT` tokens. Bits per byte
    divides the information in the text tokens by the UTF-8 bytes that they stand for, so a
    vocabulary cannot make itself look good; the end of a document is not text and counts in the
    loss only.
    """
    # Short splits get one shorter window rather than none.
    length = min(context, len(held.tokens) - 1)
    if length < 1:
        raise UserError("the validation text has no two tokens: add text or raise split.validation")
    windows = (len(held.tokens) - 1) // length
    starts = np.unique(
        np.linspace(0, windows - 1, max(min(windows, LIMIT // length), 1)).astype(int)
    )
    model.eval()
    nats_all = nats_text = count = size = 0.0
    for group in np.array_split(starts, max(1, math.ceil(len(starts) / 16))):
        rows = held.tokens[group[:, None] * length + np.arange(length + 1)].astype(np.int64)
        windows_tensor = torch.from_numpy(rows).to(machine.device)
        with machine.autocast():
            hidden, _ = model.hidden(windows_tensor[:, :-1])
            losses = token_losses(model, hidden, windows_tensor[:, 1:])
        bytes_of = held.token_bytes[rows[:, 1:].reshape(-1)]
        losses_array = losses.double().cpu().numpy()
        nats_all += losses_array.sum()
        nats_text += losses_array[bytes_of > 0].sum()
        count += len(losses_array)
        size += bytes_of.sum()
    model.train()
    return nats_all / count, nats_text / math.log(2) / max(size, 1)
