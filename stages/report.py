"""Gather every report into one page that opens offline, its figures, and the headline metrics."""

import csv
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from pipeline.doctor import memory, processor
from pipeline.files import atomic_folder, read_json, write_json, write_text
from pipeline.languages import load_language
from pipeline.ledger import noted
from pipeline.params import PARAMS, Params
from pipeline.publishing.results import headline, read_reports
from stages import run

REPORTS = Path("reports")
SOURCES = Path("data/raw/sources.json")


def main(params: Params) -> None:
    """Write reports/index.html, reports/tokenizer.html, reports/figures/*.png, reports/plots/*.csv
    and reports/metrics.json."""
    from pipeline.reporting.content import cards, sections
    from pipeline.reporting.figures import save_png
    from pipeline.reporting.page import render
    from pipeline.reporting.plots import write_tables
    from pipeline.reporting.tokenizer_sections import tokenizer_page
    from pipeline.reporting.traces import listing

    reports = read_reports(REPORTS)
    sources = read_json(SOURCES)["sources"] if SOURCES.exists() else []
    took = noted(params.model_dump())
    said = sections(
        reports,
        sources,
        curve(REPORTS / "curves", reports["training"]),
        environment(reports["training"]),
        took,
    )
    with atomic_folder(REPORTS / "figures") as folder:
        for section in said:
            for name, figure in section.figures.items():
                save_png(figure, folder / f"{name}.png")
    with atomic_folder(REPORTS / "plots") as folder:
        write_tables(folder, reports, {row["stage"]: row["seconds"] for row in took})
    found = load_language(params.corpus.language)
    language = found.name if found else params.corpus.language
    page = render(
        f"A language model of {language}",
        f"What one run of the pipeline made of its text: a model of family {params.model.family}, "
        "trained from scratch.",
        cards(reports),
        said,
        listing(PARAMS.read_text(encoding="utf-8")),
    )
    write_text(REPORTS / "index.html", page)
    described = REPORTS / "tokenizer" / "tokens.json"
    timed = REPORTS / "tokenizer_seconds.json"
    tokenizer_cards, tokenizer_sections = tokenizer_page(
        reports["tokenizer"],
        read_json(described) if described.exists() else {},
        read_json(timed) if timed.exists() else None,
    )
    write_text(
        REPORTS / "tokenizer.html",
        render(
            f"A tokenizer for {language}",
            "Which tokenizers were tried on its text, what was measured, and which was chosen.",
            tokenizer_cards,
            tokenizer_sections,
        ),
    )
    write_json(REPORTS / "metrics.json", headline(reports))
    print(f"report: {REPORTS / 'index.html'} ({len(page.encode()) / 1e3:,.0f} kB)")


def curve(folder: Path, training: Any) -> list[dict[str, float]]:
    """The loss of every step and of every validation, at the number of tokens read by then."""
    records: list[dict[str, float]] = []
    if not isinstance(training, dict) or not (folder / "steps.csv").exists():
        return records
    tokens_per_step = training["tokens"] / training["steps"]
    for row in _read_csv(folder / "steps.csv"):
        records.append({"tokens": float(row["tokens"]), "train_loss": float(row["loss"])})
    for row in _read_csv(folder / "validation.csv"):
        tokens = float(row["step"]) * tokens_per_step
        records.append({"tokens": tokens, "validation_loss": float(row["validation_loss"])})
    return records


def environment(training: Any) -> dict[str, str]:
    """What the run was made with; the training's own record goes before this process's."""
    trained = training if isinstance(training, dict) else {}
    versions = {
        name: importlib.metadata.version(name) for name in ("torch", "tokenizers", "transformers")
    }
    found = {"python": platform.python_version(), **versions, "cores": os.cpu_count()}
    found["system"] = f"{platform.system()} {platform.machine()}"
    found |= {"processor": processor(), "memory": memory(), "commit": commit()}
    for key in ("python", "torch", "device", "threads", "precision", "compile"):
        if trained.get(key) is not None:
            found[key] = trained[key]
    return {name: str(value) for name, value in found.items() if value is not None}


def commit() -> str | None:
    """The commit of the code, and whether files differ from it; None outside of git."""
    told = []
    for words in (("rev-parse", "HEAD"), ("status", "--porcelain", "--", "pipeline", "stages")):
        try:
            done = subprocess.run(["git", *words], capture_output=True, text=True)
        except FileNotFoundError:
            return None
        if done.returncode:
            return None
        told.append(done.stdout.strip())
    return told[0] + (" with changed code" if told[1] else "")


def _read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    run(main)
