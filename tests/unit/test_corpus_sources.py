"""What every source may say: how much of it is taken, how often it is read, where it goes."""

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from corpus_server import Served, serving
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.corpus import SourceRecord, documents, open_record
from pipeline.corpus.fingerprint import as_text, corpus_settings, reference_settings
from pipeline.errors import UserError
from pipeline.params import Params, parse_params
from tests.project import ROOT

LINES = [f"Бу {n} нче юл, ул озын түгел." for n in range(200)]


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("\n".join(LINES), encoding="utf-8")


def params(*sources: dict[str, Any], unit: str = "line", **cleaning: Any) -> Params:
    values = yaml.safe_load((ROOT / "presets/demo.yaml").read_text(encoding="utf-8"))
    values["corpus"] = {"language": "tat", "unit": unit, "sources": list(sources)}
    values["cleaning"] |= cleaning
    values["demo"] = {"documents": 300, "people": 10}
    return parse_params(values)


def read(source: dict[str, Any], unit: str = "line") -> tuple[list[str], SourceRecord]:
    given_params = params(source, unit=unit)
    record = open_record(given_params.corpus.sources[0], "corpus")
    rows = list(documents(given_params.corpus.sources[0], given_params, record))
    return [row["text"] for row in rows], record


def of_files(**more: Any) -> dict[str, Any]:
    return {"kind": "files", "path": "a.txt", **more}


def megabytes(lines: int) -> float:
    return sum(len(line.encode()) for line in LINES[:lines]) / 1e6


@pytest.mark.parametrize("kept", [1, 7, 199])
def test_a_cap_takes_the_first_of_a_source_and_says_so(kept: int) -> None:
    for spare in (0, 1e-6, 10e-6):
        found, record = read(of_files(cap_megabytes=megabytes(kept) + spare))
        assert found == LINES[:kept]
        assert (record.documents, record.capped) == (kept, True)
        assert record.bytes == round(megabytes(kept) * 1e6)
        assert "the rest was left (cap_megabytes)" in record.notes()[-1]


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(60, 20_000))
def test_no_more_than_the_cap_is_ever_taken(limit: int) -> None:
    found, record = read(of_files(cap_megabytes=limit / 1e6))
    assert sum(len(text.encode()) for text in found) == record.bytes <= limit
    assert record.capped == (found != LINES)


def test_a_cap_that_takes_all_changes_nothing() -> None:
    whole, record = read(of_files())
    assert not record.capped
    for cap in (megabytes(200), 1, 10_000):
        found, record = read(of_files(cap_megabytes=cap))
        assert (found, record.capped, record.notes()) == (whole, False, [])


def test_of_one_long_document_the_beginning_is_taken() -> None:
    found, record = read(of_files(cap_megabytes=megabytes(9) + 20e-6), unit="file")
    assert found == ["\n".join(LINES[:9])]
    assert (record.documents, record.capped) == (1, True)
    Path("a.txt").write_text("сүз" * 1000)
    assert read(of_files(cap_megabytes=0.0011), unit="file")[0] == ["сүз" * 183 + "с"]


def test_a_cap_that_leaves_nothing_is_said_to_do_so() -> None:
    with pytest.raises(UserError, match="corpus has no text within its cap_megabytes: raise it"):
        read(of_files(cap_megabytes=1e-6))


def test_nothing_is_read_beyond_the_cap() -> None:
    Path("a.txt").write_bytes(b"good line\n" * 2000 + b'"' * 99)
    Path("a.csv").write_bytes(b"text\n" + b"good line\n" * 20000 + b"a,b,c\n")
    with pytest.raises(UserError):
        read(of_files(path="a.csv"))
    assert len(read(of_files(path="a.csv", cap_megabytes=0.009))[0]) == 1000


def leipzig() -> bytes:
    stream = io.BytesIO()
    content = "".join(f"{n}\t{line}\n" for n, line in enumerate(LINES, 1)).encode()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        member = tarfile.TarInfo("tat_news_2015_10K-sentences.txt")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def test_every_kind_of_source_takes_a_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("set").mkdir()
    rows = "".join(json.dumps({"text": line}) + "\n" for line in LINES)
    Path("set/train.jsonl").write_text(rows)
    text = Served(Path("a.txt").read_bytes(), kind="text/plain")
    with serving({"tat_news_2015_10K.tar.gz": Served(leipzig()), "b.txt": text}) as address:
        monkeypatch.setenv("TUGANTEL_LEIPZIG_URL", address)
        for source in (
            of_files(),
            {"kind": "hub", "name": "set"},
            {"kind": "url", "url": f"{address}/b.txt"},
            {"kind": "leipzig", "name": "tat_news_2015_10K"},
        ):
            found, record = read({**source, "cap_megabytes": megabytes(5)})
            assert (found, record.capped) == (LINES[:5], True), source
        found, record = read({"kind": "demo", "cap_megabytes": 0.001})
        assert found and record.capped and record.bytes <= 1000


def test_a_stream_that_is_left_early_ends_the_program_well() -> None:
    """`datasets` reads ahead in threads, which must not crash what is shutting down."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    Path("set").mkdir()
    pq.write_table(pa.table({"text": LINES * 500}), "set/train.parquet", row_group_size=1000)
    code = (
        "from pipeline.params import HubSource; from pipeline.corpus import documents\n"
        "source = HubSource(kind='hub', name='set', cap_megabytes=0.005)\n"
        "print(len(list(documents(source, None))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT), "PATH": "", "HOME": "."},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) == sum(megabytes(n) <= 0.005 for n in range(1, 201))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cap_megabytes": 0}, "cap_megabytes is 0: allowed is above 0"),
        ({"cap_megabytes": float("inf")}, "cap_megabytes is inf"),
        ({"weight": 0}, "weight is 0: allowed is above 0"),
        ({"weight": 21}, "weight is 21: allowed is at most 20"),
        ({"weight": float("nan")}, "weight is nan"),
        ({"part": "dev"}, "part is 'dev': allowed is train, validation or test"),
    ],
)
def test_what_makes_no_sense_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=rf"corpus\.sources\[0\]\.{said}"):
        params(of_files(**change))


def test_a_cap_shapes_the_corpus_and_a_weight_only_its_use() -> None:
    plain = as_text(corpus_settings(params(of_files())))
    assert as_text(corpus_settings(params(of_files(weight=2.0, part="test")))) == plain
    assert as_text(corpus_settings(params(of_files(cap_megabytes=2)))) != plain
    used = reference_settings(params(of_files(weight=2.0), of_files(part="test")))
    assert used["weights"] == {"a.txt": 2.0, "a.txt-2": 1.0}
    assert used["parts"] == {"a.txt-2": "test"}


def test_held_out_texts_are_named_and_hashed(tmp_path: Path) -> None:
    Path("bench").mkdir()
    for name in ("x.txt", "y.jsonl"):
        Path("bench", name).write_text("{}")
    used = reference_settings(params(of_files(), held_out=[str(tmp_path / "bench"), "a.txt"]))
    assert [file["name"] for file in used["held_out"]] == ["x.txt", "y.jsonl", "a.txt"]
    assert str(tmp_path) not in as_text(used)
    Path("bench/x.txt").write_text("[]")
    assert reference_settings(params(of_files(), held_out=["bench", "a.txt"])) != used
    with pytest.raises(UserError, match=r"none\.txt does not exist: cleaning\.held_out must be"):
        reference_settings(params(of_files(), held_out=["none.txt"]))


def test_no_path_of_an_identifier_is_written_down(tmp_path: Path) -> None:
    used = reference_settings(params(of_files(), identifier=str(tmp_path / "gone.ftz")))
    assert used["identifier"] == "gone.ftz"
    assert reference_settings(params(of_files(), identifier="lid.176"))["identifier"] == "lid.176"
