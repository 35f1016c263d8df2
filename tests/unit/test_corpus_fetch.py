"""Downloads against a server that cuts, lies, refuses and changes its mind."""

import email.utils
import hashlib
import random
import time
from pathlib import Path

import pytest
from corpus_server import Served, serving
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.corpus import fetch as fetching
from pipeline.corpus.fetch import Fetched, fetch
from pipeline.errors import UserError

MAGIC = b"\x1f\x8b"
CONTENT = MAGIC + random.Random(0).randbytes(300_000)
OTHER = MAGIC + random.Random(1).randbytes(300_000)


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the download waited for, without the waiting."""
    waited: list[float] = []
    monkeypatch.setattr(fetching.time, "sleep", waited.append)
    return waited


def get(served: Served, folder: Path, sha256: str | None = None) -> Fetched:
    with serving({"x.tar.gz": served}) as address:
        return fetch(f"{address}/x.tar.gz", folder / "x.tar.gz", magic=MAGIC, sha256=sha256)


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "x.tar.gz.json")


def test_a_file_is_fetched_once(tmp_path: Path, pauses: list[float]) -> None:
    served = Served(CONTENT)
    with serving({"x.tar.gz": served}) as address:
        for _ in range(2):
            fetched = fetch(f"{address}/x.tar.gz", tmp_path / "x.tar.gz", magic=MAGIC)
            assert fetched.path.read_bytes() == CONTENT
            assert fetched.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert len(served.requests) == 1
    assert "tugantel" in served.requests[0]["User-Agent"]
    assert leftovers(tmp_path) == ["x.tar.gz"]


def test_a_damaged_copy_on_the_disk_is_fetched_again(tmp_path: Path, pauses: list[float]) -> None:
    served = Served(CONTENT)
    with serving({"x.tar.gz": served}) as address:
        url, target = f"{address}/x.tar.gz", tmp_path / "x.tar.gz"
        fetch(url, target, magic=MAGIC)
        target.write_bytes(OTHER)
        assert fetch(url, target, magic=MAGIC).path.read_bytes() == CONTENT
    assert len(served.requests) == 2


def test_a_cut_transfer_goes_on_where_it_was_cut(tmp_path: Path, pauses: list[float]) -> None:
    served = Served(CONTENT, plan=["cut:100000", "cut:50000"])
    assert get(served, tmp_path).path.read_bytes() == CONTENT
    assert [request.get("Range") for request in served.requests] == [
        None,
        "bytes=100000-",
        "bytes=150000-",
    ]
    assert served.requests[1]["If-Range"] == '"one"'
    assert leftovers(tmp_path) == ["x.tar.gz"]


def test_a_killed_download_goes_on_in_the_next_run(tmp_path: Path, pauses: list[float]) -> None:
    served = Served(CONTENT, plan=["cut:100000", *[500] * 9])
    with serving({"x.tar.gz": served}) as address:
        url, target = f"{address}/x.tar.gz", tmp_path / "x.tar.gz"
        with pytest.raises(UserError, match=r"HTTP 500 .*100,000 bytes\) is kept"):
            fetch(url, target, magic=MAGIC)
        assert not target.exists()
        served.plan.clear()
        assert fetch(url, target, magic=MAGIC).path.read_bytes() == CONTENT
    assert served.requests[-1]["Range"] == "bytes=100000-"


def test_two_versions_are_never_glued(tmp_path: Path, pauses: list[float]) -> None:
    served = Served(CONTENT, plan=["cut:100000", *[503] * 9])
    with serving({"x.tar.gz": served}) as address:
        url, target = f"{address}/x.tar.gz", tmp_path / "x.tar.gz"
        with pytest.raises(UserError):
            fetch(url, target, magic=MAGIC)
        served.plan.clear()
        served.content, served.etag = OTHER, '"two"'
        assert fetch(url, target, magic=MAGIC).path.read_bytes() == OTHER


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_without_a_sure_version_a_cut_transfer_begins_anew(
    etag: str | None, tmp_path: Path, pauses: list[float]
) -> None:
    served = Served(CONTENT, etag=etag, plan=["cut:100000"])
    assert get(served, tmp_path).path.read_bytes() == CONTENT
    assert "Range" not in served.requests[1]


def test_a_server_without_ranges_sends_it_whole(tmp_path: Path, pauses: list[float]) -> None:
    served = Served(CONTENT, ranges=False, plan=["cut:100000", "cut:90000"])
    assert get(served, tmp_path).path.read_bytes() == CONTENT


def test_a_server_that_always_cuts_is_given_up(tmp_path: Path, pauses: list[float]) -> None:
    served = Served(CONTENT, ranges=False, plan=["cut:1000"] * 20)
    with pytest.raises(UserError, match="could not be fetched"):
        get(served, tmp_path)
    assert len(served.requests) == 2 + len(fetching.PAUSES)
    assert not (tmp_path / "x.tar.gz").exists()


def test_a_length_that_is_too_long_is_a_lie_and_noticed(
    tmp_path: Path, pauses: list[float]
) -> None:
    served = Served(CONTENT, plan=["lie:500"] * 30)
    with pytest.raises(UserError, match="could not be fetched"):
        get(served, tmp_path)
    assert not (tmp_path / "x.tar.gz").exists()


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.sampled_from(["cut:0", "cut:1", "cut:70000", "cut:299999", "lie:9", 429, 500, 502, 503]),
        max_size=5,
    ),
    st.booleans(),
    st.sampled_from(['"one"', None]),
)
def test_whatever_goes_wrong_the_file_is_right_in_the_end(
    tmp_path_factory: pytest.TempPathFactory,
    pauses: list[float],
    plan: list[int | str],
    ranges: bool,
    etag: str | None,
) -> None:
    served = Served(CONTENT, plan=list(plan), ranges=ranges, etag=etag)
    assert get(served, tmp_path_factory.mktemp("x")).path.read_bytes() == CONTENT


def test_pauses_grow_and_the_server_may_ask_for_more(tmp_path: Path, pauses: list[float]) -> None:
    get(Served(CONTENT, plan=[500, 502, 503]), tmp_path / "a")
    assert pauses == [1.0, 2.0, 4.0]
    pauses.clear()
    get(Served(CONTENT, plan=[429, 429], retry_after="30"), tmp_path / "b")
    assert pauses == [30.0, 30.0]
    pauses.clear()
    later = email.utils.formatdate(time.time() + 60, usegmt=True)
    get(Served(CONTENT, plan=[429], retry_after=later), tmp_path / "c")
    assert 50 < pauses[0] <= 60


def test_a_server_that_wants_an_hour_is_left_alone(tmp_path: Path, pauses: list[float]) -> None:
    with pytest.raises(UserError, match="left alone for 3600 s"):
        get(Served(CONTENT, plan=[429], retry_after="3600"), tmp_path)
    assert pauses == []


def test_what_is_not_there_is_said_at_once(tmp_path: Path, pauses: list[float]) -> None:
    with (
        serving({}) as address,
        pytest.raises(UserError, match=r"is not there .HTTP 404.: check the"),
    ):
        fetch(f"{address}/y.tar.gz", tmp_path / "y.tar.gz", magic=MAGIC)
    assert pauses == []
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("status", [401, 403, 400, 451])
def test_a_refusal_is_said_at_once(status: int, tmp_path: Path, pauses: list[float]) -> None:
    with pytest.raises(UserError, match=f"HTTP {status}"):
        get(Served(CONTENT, plan=[status]), tmp_path)
    assert pauses == []


@pytest.mark.parametrize("kind", ["text/html", "application/gzip"])
def test_a_web_page_in_place_of_the_archive_is_recognised(
    kind: str, tmp_path: Path, pauses: list[float]
) -> None:
    page = b"\n<!DOCTYPE html><html><body>No such corpus</body></html>" * 100
    with pytest.raises(UserError, match="is a web page, not an archive"):
        get(Served(page, kind=kind), tmp_path)
    assert leftovers(tmp_path) == []


def test_a_wrong_hash_is_refused_and_not_kept(tmp_path: Path, pauses: list[float]) -> None:
    right = hashlib.sha256(CONTENT).hexdigest()
    with pytest.raises(
        UserError, match=f"has SHA-256 {right}, but corpus.sources wants {'0' * 64}"
    ):
        get(Served(CONTENT), tmp_path, "0" * 64)
    assert leftovers(tmp_path) == []
    assert get(Served(CONTENT), tmp_path, right).sha256 == right


def test_no_server_at_all_is_said_after_a_few_tries(tmp_path: Path, pauses: list[float]) -> None:
    with serving({}) as address:
        pass
    with pytest.raises(UserError, match="cannot be reached; is there a network"):
        fetch(f"{address}/x.tar.gz", tmp_path / "x.tar.gz", magic=MAGIC)
    assert pauses == list(fetching.PAUSES)
