"""The command line; `tugantel --help` lists what it can do."""

import json
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
EVALUATIONS = Path("reports/evaluations")
ModelFolder = Annotated[Path, typer.Option("--model", help="Folder of a trained model.")]
ModelFolders = Annotated[
    list[Path] | None,
    typer.Option("--model", help="Folder of a trained model; several are compared."),
]
Temperature = Annotated[float | None, typer.Option(min=0, help="0 takes the likeliest token.")]
TopK = Annotated[int | None, typer.Option(min=1, help="Choose among the k likeliest tokens.")]
TopP = Annotated[float | None, typer.Option(min=0.01, max=1, help="Nucleus sampling.")]
MinP = Annotated[
    float | None, typer.Option(min=0.0001, max=1, help="Least share of the likeliest.")
]
Penalty = Annotated[float | None, typer.Option(min=1, max=10, help="Above 1: repeat less.")]
Stop = Annotated[list[str] | None, typer.Option(help="Text before which to end; may be repeated.")]
Tokens = Annotated[int | None, typer.Option(min=1, help="The most tokens to write.")]
Seed = Annotated[int | None, typer.Option(min=0, help="The same seed writes the same text.")]


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


@app.command()
@one_line
def generate(
    prompt: Annotated[str, typer.Argument(help="How the text begins.")] = "",
    model: ModelFolder = MODEL,
    tokens: Tokens = None,
    temperature: Temperature = None,
    top_k: TopK = None,
    top_p: TopP = None,
    min_p: MinP = None,
    repetition_penalty: Penalty = None,
    stop: Stop = None,
    seed: Seed = None,
) -> None:
    """Continue a text, streaming."""
    from pipeline.generation import stream
    from pipeline.models import load_model

    settings = _sampling(
        tokens=tokens,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        repetition_penalty=repetition_penalty,
        stop=stop,
        seed=seed,
    )
    loaded, tokenizer = load_model(model)
    print(prompt, end="", flush=True)
    for piece in stream(loaded, tokenizer, prompt, **settings):
        print(piece, end="", flush=True)
    print()


@app.command()
@one_line
def chat(
    model: ModelFolders = None,
    tokens: Tokens = None,
    temperature: Temperature = None,
    top_k: TopK = None,
    top_p: TopP = None,
    min_p: MinP = None,
    repetition_penalty: Penalty = None,
    stop: Stop = None,
    seed: Seed = None,
) -> None:
    """Talk with a model or several, turn by turn; /help shows the commands."""
    from pipeline.serving.chat import converse
    from pipeline.serving.voices import load_voices

    settings = _sampling(
        tokens=tokens,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        min_p=min_p,
        repetition_penalty=repetition_penalty,
        stop=stop,
        seed=seed,
    )
    converse(load_voices(model or [MODEL]), settings)


@app.command()
@one_line
def serve(
    model: ModelFolders = None,
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
) -> None:
    """Serve models over HTTP: OpenAI's completions, and a page to talk with them."""
    from pipeline.serving.service import serve as listen
    from pipeline.serving.voices import load_voices

    listen(load_voices(model or [MODEL]), host, port)


@app.command()
@one_line
def score(
    file: Annotated[Path, typer.Argument(help="A text file, one text a line; - for the input.")],
    model: ModelFolder = MODEL,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure the bits that the model needs for each line of a file, each scored alone."""
    from pipeline.evaluation.likelihood import score_lines
    from pipeline.models import load_model

    lines = _read_lines(file)
    loaded, tokenizer = load_model(model)
    result = score_lines(loaded, tokenizer, lines)
    if as_json:
        print(json.dumps(result, ensure_ascii=False))
        return
    for line, entry in zip(lines, result["lines"], strict=True):
        rate = entry["bits"] / entry["bytes"] if entry["bytes"] else 0.0
        print(f"{entry['bits']:10.2f} bits {rate:8.3f} bits/byte  {line}")
    print(f"{result['bits_per_byte']:.4f} bits per byte over {result['bytes']:,} bytes")


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


@app.command()
@one_line
def evaluate(
    folders: Annotated[
        list[Path], typer.Argument(help="Folders of models: ours, or any of transformers.")
    ],
    out: Annotated[Path, typer.Option(help="Where to write NAME.json for each.")] = EVALUATIONS,
    seeds: Annotated[
        bool, typer.Option("--seeds", help="They are one model with several seeds: mean, spread.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not a table.")] = False,
) -> None:
    """Measure models on the benchmark of this project, in one table.

    Corpus and settings are those of params.yaml, which must have been cleaned by `dvc repro`.
    """
    from pipeline.evaluation.evaluate import evaluate_folders
    from pipeline.params import load_params
    from pipeline.reporting.benchmark_table import print_table, together

    if seeds and len(folders) < 2:
        raise UserError("--seeds needs two folders or more: one model trained with several seeds")
    reports = evaluate_folders(folders, load_params(), out)
    if as_json:
        of_all = {"together": together(reports)} if seeds else {}
        print(json.dumps({"models": reports, **of_all}, ensure_ascii=False))
        return
    print_table(reports, seeds)
    for name in reports:
        print(out / f"{name}.json")


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
def compare(
    first: Annotated[Path, typer.Argument(help="A report, such as reports/evaluation.json.")],
    second: Annotated[Path, typer.Argument(help="The report of another model.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not a table.")] = False,
) -> None:
    """Say on what two evaluated models differ: a paired bootstrap over the items."""
    from pipeline.evaluation.compare import compare_reports
    from pipeline.reporting.benchmark_table import print_differences

    differences, others = compare_reports(first, second)
    if as_json:
        rows = [one._asdict() | {"better": one.better} for one in differences]
        print(json.dumps({"differences": rows, "not_compared": others}, ensure_ascii=False))
        return
    print_differences(differences)
    if others:
        print(f"not the same items, so not compared: {', '.join(others)}")


def _read_lines(file: Path) -> list[str]:
    """The lines of a UTF-8 text, without their ends; empty ones too, so that numbers agree."""
    if str(file) == "-":
        raw = sys.stdin.buffer.read()
    elif file.is_file():
        raw = file.read_bytes()
    else:
        raise UserError(f"{file} does not exist: name a text file with one text a line")
    if b"\0" in raw:
        raise UserError(f"{file} is not text: it holds NUL bytes")
    text = raw.decode("utf-8-sig", errors="replace")
    if not text.strip():
        raise UserError(f"{file} has no text to score")
    broken = text.count("\ufffd")
    if broken:
        print(f"{file}: {broken} broken characters were replaced by U+FFFD", file=sys.stderr)
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


def _sampling(**given: Any) -> dict[str, Any]:
    """What the command line says, over what params.yaml says where there is one."""
    from pydantic import ValidationError

    from pipeline.params import PARAMS, GenerationParams, load_params

    params = load_params().generation if PARAMS.is_file() else GenerationParams()
    said = {name: value for name, value in given.items() if value is not None}
    try:
        return GenerationParams(**(params.model_dump() | said)).model_dump()
    except ValidationError as error:
        first = error.errors()[0]
        option = str(first["loc"][0]).replace("_", "-")
        raise UserError(f"--{option} {first['input']!r}: {first['msg']}") from None


def main() -> None:
    """The entry point of the `tugantel` command."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    app()


if __name__ == "__main__":
    main()
