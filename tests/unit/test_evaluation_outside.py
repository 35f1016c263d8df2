"""Models of transformers behind our contract: their bits are theirs, and bad folders are named."""

import json
import math
from pathlib import Path

import pytest
import torch
from evaluation_doubles import TEXTS, small_model, small_tokenizer

from pipeline.errors import UserError
from pipeline.evaluation.likelihood import text_bits
from pipeline.evaluation.outside import load_any
from pipeline.generation import generate
from pipeline.models import save_model
from pipeline.tokenization.tokenizer import BOS_ID, encode_text, save_tokenizer

TOKENIZER = small_tokenizer()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GPT-2 with random weights, saved as transformers saves it."""
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("gpt2")
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=TOKENIZER.get_vocab_size() + 8, n_positions=24, n_embd=16, n_layer=2, n_head=2
    )
    model = GPT2LMHeadModel(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, 0.3)
    model.save_pretrained(folder)
    save_tokenizer(TOKENIZER, folder / "own")
    fast = PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "own/tokenizer.json"), bos_token="<|endoftext|>"
    )
    fast.save_pretrained(folder)
    return folder


def test_bits_are_those_that_transformers_gives_text_by_text(folder: Path) -> None:
    from transformers import GPT2LMHeadModel

    theirs = GPT2LMHeadModel.from_pretrained(folder).eval()
    model, tokenizer = load_any(folder)
    assert model.config.context == 24
    short = [text for text in TEXTS if len(encode_text(TOKENIZER, text)) < 24]
    assert short
    for text, bits in zip(short, text_bits(model, tokenizer, short), strict=True):
        ids = torch.tensor([[BOS_ID, *encode_text(TOKENIZER, text)]])
        with torch.inference_mode():
            nats = theirs(ids, labels=ids).loss.item() * (ids.shape[1] - 1)
        assert bits == pytest.approx(nats / math.log(2), rel=1e-5)


def test_a_text_longer_than_the_context_is_scored_in_windows(folder: Path) -> None:
    model, tokenizer = load_any(folder)
    long = " ".join(TEXTS)
    (bits,) = text_bits(model, tokenizer, [long])
    assert len(encode_text(tokenizer, long)) > 48
    assert math.isfinite(bits)


def test_it_writes_with_its_cache_what_it_writes_without(folder: Path) -> None:
    model, tokenizer = load_any(folder)
    written = generate(model, tokenizer, "Бер", tokens=12, temperature=0)
    ids = [BOS_ID, *encode_text(tokenizer, "Бер")]
    with torch.inference_mode():
        for _ in range(12):
            ids.append(int(model(torch.tensor([ids]))[0][0, -1].argmax()))
    assert written == tokenizer.decode(ids[len(ids) - 12 :])


def test_a_model_of_ours_is_loaded_as_ours(tmp_path: Path) -> None:
    save_tokenizer(TOKENIZER, tmp_path / "own")
    save_model(tmp_path, small_model("lstm", TOKENIZER), tmp_path / "own/tokenizer.json")  # type: ignore[arg-type]
    model, _ = load_any(tmp_path)
    assert model.config.family == "lstm"


def test_folders_without_a_whole_model_are_one_line(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no config"):
        load_any(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(UserError, match="not valid JSON"):
        load_any(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(UserError, match="does not load with transformers") as error:
        load_any(tmp_path)
    assert "\n" not in str(error.value)


def test_a_tokenizer_of_another_model_is_one_line(folder: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(folder, tmp_path / "mixed")
    file = tmp_path / "mixed/tokenizer.json"
    values = json.loads(file.read_text(encoding="utf-8"))
    first = len(values["model"]["vocab"])
    values["model"]["vocab"] |= {f"еще{n}": first + n for n in range(50)}
    file.write_text(json.dumps(values, ensure_ascii=False), encoding="utf-8")
    with pytest.raises(UserError, match="do not belong together"):
        load_any(tmp_path / "mixed")
