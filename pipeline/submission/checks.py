"""The checks that checklists name: each looks at one thing and says what it found.

A check is a function of a `Project`, and of the settings that a checklist gives it. It believes
what stages measured and git knows, not what is only promised.
"""

import inspect
import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from pipeline.publishing.results import dig
from pipeline.submission.project import Project

HUB = re.compile(
    r"https://(?:huggingface\.co|hf\.co)/"
    r"(?!(?:datasets|spaces|docs|papers|collections|blog|models)/)[\w.-]+/[\w.-]+"
)
WANDB = re.compile(r"https://wandb\.ai/[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class Found:
    """Whether a thing is there, and in a few words what was seen."""

    there: bool
    seen: str


Check = Callable[..., Found]
CHECKS: dict[str, Check] = {}


def check(function: Check) -> Check:
    """Let checklists name a function."""
    CHECKS[function.__name__] = function
    return function


def settings_of(name: str) -> set[str]:
    """The settings that a check needs from a checklist."""
    return set(list(inspect.signature(CHECKS[name]).parameters)[1:])


# --- repository ---------------------------------------------------------------------------------


@check
def clean(project: Project) -> Found:
    """Nothing is uncommitted."""
    changed = project.repository.uncommitted()
    return Found(not changed, f"not committed: {listed(changed)}" if changed else "all committed")


@check
def code(project: Project, paths: list[str]) -> Found:
    """Files, or folders with files, are committed; empty files count as missing."""
    tracked = [
        path
        for path in project.repository.tracked()
        if (project.folder / path).is_file() and (project.folder / path).stat().st_size
    ]
    missing = [
        path
        for path in paths
        if not any(one == path or one.startswith(f"{path}/") for one in tracked)
    ]
    return Found(
        not missing, f"not in git: {listed(missing)}" if missing else f"{len(paths)} places in git"
    )


@check
def remote(project: Project) -> Found:
    """There is a remote to push to."""
    remotes = project.repository.remotes()
    return Found(bool(remotes), f"remote {listed(remotes)}" if remotes else "no remote")


@check
def run(project: Project) -> Found:
    """Every stage of the recipe has run, with the params of now, and its reports are unchanged."""
    why = project.why_unfinished()
    return Found(why is None, why or "every stage ran with these params")


# --- text and tokenizer -------------------------------------------------------------------------


@check
def text(project: Project) -> Found:
    """A source is neither the invented world nor a text in params."""
    kinds: list[str] = [source.kind for source in project.params.corpus.sources]
    own = [kind for kind in kinds if kind not in ("demo", "text")]
    return Found(bool(own), f"sources: {listed(kinds)}")


@check
def licences(project: Project) -> Found:
    """Every source that was read has a licence that is not `unknown`."""
    sources = project.sources
    unknown = [
        str(source.get("name"))
        for source in sources
        if str(source.get("licence") or "unknown") == "unknown"
    ]
    if not sources:
        return Found(False, "no source was read")
    if unknown:
        return Found(False, f"licence not known: {listed(unknown)}")
    return Found(True, listed(sorted({str(source["licence"]) for source in sources})))


@check
def cleaning(project: Project) -> Found:
    """Cleaning was on, and left a record of what it dropped."""
    report = project.reports["cleaning"]
    raw, kept = dig(report, "documents.raw"), dig(report, "documents.kept")
    if not project.params.cleaning.enabled:
        return Found(False, "cleaning.enabled is false")
    if raw is None or kept is None or project.reports["dropped_examples"] is None:
        return Found(False, "no record of cleaning")
    return Found(True, f"{kept:,} of {raw:,} documents kept")


@check
def tokenizers(project: Project, at_least: int) -> Found:
    """So many tokenizers were tried."""
    tried = dig(project.reports["tokenizer"], "sweep") or []
    return Found(len(tried) >= at_least, f"{len(tried)} tried")


@check
def choice(project: Project) -> Found:
    """The tokenizer was chosen among several by what small models made of them."""
    sweep = dig(project.reports["tokenizer"], "sweep") or []
    judged = [row for row in sweep if row.get("proxy_bits_per_byte") is not None]
    why = dig(project.reports["tokenizer"], "chosen.why")
    chosen = project.params.tokenizer.choose == "auto" and len(judged) > 1 and bool(why)
    return Found(chosen, str(why) if chosen else "not chosen by measurement")


# --- model --------------------------------------------------------------------------------------


@check
def family(project: Project, among: list[str]) -> Found:
    """The model that was trained is of one of these families."""
    trained = dig(project.reports["training"], "family")
    return Found(trained in among, f"family {trained}")


@check
def parameters(project: Project, below: int) -> Found:
    """The model is smaller than a limit."""
    count = dig(project.reports["training"], "parameters")
    if count is None:
        return Found(False, "no model was trained")
    return Found(count < below, f"{count:,} parameters")


@check
def epochs(project: Project, at_least: float) -> Found:
    """The training read its text so many times."""
    record = project.epochs
    passes = record[-1]["epoch"] if record else 0
    return Found(passes >= at_least, f"{passes:g} epochs")


@check
def loss(project: Project) -> Found:
    """Both losses are numbers that are lower at the end than after the first validation."""
    record = project.epochs
    if len(record) < 2:
        return Found(False, f"{len(record)} validations: nothing to compare")
    said, fell = [], True
    for name, key in (("training", "train_loss"), ("validation", "validation_loss")):
        first, last = (float(entry.get(key) or math.nan) for entry in (record[0], record[-1]))
        said.append(f"{name} {first:.3f} to {last:.3f}")
        fell = fell and last < first  # never true of what is no number
    return Found(fell, ", ".join(said))


@check
def model(project: Project) -> Found:
    """The weights of the trained model lie in data/model and can be read."""
    from safetensors import SafetensorError, safe_open

    path = project.folder / "data/model/model.safetensors"
    if not path.is_file():
        return Found(False, f"no {path.relative_to(project.folder)}")
    try:
        with safe_open(path, framework="numpy") as file:
            count = len(file.keys())
    except SafetensorError as error:
        return Found(False, f"{path.relative_to(project.folder)} is broken: {error}")
    return Found(count > 0, f"{path.stat().st_size / 1e6:.1f} MB in {count} tensors")


@check
def hub(project: Project) -> Found:
    """README.md names a model on the Hub."""
    link = HUB.search(project.readme)
    return Found(link is not None, link[0] if link else "no address of a model in README.md")


@check
def model_or_hub(project: Project) -> Found:
    """The trained model is here, or README.md names it on the Hub."""
    here = model(project)
    return here if here.there else hub(project)


@check
def wandb(project: Project) -> Found:
    """A run was written for wandb, offline or online, or README.md links one."""
    link = WANDB.search(project.readme)
    if link:
        return Found(True, link[0])
    runs = [
        path
        for path in project.folder.glob("wandb/*run-*/run-*.wandb")
        if path.is_file() and path.stat().st_size
    ]
    return Found(bool(runs), f"runs in wandb/: {len(runs)}" if runs else "no run in wandb/")


# --- what shows it ------------------------------------------------------------------------------


@check
def five_gram(project: Project) -> Found:
    """The model needs fewer bits per byte than the character 5-gram."""
    scores = dig(project.reports["evaluation"], "bits_per_byte")
    ours, theirs = dig(scores, "model"), dig(scores, "char_5gram")
    if ours is None or theirs is None:
        return Found(False, "not measured")
    return Found(ours < theirs, f"{ours:.3f} bits per byte, 5-gram {theirs:.3f}")


@check
def ladder(project: Project, at_least: int) -> Found:
    """So many architectures were trained on one budget."""
    rows = dig(project.reports["experiments"], "variants") or []
    count = len({row.get("family") for row in rows})
    return Found(count >= at_least, f"{count} families")


@check
def samples(project: Project) -> Found:
    """The model wrote texts."""
    written = [
        one for one in dig(project.reports["evaluation"], "samples") or [] if one.get("text")
    ]
    return Found(bool(written), f"{len(written)} samples")


@check
def notebook(project: Project) -> Found:
    """Every code cell of reports/demo.ipynb ran, and none failed."""
    cells = project.notebook_cells()
    if cells is None:
        return Found(False, "no reports/demo.ipynb that can be read")
    cells = [cell for cell in cells if "".join(cell.get("source", "")).strip()]
    waiting = [cell for cell in cells if not cell.get("execution_count")]
    failed = [
        cell
        for cell in cells
        if any(output.get("output_type") == "error" for output in cell.get("outputs", []))
    ]
    if not cells or waiting or failed:
        return Found(False, f"{len(waiting)} of {len(cells)} cells not run, {len(failed)} failed")
    return Found(True, f"{len(cells)} cells ran")


@check
def readme(project: Project) -> Found:
    """README.md holds a figure of this run, with three digits or more after the point."""
    figures = project.figures()
    said = {(number, len(number.split(".")[1])) for number in _decimals(project.readme)}
    told = [
        f"{name} {number}"
        for name, value in figures.items()
        for number, digits in sorted(said)
        if f"{value:.{digits}f}" == number
    ]
    if told:
        return Found(True, listed(told))
    wanted = [f"{name} {value:.3f}" for name, value in figures.items()]
    return Found(False, f"none of {listed(wanted)}" if wanted else "there are no figures to tell")


def _decimals(text: str) -> list[str]:
    """Numbers with three or more digits after the point (or comma), with a point."""
    found = re.findall(r"(?<![\d.,])\d+[.,]\d{3,}(?![\d.,]*\d)", text)
    return [number.replace(",", ".") for number in found]


def listed(words: list[str], most: int = 6) -> str:
    """Words joined by commas, the first few of them.

    >>> listed(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    rest = len(words) - most
    return ", ".join(words[:most]) + (f" and {rest} more" if rest > 0 else "")
