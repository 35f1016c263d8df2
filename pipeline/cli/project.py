"""Commands about the project in this folder: its params, its stages, its machine."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.cli.app import app, one_line
from pipeline.errors import UserError


@app.command()
@one_line
def use(
    preset: Annotated[str, typer.Argument(help="A preset of presets/, or `files` for your text.")],
    language: Annotated[str | None, typer.Option(help="ISO 639-3 code, such as kin.")] = None,
    path: Annotated[str | None, typer.Option(help="Your text: a file, a folder or a glob.")] = None,
    column: Annotated[str, typer.Option(help="The text column of CSV, JSONL, Parquet.")] = "text",
    licence: Annotated[str, typer.Option(help="The licence of your text.")] = "unknown",
    contaminants: Annotated[
        Path | None, typer.Option(help="A folder with one text file per foreign language.")
    ] = None,
    identifier: Annotated[
        Path | None, typer.Option(help="A fastText model that knows your language.")
    ] = None,
    minutes: Annotated[float, typer.Option(min=1, help="About how long the run may take.")] = 20,
    force: Annotated[bool, typer.Option("--force", help="Overwrite hand edits.")] = False,
) -> None:
    """Write params.yaml: a preset, or `files` for a text of your own."""
    from pipeline.presets import read_preset, write_params

    given = {
        "--language": language,
        "--path": path,
        "--contaminants": contaminants,
        "--identifier": identifier,
    }
    lines: list[str] = []
    if preset == "files":
        overlay, lines = _files(language, path, column, licence, contaminants, identifier, minutes)
    else:
        unwanted = [name for name, value in given.items() if value is not None]
        if unwanted:
            raise UserError(f"{unwanted[0]} goes with `tugantel use files`, not with a preset")
        overlay = read_preset(preset)
    changes = write_params(overlay, force)
    for line in lines:
        print(line)
    print(f"params.yaml: {len(changes)} values differ from before" if changes else "no change")
    for change in changes:
        print(f"  {change}")
    print("now run: make repro")


def _files(
    language: str | None,
    path: str | None,
    column: str,
    licence: str,
    contaminants: Path | None,
    identifier: Path | None,
    minutes: float,
) -> tuple[dict[str, Any], list[str]]:
    from pipeline.params import FilesSource, load_params
    from pipeline.planning import plan_files

    if language is None or path is None:
        raise UserError("`tugantel use files` needs --language CODE and --path FILE_OR_FOLDER")
    if contaminants is not None and not contaminants.is_dir():
        raise UserError(f"--contaminants {contaminants} is no folder")
    if identifier is not None and not identifier.is_file():
        raise UserError(f"--identifier {identifier} is no file")
    source = FilesSource(kind="files", path=path, column=column, licence=licence)
    plan = plan_files(source, load_params("presets/demo.yaml"), minutes)
    cleaning = {}
    if contaminants is not None:
        cleaning["contaminants"] = str(contaminants)
    if identifier is not None:
        cleaning["identifier"] = str(identifier)
    corpus = {"language": language, "sources": [source.model_dump()]}
    return plan.overlay | {"corpus": corpus, "cleaning": cleaning}, plan.lines


@app.command()
@one_line
def repro(
    targets: Annotated[list[str] | None, typer.Argument(help="Stages; all by default.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Run even what has not changed.")] = False,
) -> None:
    """Run every stage that has changed, then show the table of results."""
    from pipeline.reproduce import reproduce

    raise typer.Exit(reproduce(targets or [], force))


@app.command()
@one_line
def summary() -> None:
    """Show the table of results of the last run."""
    from pipeline.reporting.summary import print_summary

    print_summary()


@app.command()
@one_line
def doctor() -> None:
    """Say what this machine has, and what a run would use."""
    from pipeline.doctor import examine
    from pipeline.params import PARAMS, load_params

    findings = examine(load_params() if PARAMS.is_file() else None)
    width = max(len(name) for name, _ in findings)
    for name, value in findings:
        print(f"{name:<{width}}  {value}")


@app.command()
@one_line
def tune(
    minutes: Annotated[float, typer.Option(min=0.1, help="How long trying may take.")] = 5,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show, but write nothing.")] = False,
) -> None:
    """Find a batch size and learning rate by short trainings, and write them to params.yaml."""
    from pipeline.params import load_params
    from pipeline.presets import change_params
    from pipeline.reporting.tuning import print_outcome
    from pipeline.training.laboratory import Workbench
    from pipeline.training.tune import tune

    params = load_params()
    bench = Workbench(params, Path("data/tokens"), Path("data/tokenizer"))
    outcome = tune(bench, params.training, params.model.context, minutes, _tell)
    print_outcome(outcome, params.training)
    lines = [] if dry_run else change_params({"training": outcome.changes})
    for line in lines:
        print(f"params.yaml: {line}")
    if dry_run or not lines:
        print("params.yaml stays as it is")
    else:
        print("now run: make repro")


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
