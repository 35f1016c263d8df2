"""One text file by its address: fetched once, then read like a local one."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import xxhash

from pipeline.corpus import SourceRecord, file_name, files
from pipeline.corpus.compression import AGAIN, MAGIC, Damaged
from pipeline.corpus.fetch import DOWNLOADS, fetch, forget
from pipeline.corpus.paths import describe
from pipeline.errors import UserError
from pipeline.params import UrlSource

_PARQUET = b"PAR1"


def documents(source: UrlSource, unit: str, record: SourceRecord) -> Iterator[dict[str, Any]]:
    """Fetch a file and stream its documents; its name in the address says what it holds.

    Raises:
        UserError: it is not there, is a web page or damaged, or cannot be read as text.
    """
    name = file_name(source.url)
    file = describe(Path(name), name, default="txt")
    assert file is not None  # there is a default
    magic = _PARQUET if file.format == "parquet" else b""
    # Two addresses may end in the same name.
    target = DOWNLOADS / f"{xxhash.xxh3_64_hexdigest(source.url.encode())[:8]}-{name}"
    fetched = fetch(
        source.url,
        target,
        magic=MAGIC.get(file.compression or "", magic),
        sha256=source.sha256,
        what=f"{file.compression or file.format} data",
    )
    record.url = source.url
    record.files = [{"name": name, "bytes": fetched.bytes, "sha256": fetched.sha256}]
    try:
        yield from files.stream(
            [replace(file, path=target, address=source.url)], source.column, unit, record
        )
    except Damaged as error:
        forget(target)
        said = str(error).removesuffix(AGAIN)
        raise UserError(f"{said}: it was thrown away, run again to fetch it anew") from None
