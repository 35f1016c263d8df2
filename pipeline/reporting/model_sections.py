"""The sections about the model: training, rivals, export."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.reporting import figures
from pipeline.reporting.blocks import DASH, Section, Table, number
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
