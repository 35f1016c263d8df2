"""Polite downloads: go on where a connection was cut, wait when asked, never glue two files.

A download grows in `NAME.part`, beside a note of the version (ETag or date) that the server named.
Going on asks for the rest of just that version (`Range` with `If-Range`, RFC 9110 sections 13.1.5
and 14.2); a server that has another by now sends it whole, and the download begins anew. `NAME`
appears when its length is what was announced and its SHA-256, where one is known, is right.
"""

import codecs
import email.utils
import hashlib
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import requests
import urllib3

from pipeline.errors import UserError
from pipeline.progress import Progress, progress

DOWNLOADS = Path(".cache/downloads")
PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds to wait after each failure in a row that brought nothing new."""

_LONGEST_PAUSE = 300.0
_TIMEOUT = (10.0, 60.0)  # to connect, between two pieces of data
_HEADERS = {
    "User-Agent": "tugantel/0.1 (language model from scratch)",
    "Accept-Encoding": "identity",
}
_BLOCK = 1 << 18
_BUSY = {408, 425, 429, 500, 502, 503, 504}


@dataclass(frozen=True)
class Fetched:
    """A file that was fetched, and what it was when it came."""

    path: Path
    url: str
    bytes: int
    sha256: str


class _Wrong(UserError):
    """What comes is not what was wanted: nothing of it is kept."""


class _Again(Exception):
    """A failure that may pass; `pause` is how long the server asked to be left alone."""

    def __init__(self, reason: str, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.pause = pause


@dataclass(frozen=True)
class _Wanted:
    """What is fetched, how it is recognised, and which param asked for it."""

    url: str
    magic: bytes
    sha256: str | None
    what: str
    key: str


def fetch(
    url: str,
    target: Path,
    *,
    magic: bytes = b"",
    sha256: str | None = None,
    what: str = "an archive",
    key: str = "corpus.sources",
) -> Fetched:
    """Download `url` to `target`, or find that it is there already.

    Args:
        url: what to fetch.
        target: where it will lie; `.part` and `.json` beside it are this function's notes.
        magic: the bytes that such a file begins with; a web page in its place is refused always.
        sha256: the hash that it must have, if that is known.
        what: what it should be, in the words of a message.
        key: the param that asks for it, likewise.

    Raises:
        UserError: it is not there, is not what was expected, or the network gives up.
    """
    known = _already(url, target, sha256)
    if known is not None:
        return known
    target.parent.mkdir(parents=True, exist_ok=True)
    wanted = _Wanted(url, magic, sha256, what, key)
    part = target.with_name(target.name + ".part")
    furthest = _size(part)
    failures = 0
    with progress(f"Fetching {target.name}") as bar:
        while True:
            try:
                _transfer(wanted, part, bar)
                break
            except _Again as error:
                size = _size(part)
                failures = 0 if size > furthest else failures + 1
                furthest = max(furthest, size)
                if failures > len(PAUSES):
                    kept = f", what came so far ({size:,} bytes) is kept" if size else ""
                    raise UserError(
                        f"{url} could not be fetched ({error}); try again later{kept}"
                    ) from None
                pause = max(PAUSES[max(0, failures - 1)], error.pause)
                bar.line(f"{target.name}: {error}; going on in {pause:.0f} s")
                time.sleep(pause)
    return _finish(wanted, part, target)


def _transfer(wanted: _Wanted, part: Path, bar: Progress) -> None:
    """One connection: append to `part` what is missing. Returns only when all has come."""
    url = wanted.url
    note = part.with_name(part.name + ".json")
    start, version = _size(part), _version(note, url)
    if not version:
        start = 0
    headers = dict(_HEADERS)
    if start:
        headers |= {"Range": f"bytes={start}-", "If-Range": version}
    try:
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
            if answer.status_code == 416:
                _forget(part, note)
                raise _Again("the server has no more of it; beginning anew")
            _check_status(answer, wanted)
            if answer.status_code != 206 or not _continues(answer, start):
                if answer.status_code == 206:
                    _forget(part, note)
                    raise _Again("the server sent another part than was asked for")
                start = 0
            total = _total(answer, start)
            bar.advance(start - bar.done, f"of {total / 1e6:,.0f} MB" if total else "bytes")
            if start == 0:
                version = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
                strong = "" if version.startswith("W/") else version
                part.unlink(missing_ok=True)
                note.write_text(json.dumps({"url": url, "version": strong}), encoding="utf-8")
            _receive(answer, part, start, wanted, bar)
    except _Wrong:
        _forget(part, note)
        raise
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise _Again(_reason(error)) from None
    if total is not None and _size(part) != total:
        raise _Again(f"{_size(part):,} of {total:,} bytes came")


def _receive(
    answer: requests.Response, part: Path, start: int, wanted: _Wanted, bar: Progress
) -> None:
    with open(part, "ab" if start else "wb") as stream:
        for block in answer.raw.stream(_BLOCK, decode_content=False):
            if stream.tell() == 0:
                _check_beginning(answer, block, wanted)
            stream.write(block)
            bar.advance(len(block))


def _check_status(answer: requests.Response, wanted: _Wanted) -> None:
    status, url = answer.status_code, wanted.url
    if status in _BUSY:
        wait = _retry_after(answer.headers.get("Retry-After"))
        if wait > _LONGEST_PAUSE:
            raise UserError(
                f"{url} asks to be left alone for {wait:.0f} s (HTTP {status}): try then"
            )
        raise _Again(f"HTTP {status} {answer.reason}", wait)
    if status in (404, 410):
        raise UserError(f"{url} is not there (HTTP {status}): check the name in {wanted.key}")
    if status in (401, 403):
        raise UserError(f"{url} may not be fetched (HTTP {status} {answer.reason})")
    if status not in (200, 206):
        raise UserError(f"{url} cannot be fetched (HTTP {status} {answer.reason})")


def _continues(answer: requests.Response, start: int) -> bool:
    return answer.headers.get("Content-Range", "").startswith(f"bytes {start}-")


def _total(answer: requests.Response, start: int) -> int | None:
    whole = answer.headers.get("Content-Range", "").rpartition("/")[2]
    if answer.status_code == 206 and whole.isdigit():
        return int(whole)
    length = answer.headers.get("Content-Length", "")
    return start + int(length) if length.isdigit() else None


def _retry_after(value: str | None) -> float:
    """Seconds to wait, from a number or a date (RFC 9110 section 10.2.3)."""
    if value is None:
        return 0.0
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError):
        return 0.0


def _check_beginning(answer: requests.Response, block: bytes, wanted: _Wanted) -> None:
    """Refuse what does not begin as it should; where any text may come, refuse a web page."""
    if wanted.magic and block.startswith(wanted.magic[: len(block)]):
        return
    start = block.removeprefix(codecs.BOM_UTF8).lstrip()[:15].lower()
    page = start.startswith((b"<!doctype", b"<html", b"<?xml"))
    if page or "html" in answer.headers.get("Content-Type", ""):
        raise _Wrong(
            f"{wanted.url} is a web page, not {wanted.what}: check the name in {wanted.key}"
        )
    if wanted.magic:
        raise _Wrong(f"{wanted.url} is not {wanted.what}: it begins with {block[:8]!r}")


def _reason(error: Exception) -> str:
    if isinstance(error, requests.Timeout):
        return "the server does not answer"
    if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema)):
        raise UserError(f"this is no address to fetch from: {error}")
    if "incomplete" in str(error).lower() or "reset" in str(error).lower():
        return "the connection was cut"
    return "the server cannot be reached; is there a network?"


# --- what lies on the disk ----------------------------------------------------------------------


def _already(url: str, target: Path, sha256: str | None) -> Fetched | None:
    """A finished download of `url` that is still what it was when it came."""
    try:
        note: dict[str, Any] = json.loads(_note(target).read_text(encoding="utf-8"))
        if note["url"] != url or target.stat().st_size != note["bytes"]:
            return None
        digest = _hash(target)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if digest != note["sha256"] or (sha256 is not None and digest != sha256):
        return None
    return Fetched(target, url, note["bytes"], digest)


def _finish(wanted: _Wanted, part: Path, target: Path) -> Fetched:
    digest = _hash(part)
    note = part.with_name(part.name + ".json")
    if wanted.sha256 is not None and digest != wanted.sha256:
        _forget(part, note)
        raise UserError(
            f"{wanted.url} has SHA-256 {digest}, but {wanted.key} wants {wanted.sha256}: "
            "it was damaged on the way, or replaced by another version"
        )
    fetched = Fetched(target, wanted.url, _size(part), digest)
    part.replace(target)
    note.unlink(missing_ok=True)
    text = json.dumps({key: value for key, value in asdict(fetched).items() if key != "path"})
    _note(target).write_text(text, encoding="utf-8")
    return fetched


def forget(target: Path) -> None:
    """Throw a damaged download away, so that the next run fetches it again."""
    _forget(target, _note(target))


def _forget(file: Path, note: Path) -> None:
    file.unlink(missing_ok=True)
    note.unlink(missing_ok=True)


def _note(target: Path) -> Path:
    return target.with_name(target.name + ".json")


def _version(note: Path, url: str) -> str:
    """The version that a part belongs to; none if the server named none or the URL is another."""
    try:
        value = json.loads(note.read_text(encoding="utf-8"))
        return str(value["version"]) if value["url"] == url else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _hash(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
