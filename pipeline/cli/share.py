"""Commands that give a model to others."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.app import app, one_line


@app.command()
@one_line
def publish(
    name: Annotated[str, typer.Argument(help="Its name on the Hub: ORGANISATION/NAME.")],
    private: Annotated[bool, typer.Option("--private", help="For you alone.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write, check, send nothing.")] = False,
    licence: Annotated[
        str | None, typer.Option(help="Where it does not follow from the sources.")
    ] = None,
) -> None:
    """Upload the exported model with its card to the Hugging Face Hub."""
    from pipeline.publishing.publish import publish as publish_model

    publish_model(name, private, dry_run, licence)


@app.command()
@one_line
def submit(
    checklist: Annotated[str | None, typer.Argument(help="One of checklists/.")] = None,
    name: Annotated[str | None, typer.Option(help="Whose work it is: 'First Last'.")] = None,
    branch: Annotated[str | None, typer.Option(help="In place of first-last-final.")] = None,
    to: Annotated[
        Path | None, typer.Option(help="A new folder, here or in a clone of the course's.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Only say what is missing.")] = False,
    show: Annotated[bool, typer.Option("--list", help="Say what is asked for.")] = False,
) -> None:
    """Check that coursework is complete; make branch, folder and text of the pull request."""
    from pipeline.submission.command import list_checklists, submit

    if show:
        list_checklists(checklist)
    elif not submit(checklist, name, branch, to, check):
        raise typer.Exit(1)
