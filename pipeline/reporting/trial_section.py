"""The section about the trials: whether cleaning, weights and BPE-dropout help a small model."""

from typing import Any

from pipeline.reporting.blocks import Section, Table, number
from pipeline.trials.verdict import HEADINGS, cells, verdicts


def trials(report: Any) -> Section:
    """What one small model made of different makings of the same text."""
    section = Section("trials", "Does cleaning help?")
    if isinstance(report, dict) and report.get("variants"):
        section.paragraphs += verdicts(report)
        section.paragraphs.append(
            "The same small model was trained on the same number of tokens of each making of the "
            f"text, and measured on the same {number(report.get('test_bytes'))} bytes of clean "
            "test text. The spread is how far other seeds move a result; passes are how often the "
            f"text was read. {report.get('note') or ''}"
        )
        section.tables.append(Table(HEADINGS, cells(report)))
    return section
