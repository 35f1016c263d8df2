"""The model family behind one contract: `forward(tokens, state=None) -> (logits, state)`.

`state` is what a model remembers: nothing for the bigram, the last tokens for the n-gram, (h, c)
for the LSTM, keys and values for the transformer. Loss, generation, evaluation and export are free
functions over that contract alone.
"""

from pipeline.models.config import ModelConfig
from pipeline.models.contract import LanguageModel, auxiliary_loss
from pipeline.models.storage import build_model, load_model, save_model

__all__ = [
    "LanguageModel",
    "ModelConfig",
    "auxiliary_loss",
    "build_model",
    "load_model",
    "save_model",
]
