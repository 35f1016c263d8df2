"""What the trials came to: a table, and sentences on whether a difference is more than chance."""

from collections.abc import Mapping
from typing import Any

# What is judged, the variant with it, the variant without it.
QUESTIONS = (
    ("Cleaning", "clean", "raw"),
    ("Weighting the sources", "clean", "unweighted"),
    ("BPE-dropout", "clean_dropout", "clean"),
)

HEADINGS = ("trained on", "bits per byte", "spread", "tokens", "passes", "seconds")


def cells(report: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """What stands under `HEADINGS`, one row a variant."""
    return [
        (
            row["name"].replace("_", " "),
            f"{row['bits_per_byte']:.4f}",
            f"{row['spread']:.4f}",
            f"{row['tokens']:,}",
            f"{row['passes']:,.2f}",
            f"{row['seconds']:,.0f}",
        )
        for row in report.get("variants") or []
    ]


def verdicts(report: Mapping[str, Any]) -> list[str]:
    """One sentence for each question that the variants of `report` (reports/trials.json) answer.

    A difference counts when it exceeds the larger of the two spreads over seeds.
    """
    rows = {row["name"]: row for row in report.get("variants") or []}
    return [
        _sentence(what, rows[on], rows[off])
        for what, on, off in QUESTIONS
        if on in rows and off in rows
    ]


def _sentence(what: str, on: Mapping[str, Any], off: Mapping[str, Any]) -> str:
    gain = off["bits_per_byte"] - on["bits_per_byte"]
    spread = max(on["spread"], off["spread"])
    share = f"{abs(gain) / off['bits_per_byte']:.1%} {'fewer' if gain > 0 else 'more'}"
    both = (
        f"{on['bits_per_byte']:.4f} bits per byte with it ({on['name']}), "
        f"{off['bits_per_byte']:.4f} without ({off['name']})"
    )
    if abs(gain) <= spread:
        return f"{what} makes no difference that shows: {both}; seeds differ by {spread:.4f}."
    effect = "helps" if gain > 0 else "does harm"
    return f"{what} {effect}: {both}. That is {share}; seeds differ by at most {spread:.4f}."
