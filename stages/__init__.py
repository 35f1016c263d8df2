"""Stages: one thin script each. It reads its params, calls `pipeline`, and writes its outs and
metrics.

A stage runs as `python -m stages.NAME`, so that a queued experiment imports its own copy of the
code.
"""

import errno
import signal
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

from pipeline.errors import UserError
from pipeline.ledger import note
from pipeline.params import load_params


def run(main: Callable[..., Any], argument: bool = False) -> NoReturn:
    """Validate the whole of params.yaml, call `main`, note what it took, and turn every expected
    failure into one line.

    With `argument` the stage is one item of a matrix, whose name is the only word on the command
    line.
    """
    started = time.monotonic()
    signal.signal(signal.SIGTERM, _interrupt)
    name = getattr(sys.modules.get("__main__"), "__spec__", None)
    stage = name.name.removeprefix("stages.") if name is not None else "stage"
    try:
        params = load_params()
        main(params, sys.argv[1]) if argument else main(params)
        note(f"{stage}@{sys.argv[1]}" if argument else stage, time.monotonic() - started)
    except UserError as error:
        _fail(stage, str(error), 1)
    except KeyboardInterrupt:
        _fail(stage, "interrupted; run `dvc repro` again to go on", 130)
    except Exception as error:
        # Libraries wrap what the system said in errors of their own.
        if getattr(error, "errno", None) == errno.ENOSPC or "No space left" in str(error):
            _fail(stage, "the disk is full: free some space and run `dvc repro` again", 1)
        if isinstance(error, PermissionError):
            _fail(stage, f"no permission to write {error.filename}", 1)
        raise
    sys.exit(0)


def _fail(stage: str, message: str, code: int) -> NoReturn:
    print(f"tugantel {stage}: {' '.join(message.split())}", file=sys.stderr, flush=True)
    sys.exit(code)


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
