"""What the stages measured, read back from reports/*.json.

The card, the report and the closing summary tell of the same numbers, so they read them in one
place. Only the standard library is imported: the summary must be there at once.
"""

import json
from pathlib import Path
from typing import Any

from pipeline.errors import UserError

REPORTS = (
    "cleaning",
    "words",
    "dropped_examples",
    "tokenizer",
    "training",
    "experiments",
    "trials",
    "evaluation",
    "export",
)


def read_reports(folder: Path) -> dict[str, Any]:
    """Read every report of `folder` by its name; None stands for one that is not there.

    Raises:
        UserError: a report is not JSON.
    """
    reports: dict[str, Any] = {}
    for name in REPORTS:
        path = folder / f"{name}.json"
        try:
            reports[name] = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            reports[name] = None
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise UserError(
                f"{path} is not valid JSON ({error}): delete it and run `dvc repro`"
            ) from None
    return reports


def dig(value: Any, path: str) -> Any:
    """The value at a dotted path, or None where any part of it is missing or null.

    >>> dig({"bits_per_byte": {"model": 1.2}}, "bits_per_byte.model")
    1.2
    """
    for key in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def headline(reports: dict[str, Any]) -> dict[str, Any]:
    """The few scalars that two runs are compared by; what does not apply to a run is left out."""
    cleaning, evaluation = reports.get("cleaning"), reports.get("evaluation")
    raw, kept = dig(cleaning, "documents.raw"), dig(cleaning, "documents.kept")
    epochs = dig(reports.get("training"), "epochs") or [{}]
    values = {
        "documents_kept": kept,
        "kept_share": kept / raw if raw and kept is not None else None,
        "vocabulary": dig(reports.get("tokenizer"), "chosen.size"),
        "parameters": dig(reports.get("training"), "parameters"),
        "validation_loss": epochs[-1].get("validation_loss"),
        "validation_bits_per_byte": epochs[-1].get("validation_bits_per_byte"),
        "test_bits_per_byte": dig(evaluation, "bits_per_byte.model"),
        "char_5gram_bits_per_byte": dig(evaluation, "bits_per_byte.char_5gram"),
        "minimal_pairs_accuracy": dig(evaluation, "minimal_pairs.accuracy"),
        "facts_accuracy": dig(evaluation, "facts.accuracy"),
        "facts_consistency": dig(evaluation, "facts.consistency"),
    }
    return {
        name: round(value, 6) if isinstance(value, float) else value
        for name, value in values.items()
        if value is not None
    }
