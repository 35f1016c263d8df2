"""What a user gets to see when a source is bad: one line, exit code 1, and nothing half-written."""

import gzip
import lzma
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.documents import read_texts
from pipeline.files import read_json
from tests.unit.corpus_server import Served, serving

ROOT = Path(__file__).parents[2]


def write_params(folder: Path, path: str, column: str = "text") -> None:
    write_source(folder, {"kind": "files", "path": path, "column": column})


def write_source(folder: Path, source: dict[str, Any]) -> None:
    values = yaml.safe_load((ROOT / "presets" / "demo.yaml").read_text(encoding="utf-8"))
    values["corpus"] = {"language": "tat", "unit": "line", "sources": [source]}
    (folder / "params.yaml").write_text(yaml.safe_dump(values), encoding="utf-8")


def start(stage: str, folder: Path, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", f"stages.{stage}"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(stage: str, folder: Path, **variables: str) -> tuple[int, list[str]]:
    process = start(stage, folder, **variables)
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
    "nul.txt": (GOOD.encode() + bytes(9999), "is not text: byte 78,000 is NUL"),
    "archive.zip": (b"PK\x03\x04" + bytes(99), "is not text: it is a ZIP archive"),
    "bomb.txt.gz": (
        gzip.compress(b"a" * (100 << 20)),
        "bomb.txt.gz unpacks to more than 100 times its size: not read",
    ),
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
    assert kept == ["benchmark.json", "probes", "ready.json", "references.json", "sources.json"]


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


def test_a_download_that_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    content = "".join(f"Бу {n} нче юл.\n" for n in range(100_000)).encode()
    served = Served(content, kind="text/plain", plan=["hang:1500000"])
    with serving({"text.txt": served}) as address:
        write_source(tmp_path, {"kind": "url", "url": f"{address}/text.txt"})
        assert run("sources", tmp_path) == (0, [])
        process = start("download", tmp_path)
        downloads = tmp_path / ".cache" / "downloads"
        until = time.monotonic() + 60
        while not any(path.stat().st_size > 1 << 20 for path in downloads.glob("*.part")):
            assert process.poll() is None, "it ended before it was killed"
            assert time.monotonic() < until, "nothing came"
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        served.go_on.set()
        (part,) = downloads.glob("*.part")
        arrived = part.stat().st_size
        assert not (tmp_path / "data" / "raw").exists()
        assert run("download", tmp_path) == (0, [])
        assert served.requests[-1]["Range"] == f"bytes={arrived}-"
        assert len(list(read_texts(tmp_path / "data" / "raw"))) == 100_000
        assert run("download", tmp_path) == (0, [])
    assert len(served.requests) == 2  # the third run found it in the cache
    assert len(list(downloads.iterdir())) == 2


PAGE = b"<!DOCTYPE html><title>404</title>"
TROUBLE: dict[str, tuple[Served, str]] = {
    "a page that says 200": (Served(PAGE, kind="text/html"), "is a web page, not an archive"),
    "a long wait": (Served(b"", plan=[429], retry_after="4000"), "asks to be left alone for 4000"),
    "half an archive": (Served(gzip.compress(GOOD.encode())[:50]), "is damaged"),
    "a bomb": (Served(gzip.compress(bytes(90 << 20))), "unpacks to more than 100 times its size"),
}


@pytest.mark.parametrize("name", TROUBLE)
def test_a_server_in_trouble_ends_in_one_line_and_nothing_is_left(
    name: str, tmp_path: Path
) -> None:
    served, message = TROUBLE[name]
    write_source(tmp_path, {"kind": "leipzig", "name": "tat_news_2015_10K"})
    with serving({"tat_news_2015_10K.tar.gz": served}) as address:
        assert run("sources", tmp_path) == (0, [])
        code, errors = run("download", tmp_path, TUGANTEL_LEIPZIG_URL=address)
    assert (code, len(errors)) == (1, 1)
    assert message in errors[0]
    assert not (tmp_path / "data" / "raw").exists()


def test_no_file_tells_where_the_text_lay(tmp_path: Path) -> None:
    """Names and hashes are written down; the folder is nobody's business."""
    text = tmp_path / "private" / "diary.txt"
    text.parent.mkdir()
    text.write_text(GOOD, encoding="utf-8")
    write_params(tmp_path, str(text))
    for stage in ("sources", "download"):
        assert run(stage, tmp_path)[0] == 0
    for path in (tmp_path / "data").rglob("*"):
        assert not path.is_file() or b"private" not in path.read_bytes(), path
    (record,) = read_json(tmp_path / "data" / "raw" / "sources.json")["sources"]
    assert record["files"][0]["name"] == "diary.txt"


def test_the_cache_of_downloads_is_no_out() -> None:
    """DVC deletes outs before a stage runs again; what was fetched is to survive that."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    for stage in stages.values():
        for out in stage.get("outs", []) + stage.get("metrics", []):
            assert not str(next(iter(out)) if isinstance(out, dict) else out).startswith(".cache")
    assert ".cache/" in (ROOT / ".gitignore").read_text(encoding="utf-8").split()


def test_a_row_of_100_megabytes_is_read_in_bounded_memory(tmp_path: Path) -> None:
    line = "сүз һәм эш " * (100_000_000 // 19)
    (tmp_path / "a.jsonl").write_text('{"text": "юл"}\n{"text": "' + line + '"}\n')
    write_params(tmp_path, "a.jsonl")
    code = (
        "from pipeline.params import load_params; from stages import download, sources\n"
        "p = load_params(); sources.main(p); download.main(p)\n"
        "peak = open('/proc/self/status').read().split('VmHWM:')[1].split()[0]\n"
        "assert int(peak) < 1500 << 10, peak"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)
    record = read_json(tmp_path / "data" / "raw" / "sources.json")["sources"][0]
    assert (record["documents"], record["bytes"]) == (2, 4 + len(line.encode()))


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
