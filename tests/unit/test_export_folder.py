"""An exported model is the trained one, for every family and shape."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline.errors import UserError
from pipeline.models import build_model, load_model, save_model
from pipeline.models.config import ModelConfig
from pipeline.params import GenerationParams, ModelParams
from pipeline.publishing.check import check_export
from pipeline.publishing.convert import to_transformers
from pipeline.publishing.export import OUR_LOADER, Exported, export, generation_config
from pipeline.tokenization.tokenizer import save_tokenizer
from pipeline.tokenization.train import train_bpe

TEXTS = [
    "Марат базарга бара, анда алма сатып ала.",
    "Алсу мәктәптә укый, ул китап ярата.",
    "Бүген һава җылы, <|endoftext|> кояш яктырта.",
    "n'umwana yagiye ku isoko, 2024 — 13",
] * 3
FOR_TRANSFORMERS = {
    "modern": "Qwen3ForCausalLM",
    "modern_untied": "Qwen3ForCausalLM",
    "window": "Qwen3ForCausalLM",
    "all_windows": "Qwen3ForCausalLM",
    "experts": "Qwen3MoeForCausalLM",
    "experts_windows": "Qwen3MoeForCausalLM",
    "gpt2": "GPT2LMHeadModel",
    "gpt2_untied": "GPT2LMHeadModel",
}
SHAPES = {
    "modern": ModelParams(family="modern", layers=2, width=32, heads=4, kv_heads=2, context=32),
    "modern_untied": ModelParams(
        family="modern", layers=1, width=24, heads=3, context=16, tied=False
    ),
    "gpt2": ModelParams(family="gpt2", layers=2, width=32, heads=4, context=32),
    "gpt2_untied": ModelParams(
        family="gpt2", layers=1, width=16, heads=2, feedforward=40, context=16, tied=False
    ),
    "window": ModelParams(
        family="modern", layers=3, width=32, heads=4, kv_heads=2, context=32, window=5
    ),
    "all_windows": ModelParams(
        family="modern", layers=2, width=32, heads=4, context=32, window=7, window_pattern="S"
    ),
    "experts": ModelParams(
        family="modern", layers=2, width=32, heads=4, context=32, experts=4, feedforward=24
    ),
    "experts_windows": ModelParams(
        family="modern",
        layers=2,
        width=32,
        heads=4,
        context=32,
        experts=3,
        experts_per_token=1,
        window=6,
        window_pattern="S",
        tied=False,
    ),
    "experts_some_windows": ModelParams(
        family="modern", layers=2, width=32, heads=4, context=32, experts=3, window=6
    ),
    "batchnorm": ModelParams(
        family="modern", layers=1, width=16, heads=2, context=32, norm="batch"
    ),
    "soft_cap": ModelParams(layers=1, width=16, heads=2, context=32, soft_cap=9.0),
    "relu2": ModelParams(layers=1, width=16, heads=2, context=32, activation="relu2"),
    "biases": ModelParams(layers=1, width=16, heads=2, context=32, bias=True),
    "gpt2_window": ModelParams(family="gpt2", layers=2, width=16, heads=2, context=32, window=4),
    "ngram": ModelParams(family="ngram", context=32),
    "lstm": ModelParams(family="lstm", layers=1, width=16, context=32),
    "bigram": ModelParams(family="bigram", context=32),
}


@pytest.fixture(scope="module")
def tokenizer_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    save_tokenizer(train_bpe(TEXTS, 300), folder)
    return folder / "tokenizer.json"


def trained(folder: Path, params: ModelParams, tokenizer_file: Path) -> Path:
    """A model with no weight at its initial zero or one, so that none is mixed up unseen."""
    torch.manual_seed(1)
    model = build_model(ModelConfig.from_params(params, 300))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    if params.family == "ngram":
        model.train()(torch.randint(0, 300, (30, 32)))
    folder.mkdir()
    save_model(folder, model, tokenizer_file)
    return folder


def exported(tmp_path: Path, name: str, tokenizer_file: Path) -> tuple[Path, Path, Exported]:
    model = trained(tmp_path / "model", SHAPES[name], tokenizer_file)
    folder = tmp_path / "export"
    written = export(model, folder, GenerationParams(), card=lambda _: "card")
    return model, folder, written


@pytest.mark.parametrize("name", SHAPES)
def test_ids_and_logits_equal_those_of_the_trained_model(
    name: str, tmp_path: Path, tokenizer_file: Path
) -> None:
    model, folder, written = exported(tmp_path, name, tokenizer_file)
    assert written.for_transformers == (name in FOR_TRANSFORMERS)
    assert (written.obstacle is None) == written.for_transformers
    checked = check_export(model, folder, TEXTS, written.for_transformers)
    assert checked["ids_equal"] is True
    assert checked["documents_compared"] == len(TEXTS)
    assert checked["max_logit_difference"] < 1e-4


@pytest.mark.parametrize("name", FOR_TRANSFORMERS)
def test_transformers_loads_the_class_that_was_named(
    name: str, tmp_path: Path, tokenizer_file: Path
) -> None:
    from transformers import AutoModelForCausalLM

    _, folder, written = exported(tmp_path, name, tokenizer_file)
    model, said = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert type(model).__name__ == written.class_name == FOR_TRANSFORMERS[name]
    assert not any(said.values()), said
    assert sum(p.numel() for p in model.parameters()) == written.parameters


@pytest.mark.parametrize("name", ["modern", "gpt2", "window", "all_windows", "experts"])
def test_greedy_continuation_with_the_cache_of_transformers_is_ours(
    name: str, tmp_path: Path, tokenizer_file: Path
) -> None:
    from transformers import AutoModelForCausalLM

    folder, out, _ = exported(tmp_path, name, tokenizer_file)
    theirs = AutoModelForCausalLM.from_pretrained(out)
    ours, _ = load_model(folder)
    ids = torch.tensor([[0, 40, 70, 290]])
    found = theirs.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        min_new_tokens=10,
        max_new_tokens=10,
    )
    for _ in range(10):
        with torch.inference_mode():
            logits = ours(ids)[0][:, -1:]
            logits[..., 0] = -torch.inf  # as min_new_tokens forbids the end
            ids = torch.cat((ids, logits.argmax(-1)), dim=1)
    assert found.tolist() == ids.tolist()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("lstm", "family lstm"),
        ("bigram", "family bigram"),
        ("ngram", "family ngram"),
        ("batchnorm", "modern with norm: batch"),
        ("soft_cap", "a soft_cap on the logits"),
        ("relu2", "modern with activation: relu2"),
        ("biases", "modern with biases"),
        ("gpt2_window", "gpt2 with a window"),
        ("experts_some_windows", "experts together with windows in some of the layers only"),
    ],
)
def test_other_families_load_with_our_own_loader(
    name: str, said: str, tmp_path: Path, tokenizer_file: Path
) -> None:
    _, folder, written = exported(tmp_path, name, tokenizer_file)
    assert written.class_name == OUR_LOADER and written.obstacle == said
    model, _ = load_model(folder)
    assert model.config == ModelConfig.from_params(SHAPES[name], 300)
    from pipeline.publishing.hub_model import HubModel

    loaded = HubModel.from_pretrained(folder)
    tokens = torch.randint(0, 300, (2, 20))
    with torch.inference_mode():
        assert torch.equal(loaded(tokens)[0], model(tokens)[0])
    loaded.save_pretrained(tmp_path / "saved")
    for path in ("model.safetensors", "config.json", "tokenizer.json"):
        assert (tmp_path / "saved" / path).read_bytes() == (folder / path).read_bytes()


@pytest.mark.parametrize("name", ["modern", "gpt2", "bigram"])
def test_a_changed_weight_fails_the_check(name: str, tmp_path: Path, tokenizer_file: Path) -> None:
    model, folder, written = exported(tmp_path, name, tokenizer_file)
    weights = load_file(folder / "model.safetensors")
    key = min(weights)
    weights[key] = weights[key] + 0.05 * torch.randn_like(weights[key])
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match="logits differ"):
        check_export(model, folder, TEXTS, written.for_transformers)


def test_a_tokenizer_that_reads_special_tokens_in_text_fails_the_check(
    tmp_path: Path, tokenizer_file: Path
) -> None:
    model, folder, written = exported(tmp_path, "modern", tokenizer_file)
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text())
    settings["split_special_tokens"] = False
    path.write_text(json.dumps(settings))
    with pytest.raises(UserError, match="encodes"):
        check_export(model, folder, TEXTS, written.for_transformers)


def test_a_folder_that_does_not_load_is_one_line(tmp_path: Path, tokenizer_file: Path) -> None:
    model, folder, _ = exported(tmp_path, "modern", tokenizer_file)
    (folder / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(UserError, match="does not load"):
        check_export(model, folder, TEXTS, True)


def test_a_weight_without_a_place_or_a_missing_one_is_never_passed_over(
    tmp_path: Path, tokenizer_file: Path
) -> None:
    model, _ = load_model(trained(tmp_path / "model", SHAPES["modern"], tokenizer_file))
    weights = load_file(tmp_path / "model" / "model.safetensors")
    with pytest.raises(ValueError, match="no place for the weights extra"):
        to_transformers(model.config, weights | {"extra": torch.zeros(1)}, 0)
    del weights["blocks.1.feedforward.up.weight"]
    with pytest.raises(ValueError, match=r"blocks\.1\.feedforward\.up\.weight is missing"):
        to_transformers(model.config, weights, 0)


def test_two_exports_are_equal_byte_for_byte(tmp_path: Path, tokenizer_file: Path) -> None:
    model, folder, _ = exported(tmp_path, "modern", tokenizer_file)
    export(model, tmp_path / "again", GenerationParams(), card=lambda _: "card")
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name


def test_a_card_that_fails_leaves_the_former_export(tmp_path: Path, tokenizer_file: Path) -> None:
    model, folder, _ = exported(tmp_path, "bigram", tokenizer_file)
    before = {path.name for path in folder.iterdir()}
    with pytest.raises(ZeroDivisionError):
        export(model, folder, GenerationParams(), card=lambda _: str(1 / 0))
    assert {path.name for path in folder.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".partial")] == []


def test_no_model_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no trained model"):
        export(tmp_path / "nothing", tmp_path / "out", GenerationParams(), card=lambda _: "")
    assert not (tmp_path / "out").exists()


def test_sampling_settings_mean_the_same_to_transformers() -> None:
    assert generation_config(GenerationParams(temperature=0), 0, 256)["do_sample"] is False
    settings = generation_config(GenerationParams(top_k=None, top_p=None), 0, 256)
    assert (settings["top_k"], settings["top_p"], settings["do_sample"]) == (0, 1.0, True)


@pytest.mark.parametrize("name", ["modern", "gpt2", "experts"])
@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({}, {"do_sample": True, "temperature": 0.8, "top_p": 0.95, "max_new_tokens": 31}),
        ({"temperature": 0, "tokens": 5}, {"do_sample": False, "max_new_tokens": 5}),
        (
            {"top_k": 7, "top_p": None, "min_p": 0.1, "repetition_penalty": 1.2},
            {"top_k": 7, "min_p": 0.1, "repetition_penalty": 1.2},
        ),
    ],
)
def test_transformers_takes_the_sampling_settings_for_its_own(
    name: str, settings: dict, wanted: dict, tmp_path: Path, tokenizer_file: Path
) -> None:
    from transformers import AutoModelForCausalLM

    model = trained(tmp_path / "model", SHAPES[name], tokenizer_file)
    export(model, tmp_path / "out", GenerationParams(**settings), card=lambda _: "")
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    config = loaded.generation_config
    config.validate(strict=True)
    assert {key: getattr(config, key) for key in wanted} == wanted
    assert config.bos_token_id == config.eos_token_id == config.pad_token_id == 0
    written = loaded.generate(torch.tensor([[0]]), attention_mask=torch.ones(1, 1))
    assert 1 < written.shape[1] <= 1 + config.max_new_tokens <= 32, "it ends with the context"


def test_the_checked_model_folder_is_left_as_it_was(tmp_path: Path, tokenizer_file: Path) -> None:
    model, folder, written = exported(tmp_path, "gpt2", tokenizer_file)
    copy = tmp_path / "copy"
    shutil.copytree(model, copy)
    check_export(model, folder, TEXTS, written.for_transformers)
    for path in copy.iterdir():
        assert path.read_bytes() == (model / path.name).read_bytes()
