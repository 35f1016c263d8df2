"""Memory: what a step frees stays for the next one, and the most that a piece of work takes."""

import ctypes
import sys
from collections.abc import Callable
from pathlib import Path

import torch

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # what glibc's `mallopt` sets, by its numbers in malloc.h
MOST, OLD_MOST = (1 << 31) - 1, 32 << 20  # bytes; older releases of glibc take no more than 32 MB


def keep_freed_memory() -> bool:
    """Tell glibc to keep freed blocks of any size; whether it is there and did. See mallopt(3).

    glibc gives large blocks back to the system when they are freed. A training step frees and asks
    for hundreds of megabytes, and the system hands them out anew, page by page, each filled with
    zeros: a tenth to a quarter of a small model's step on a CPU (docs/log.md). The process takes no
    more memory than at its peak, but does not shrink after it either.
    """
    mallopt = _of_glibc("mallopt")
    if mallopt is None:
        return False
    mapped = mallopt(MMAP_THRESHOLD, MOST) or mallopt(MMAP_THRESHOLD, OLD_MOST)
    return bool(mapped and mallopt(TRIM_THRESHOLD, MOST))


def _of_glibc(name: str) -> Callable[..., int] | None:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None


class PeakMemory:
    """Made before the work; `megabytes` after it: what was taken beyond what was in use before.

    On a CPU it is resident memory, whose peak Linux counts and forgets on demand; elsewhere it is
    not known (None).
    """

    def __init__(self, device: str) -> None:
        self.device = device
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()
            self.before: float | None = torch.cuda.memory_allocated() / 1e6
            return
        trim = _of_glibc("malloc_trim")
        if trim is not None:  # what was kept of earlier work is not in use
            trim(0)
        try:
            _CLEAR.write_text("5")  # forget the peak so far: man 5 proc
            self.before = _resident("VmRSS")
        except OSError:
            self.before = None

    def megabytes(self) -> float | None:
        """Millions of bytes at the peak beyond those before."""
        if self.before is None:
            return None
        if self.device == "cuda":
            return torch.cuda.max_memory_allocated() / 1e6 - self.before
        return _resident("VmHWM") - self.before


def _resident(name: str) -> float:
    """A line of this process' status, which counts in KiB, as millions of bytes."""
    for line in _STATUS.read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024 / 1e6
    raise OSError(f"{_STATUS} has no {name}")
