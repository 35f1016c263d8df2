"""The most memory that a piece of work takes, on a GPU or of this process."""

from pathlib import Path

import torch

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


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
