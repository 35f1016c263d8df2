"""What the machine can do, and what a run makes of it.

`auto` follows from what the processor offers, never from a timing: two runs on one machine choose
alike.
"""

import os
import shutil
import sysconfig
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch

from pipeline.errors import UserError
from pipeline.params import TrainingParams
from pipeline.training.memory import keep_freed_memory

LONG = 3e13  # operations of a run that is worth compiling on a CPU: some minutes


@dataclass(frozen=True)
class Machine:
    """The device, number format and compilation of a run, and why."""

    device: str
    precision: str
    compile: bool
    threads: int
    why: str

    def autocast(self) -> AbstractContextManager:
        """Matrix products in a 16-bit format over float32 weights, where that was chosen."""
        if self.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device, self.dtype)

    @property
    def dtype(self) -> torch.dtype:
        """The format of matrix products."""
        return getattr(torch, self.precision)

    @property
    def muon_dtype(self) -> torch.dtype:
        """The format of Muon's iteration, which float16 has too small a range for."""
        return torch.bfloat16 if self.precision == "bfloat16" else torch.float32

    def scaler(self) -> torch.amp.GradScaler:
        """What keeps small gradients above the least number of float16; idle in other formats."""
        return torch.amp.GradScaler(self.device, enabled=self.precision == "float16")


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def has_compiler() -> bool:
    """Whether `torch.compile` finds a C++ compiler and Python's headers, as it must on a CPU."""
    header = Path(sysconfig.get_path("include")) / "Python.h"
    compilers = (os.environ.get("CXX"), "g++", "clang++")
    return header.is_file() and any(name and shutil.which(name) for name in compilers)


def has_fast_bfloat16(device: str) -> bool:
    """Whether bfloat16 products have instructions of their own: AMX or AVX-512 BF16 on a CPU,
    Ampere and later on a GPU."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported()
    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()


def choose_machine(params: TrainingParams, operations: float = 0.0) -> Machine:
    """Resolve `auto`, for a run of so many operations (0: a short one), and make the process ready:
    torch's threads, freed memory that is kept.

    Raises:
        UserError: what params ask for is not there.
    """
    device = params.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError(
            "training.device is cuda, but no GPU is visible here: set it to auto or cpu"
        )
    fast = has_fast_bfloat16(device)
    if params.precision == "auto":
        precision = "bfloat16" if fast else "float32"
        why = f"bfloat16 instructions: {'yes' if fast else 'no'}"
    else:
        precision, why = params.precision, "precision as params say"
    if params.compile == "auto":
        # On a CPU compiling takes ten to thirty seconds and saves a fifth of each bfloat16 step.
        compiled = device == "cuda" or (operations >= LONG and precision == "bfloat16")
        if compiled and not has_compiler():
            compiled, why = False, f"{why}; not compiled: no C++ compiler or no Python headers"
    elif params.compile == "on" and device == "cpu" and not has_compiler():
        raise UserError(
            "training.compile is on, but there is no C++ compiler or no Python headers here: "
            "set it to auto"
        )
    else:
        compiled = params.compile == "on"
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # processes that torchrun started here
    threads = params.threads or max(1, cores() // here)
    torch.set_num_threads(threads)
    if device == "cpu":
        keep_freed_memory()
    if compiled:
        torch.use_deterministic_algorithms(True)
        # What is compiled writes all that it reads: no need to fill memory first, which costs more.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    return Machine(device, precision, compiled, threads, why)
