"""The stage trials: what each side reads, that runs repeat, and that it costs nothing when off."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from pipeline.documents import write_documents
from pipeline.errors import UserError
from pipeline.files import read_json
from pipeline.params import Params, parse_params
from pipeline.tokenization.tokenizer import BOS_ID, decode, load_tokenizer, save_tokenizer
from pipeline.tokenization.train import train_bpe
from stages import trials
from tests.project import ROOT, one_line_of_trouble, run_stage, write_params

SUBJECTS = ["Әнием", "Бабам", "Күршебез", "Сеңлем", "Абыем", "Дустым"]
PLACES = ["авылда", "шәһәрдә", "урманда", "мәктәптә", "базарда"]
VERBS = ["китап укый", "хат яза", "озак сөйли", "кунак көтә", "эш эзли", "җыр җырлый"]
GOOD = [f"{who} бүген дә {where} {verb}." for who in SUBJECTS for where in PLACES for verb in VERBS]
DIRT = [f"<a href='/page?id={i}'>click here to read more {i * 7919 % 1000}</a>" for i in range(60)]
TRAIN, VALIDATION, TEST = GOOD[:140], GOOD[140:160], GOOD[160:]
LEAKS = [text.upper() for text in TEST] + ["\n".join(VALIDATION)]


def params_with(**changes: Any) -> Params:
    values = yaml.safe_load((ROOT / "presets/demo.yaml").read_text(encoding="utf-8"))
    values["trials"] |= {
        "variants": ["raw", "clean", "clean_dropout"],
        "tokens": 6000,
        "model": {"layers": 1, "width": 16, "heads": 2, "context": 16},
        "training": {"batch": 4},
    }
    values["trials"] |= changes
    return parse_params(values)


def write(folder: str, documents: dict[str, str]) -> None:
    rows = ({"id": name, "text": text, "source": "test"} for name, text in documents.items())
    write_documents(Path(folder), rows)


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with raw text that holds dirt, the test and copies of it; clean text; a
    tokenizer."""
    monkeypatch.chdir(tmp_path)
    named = {f"g{i}": text for i, text in enumerate(GOOD)}
    write("data/raw", named | {f"x{i}": text for i, text in enumerate([*DIRT, *LEAKS])})
    splits = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
    for split, texts in splits.items():
        write(f"data/clean/{split}", {f"g{GOOD.index(text)}": text for text in texts})
    save_tokenizer(train_bpe(TRAIN, 320), Path("data/tokenizer"))
    return tmp_path


@pytest.fixture
def calls(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What the trainings were given; they train nothing."""
    from pipeline.trials import compare

    seen: list[tuple[Any, ...]] = []

    class Result:
        bits_per_byte, seconds, tokens = 1.5, 0.0, 6000

    def train_quickly(*given: Any) -> Result:
        seen.append(given)
        return Result()

    monkeypatch.setattr(compare, "train_quickly", train_quickly)
    return seen


def texts_of(tokens: np.ndarray) -> list[str]:
    tokenizer = load_tokenizer(Path("data/tokenizer"))
    starts = np.flatnonzero(tokens == BOS_ID)
    return [decode(tokenizer, part.tolist()) for part in np.split(tokens, starts[1:])]


def report() -> dict[str, Any]:
    return read_json(Path("reports/trials.json"))


def test_without_variants_nothing_is_read_and_nothing_heavy_imported(tmp_path: Path) -> None:
    write_params(tmp_path)
    result = run_stage(tmp_path, "trials")
    assert result.returncode == 0 and "off" in result.stdout, result.stderr
    assert read_json(tmp_path / "reports/trials.json") == {"variants": []}
    loaded = "import sys, stages.trials; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", loaded], cwd=ROOT, check=True)


def test_every_variant_reads_the_same_number_of_tokens_and_runs_repeat(corpus: Path) -> None:
    trials.main(params_with(tokens=256))
    first = report()
    assert [row["name"] for row in first["variants"]] == ["raw", "clean", "clean_dropout"]
    for row in first["variants"]:
        bits = [one["bits_per_byte"] for one in row["seeds"]]
        assert row["tokens"] == 256
        assert row["bits_per_byte"] == pytest.approx(sum(bits) / 2) and len(set(bits)) == 2
        assert row["spread"] == pytest.approx(abs(bits[0] - bits[1]))
        assert 0.5 < row["bits_per_byte"] < 8 and row["passes"] > 0.02
    assert first["test_bytes"] == sum(len(text.encode()) for text in TEST)
    trials.main(params_with(tokens=256))
    for before, after in zip(first["variants"], report()["variants"], strict=True):
        assert before | {"seconds": 0} == after | {"seconds": 0}


def test_no_side_reads_a_test_document_however_it_came_in(calls: list[tuple[Any, ...]]) -> None:
    trials.main(params_with())
    assert len(calls) == 6
    held = {text.lower() for text in [*TEST, *VALIDATION]}
    for given in calls:
        read = {line.lower() for text in texts_of(given[2]) for line in text.split("\n")}
        assert not read & held
    raw, clean, _ = report()["variants"]
    assert raw["left_out"] > 0.25 and clean["left_out"] == 0


def test_raw_reads_the_dirt_and_clean_does_not(calls: list[tuple[Any, ...]]) -> None:
    trials.main(params_with())
    raw, clean, dropout = (set(texts_of(calls[place][2])) for place in (0, 2, 4))
    assert raw == {*TRAIN, *DIRT} and clean == dropout == set(TRAIN)


def test_all_are_measured_on_the_same_plain_test_text(calls: list[tuple[Any, ...]]) -> None:
    trials.main(params_with())
    assert all((given[3] == calls[0][3]).all() for given in calls)
    assert sorted(texts_of(calls[0][3])) == sorted(TEST)
    assert [given[7] for given in calls] == [0, 1] * 3


def test_dropout_cuts_anew_in_each_pass(calls: list[tuple[Any, ...]]) -> None:
    trials.main(params_with())
    tokens = calls[4][2]
    texts = texts_of(tokens)
    assert len(tokens) >= 6000 and len(texts) % len(TRAIN) == 0 and len(texts) > len(TRAIN)
    assert texts[: len(TRAIN)] == texts[len(TRAIN) : 2 * len(TRAIN)]
    parts = np.split(tokens, np.flatnonzero(tokens == BOS_ID)[1:])
    assert any(len(a) != len(b) for a, b in zip(parts, parts[len(TRAIN) :], strict=False))


def test_unweighted_reads_what_is_repeated_once(calls: list[tuple[Any, ...]]) -> None:
    write("data/clean/train", {f"g{i}{again}": t for again in "ab" for i, t in enumerate(TRAIN)})
    trials.main(params_with(variants=["clean", "unweighted"]))
    assert sorted(texts_of(calls[0][2])) == sorted(TRAIN * 2)
    assert sorted(texts_of(calls[2][2])) == sorted(TRAIN)


def test_unweighted_without_weights_is_one_line(corpus: Path) -> None:
    with pytest.raises(UserError, match="no document of data/clean/train is repeated"):
        trials.main(params_with(variants=["clean", "unweighted"]))


def test_too_little_text_is_one_line_with_the_key_to_change(corpus: Path) -> None:
    with pytest.raises(UserError, match=r"the text of clean has .* lower trials\.training\.batch"):
        trials.main(params_with(variants=["clean"], training={"batch": 4000}))
    assert not Path("reports/trials.json").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"variants": ["cleen"]}, "trials.variants[0] is 'cleen': allowed is raw, clean"),
        ({"variants": ["raw"]}, "trials.variants: name clean too"),
        ({"variants": ["clean", "clean"]}, "trials.variants: variants must differ"),
        ({"seeds": 1}, "trials.seeds is 1: allowed is at least 2"),
        ({"bpe_dropout": 1.0}, "trials.bpe_dropout is 1.0: allowed is below 1"),
    ],
)
def test_a_wrong_param_is_one_line(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    write_params(tmp_path, trials=change)
    assert said in one_line_of_trouble(run_stage(tmp_path, "trials"))


def test_missing_inputs_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="missing"):
        trials.main(params_with())
