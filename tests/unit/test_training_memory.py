"""Memory that a step frees is there for the next one."""

import subprocess
import sys

import pytest

FAULTS = """
import resource, sys, torch
from pipeline.training.memory import keep_freed_memory

def faults(megabytes):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.ones(megabytes << 18).mul_(2)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

assert keep_freed_memory()
faults(64)
print(faults(64))
"""
PEAKS = """
import torch
from pipeline.training.memory import PeakMemory, keep_freed_memory

assert keep_freed_memory()
for _ in range(3):
    memory = PeakMemory("cpu")
    torch.ones(64 << 18).mul_(2)
    print(memory.megabytes())
"""


def said(script: str) -> str:
    """What a process of its own prints."""
    run = [sys.executable, "-c", script]
    return subprocess.run(run, capture_output=True, text=True, check=True, timeout=120).stdout


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc")
def test_a_block_that_comes_again_is_not_asked_of_the_system_again() -> None:
    assert int(said(FAULTS)) < 1000  # 64 MB are 16,384 pages, twenty times over


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc")
def test_what_is_kept_of_earlier_work_does_not_hide_the_peak_of_later_work() -> None:
    for peak in said(PEAKS).split():
        assert 60 < float(peak) < 90


def test_where_there_is_no_glibc_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.training import memory

    monkeypatch.setattr("sys.platform", "darwin")
    assert not memory.keep_freed_memory()
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("ctypes.CDLL", lambda _: object())  # musl has no mallopt
    assert not memory.keep_freed_memory()
