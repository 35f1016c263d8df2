"""What the machine has, and what a run would make of it."""

import importlib.metadata
import os
import platform
import shutil
import sys
from typing import Any

from pipeline.params import Params


def examine(params: Params | None) -> list[tuple[str, str]]:
    """Pairs of a name and a finding; with params also what the run would use."""
    import torch

    from pipeline.training.precision import choose_machine, cores, has_compiler, has_fast_bfloat16

    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none"
    disk = shutil.disk_usage(".")
    findings: list[tuple[str, Any]] = [
        ("python", sys.version.split()[0]),
        ("torch", torch.__version__),
        ("dvc", importlib.metadata.version("dvc")),
        ("processor", processor()),
        ("cores", cores()),
        ("memory", memory()),
        ("free disk", f"{disk.free / 1e9:.0f} GB"),
        ("bfloat16 instructions (CPU)", "yes" if has_fast_bfloat16("cpu") else "no"),
        ("C++ compiler and headers", "yes" if has_compiler() else "no"),
        ("GPU", gpu),
    ]
    if params is not None:
        machine = choose_machine(params.training)
        how = "compiled" if machine.compile else "eager"
        findings.append(
            (
                "a run would use",
                f"{machine.device}, {machine.threads} threads, {machine.precision}, {how} "
                f"({machine.why})",
            )
        )
    return [(name, str(value)) for name, value in findings]


def processor() -> str:
    """The name of the processor."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def memory() -> str:
    """How much memory the machine has."""
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.0f} GB"
    return "unknown"
