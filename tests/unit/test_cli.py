"""The command line, as its users call it."""

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.models import ModelConfig, build_model, save_model
from tests.project import ROOT


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tokenizer_folder: Path) -> Path:
    """A project with an untrained model."""
    (tmp_path / "presets").symlink_to(ROOT / "presets")
    folder = tmp_path / "data/model"
    folder.mkdir(parents=True)
    torch.manual_seed(0)
    config = ModelConfig("modern", 320, 1, 32, 2, 2, 48, 32, 0.0, True)
    save_model(folder, build_model(config), tokenizer_folder / "tokenizer.json")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*words: str, feed: str | None = None) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(words), input=feed)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def test_score_gives_bits_and_bytes_of_every_line(project: Path) -> None:
    Path("text").write_bytes("Бүген һава матур.\n\nтест\r\n".encode())
    code, out, _ = call("score", "text", "--json")
    result = json.loads(out)
    assert code == 0
    assert [line["bytes"] for line in result["lines"]] == [31, 0, 8]
    assert result["lines"][1]["bits"] == 0 and result["lines"][0]["bits"] > 0
    total = sum(line["bits"] for line in result["lines"])
    assert result["bits_per_byte"] == pytest.approx(total / result["bytes"])


def test_generate_writes_the_prompt_and_repeats_with_a_seed(project: Path) -> None:
    first = call("generate", "Бүген", "--tokens", "20", "--seed", "1")
    assert first[0] == 0 and first[1].startswith("Бүген")
    assert first == call("generate", "Бүген", "--tokens", "20", "--seed", "1")


def test_chat_answers_each_turn_and_ends_at_an_empty_line(project: Path) -> None:
    code, out, _ = call("chat", "--tokens", "5", feed="Сәлам!\nСин кем?\n\n")
    assert code == 0 and len(out.split("\n")) >= 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["generate", "a", "--model", "nowhere"], "no trained model in nowhere"),
        (["generate", "a", "--temperature", "11"], "--temperature 11"),
        (["generate", "a", "--stop", ""], "--stop ''"),
        (["chat", "--model", "nowhere"], "no trained model in nowhere"),
        (["serve", "--model", "nowhere"], "no trained model in nowhere"),
        (["serve", "--model", "data/model", "--model", "data/model"], "given twice"),
        (["score", "nowhere"], "nowhere does not exist"),
        (["use", "klingon"], "no preset klingon"),
        (["use", "files", "--language", "kin"], "--path"),
        (["use", "demo", "--path", "x"], "goes with `tugantel use files`"),
        (["use", "files", "--language", "kin", "--path", "nowhere"], "nowhere does not exist"),
        (["use", "files", "--language", "kin", "--path", "x", "--contaminants", "y"], "no folder"),
        (["use", "files", "--language", "kin", "--path", "x", "--identifier", "y"], "no file"),
        (["repro"], "params.yaml is missing"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(project: Path, words: list[str], said: str) -> None:
    code, _, err = call(*words)
    assert code == 1
    assert len(err.splitlines()) == 1 and said in err
    assert not Path("params.yaml").exists()


@pytest.mark.parametrize(
    ("content", "said"), [(b"a\0b", "NUL"), (b"  \n\n", "no text"), (b"", "no text")]
)
def test_a_file_that_is_no_text_is_not_scored(project: Path, content: bytes, said: str) -> None:
    Path("text").write_bytes(content)
    code, _, err = call("score", "text")
    assert code == 1 and said in err


def test_broken_utf8_is_scored_with_a_word_about_it(project: Path) -> None:
    Path("text").write_bytes(b"abc \xff def\n")
    code, out, err = call("score", "text", "--json")
    assert code == 0 and "1 broken" in err and json.loads(out)["lines"][0]["bytes"] == 11


def test_use_files_plans_from_the_text_and_doctor_reads_the_result(project: Path) -> None:
    Path("my.txt").write_text("Бүген һава матур, балалар урамда уйный.\n" * 3000)
    code, out, err = call("use", "files", "--language", "tat", "--path", "my.txt", "--minutes", "2")
    assert code == 0, err
    assert "0.2 MB in 3,000 documents" in out and "make repro" in out
    assert "tat" in Path("params.yaml").read_text()
    code, out, _ = call("doctor")
    assert code == 0 and "cores" in out and "a run would use" in out
