"""The shape of a model, as it is saved beside the weights."""

from dataclasses import asdict, dataclass
from typing import Any

from pipeline.params import ModelParams


@dataclass(frozen=True)
class ModelConfig:
    """Everything that `build_model` needs; `vocabulary` is in tokens, `context` too."""

    family: str
    vocabulary: int
    layers: int
    width: int
    heads: int
    kv_heads: int
    feedforward: int
    context: int
    dropout: float
    tied: bool

    @classmethod
    def from_params(cls, params: ModelParams, vocabulary: int) -> "ModelConfig":
        """Fill in what params leave open: as many key/value heads as heads, the usual inner width.

        A gated unit has three matrices where a plain one has two, so 8/3 of the width (rounded up
        to a multiple of 16) costs what GPT-2's 4 times the width does (Shazeer 2020,
        arXiv:2002.05202).
        """
        inner = 4 * params.width if params.family == "gpt2" else -(-8 * params.width // 48) * 16
        return cls(
            family=params.family,
            vocabulary=vocabulary,
            layers=params.layers,
            width=params.width,
            heads=params.heads,
            kv_heads=params.kv_heads or params.heads,
            feedforward=params.feedforward or inner,
            context=params.context,
            dropout=params.dropout,
            tied=params.tied,
        )

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)
