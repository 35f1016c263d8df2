"""What a user gets to see when a source is bad: one line, exit code 1, and nothing half-written."""

import gzip
import lzma
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


def write_params(folder: Path, path: str, column: str = "text") -> None:
    values = yaml.safe_load((ROOT / "presets" / "demo.yaml").read_text(encoding="utf-8"))
    source = {"kind": "files", "path": path, "column": column}
    values["corpus"] = {"language": "tat", "unit": "line", "sources": [source]}
    (folder / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")


def start(stage: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", f"stages.{stage}"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(stage: str, folder: Path) -> tuple[int, list[str]]:
    process = start(stage, folder)
    _, errors = process.communicate(timeout=120)
    return process.returncode, errors.splitlines()


GOOD = "Бүген һава бик матур.\n" * 2000
BAD: dict[str, tuple[bytes, str]] = {
    "empty.txt": (b"", "has no text"),
    "picture.txt": (b"\x89PNG\r\n\x1a\n" + bytes(99), "is not text: it is a PNG image"),
    "cut.txt.xz": (lzma.compress(GOOD.encode())[:-20], "ends too early: its xz data is cut off"),
    "cut.txt.gz": (gzip.compress(GOOD.encode())[:-20], "ends too early: its gzip data is cut off"),
    "other.csv": (
        b"id,body\n1,x\n",
        "has no column 'text': set corpus.sources column to one of id,",
    ),
    "broken.jsonl": (b'{"text": "a"}\n{"text": \n', "broken.jsonl:2 is not valid JSON"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_ends_in_one_line_and_nothing_is_left(name: str, tmp_path: Path) -> None:
    content, message = BAD[name]
    (tmp_path / name).write_bytes(content)
    write_params(tmp_path, name)
    assert run("sources", tmp_path) == (0, [])
    code, errors = run("download", tmp_path)
    assert code == 1
    assert len(errors) == 1
    assert errors[0].startswith("tugantel download: ")
    assert message in errors[0]
    kept = sorted(path.name for path in (tmp_path / "data").iterdir())
    assert kept == ["probes", "references.json", "sources.json"]


def test_a_missing_path_is_said_by_the_first_stage(tmp_path: Path) -> None:
    write_params(tmp_path, "nowhere/text.txt")
    code, errors = run("sources", tmp_path)
    assert code == 1
    assert len(errors) == 1
    assert "nowhere/text.txt does not exist" in errors[0]
    assert not (tmp_path / "data").exists()


def test_download_before_sources_says_what_to_run(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(GOOD, encoding="utf-8")
    write_params(tmp_path, "a.txt")
    code, errors = run("download", tmp_path)
    assert code == 1
    assert errors == ["tugantel download: data/sources.json is missing: run `dvc repro` to make it"]


@pytest.mark.faults
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_download_leaves_no_half_corpus_and_the_next_run_is_whole(
    number: signal.Signals, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text(GOOD * 100, encoding="utf-8")
    write_params(tmp_path, "a.txt")
    assert run("sources", tmp_path)[0] == 0
    process = start("download", tmp_path)
    partial = tmp_path / "data" / ".raw.partial"
    until = time.monotonic() + 60
    while not list(partial.glob("part-*.parquet")) and time.monotonic() < until:
        assert process.poll() is None, "it ended before it was killed"
        time.sleep(0.005)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode in (-signal.SIGKILL, 130)
    assert not (tmp_path / "data" / "raw").exists()
    (tmp_path / "a.txt").write_text(GOOD, encoding="utf-8")
    assert run("sources", tmp_path)[0] == 0
    assert run("download", tmp_path)[0] == 0
    names = sorted(path.name for path in (tmp_path / "data" / "raw").iterdir())
    assert names == ["part-00000.parquet", "sources.json"]
    assert not partial.exists()
