"""Commands that measure models and compare them."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.app import MODEL, ModelFolder, app, one_line
from pipeline.errors import UserError

EVALUATIONS = Path("reports/evaluations")


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
