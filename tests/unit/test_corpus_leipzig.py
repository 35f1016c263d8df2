"""Leipzig corpora: only the sentences, only as text, whatever the archive holds."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest
from corpus_server import Served, serving

from pipeline.corpus import SourceRecord, compression, leipzig
from pipeline.errors import UserError
from pipeline.params import LeipzigSource

NAME = "tat_mixed_2015_10K"
SENTENCES = '1\tБүген һава матур.\n2\tУл "киләм" диде.\n3\t\n4\tСу\tагач\n'


def archive(members: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for name, target in (links or {}).items():
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            tar.addfile(link)
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


GOOD = archive(
    {
        f"{NAME}/{NAME}-words.txt": b"1\tword\t7\n" * 1000,
        f"{NAME}/{NAME}-sentences.txt": SENTENCES.encode(),
        f"{NAME}/{NAME}-import.sql": b"drop table",
    }
)


def read(
    served: Served, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> tuple[list[str], SourceRecord]:
    monkeypatch.chdir(folder)
    record = SourceRecord(NAME, "leipzig", "CC BY 4.0")
    with serving({f"{NAME}.tar.gz": served}) as address:
        monkeypatch.setenv("TUGANTEL_LEIPZIG_URL", address + "/")
        rows = list(leipzig.documents(LeipzigSource(kind="leipzig", name=NAME), record))
    assert len({row["id"] for row in rows}) == len(rows)
    return [row["text"] for row in rows], record


def test_sentences_are_read_and_their_origin_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts, record = read(Served(GOOD), monkeypatch, tmp_path)
    assert texts == ["Бүген һава матур.", 'Ул "киләм" диде.', "Су\tагач"]
    assert record.ordered is False
    assert record.empty == 1
    assert record.url is not None and record.url.endswith(f"/{NAME}.tar.gz")
    assert record.files[0]["bytes"] == len(GOOD)
    assert len(record.files[0]["sha256"]) == 64


def test_nothing_is_unpacked_wherever_members_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "deep" / "down"
    home.mkdir(parents=True)
    evil = archive(
        {
            "../../evil.txt": b"1\tevil\n",
            "/tmp/tugantel-evil.txt": b"1\tevil\n",
            f"{NAME}/{NAME}-sentences.txt": "1\tБер\n".encode(),
        },
        links={f"link/{NAME}-sentences.txt": "/etc/passwd"},
    )
    texts, _ = read(Served(evil), monkeypatch, home)
    assert texts == ["Бер"]
    assert not Path("/tmp/tugantel-evil.txt").exists()
    kept = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert kept == {f"{NAME}.tar.gz", f"{NAME}.tar.gz.json"}


def test_a_decompression_bomb_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "SPARE", 1 << 20)
    bomb = archive({"zeros": bytes(40 << 20), f"{NAME}/{NAME}-sentences.txt": b"1\tx\n"})
    assert len(bomb) < 100_000
    with pytest.raises(UserError, match="unpacks to more than 100 times its size"):
        read(Served(bomb), monkeypatch, tmp_path)


def test_an_endless_line_is_not_held_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = archive({f"{NAME}/{NAME}-sentences.txt": b"1\t" + b"x" * (2 << 20)})
    with pytest.raises(UserError, match="line 1 of the sentences is not a number, a tab, a text"):
        read(Served(long), monkeypatch, tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (GOOD[: len(GOOD) // 2], "is damaged"),
        (GOOD[:-4], "is damaged"),
        (GOOD[:-8] + b"CRC?" + GOOD[-4:], "is damaged"),
        (gzip.compress(b"no tar at all" * 100), "is damaged"),
        (archive({"readme.txt": b"hello"}), f"has no {NAME}-sentences.txt"),
        (archive({}), f"has no {NAME}-sentences.txt"),
        (archive({f"{NAME}-sentences.txt": b"no tab here\n"}), "line 1 of the sentences"),
    ],
)
def test_a_damaged_archive_is_said_to_be_one(
    content: bytes, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = Served(content)
    with pytest.raises(UserError, match=message):
        read(served, monkeypatch, tmp_path)
    if message == "is damaged":
        served.content = GOOD
        assert len(read(served, monkeypatch, tmp_path)[0]) == 3  # fetched anew
