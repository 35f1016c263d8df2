"""params.yaml as typed objects: every knob of the pipeline, its type, its range and what
contradicts what.

Every stage validates the whole file before it starts, so that a slip in `training` is found before
an hour of cleaning. A bad value ends the run with one line that names the key, the value and what
is allowed.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from pipeline.errors import UserError

PARAMS = Path("params.yaml")


class Section(BaseModel):
    """A mapping of params.yaml: unknown keys and loose types are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


# --- corpus -------------------------------------------------------------------------------------


class SourceSection(Section):
    """What every source may say besides where its text is.

    `cap_megabytes` takes at most so much text, the first of it. `weight` is how often its training
    documents are read. `part` sends all of its documents to one split, for data sets that come
    divided; without it they are divided by `split`.
    """

    cap_megabytes: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    weight: float = Field(default=1.0, gt=0, le=20)
    part: Literal["train", "validation", "test"] | None = None


class DemoSource(SourceSection):
    """The invented world; its knobs are in the section `demo`."""

    kind: Literal["demo"]


class FilesSource(SourceSection):
    """Local text: txt, CSV, TSV, JSONL or Parquet, a file or a folder, plain or .gz/.xz/.zst."""

    kind: Literal["files"]
    path: str = Field(min_length=1)
    column: str = "text"
    licence: str = "unknown"


class TextSource(SourceSection):
    """A text in params itself, as so many documents as there are `copies`."""

    kind: Literal["text"]
    text: str = Field(min_length=1)
    copies: int = Field(default=1, ge=1, le=100_000)
    licence: str = "unknown"


class UrlSource(SourceSection):
    """One text file by its address, in any format that `files` reads.

    The address is written down beside the text, so it holds no user name and no password.
    """

    kind: Literal["url"]
    url: str = Field(pattern=r"^https?://[^\s/@]+/\S*$")
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    column: str = "text"
    licence: str = "unknown"


class LeipzigSource(SourceSection):
    """A corpus of the Leipzig Corpora Collection by name, such as tat_mixed_2015_1M."""

    kind: Literal["leipzig"]
    name: str = Field(pattern=r"^[a-z]{3}[-a-zA-Z]*_[A-Za-z-]+_[0-9]{4}_[0-9]+[KM]$")
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")


class WikipediaSource(SourceSection):
    """The newest article dump of one Wikipedia, by its language code."""

    kind: Literal["wikipedia"]
    code: str = Field(pattern=r"^[a-z_-]{2,20}$")


class HubSource(SourceSection):
    """A data set of the Hugging Face Hub (or a local folder of one), read with `datasets`.

    `revision` is a commit of the data set; without it the newest is read, and noted.
    """

    kind: Literal["hub"]
    name: str = Field(min_length=1)
    revision: str | None = None
    config: str | None = None
    split: str = "train"
    column: str = "text"
    licence: str = "unknown"


Source = Annotated[
    DemoSource | FilesSource | TextSource | UrlSource | LeipzigSource | WikipediaSource | HubSource,
    Field(discriminator="kind"),
]


class CorpusParams(Section):
    """What the text is made of. `unit` says what a document is in a text file."""

    language: str = Field(pattern=r"^[a-z]{3}$")
    unit: Literal["line", "paragraph", "file"] = "line"
    sources: list[Source] = Field(min_length=1)


class DemoParams(Section):
    """The invented world that the demo corpus tells of."""

    seed: int = Field(default=0, ge=0)
    people: int = Field(default=24, ge=8, le=200)
    documents: int = Field(default=5600, ge=200, le=1_000_000)
    dirt: float = Field(default=0.14, ge=0, le=0.5)


# --- cleaning -----------------------------------------------------------------------------------


class CleaningParams(Section):
    """What is dropped, and how sure the identifier must be.

    `held_out` names files or folders of text that must not be in the corpus, such as benchmarks.
    """

    enabled: bool = True
    engine: Literal["local", "ray"] = "local"
    identifier: str = "made"
    label: str | None = None
    threshold: float | None = Field(default=None, ge=0, le=1)
    sure: str | None = None
    contaminants: str = "languages/contaminants"
    held_out: list[Annotated[str, Field(min_length=1)]] = []
    min_characters: int = Field(default=10, ge=1)
    max_characters: int = Field(default=1_000_000, ge=100)
    personal_data: bool = True
    deduplicate: bool = True
    near_duplicates: float | None = Field(default=None, gt=0.3, le=1)
    seed: int = Field(default=0, ge=0)


class SplitParams(Section):
    """How documents are divided: by a hash of their content, or the last ones in order."""

    kind: Literal["hash", "contiguous"] = "hash"
    validation: float = Field(default=0.05, gt=0, lt=0.5)
    test: float = Field(default=0.05, gt=0, lt=0.5)


# --- tokenizer ----------------------------------------------------------------------------------


Kind = Literal["byte_bpe", "bpe", "unigram", "wordpiece", "characters", "bytes", "scratch_bpe"]
UNSIZED = ("characters", "bytes")  # kinds whose text alone says how many tokens there are


class Choice(Section):
    """One tokenizer of the sweep: a kind or the name of a ready one, and its size if it has any."""

    kind: str = Field(min_length=1)
    size: int | None = Field(default=None, ge=2)


class TokenizerParams(Section):
    """Which tokenizers are tried, on how much text, and how one of them is chosen.

    Every one of `kinds` is trained at every one of `sizes`, but for those in `UNSIZED`. `ready`
    names tokenizers that others made: a folder, a tokenizer.json, a name on the Hub, or tiktoken's.
    `budget` is what the small models that decide have in common: the text they read, or their cost.
    """

    kinds: list[Kind] = ["byte_bpe"]
    ready: list[Annotated[str, Field(min_length=1)]] = []
    sizes: list[Annotated[int, Field(ge=257, le=200_000)]] = Field(min_length=1)
    choose: Literal["auto"] | int | Choice = "auto"
    sample_megabytes: float = Field(default=20, gt=0)
    proxy_megabytes: float = Field(default=1.0, gt=0)
    proxy_seeds: int = Field(default=2, ge=2, le=100)
    budget: Literal["bytes", "compute"] = "bytes"
    seed: int = Field(default=0, ge=0)

    @field_validator("sizes", "kinds", "ready")
    @classmethod
    def _distinct(cls, values: list[Any]) -> list[Any]:
        if len(set(values)) != len(values):
            raise ValueError("the values must differ from one another")
        return values

    @model_validator(mode="after")
    def _chosen_is_tried(self) -> "TokenizerParams":
        if not self.kinds and not self.ready:
            raise ValueError("name at least one of kinds or ready")
        sized = [kind for kind in self.kinds if kind not in UNSIZED]
        if isinstance(self.choose, int):
            if self.choose not in self.sizes:
                raise ValueError(f"choose: {self.choose} is not among sizes: {self.sizes}")
            if not sized:
                raise ValueError(f"choose: {self.choose} is a size, but no kind has sizes")
        elif isinstance(self.choose, Choice):
            kind, size = self.choose.kind, self.choose.size
            tried = [*self.kinds, *self.ready]
            if kind not in tried:
                raise ValueError(f"choose.kind: {kind} is not among kinds and ready: {tried}")
            if kind not in sized and size is not None:
                raise ValueError(f"choose.size: {kind} has one size of its own, leave it away")
            if kind in sized and size not in self.sizes:
                raise ValueError(f"choose.size: {size} is not among sizes: {self.sizes}")
        return self


# --- model and training -------------------------------------------------------------------------


class ModelParams(Section):
    """The shape of a model. Sizes that a family does not have (layers of a bigram) it ignores; an
    option that it does not have is refused.
    """

    family: Literal["modern", "gpt2", "lstm", "bigram", "ngram"] = "modern"
    layers: int = Field(default=4, ge=1, le=200)
    width: int = Field(default=128, ge=4, le=16384)
    heads: int = Field(default=4, ge=1, le=256)
    kv_heads: int | None = Field(default=None, ge=1, le=256)
    feedforward: int | None = Field(default=None, ge=1)
    context: int = Field(default=256, ge=8, le=131_072)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    attention_dropout: float = Field(default=0.0, ge=0, lt=1)
    feedforward_dropout: float = Field(default=0.0, ge=0, lt=1)
    tied: bool = True
    activation: Literal["swiglu", "relu2", "gelu"] | None = None
    norm: Literal["layer", "rms", "batch"] | None = None
    bias: bool | None = None
    window: int | None = Field(default=None, ge=1)
    window_pattern: str = Field(default="SL", pattern=r"^[SL]+$")
    experts: int | None = Field(default=None, ge=2, le=512)
    experts_per_token: int = Field(default=2, ge=1, le=512)
    balance: float = Field(default=0.01, ge=0, le=10)
    soft_cap: float | None = Field(default=None, gt=0, le=10_000)
    order: int = Field(default=3, ge=2, le=8)

    @model_validator(mode="after")
    def _heads_divide(self) -> "ModelParams":
        if self.family in ("modern", "gpt2"):
            if self.width % self.heads:
                raise ValueError(f"heads: {self.heads} does not divide width: {self.width}")
            if self.family == "modern" and (self.width // self.heads) % 2:
                raise ValueError(
                    f"width: {self.width} over heads: {self.heads} is odd; "
                    "rotary positions need an even number for each head"
                )
            if self.kv_heads is not None and self.heads % self.kv_heads:
                raise ValueError(f"kv_heads: {self.kv_heads} does not divide heads: {self.heads}")
            if self.family == "gpt2" and self.kv_heads not in (None, self.heads):
                raise ValueError("kv_heads: family gpt2 has as many as heads; leave it null")
        return self

    @model_validator(mode="after")
    def _options_fit_the_family(self) -> "ModelParams":
        transformer = self.family in ("modern", "gpt2")
        for name in ("activation", "norm", "bias", "window", "experts", "soft_cap"):
            if not transformer and getattr(self, name) is not None:
                raise ValueError(
                    f"{name}: family {self.family} has none; leave it null, "
                    "or choose family modern or gpt2"
                )
        for name in ("attention_dropout", "feedforward_dropout"):
            if not transformer and getattr(self, name):
                raise ValueError(f"{name}: family {self.family} has no such part; leave it at 0")
        if self.family == "gpt2" and self.activation not in (None, "gelu"):
            raise ValueError(f"activation: {self.activation} is of family modern; gpt2 has gelu")
        if self.family == "modern" and self.activation == "gelu":
            raise ValueError("activation: gelu is of family gpt2; modern has swiglu or relu2")
        return self

    @model_validator(mode="after")
    def _windows_and_experts_are_possible(self) -> "ModelParams":
        if self.window is not None:
            if self.window > self.context:
                raise ValueError(
                    f"window: {self.window} is wider than context: {self.context}; "
                    "set it to less, or to null for none"
                )
            if "S" not in self.window_pattern[: self.layers]:
                raise ValueError(
                    f"window_pattern: {self.window_pattern} gives none of {self.layers} layers a "
                    "window (S); set window to null for none"
                )
        if self.experts is not None and self.experts < self.experts_per_token:
            raise ValueError(
                f"experts: {self.experts} are fewer than experts_per_token: "
                f"{self.experts_per_token}"
            )
        return self


class OptimizerParams(Section):
    """How one model is trained: shared by `training` and by the variants of `experiments`.

    A step reads `batch` windows, of all processes together; `accumulation` cuts them into so many
    parts that go through the model one after another. Windows begin with a document (`documents`)
    or where they fall (`packed`). `average` is the decay of averaged weights.
    """

    optimizer: Literal["muon", "adamw", "adam", "sgd"] = "muon"
    learning_rate: float = Field(default=0.02, gt=0, le=10)
    adam_learning_rate: float = Field(default=0.006, gt=0, le=10)
    weight_decay: float = Field(default=0.1, ge=0, le=10)
    batch: int = Field(default=16, ge=1)
    windows: Literal["documents", "packed"] = "documents"
    warmup: float = Field(default=0.02, ge=0, lt=1)
    decay: float = Field(default=0.5, ge=0, le=1)
    schedule: Literal["stable", "cosine", "linear"] = "stable"
    clip: float = Field(default=1.0, gt=0)
    accumulation: int = Field(default=1, ge=1)
    average: float | None = Field(default=None, gt=0, lt=1)

    @model_validator(mode="after")
    def _parts_divide_the_batch(self) -> "OptimizerParams":
        if self.batch % self.accumulation:
            raise ValueError(
                f"accumulation: {self.accumulation} does not divide batch: {self.batch}"
            )
        return self


class TrainingParams(OptimizerParams):
    """The main run. `epochs` passes over the text, cut short by `tokens` where that is given.

    Validations come evenly, so many an epoch, and after every `validate_steps` steps besides. After
    `patience` of them without a better one the run ends, and the best weights are what it leaves.
    """

    seed: int = Field(default=0, ge=0)
    epochs: float = Field(default=8, gt=0)
    tokens: int | None = Field(default=None, ge=1)
    validations_per_epoch: int = Field(default=1, ge=1, le=1000)
    validate_steps: int | None = Field(default=None, ge=1)
    patience: int | None = Field(default=None, ge=1)
    checkpoint_layers: bool = False
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    compile: Literal["auto", "on", "off"] = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int | None = Field(default=None, ge=1)


class TrackingParams(Section):
    """What accompanies a training and does not shape the model; no stage depends on it.

    `probes` is how many minimal pairs and questions are asked at each validation; 0 asks none.
    """

    checkpoint_seconds: float = Field(default=20, gt=0)
    keep_checkpoints: int = Field(default=2, ge=1, le=1000)
    tensorboard: bool = True
    json_lines: bool = False
    dvclive: bool = False
    probes: int = Field(default=20, ge=0, le=10_000)
    wandb: Literal["offline", "online", "disabled"] = "offline"
    project: str = "tugantel"


class GenerationParams(Section):
    """How the model writes when nothing else is asked for."""

    tokens: int = Field(default=80, ge=1)
    temperature: float = Field(default=0.8, ge=0, le=10)
    top_k: int | None = Field(default=None, ge=1)
    top_p: float | None = Field(default=0.95, gt=0, le=1)
    min_p: float | None = Field(default=None, gt=0, le=1)
    repetition_penalty: float = Field(default=1.0, ge=1, le=10)
    stop: list[Annotated[str, Field(min_length=1)]] = []
    seed: int = Field(default=0, ge=0)


BenchmarkFile = Annotated[str, Field(min_length=1)]


class EvaluationParams(Section):
    """What the benchmark measures, and on how much.

    `pairs`, `cloze` and `few_shot_questions` are the most items of each set. Files are named by
    their paths; what they hold is known by the name of the file without its suffix.
    """

    ngram_order: int = Field(default=7, ge=5, le=7)
    pairs: int = Field(default=600, ge=10)
    pair_files: list[BenchmarkFile] = []
    fact_files: list[BenchmarkFile] = []
    choice_files: list[BenchmarkFile] = []
    text_files: list[BenchmarkFile] = []
    cloze: int = Field(default=200, ge=10)
    few_shot: list[Annotated[int, Field(ge=0, le=64)]] = [0, 1, 4]
    few_shot_questions: int = Field(default=60, ge=1)
    samples: int = Field(default=12, ge=1, le=1000)
    temperatures: list[Annotated[float, Field(ge=0, le=10)]] = Field(
        default=[0.5, 0.8, 1.1], min_length=1
    )
    test_megabytes: float = Field(default=2.0, gt=0)
    seed: int = Field(default=0, ge=0)

    @field_validator("pair_files", "fact_files", "choice_files", "text_files")
    @classmethod
    def _names_differ(cls, paths: list[str]) -> list[str]:
        names = [benchmark_name(path) for path in paths]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two files are called {name}: rename one of them")
        return paths

    @field_validator("few_shot", "temperatures")
    @classmethod
    def _all_differ(cls, values: list[Any]) -> list[Any]:
        if len(set(values)) != len(values):
            raise ValueError("the values must differ from one another")
        return values


def benchmark_name(path: str) -> str:
    """What a file or folder of the benchmark is called in reports: tat.pairs.jsonl is `tat`."""
    return Path(path).name.split(".")[0]


class Variant(Section):
    """One rung of the ladder: a whole small model and how it is trained."""

    model: ModelParams = ModelParams()
    training: OptimizerParams = OptimizerParams()


class ExperimentParams(Section):
    """Named variants that get the same budget: in tokens or, not repeatable, in seconds."""

    tokens: int = Field(default=200_000, ge=1)
    seconds: float | None = Field(default=None, gt=0, le=1_000_000)
    seed: int = Field(default=0, ge=0)
    seeds: int = Field(default=1, ge=1, le=100)
    variants: dict[Annotated[str, Field(pattern=r"^[a-z0-9_]+$")], Variant] = Field(min_length=1)


class TrialParams(Variant):
    """One small model trained on different makings of the same text, to see which making helps."""

    tokens: int = Field(default=300_000, ge=1)
    seeds: int = Field(default=2, ge=2, le=100)
    bpe_dropout: float = Field(default=0.1, gt=0, lt=1)
    variants: list[Literal["raw", "clean", "unweighted", "clean_dropout"]] = []

    @field_validator("variants")
    @classmethod
    def _compares_with_clean(cls, variants: list[str]) -> list[str]:
        if len(set(variants)) != len(variants):
            raise ValueError("variants must differ from one another")
        if variants and "clean" not in variants:
            raise ValueError("name clean too: the others are compared with it")
        return variants


class Params(Section):
    """The whole of params.yaml."""

    corpus: CorpusParams
    demo: DemoParams = DemoParams()
    cleaning: CleaningParams = CleaningParams()
    split: SplitParams = SplitParams()
    tokenizer: TokenizerParams
    model: ModelParams = ModelParams()
    training: TrainingParams = TrainingParams()
    tracking: TrackingParams = TrackingParams()
    generation: GenerationParams = GenerationParams()
    evaluation: EvaluationParams = EvaluationParams()
    experiments: ExperimentParams
    trials: TrialParams = TrialParams()

    @model_validator(mode="after")
    def _splits_leave_training_text(self) -> "Params":
        if self.split.validation + self.split.test >= 0.9:
            raise ValueError(
                f"split.validation: {self.split.validation} and split.test: {self.split.test} "
                "leave less than a tenth of the text to train on"
            )
        return self

    @model_validator(mode="after")
    def _layers_can_be_computed_again(self) -> "Params":
        if self.training.checkpoint_layers:
            if self.model.family not in ("modern", "gpt2"):
                raise ValueError(
                    f"training.checkpoint_layers: family {self.model.family} has no layers that "
                    "can be computed again; set it to false"
                )
            if self.model.norm == "batch":
                raise ValueError(
                    "training.checkpoint_layers: norm: batch would count every batch twice in its "
                    "averages; set it to false, or choose another norm"
                )
        return self


# --- reading ------------------------------------------------------------------------------------


def load_params(path: Path | str = PARAMS) -> Params:
    """Read and validate a params file.

    Raises:
        UserError: the file is missing or no YAML, or a key is unknown, missing, of the wrong type,
            out of range, or in contradiction to another.
    """
    path = Path(path)
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run `tugantel use demo` to write one") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text") from None
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" at line {where.line + 1}" if where else ""
        raise UserError(
            f"{path} is not valid YAML{line}: {getattr(error, 'problem', error)}"
        ) from None
    return parse_params(values, str(path))


def parse_params(values: Any, name: str = "params.yaml") -> Params:
    """Validate values that were read from `name`; see `load_params`."""
    if not isinstance(values, dict):
        raise UserError(
            f"{name} must hold sections such as corpus: and model:, not {_short(values)}"
        )
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        said = f"{name}: {_explain(dict(error.errors()[0]))}"
        raise UserError(" ".join(said.split())) from None  # a key may hold a line end


_UNION_TAGS = ("demo", "files", "text", "url", "leipzig", "wikipedia", "hub")
_TYPES = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "string_type": "a text (put it in quotes)",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


def _explain(error: dict[str, Any]) -> str:
    """One line for pydantic's first complaint: key, value, what is allowed."""
    location = list(error["loc"])
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    parts: list[str] = []
    for index, part in enumerate(location):
        if isinstance(part, int):
            parts[-1] += f"[{part}]"
        elif index and isinstance(location[index - 1], int) and part in _UNION_TAGS:
            continue  # the tag of the union, not a key
        elif not (
            part in ("int", "float", "Choice") or str(part).startswith(("literal[", "constrained"))
        ):
            parts.append(str(part))
    key = ".".join(parts)
    if kind == "extra_forbidden":
        return f"{key} is no known key: check its spelling and its section"
    if kind == "missing":
        return f"{key} is missing"
    if kind == "value_error":
        said = str(context["error"])
        return f"{key}: {said}" if key else said
    bounds = {
        "greater_than_equal": ("ge", "at least"),
        "greater_than": ("gt", "above"),
        "less_than_equal": ("le", "at most"),
        "less_than": ("lt", "below"),
    }
    if kind in bounds:
        name, words = bounds[kind]
        allowed = f"{words} {context[name]}"
    elif kind in ("literal_error", "union_tag_invalid"):
        allowed = str(context.get("expected") or context.get("expected_tags")).replace("'", "")
    elif kind == "string_pattern_mismatch":
        allowed = f"a text of the form {context['pattern']}"
    elif kind == "union_tag_not_found":
        return f"{key} has no `kind`: allowed are {', '.join(_UNION_TAGS)}"
    elif kind in ("too_short", "string_too_short"):
        allowed = f"at least {context['min_length']} entry"
    else:
        allowed = _TYPES.get(kind, error["msg"])
    return f"{key} is {_short(value)}: allowed is {allowed}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
