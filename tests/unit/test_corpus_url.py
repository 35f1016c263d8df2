"""A text by its address: any format, fetched once, and never something else in its place."""

import bz2
import gzip
import hashlib
import json
import lzma
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corpus_server import Served, serving

from pipeline.corpus import SourceRecord, compression, file_name, source_names, url
from pipeline.corpus import fetch as fetching
from pipeline.errors import UserError
from pipeline.params import FilesSource, UrlSource, parse_params
from tests.project import ROOT

TEXT = "Бүген һава матур.\nУл өйдә.\n\nБез эштә.\n"
LINES = ["Бүген һава матур.", "Ул өйдә.", "Без эштә."]


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fetching.time, "sleep", lambda seconds: None)


def read(
    served: Served, name: str = "text.txt", unit: str = "line", **given: str
) -> tuple[list[str], SourceRecord]:
    record = SourceRecord(name, "url", "unknown")
    with serving({f"texts/{name}": served}) as address:
        source = UrlSource(kind="url", url=f"{address}/texts/{name}", **given)
        rows = list(url.documents(source, unit, record))
    assert len({row["id"] for row in rows}) == len(rows)
    return [row["text"] for row in rows], record


def cached() -> list[str]:
    return sorted(path.name for path in Path(".cache/downloads").iterdir())


def parquet(texts: list[str]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"text": texts}), sink)
    return sink.getvalue().to_pybytes()


FORMATS = {
    "text.txt": TEXT.encode(),
    "text": TEXT.encode(),
    "text.txt.gz": gzip.compress(TEXT.encode()),
    "text.txt.xz": lzma.compress(TEXT.encode()),
    "text.txt.bz2": bz2.compress(TEXT.encode()),
    "text.csv": ("text\n" + TEXT).encode(),
    "text.tsv": ("n\ttext\n" + "".join(f"1\t{line}\n" for line in LINES)).encode(),
    "text.jsonl": "".join(json.dumps({"text": line}) + "\n" for line in LINES).encode(),
    "text.parquet": parquet(LINES),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_read_by_its_name(name: str) -> None:
    content = FORMATS[name]
    texts, record = read(Served(content, kind="text/plain"), name)
    assert texts == LINES
    assert record.files == [
        {"name": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    ]
    assert record.url is not None and record.url.endswith(f"/texts/{name}")


def test_a_copy_on_the_disk_gives_the_same_documents() -> None:
    from pipeline.corpus import files

    Path("text.txt").write_text(TEXT, encoding="utf-8")
    source = FilesSource(kind="files", path="text.txt")
    local = list(files.documents(source, "line", SourceRecord("text.txt", "files", "unknown")))
    with serving({"text.txt": Served(TEXT.encode())}) as address:
        remote = UrlSource(kind="url", url=f"{address}/text.txt")
        record = SourceRecord("text.txt", "url", "unknown")
        assert list(url.documents(remote, "line", record)) == local


def test_it_is_fetched_once_and_two_addresses_with_one_name_do_not_meet() -> None:
    one, two = Served(b"one\n"), Served(b"two\n")
    with serving({"a/input.txt": one, "b/input.txt": two}) as address:
        for _ in range(2):
            for folder, text in (("a", "one"), ("b", "two")):
                source = UrlSource(kind="url", url=f"{address}/{folder}/input.txt")
                record = SourceRecord("input.txt", "url", "unknown")
                assert [row["text"] for row in url.documents(source, "line", record)] == [text]
    assert (len(one.requests), len(two.requests)) == (1, 1)


def test_a_known_hash_is_checked() -> None:
    right = hashlib.sha256(TEXT.encode()).hexdigest()
    assert read(Served(TEXT.encode()), sha256=right)[0] == LINES
    with pytest.raises(UserError, match="has SHA-256"):
        read(Served(TEXT.encode() + b"!"), sha256=right)


def test_a_cut_transfer_goes_on_and_a_busy_server_is_waited_for() -> None:
    long = TEXT.encode() * 20_000
    served = Served(long, plan=[500, 429, "cut:300000"], retry_after="1")
    texts, _ = read(served)
    assert len(texts) == 60_000
    assert served.requests[-1]["Range"] == "bytes=300000-"


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "text/plain"])
@pytest.mark.parametrize("page", [b"<!DOCTYPE html><p>404", b"\xef\xbb\xbf\n <html><body>no"])
@pytest.mark.parametrize("name", ["text.txt", "text.jsonl.gz"])
def test_a_web_page_is_no_text(kind: str, page: bytes, name: str) -> None:
    with pytest.raises(UserError, match=r"is a web page, not (txt|gzip) data: check the name"):
        read(Served(page, kind=kind), name)
    assert cached() == []


def test_what_is_not_there_is_said_to_be_so() -> None:
    with serving({}) as address, pytest.raises(UserError, match=r"is not there \(HTTP 404\)"):
        source = UrlSource(kind="url", url=f"{address}/text.txt")
        list(url.documents(source, "line", SourceRecord("x", "url", "unknown")))


def test_a_length_that_is_too_short_is_noticed_where_the_data_can_tell() -> None:
    served = Served(gzip.compress(TEXT.encode() * 99), plan=["lie:-20"])
    with pytest.raises(UserError, match=r"ends too early: .*thrown away, run again"):
        read(served, "text.txt.gz")
    assert cached() == []
    assert len(read(served, "text.txt.gz")[0]) == 297


def test_a_damaged_file_is_thrown_away() -> None:
    whole = bytearray(gzip.compress(TEXT.encode() * 999))
    whole[len(whole) // 2] ^= 0xFF
    with pytest.raises(UserError, match=r"http.*text\.txt\.gz (is damaged|ends too).*thrown away"):
        read(Served(bytes(whole)), "text.txt.gz")
    assert cached() == []


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, bz2.compress])
def test_a_decompression_bomb_is_not_read(
    pack: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compression, "SPARE", 1 << 16)
    name = {gzip.compress: "a.txt.gz", lzma.compress: "a.txt.xz"}.get(pack, "a.txt.bz2")
    with pytest.raises(UserError, match=r"http.* unpacks to more than 100 times its size"):
        read(Served(pack(b"a b\n" * (1 << 20))), name)


def test_a_tar_archive_or_a_missing_column_is_named_by_its_address() -> None:
    with pytest.raises(UserError, match=r"http.*/a\.csv has no column 'text': .* body"):
        read(Served(b"id,body\n1,x\n"), "a.csv")
    with pytest.raises(UserError, match=r"http.*/a\.tar\.gz is not text"):
        read(Served(gzip.compress(b"x.txt" + bytes(507) + b"hello")), "a.tar.gz")


@pytest.mark.parametrize(
    "bad",
    [
        "ftp://a.org/x.txt",
        "file:///etc/passwd",
        "a.org/x.txt",
        "https://me:secret@a.org/x",
        "http:",
    ],
)
def test_an_address_is_plain_http_and_holds_no_password(bad: str) -> None:
    import yaml

    values = yaml.safe_load((ROOT / "presets/demo.yaml").read_text(encoding="utf-8"))
    values["corpus"]["sources"] = [{"kind": "url", "url": bad}]
    with pytest.raises(UserError, match=r"corpus\.sources\[0\]\.url is .*: allowed is"):
        parse_params(values)


def test_names_come_from_the_address_and_lead_nowhere() -> None:
    assert file_name("https://a.org/b/input.txt?raw=1#x") == "input.txt"
    assert file_name("https://a.org/b/..%2F..%2Fetc%2Fpasswd") == "passwd"
    assert file_name("https://a.org/%2e%2e") == "text"
    assert file_name("https://a.org/") == "a.org"
    sources = [UrlSource(kind="url", url=f"https://a.org/{x}/input.txt") for x in "ab"]
    assert source_names(sources) == ["input.txt", "input.txt-2"]
