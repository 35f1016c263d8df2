"""What the trials say follows from their numbers alone."""

from typing import Any

import pytest

from pipeline.reporting.trial_section import trials
from pipeline.trials.verdict import HEADINGS, cells, verdicts


def row(name: str, bits: float, spread: float) -> dict[str, Any]:
    seeds = [{"seed": i, "bits_per_byte": bits + i * spread - spread / 2} for i in range(2)]
    cost = {"tokens": 300_000, "passes": 1.25, "left_out": 0.1, "seconds": 40.5}
    return {"name": name, "bits_per_byte": bits, "spread": spread, "seeds": seeds} | cost


def report(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"variants": list(rows), "test_bytes": 50_000, "note": "Said plainly."}


@pytest.mark.parametrize(
    ("raw", "spread", "said"),
    [
        (1.6, 0.01, "Cleaning helps"),
        (1.4, 0.01, "Cleaning does harm"),
        (1.51, 0.02, "Cleaning makes no difference that shows"),
        (1.49, 0.02, "Cleaning makes no difference that shows"),
        (1.5, 0.0, "Cleaning makes no difference that shows"),
    ],
)
def test_a_difference_counts_when_it_exceeds_the_spread(raw: float, spread: float, said: str):
    for rows in ((spread, 0.0), (0.0, spread)):
        found = verdicts(report(row("raw", raw, rows[0]), row("clean", 1.5, rows[1])))
        assert len(found) == 1 and found[0].startswith(said)
        assert "1.5000" in found[0] and f"{raw:.4f}" in found[0] and f"{spread:.4f}" in found[0]


def test_the_size_of_a_difference_is_said() -> None:
    (found,) = verdicts(report(row("raw", 1.6, 0.0), row("clean", 1.2, 0.0)))
    assert "25.0% fewer" in found
    (found,) = verdicts(report(row("clean", 1.2, 0.0), row("clean_dropout", 1.5, 0.0)))
    assert "BPE-dropout does harm" in found and "25.0% more" in found


def test_each_question_is_answered_by_its_own_pair() -> None:
    rows = [row(n, 1.5, 0.1) for n in ("raw", "clean", "unweighted", "clean_dropout")]
    found = verdicts(report(*rows))
    assert [sentence.split(" makes")[0] for sentence in found] == [
        "Cleaning",
        "Weighting the sources",
        "BPE-dropout",
    ]
    assert verdicts(report(row("clean", 1.5, 0.1))) == []


def test_the_section_shows_every_variant() -> None:
    section = trials(report(row("raw", 1.6, 0.01), row("clean", 1.5, 0.01)))
    (table,) = section.tables
    assert table.headings == HEADINGS
    assert table.rows == cells(report(row("raw", 1.6, 0.01), row("clean", 1.5, 0.01)))
    assert table.rows[0] == ("raw", "1.6000", "0.0100", "300,000", "1.25", "40")
    assert "Cleaning helps" in section.paragraphs[0] and "50,000 bytes" in section.paragraphs[1]


@pytest.mark.parametrize("nothing", [None, {}, {"variants": []}])
def test_trials_that_were_not_made_are_left_out(nothing: Any) -> None:
    assert trials(nothing).empty
