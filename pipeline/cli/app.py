"""The program `tugantel` itself: what every command shares."""

import signal
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.errors import UserError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="A small language model of your mother tongue, from scratch.",
)

MODEL = Path("data/model")
ModelFolder = Annotated[Path, typer.Option("--model", help="Folder of a trained model.")]


def one_line(command: Callable[..., None]) -> Callable[..., None]:
    """Turn what a user can cause into one line and an exit code."""

    @wraps(command)
    def guarded(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except UserError as error:
            print(f"tugantel: {' '.join(str(error).split())}", file=sys.stderr)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            print(file=sys.stderr)
            raise typer.Exit(130) from None
        except BrokenPipeError:
            raise typer.Exit(0) from None
        except OSError as error:
            print(f"tugantel: {error.strerror}: {error.filename or ''}", file=sys.stderr)
            raise typer.Exit(1) from None

    return guarded


def main() -> None:
    """The entry point of the `tugantel` command."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    app()
