"""Opening files that may be compressed, and saying plainly what is wrong with damaged ones.

A few kilobytes can unpack to more than any disk holds. Text shrinks to a third or a tenth, so what
shrank to less than a hundredth is a trap, and reading it ends: not when the whole is read, but as
soon as what came is a hundred times what went in, and `SPARE` more.
"""

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from pipeline.corpus.paths import TextFile
from pipeline.errors import UserError

RATIO = 100
SPARE = 32 << 20
"""Bytes that any file may unpack to, however well it shrank."""

MAGIC = {"gzip": b"\x1f\x8b", "xz": b"\xfd7zXZ\0", "bz2": b"BZh", "zstd": b"\x28\xb5\x2f\xfd"}
"""What compressed data begins with."""

AGAIN = "; copy or download it again"
_BLOCK = 1 << 20


class Damaged(UserError):
    """Data that ends too early or is not what its name says: another copy may be sound."""


def unpacks_too_far(name: str) -> str:
    """The message for a trap."""
    return f"{name} unpacks to more than {RATIO} times its size: not read"


class Capped(io.RawIOBase):
    """The unpacked bytes of `stream`, while they are in proportion to those read from `packed`.

    Raises:
        UserError: they are not; the message names the file `name`.
    """

    def __init__(self, stream: Any, packed: IO[bytes], name: str) -> None:
        self._stream, self._packed, self._name = stream, packed, name
        self._came = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes, and at most a block."""
        # Never more than a block at once: `read()` of a trap would fill the memory.
        block: bytes = self._stream.read(min(size, _BLOCK) if size >= 0 else _BLOCK)
        self._came += len(block)
        if self._came > SPARE and self._came > self._packed.tell() * RATIO + SPARE:
            raise UserError(unpacks_too_far(self._name))
        return block

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer as far as one read goes."""
        block = self.read(len(buffer))
        buffer[: len(block)] = block
        return len(block)

    def close(self) -> None:
        """Close both streams."""
        self._stream.close()
        self._packed.close()
        super().close()


def open_bytes(file: TextFile) -> Any:
    """Open a file for reading bytes, decompressed as its name says."""
    if file.compression is None:
        return open(file.path, "rb", buffering=_BLOCK)
    packed = open(file.path, "rb")  # noqa: SIM115  # closed with what reads from it
    try:
        return io.BufferedReader(Capped(_unpacked(file, packed), packed, file.shown), _BLOCK)
    except BaseException:
        packed.close()
        raise


def _unpacked(file: TextFile, packed: IO[bytes]) -> Any:
    if file.compression == "gzip":
        return gzip.open(packed)
    if file.compression == "xz":
        return lzma.open(packed)
    if file.compression == "bz2":
        return bz2.open(packed)
    import pyarrow

    return pyarrow.CompressedInputStream(pyarrow.PythonFile(packed), "zstd")


@contextmanager
def reading(file: TextFile) -> Iterator[None]:
    """Turn what decompressors, pyarrow and disks raise in the block into a line with the file."""
    kind = file.compression or file.format
    try:
        yield
    except PermissionError:
        raise UserError(f"{file.shown} may not be read: its permissions forbid it") from None
    except FileNotFoundError:
        raise UserError(f"{file.shown} has gone while it was read") from None
    except (EOFError, OSError, ValueError, zlib.error, lzma.LZMAError) as error:
        if isinstance(error, EOFError) or "truncated" in str(error).lower():
            raise Damaged(
                f"{file.shown} ends too early: its {kind} data is cut off{AGAIN}"
            ) from None
        raise Damaged(f"{file.shown} is damaged, or is not {kind} data: {error}") from None
