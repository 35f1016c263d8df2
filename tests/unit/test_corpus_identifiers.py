"""Identifiers by name: fetched once, checked, from a mirror where one is named; files pass."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest
from corpus_server import Served, serving

from pipeline.corpus import identifiers
from pipeline.corpus.identifiers import KNOWN, identifier_file, identifier_origin
from pipeline.errors import UserError

MODEL = b"\xba\x16\x4f\x2f" + bytes(range(256)) * 50


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def know(monkeypatch: pytest.MonkeyPatch, name: str, content: bytes) -> None:
    right = hashlib.sha256(content).hexdigest()
    monkeypatch.setitem(KNOWN, name, replace(KNOWN[name], sha256=right))


def test_a_named_identifier_is_fetched_once_from_the_mirror(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    know(monkeypatch, "lid.176", MODEL)
    served = Served(MODEL, kind="application/octet-stream")
    with serving({"models/lid.176.ftz": served}) as address:
        monkeypatch.setenv(identifiers.MIRROR, f"{address}/models/")
        for _ in range(2):
            path, name = identifier_file("lid.176")
        origin = identifier_origin("lid.176")
    assert path.read_bytes() == MODEL
    assert (name, len(served.requests)) == ("lid.176", 1)
    assert origin["sha256"] == hashlib.sha256(MODEL).hexdigest()
    assert (origin["name"], origin["licence"]) == ("lid.176.ftz", "CC BY-SA 3.0")
    assert origin["url"] == KNOWN["lid.176"].url


def test_an_unknown_hash_is_recorded_and_a_known_one_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert KNOWN["glotlid"].sha256 is None
    with serving({"glotlid_v3.bin": Served(MODEL), "openlid_v1.bin": Served(MODEL)}) as address:
        monkeypatch.setenv(identifiers.MIRROR, address)
        origin = identifier_origin("glotlid")
        with pytest.raises(UserError, match=r"SHA-256 .* but cleaning\.identifier wants 0e2bc6"):
            identifier_file("openlid")
    assert origin["sha256"] == hashlib.sha256(MODEL).hexdigest()
    assert sorted(path.name for path in Path(".cache/downloads").iterdir()) == [
        "glotlid_v3.bin",
        "glotlid_v3.bin.json",
    ]


def test_every_known_identifier_says_where_it_is_and_under_which_licence() -> None:
    assert set(KNOWN) == {"lid.176", "glotlid", "openlid"}
    for known in KNOWN.values():
        assert known.url.startswith("https://") and known.licence
    assert len({known.file for known in KNOWN.values()}) == len(KNOWN)


def test_a_page_in_place_of_a_model_and_a_missing_one_are_said_to_be_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = Served(b"<!doctype html>", kind="text/html")
    with serving({"lid.176.ftz": page, "glotlid_v3.bin": Served(b"version 1\n")}) as address:
        monkeypatch.setenv(identifiers.MIRROR, address)
        with pytest.raises(UserError, match="is a web page, not a fastText model: check the name"):
            identifier_file("lid.176")
        with pytest.raises(UserError, match="is not a fastText model: it begins with b'version"):
            identifier_file("glotlid")
        with pytest.raises(UserError, match=r"HTTP 404.*cleaning\.identifier"):
            identifier_file("openlid")


def test_a_local_file_passes_and_only_its_name_is_shown(tmp_path: Path) -> None:
    (tmp_path / "mine.ftz").write_bytes(MODEL)
    assert identifier_file(str(tmp_path / "mine.ftz")) == (tmp_path / "mine.ftz", "mine.ftz")
    assert str(tmp_path) not in str(identifier_origin(str(tmp_path / "mine.ftz")))
    with pytest.raises(UserError, match=r"nothing\.ftz is no file; allowed: made, none, lid\.176"):
        identifier_file("nothing.ftz")


@pytest.mark.skipif("TUGANTEL_CORPORA" not in os.environ, reason="needs a real model")
def test_the_real_lid_176_has_the_hash_and_the_beginning_that_we_expect(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = Path(os.environ["TUGANTEL_CORPORA"], "lid/lid.176.ftz").read_bytes()
    with serving({"lid.176.ftz": Served(content)}) as address:
        monkeypatch.setenv(identifiers.MIRROR, address)
        path, _ = identifier_file("lid.176")
    assert path.stat().st_size == 938_013
