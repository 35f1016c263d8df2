"""What a stage does with failures: one line and an exit code, whoever raised them."""

import errno
import json
from pathlib import Path

import pytest

from pipeline.errors import UserError
from stages import run
from tests.project import write_params


class LibraryError(Exception):
    """As a compiled library would raise it: no errno, only words."""


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UserError("the text\nis empty"), 1, "the text is empty"),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "the disk is full"),
        (LibraryError("I/O error: No space left on device (os error 28)"), 1, "the disk is full"),
        (PermissionError(errno.EACCES, "denied", "data/raw"), 1, "no permission to write data/raw"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_an_expected_failure_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    said: str,
) -> None:
    write_params(tmp_path)
    monkeypatch.chdir(tmp_path)

    def main(params: object) -> None:
        raise error

    with pytest.raises(SystemExit) as ended:
        run(main)
    assert ended.value.code == code
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("tugantel ") and said in line
    assert not (tmp_path / ".cache").exists(), "what a failed stage took was noted"


def test_a_stage_that_ends_well_notes_what_it_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_params(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["stage", "lstm"])
    with pytest.raises(SystemExit) as ended:
        run(lambda params, name: None, argument=True)
    assert ended.value.code == 0
    (note,) = (tmp_path / ".cache/stages").glob("*@lstm.json")
    assert json.loads(note.read_text())["seconds"] >= 0


def test_a_mistake_of_ours_is_not_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_params(tmp_path)
    monkeypatch.chdir(tmp_path)

    def main(params: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(main)


def test_bad_params_stop_a_stage_before_it_does_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_params(tmp_path, evaluation={"samples": 0})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        run(lambda params: pytest.fail("ran"))
    assert ended.value.code == 1
    assert "evaluation.samples is 0: allowed is at least 1" in capsys.readouterr().err
