"""Sentences of the Leipzig Corpora Collection (https://wortschatz-leipzig.de), one a document.

Goldhahn, Eckart, Quasthoff: Building Large Monolingual Dictionaries at the Leipzig Corpora
Collection, LREC 2012. An archive `<name>.tar.gz` holds shuffled sentences in `<name>-sentences.txt`
(number, tab, sentence; no quoting) among tables that nobody here needs. It is read as a stream:
nothing is unpacked onto the disk, so a member's path cannot lead anywhere.
"""

import gzip
import os
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from pipeline.corpus import SourceRecord, as_document
from pipeline.corpus.compression import Capped
from pipeline.corpus.encoding import MARK
from pipeline.corpus.fetch import DOWNLOADS, Fetched, fetch, forget
from pipeline.errors import UserError
from pipeline.params import LeipzigSource

ADDRESS = "https://downloads.wortschatz-leipzig.de/corpora"
"""Where the archives are; the environment variable TUGANTEL_LEIPZIG_URL names a mirror."""

_LONGEST_LINE = 1 << 20
_BLOCK = 1 << 20


def documents(source: LeipzigSource, record: SourceRecord) -> Iterator[dict[str, Any]]:
    """Fetch a corpus by its name and stream its sentences.

    Raises:
        UserError: there is no such corpus, it cannot be fetched, or the archive is damaged.
    """
    address = os.environ.get("TUGANTEL_LEIPZIG_URL", ADDRESS).rstrip("/")
    target = DOWNLOADS / f"{source.name}.tar.gz"
    url = f"{address}/{target.name}"
    fetched = fetch(url, target, magic=b"\x1f\x8b", sha256=source.sha256)
    record.ordered = False
    record.url = url
    record.files = [{"name": target.name, "bytes": fetched.bytes, "sha256": fetched.sha256}]
    for number, sentence in _sentences(fetched, source.name):
        row = as_document(sentence, number, record)
        if row is not None:
            yield row


def _sentences(fetched: Fetched, name: str) -> Iterator[tuple[str, str]]:
    """Number and text of each sentence; the archive is read to its end, where its checksum is."""
    found = False
    try:
        with (
            open(fetched.path, "rb") as packed,
            gzip.open(packed) as unpacked,
            Capped(unpacked, packed, fetched.url) as capped,
            tarfile.open(fileobj=capped, mode="r|") as archive,
        ):
            for member in archive:
                if member.isfile() and Path(member.name).name == f"{name}-sentences.txt":
                    content = archive.extractfile(member)
                    assert content is not None  # it is a file
                    yield from _numbered(content, fetched.path)
                    found = True
            while capped.read(_BLOCK):
                pass
    except (EOFError, OSError, zlib.error, tarfile.TarError) as error:
        forget(fetched.path)
        raise UserError(
            f"{fetched.url} is damaged ({error}): it was thrown away, run again to fetch it anew"
        ) from None
    if not found:
        raise UserError(f"{fetched.url} has no {name}-sentences.txt: no corpus of this collection")


def _numbered(content: IO[bytes], path: Path) -> Iterator[tuple[str, str]]:
    place = 0
    while line := content.readline(_LONGEST_LINE):
        place += 1
        number, tab, sentence = line.decode("utf-8", MARK).rstrip("\r\n").partition("\t")
        if not tab or len(line) == _LONGEST_LINE:
            raise UserError(f"{path}: line {place} of the sentences is not a number, a tab, a text")
        yield number, sentence
