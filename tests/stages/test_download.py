"""`sources` and `download`: raw documents with their origin, all of them or none."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from pipeline.documents import read_texts
from pipeline.errors import UserError
from pipeline.files import read_json
from pipeline.params import Params, parse_params
from stages import download, sources

ROOT = Path(__file__).parents[2]
RAW = Path("data/raw")


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def params(*given: dict[str, Any], unit: str = "line") -> Params:
    return parse_params(values(*given, unit=unit))


def values(*given: dict[str, Any], unit: str = "line") -> dict[str, Any]:
    content = yaml.safe_load((ROOT / "presets" / "demo.yaml").read_text(encoding="utf-8"))
    content["corpus"] = {"language": "tat", "unit": unit, "sources": list(given)}
    content["demo"] = {"seed": 0, "people": 10, "documents": 300, "dirt": 0.14}
    return content


def files(path: str, **more: str) -> dict[str, Any]:
    return {"kind": "files", "path": path, **more}


def run(given: Params) -> None:
    sources.main(given)
    download.main(given)


def test_text_becomes_documents_with_their_origin(capsys: pytest.CaptureFixture[str]) -> None:
    Path("corpus").mkdir()
    Path("corpus/a.txt").write_text("бер\n\nике\n", encoding="utf-8")
    Path("corpus/b.csv").write_text("n,text\n1,өч\n", encoding="utf-8")
    run(params(files("corpus", licence="CC0")))
    table = pq.read_table(RAW / "part-00000.parquet")
    assert table.column_names == ["id", "text", "source"]
    assert table["text"].to_pylist() == ["бер", "ике", "өч"]
    assert set(table["source"].to_pylist()) == {"corpus"}
    (record,) = read_json(RAW / "sources.json")["sources"]
    assert (record["documents"], record["bytes"], record["licence"]) == (3, 16, "CC0")
    assert [file["name"] for file in record["files"]] == ["a.txt", "b.csv"]
    assert [path.name for path in Path("data/probes").iterdir()] == ["README.md"]
    assert capsys.readouterr().out == "corpus: 3 documents, 0.0 MB, licence CC0\n"


def test_two_runs_write_the_same_bytes() -> None:
    Path("a.txt").write_text("бер\nике\n" * 5000, encoding="utf-8")
    seen = []
    for _ in range(2):
        run(params(files("a.txt")))
        seen.append([path.read_bytes() for path in sorted(RAW.iterdir())])
    assert seen[0] == seen[1]


def test_sources_are_read_one_after_another_and_ids_stay_distinct() -> None:
    for folder in ("x", "y"):
        Path(folder).mkdir()
        Path(folder, "a.txt").write_text("бер\n", encoding="utf-8")
    run(params(files("x/a.txt"), files("y/a.txt")))
    table = pq.read_table(RAW / "part-00000.parquet")
    assert table["source"].to_pylist() == ["a.txt", "a.txt-2"]
    assert len(set(table["id"].to_pylist())) == 2


def test_the_demo_brings_labels_and_probes_and_mixes_with_files() -> None:
    Path("a.txt").write_text("бер\n", encoding="utf-8")
    run(params({"kind": "demo"}, files("a.txt")))
    table = pq.read_table(RAW / "part-00000.parquet")
    labels = table["label"].to_pylist()
    assert labels[-1] is None
    assert labels.count("good") == 300
    assert len(set(table["id"].to_pylist())) == len(labels)
    assert read_json(Path("data/probes/facts.json"))["questions"]
    pairs = Path("data/probes/pairs.jsonl").read_text(encoding="utf-8").splitlines()
    assert set(json.loads(pairs[0])) == {"good", "bad", "phenomenon"}


def test_the_list_of_sources_is_touched_only_when_something_changed() -> None:
    Path("a.txt").write_text("бер\n", encoding="utf-8")
    sources.main(params(files("a.txt")))
    os.utime(sources.SOURCES, ns=(1, 1))
    sources.main(params(files("a.txt")))
    assert sources.SOURCES.stat().st_mtime_ns == 1
    Path("a.txt").write_text("ике\n", encoding="utf-8")
    sources.main(params(files("a.txt")))
    assert sources.SOURCES.stat().st_mtime_ns > 1


def test_text_that_changed_since_it_was_listed_is_refused() -> None:
    Path("a.txt").write_text("бер\n", encoding="utf-8")
    sources.main(params(files("a.txt")))
    Path("a.txt").write_text("ике\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"a\.txt/a\.txt changed since data/sources\.json"):
        download.main(params(files("a.txt")))
    with pytest.raises(UserError, match="the params of the corpus changed since"):
        Path("a.txt").write_text("бер\n", encoding="utf-8")
        download.main(params(files("a.txt"), unit="file"))
    assert not RAW.exists()


def test_text_that_changes_while_it_is_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("a.txt").write_text("бер\nике\n", encoding="utf-8")
    sources.main(params(files("a.txt")))
    write = download._write_raw

    def edited(*arguments: Any) -> Any:
        records = write(*arguments)
        Path("a.txt").write_text("бер\nөч!\n", encoding="utf-8")
        return records

    monkeypatch.setattr(download, "_write_raw", edited)
    with pytest.raises(UserError, match="changed since"):
        download.main(params(files("a.txt")))
    assert not RAW.exists()


@pytest.mark.parametrize("content", ["", "\n\n  \n", "\ufeff"])
def test_an_empty_corpus_is_refused(content: str) -> None:
    Path("a.txt").write_text(content, encoding="utf-8")
    sources.main(params(files("a.txt")))
    with pytest.raises(UserError, match=r"a\.txt has no text"):
        download.main(params(files("a.txt")))
    assert not RAW.exists()


def test_a_failed_run_leaves_the_former_documents_alone() -> None:
    Path("a.txt").write_text("бер\n", encoding="utf-8")
    run(params(files("a.txt")))
    Path("b.csv").write_text("text\nике\n" * 3 + "a,b,c\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"b\.csv:7 has 3 fields"):
        run(params(files("a.txt"), files("b.csv")))
    assert list(read_texts(RAW)) == ["бер"]
    names = sorted(path.name for path in Path("data").iterdir())
    assert names == [
        "benchmark.json",
        "probes",
        "raw",
        "ready.json",
        "references.json",
        "sources.json",
    ]


def test_broken_text_is_said_in_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    text = "Бүген һава бик матур.\n".encode()
    Path("a.txt").write_bytes(text * 9 + b"\xff\xfe\n" + text)
    run(params(files("a.txt")))
    assert "a.txt: 2 broken characters were replaced by U+FFFD" in capfd.readouterr().err
    assert read_json(RAW / "sources.json")["sources"][0]["replaced"] == 2


@pytest.mark.skipif("TUGANTEL_CORPORA" not in os.environ, reason="needs real text")
@pytest.mark.parametrize(
    ("name", "documents"),
    [
        ("tat/common-voice.txt", 17_844),
        ("kin/common-voice.txt.xz", 618_894),
        ("sme/giellatekno-free.jsonl.xz", 11_181),
    ],
)
def test_real_corpora_are_read_whole_in_little_memory(name: str, documents: int) -> None:
    path = Path(os.environ["TUGANTEL_CORPORA"], name).resolve()
    Path("params.yaml").write_text(yaml.safe_dump(values(files(str(path)))), encoding="utf-8")
    # VmHWM is of this program alone; ru_maxrss would remember the process that started it.
    code = (
        "from pipeline.params import load_params; from stages import download, sources\n"
        "p = load_params(); sources.main(p); download.main(p)\n"
        "peak = open('/proc/self/status').read().split('VmHWM:')[1].split()[0]\n"
        "assert int(peak) < 400 << 10, peak"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    (record,) = read_json(RAW / "sources.json")["sources"]
    assert (record["documents"], record["replaced"]) == (documents, 0)
