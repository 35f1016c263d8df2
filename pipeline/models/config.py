"""The shape of a model, as it is saved beside the weights."""

from dataclasses import asdict, dataclass
from typing import Any

from pipeline.params import ModelParams

TRANSFORMERS = ("gpt2", "modern")


@dataclass(frozen=True)
class ModelConfig:
    """Everything that `build_model` needs; `vocabulary`, `context` and `window` are in tokens."""

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
    attention_dropout: float = 0.0
    feedforward_dropout: float = 0.0
    activation: str = "swiglu"
    norm: str = "rms"
    bias: bool = False
    window: int | None = None
    window_pattern: str = "SL"
    experts: int | None = None
    experts_per_token: int = 2
    balance: float = 0.01
    soft_cap: float | None = None
    order: int = 3

    @classmethod
    def from_params(cls, params: ModelParams, vocabulary: int) -> "ModelConfig":
        """Fill in what params leave open: as many key/value heads as heads, the usual inner width,
        the family's own norm, activation and biases.

        A gated unit has three matrices where a plain one has two, so 8/3 of the width (rounded up
        to a multiple of 16) costs what 4 times the width does (Shazeer 2020, arXiv:2002.05202).
        """
        gpt2 = params.family == "gpt2"
        values = params.model_dump() | {"vocabulary": vocabulary}
        values["kv_heads"] = params.kv_heads or params.heads
        values["activation"] = params.activation or ("gelu" if gpt2 else "swiglu")
        gated = values["activation"] == "swiglu"
        inner = -(-8 * params.width // 48) * 16 if gated else 4 * params.width
        values["feedforward"] = params.feedforward or inner
        values["norm"] = params.norm or ("layer" if gpt2 else "rms")
        values["bias"] = gpt2 if params.bias is None else params.bias
        return cls(**values)

    def window_of(self, layer: int) -> int | None:
        """How many places a layer looks back on, itself among them; None for all of them."""
        short = self.window_pattern[layer % len(self.window_pattern)] == "S"
        return self.window if short else None

    def windows(self) -> list[int | None]:
        """`window_of` each layer."""
        return [self.window_of(layer) for layer in range(self.layers)]

    @property
    def one_pass(self) -> bool:
        """Whether a second pass over the text teaches nothing: a model that counts would only
        count everything twice."""
        return self.family == "ngram"

    def notes(self) -> list[str]:
        """What a user should know of this shape before it trains, one line each."""
        if self.family in TRANSFORMERS and self.norm == "batch":
            return [
                "norm: batch averages over places and texts, so in training each place sees later "
                "ones and training loss is too low; validation uses averages of the past and is "
                "honest"
            ]
        return []

    def to_dict(self) -> dict[str, Any]:
        """What config.json holds."""
        return asdict(self)
