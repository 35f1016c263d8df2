"""A path means files: in order, known by their names, with the rest reported."""

import os
from pathlib import Path

import pytest

from pipeline.corpus import source_names
from pipeline.corpus.paths import describe, list_files
from pipeline.errors import UserError
from pipeline.params import DemoSource, FilesSource, WikipediaSource


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.txt", "a/z.csv.gz", "a/a.JSONL", "notes.pdf", ".hidden.txt", ".git/x.txt"):
        path = tmp_path / "corpus" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return tmp_path / "corpus"


def test_a_folder_is_read_in_order_and_its_strangers_are_reported(folder: Path) -> None:
    files, others = list_files(str(folder))
    assert [file.name for file in files] == ["a/a.JSONL", "a/z.csv.gz", "b.txt"]
    assert [(file.format, file.compression) for file in files] == [
        ("jsonl", None),
        ("csv", "gzip"),
        ("txt", None),
    ]
    assert others == ["notes.pdf"]


def test_a_glob_takes_what_it_matches_and_names_it_from_its_fixed_part(folder: Path) -> None:
    files, _ = list_files(str(folder / "**" / "*.csv.gz"))
    assert [file.name for file in files] == ["a/z.csv.gz"]
    files, _ = list_files(str(folder / "*.pdf"))
    assert [(file.name, file.format) for file in files] == [("notes.pdf", "txt")]


def test_a_folder_whose_name_looks_like_a_glob_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "corpus[1]").mkdir()
    (tmp_path / "corpus[1]" / "a.txt").write_text("x")
    assert len(list_files(str(tmp_path / "corpus[1]"))[0]) == 1


def test_a_folder_that_may_not_be_opened_is_not_passed_by(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = os.scandir

    def refuse(place: str) -> object:
        if os.fspath(place).endswith("/a"):
            raise PermissionError(13, "Permission denied", os.fspath(place))
        return scan(place)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(UserError, match="corpus/a cannot be opened: Permission denied"):
        list_files(str(folder))


def test_links_are_followed_once(folder: Path) -> None:
    os.symlink(folder, folder / "a" / "back")
    os.symlink(folder / "b.txt", folder / "c.txt")
    os.symlink(folder / "nowhere", folder / "d.txt")
    names = [file.name for file in list_files(str(folder))[0]]
    assert names == ["a/a.JSONL", "a/z.csv.gz", "b.txt", "c.txt"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("missing.txt", "missing.txt does not exist"),
        ("*.nothing", "matches no file"),
        ("empty", r"holds no file that can be read \(it is empty\)"),
        ("pictures", r"holds no file that can be read \(there is a.png\): wanted is txt, CSV"),
    ],
)
def test_a_path_without_text_is_refused(
    path: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("pictures").mkdir()
    Path("pictures/a.png").write_bytes(b"\x89PNG")
    with pytest.raises(UserError, match=message):
        list_files(path)


def test_names_with_many_dots_are_understood() -> None:
    described = describe(Path("wiki.2023.11.tt.txt.zst"), "x")
    assert described is not None
    assert (described.format, described.compression) == ("txt", "zstd")
    assert describe(Path("README"), "README") is None


def test_sources_get_distinct_names() -> None:
    one = FilesSource(kind="files", path="a/text.txt")
    two = FilesSource(kind="files", path="b/text.txt")
    wiki = WikipediaSource(kind="wikipedia", code="tt")
    names = source_names([one, two, wiki, DemoSource(kind="demo"), one])
    assert names == ["text.txt", "text.txt-2", "wikipedia-tt", "demo", "text.txt-3"]
