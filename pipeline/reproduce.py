"""`dvc repro` with what a user expects around it: one line of trouble, a word when nothing changed,
and the table at the end."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from pipeline.errors import UserError
from pipeline.params import load_params
from pipeline.reporting.summary import print_summary

LOCK = Path("dvc.lock")


def reproduce(targets: list[str], force: bool) -> int:
    """Run `dvc repro` in this environment and show the results; returns its exit code.

    The stages run in a process group of their own, which is ended as a whole: a killed `dvc` would
    leave its stage behind.

    Raises:
        UserError: params.yaml is not valid, or this is no DVC project.
    """
    load_params()
    if not Path(".dvc").is_dir() or not Path("dvc.yaml").is_file():
        raise UserError("there is no dvc.yaml here: run this in the folder of the project")
    before = LOCK.read_bytes() if LOCK.is_file() else b""
    binaries = os.path.dirname(sys.executable)
    environment = os.environ | {"PATH": binaries + os.pathsep + os.environ.get("PATH", "")}
    command = [sys.executable, "-m", "dvc", "repro", *(["--force"] if force else []), *targets]
    process = subprocess.Popen(command, env=environment, start_new_session=True)

    def end(number: int, _: object) -> None:
        os.killpg(process.pid, number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    code = process.wait()
    if code:
        return code if code > 0 else 128 - code
    if LOCK.read_bytes() == before:
        print("nothing changed: every stage is up to date")
    print_summary()
    return 0
