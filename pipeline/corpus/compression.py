"""Opening files that may be compressed, and saying plainly what is wrong with damaged ones."""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pipeline.corpus.paths import TextFile
from pipeline.errors import UserError

_BLOCK = 1 << 20


def open_bytes(file: TextFile) -> Any:
    """Open a file for reading bytes, decompressed as its name says."""
    if file.compression == "gzip":
        return gzip.open(file.path)
    if file.compression == "xz":
        return lzma.open(file.path)
    if file.compression == "bz2":
        return bz2.open(file.path)
    if file.compression == "zstd":
        import pyarrow

        return pyarrow.input_stream(str(file.path), compression="zstd", buffer_size=_BLOCK)
    return open(file.path, "rb")


@contextmanager
def reading(file: TextFile) -> Iterator[None]:
    """Turn what decompressors, pyarrow and disks raise in the block into a line with the file."""
    kind = file.compression or file.format
    try:
        yield
    except PermissionError:
        raise UserError(f"{file.path} may not be read: its permissions forbid it") from None
    except FileNotFoundError:
        raise UserError(f"{file.path} has gone while it was read") from None
    except (EOFError, OSError, ValueError, zlib.error, lzma.LZMAError) as error:
        if isinstance(error, EOFError) or "truncated" in str(error).lower():
            raise UserError(
                f"{file.path} ends too early: its {kind} data is cut off; copy or download it again"
            ) from None
        raise UserError(f"{file.path} is damaged, or is not {kind} data: {error}") from None
