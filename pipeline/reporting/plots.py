"""The figures of the report that no stage leaves as a table, as CSV for `dvc plots`.

The columns are named in dvc.yaml. A file without rows still has its header.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from pipeline.files import write_text
from pipeline.publishing.results import dig
from pipeline.reporting.blocks import is_number
from pipeline.reporting.figures import readable
from pipeline.reporting.run_figures import losses_of

Rows = Iterable[Sequence[Any]]


def tables(reports: Mapping[str, Any], seconds: Mapping[str, float]) -> dict[str, tuple[str, Rows]]:
    """Name of the file to its header and rows."""
    cleaning, scores = reports.get("cleaning"), dig(reports.get("evaluation"), "bits_per_byte")
    variants = dig(reports.get("experiments"), "variants") or []
    return {
        "dropped": ("documents,reason", _counts(dig(cleaning, "dropped"))),
        "dropped_paragraphs": ("paragraphs,reason", _counts(dig(cleaning, "dropped_paragraphs"))),
        "ladder": (
            "bits_per_byte,name,parameters,seconds",
            [
                (row["bits_per_byte"], row["name"], row.get("parameters"), row.get("seconds"))
                for row in variants
                if is_number(row.get("bits_per_byte"))
            ],
        ),
        "ladder_losses": (
            "tokens,loss,name",
            [(tokens, loss, row["name"]) for row in variants for tokens, loss in losses_of(row)],
        ),
        "bits_per_byte": (
            "bits_per_byte,name",
            [(value, readable(name)) for name, value in (scores or {}).items() if is_number(value)],
        ),
        "seconds": ("seconds,stage", [(value, stage) for stage, value in seconds.items()]),
    }


def write_tables(folder: Path, reports: Mapping[str, Any], seconds: Mapping[str, float]) -> None:
    """Write every table as `folder`/NAME.csv."""
    for name, (header, rows) in tables(reports, seconds).items():
        text = StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(header.split(","))
        writer.writerows(rows)
        write_text(folder / f"{name}.csv", text.getvalue())


def _counts(reasons: Any) -> list[tuple[int, str]]:
    return [
        (count, readable(name))
        for name, count in (reasons or {}).items()
        if is_number(count) and count
    ]
