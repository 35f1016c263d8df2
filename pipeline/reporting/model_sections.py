"""The sections about the model: training, rivals, benchmark, samples, export."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.publishing.results import dig
from pipeline.reporting import figures
from pipeline.reporting.blocks import (
    DASH,
    Quotes,
    Section,
    Table,
    interval,
    megabytes,
    number,
    shown,
)
from pipeline.reporting.figures import readable
from pipeline.reporting.run_figures import variant_losses


def training(report: Any, curve: Sequence[Mapping[str, Any]]) -> Section:
    """How the model learned."""
    section = Section("training", "Training")
    if not isinstance(report, dict):
        return section
    facts = [
        ("family", report.get("family")),
        ("parameters", number(report.get("parameters"))),
        ("context, tokens", number(report.get("context"))),
        ("tokens read", number(report.get("tokens"))),
        ("seconds", number(report.get("seconds"), ",.0f")),
        ("tokens a second", number(report.get("tokens_per_second"), ",.0f")),
        ("precision", report.get("precision")),
    ]
    made = {
        "family": "model.family",
        "parameters": "model",
        "context, tokens": "model.context",
        "tokens read": "training.epochs",
        "precision": "training.precision",
    }
    rows = [(name, str(value)) for name, value in facts if value not in (None, DASH)]
    section.tables.append(Table(("", ""), rows, params=made))
    section.draw("loss", figures.losses(curve))
    passes = [
        (
            number(entry.get("epoch"), "g"),
            number(entry.get("train_loss"), ".4f"),
            number(entry.get("validation_loss"), ".4f"),
            number(entry.get("validation_bits_per_byte"), ".4f"),
        )
        for entry in report.get("epochs") or []
    ]
    if passes:
        headings = ("epoch", "training loss", "validation loss", "validation bits per byte")
        section.tables.append(Table(headings, passes))
    return section


def ladder(report: Any) -> Section:
    """The variants that had the same budget."""
    section = Section("ladder", "Architectures")
    variants = (report or {}).get("variants") or []
    if not variants:
        return section
    budgets = {row.get("tokens") for row in variants}
    if len(budgets) == 1:
        section.paragraphs.append(f"Every variant read the same {number(budgets.pop())} tokens.")
    if any(row.get("repeatable") is False for row in variants):
        section.paragraphs.append(
            "The budget was time, not tokens: another run, or another machine, gives other figures."
        )
    if any(row.get("spread") is not None for row in variants):
        section.paragraphs.append(
            "Spread is how far the seeds of a variant lie apart; a smaller difference says nothing."
        )
    section.draw("ladder", figures.ladder(variants))
    section.draw("ladder_losses", variant_losses(variants))
    rows = [
        (
            row["name"],
            number(row.get("parameters")),
            number(row.get("tokens")),
            number(row.get("seconds"), ",.1f"),
            number(row.get("tokens_per_second")),
            number(row.get("peak_megabytes"), ",.0f"),
            number(row.get("bits_per_byte"), ".3f"),
            number(row.get("spread"), ".4f"),
        )
        for row in variants
    ]
    headings = (
        "variant",
        "parameters",
        "tokens",
        "seconds",
        "tokens a second",
        "peak MB",
        "bits per byte",
        "spread",
    )
    made = {row["name"]: f"experiments.variants.{row['name']}" for row in variants}
    section.tables.append(Table(headings, rows, params=made))
    return section


def benchmark(report: Any) -> Section:
    """The model beside chance, the majority answer and the character 5-gram."""
    section = Section("benchmark", "Benchmark")
    if not isinstance(report, dict):
        return section
    size = dig(report, "test.bytes")
    if size is not None:
        section.paragraphs.append(
            f"Measured on {number(dig(report, 'test.documents'))} test documents "
            f"({megabytes(size)} MB) that the training text does not hold."
        )
    bits = report.get("bits_per_byte")
    section.draw("bits_per_byte", figures.bits_per_byte(bits))
    if bits:
        low_high = interval(report.get("bits_per_byte_interval"), ".3f")
        rows: list[tuple[str, ...]] = [
            (readable(name), number(value, ".3f"), low_high if name == "model" else "")
            for name, value in bits.items()
        ]
        section.tables.append(Table(("bits per byte", "test", "95% interval"), rows))
    rows = _scores(report)
    if rows:
        headings = ("", "model", "95% interval", "chance", "majority", "5-gram")
        section.tables.append(Table(headings, rows))
    section.tables += _groups(dig(report, "minimal_pairs.by_phenomenon"), "phenomenon", "pairs")
    section.tables += _groups(dig(report, "facts.by_relation"), "relation", "held_out")
    return section


SCORES = (
    ("minimal pairs", "minimal_pairs", "accuracy", "interval"),
    ("minimal pairs, per byte", "minimal_pairs", "accuracy_per_byte", "interval_per_byte"),
    ("facts, wording never seen", "facts", "accuracy", "interval"),
    ("same answer to all wordings", "facts", "consistency", "consistency_interval"),
    ("right and the same", "facts", "accurate_and_consistent", "both_interval"),
)


def _scores(report: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Rows of (name, model, interval, chance, majority, 5-gram), those that were measured."""
    rows = []
    for name, test, key, between in SCORES:
        group = report.get(test) or {}
        if group.get(key) is None:
            continue
        # The rivals' accuracy stands under their bare name, other measures under name_measure.
        measure = key.removeprefix("accuracy").lstrip("_")
        beside = [
            group.get(f"{rival}_{measure}".rstrip("_"))
            for rival in ("chance", "majority", "char_5gram")
        ]
        if test == "minimal_pairs":
            beside[0] = 0.5
        rows.append(
            (
                name,
                number(group[key], ".1%"),
                interval(group.get(between), ".0%"),
                *(number(value, ".1%") for value in beside),
            )
        )
    return rows


def _groups(groups: Any, name: str, count: str) -> list[Table]:
    """A table of the groups of a test, if it has any."""
    rows = [
        (
            readable(group),
            number(dig(scores, count)),
            number(dig(scores, "accuracy"), ".1%"),
            interval(dig(scores, "interval"), ".0%"),
            number(dig(scores, "char_5gram"), ".1%"),
        )
        for group, scores in (groups or {}).items()
    ]
    headings = (name, "asked", "model", "95% interval", "5-gram")
    return [Table(headings, rows)] if rows else []


def samples(report: Any) -> Section:
    """What the model writes by itself."""
    section = Section("samples", "Samples")
    for sample in dig(report, "samples") or []:
        prompt = sample.get("prompt") or ""
        title = f"After “{shown(prompt)}”" if prompt else "From nothing"
        notes = []
        if sample.get("temperature") is not None:
            notes.append(f"temperature {sample['temperature']:g}")
        if sample.get("known_words") is not None:
            notes.append(f"{sample['known_words']:.0%} of its words known")
        if sample.get("longest_copied_run") is not None:
            notes.append(f"longest run copied from training: {sample['longest_copied_run']} words")
        about = f" ({'; '.join(notes)})" if notes else ""
        text = shown(sample.get("text") or "", 2000)
        section.quotes.append(Quotes(title + about, [text], open=True))
    return section


def export(report: Any) -> Section:
    """Whether the exported folder is the model."""
    section = Section("export", "Export")
    if isinstance(report, dict):
        verdict = "equal" if report.get("ids_equal") else "differ"
        section.paragraphs.append(
            f"data/export loads as {report.get('class')}. Checked on the whole test split: "
            f"token ids of {number(report.get('documents_compared'))} documents {verdict}, "
            f"logits differ by at most {number(report.get('max_logit_difference'), '.1g')}."
        )
    return section
