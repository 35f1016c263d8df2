"""A small project for what measures: a corpus of made sentences and an untrained model."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import yaml

from pipeline.documents import write_documents
from pipeline.models import ModelConfig, build_model, save_model
from pipeline.params import Params, load_params
from pipeline.tokenization.tokenizer import save_tokenizer
from pipeline.tokenization.train import train_bpe

ROOT = Path(__file__).parents[2]
PEOPLE = ["Айдар", "Алсу", "Булат", "Гөлназ", "Дамир", "Зөһрә"]
PLACES = ["Казанда", "Уфада", "Чаллыда"]


def rows(name: str, texts: list[str]) -> Iterator[dict[str, str]]:
    for number, text in enumerate(texts):
        yield {"id": f"{name}{number}", "text": text, "source": "test"}


def sentence(number: int) -> str:
    one, other = PEOPLE[number % 6], PEOPLE[(number + 1 + number // 6) % 6]
    return f"{one} белән {other} {PLACES[number % 3]} яши, көн саен {number} китап укый."


def params(**changes: Any) -> Params:
    """The demo's params, with little to write and `changes` to the section `evaluation`."""
    preset = load_params(ROOT / "presets/demo.yaml")
    small = {"samples": 3, "few_shot_questions": 5, "cloze": 10, **changes}
    return preset.model_copy(
        update={
            "generation": preset.generation.model_copy(update={"tokens": 8}),
            "evaluation": preset.evaluation.model_copy(update=small),
        }
    )


def write_params(folder: Path, **changes: Any) -> None:
    """`params` as a file."""
    values = params(**changes).model_dump(mode="json")
    (folder / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")


def make_project(folder: Path, context: int = 32) -> None:
    """Write data/clean, data/probes, data/tokenizer and data/model."""
    training = [sentence(number) for number in range(120)]
    write_documents(folder / "data/clean/train", rows("train", training))
    held_out = [sentence(number).replace("укый", "сата") for number in range(200, 240)]
    write_documents(folder / "data/clean/test", rows("test", held_out))
    (folder / "data/probes").mkdir()
    save_tokenizer(train_bpe(training, 300), folder / "data/tokenizer")
    make_model(folder / "data/model", folder / "data/tokenizer/tokenizer.json", 0, context=context)


def make_model(
    folder: Path, tokenizer: Path, seed: int, opinion: float = 0.5, context: int = 32
) -> None:
    """An untrained model that is so sure of what it happens to think."""
    torch.manual_seed(seed)
    model = build_model(ModelConfig("modern", 300, 1, 16, 2, 1, 32, context, 0.1, True))
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, opinion)
    folder.mkdir(parents=True)
    save_model(folder, model, tokenizer)
