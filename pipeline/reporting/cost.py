"""What a run cost: time, an estimate of energy, tokens."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.publishing.results import dig
from pipeline.reporting.blocks import Section, Table, number
from pipeline.reporting.run_figures import seconds_by_stage

# Assumptions, not measurements: what a busy core draws, with its share of memory and power supply,
# and what a GPU draws while it trains.
CORE_WATTS = 10.0
GPU_WATTS = 300.0

Row = Mapping[str, Any]


def cost(reports: Mapping[str, Any], stages: Sequence[Row]) -> Section:
    """Time of every stage, energy by an assumption that is named, tokens that were read.

    Args:
        stages: for each stage that ran here its `stage`, `seconds` by the clock, `core_seconds` of
            all cores together and `peak_megabytes` of its largest process.
    """
    section = Section("cost", "Cost")
    training = reports.get("training") or {}
    rows = _with_training(stages, training)
    if not rows:
        return section
    on_gpu = dig(training, "device") not in (None, "cpu")
    hours = [_watt_hours(row, on_gpu) for row in rows]
    clock = sum(row["seconds"] for row in rows)
    tokens = dig(training, "tokens")
    section.paragraphs += [
        f"The stages took {_minutes(clock)} by the clock, one after another, and "
        f"{_minutes(sum(row['core_seconds'] for row in rows))} of all cores together, as each was "
        "last run on this machine.",
        f"Energy: about {sum(hours):,.1f} Wh. This is an estimate, not a measurement: a busy core "
        f"is taken for {CORE_WATTS:g} W, with its share of memory and power supply"
        + (f", the GPU that trains for {GPU_WATTS:g} W." if on_gpu else "."),
    ]
    trained = next((h for row, h in zip(rows, hours, strict=True) if row["stage"] == "pretrain"), 0)
    if tokens and trained:
        section.paragraphs.append(
            f"A million tokens of training cost {trained / tokens * 1e6:,.1f} Wh and "
            f"{_minutes(training['seconds'] / tokens * 1e6)}."
        )
    section.draw("cost", seconds_by_stage({row["stage"]: row["seconds"] for row in rows}))
    section.tables.append(
        Table(
            ("stage", "seconds", "core seconds", "Wh, estimated", "peak MB"),
            [
                (
                    row["stage"],
                    number(row["seconds"], ",.1f"),
                    number(row["core_seconds"], ",.1f"),
                    number(used, ",.2f"),
                    number(row.get("peak_megabytes"), ",.0f"),
                )
                for row, used in zip(rows, hours, strict=True)
            ],
        )
    )
    if read := _tokens(reports):
        section.tables.append(Table(("tokens read", "", "tokens a second"), read))
    return section


def _with_training(stages: Sequence[Row], training: Any) -> list[Row]:
    """The stages' rows; a training that went on from a checkpoint counts from its first start."""
    seconds = dig(training, "seconds")
    rows: list[Row] = list(stages)
    if seconds is None:
        return rows
    for place, row in enumerate(rows):
        if row["stage"] == "pretrain":
            longer = max(seconds / max(row["seconds"], 1e-9), 1.0)
            rows[place] = {
                **row,
                "seconds": row["seconds"] * longer,
                "core_seconds": row["core_seconds"] * longer,
            }
            return rows
    cores = dig(training, "threads") or 1
    return [*rows, {"stage": "pretrain", "seconds": seconds, "core_seconds": seconds * cores}]


def _watt_hours(row: Row, on_gpu: bool) -> float:
    gpu = GPU_WATTS * row["seconds"] if on_gpu and row["stage"] == "pretrain" else 0.0
    return float(CORE_WATTS * row["core_seconds"] + gpu) / 3600


def _tokens(reports: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What was read to train: the model, then the ladder with all its seeds."""
    rows = []
    training = reports.get("training") or {}
    if dig(training, "tokens") is not None:
        speed = number(dig(training, "tokens_per_second"))
        rows.append(("the model", number(training["tokens"]), speed))
    for variant in dig(reports.get("experiments"), "variants") or []:
        if variant.get("tokens") is None:
            continue
        seeds = len(variant.get("bits_per_byte_by_seed") or [None])
        times = f" × {seeds}" if seeds > 1 else ""
        speed = number(variant.get("tokens_per_second"))
        rows.append((f"ladder, {variant['name']}", number(variant["tokens"]) + times, speed))
    return rows


def _minutes(seconds: float) -> str:
    """A span of time as people say it.

    >>> _minutes(339), _minutes(7300), _minutes(42)
    ('5 min 39 s', '2 h 1 min', '42 s')
    """
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 60} min {whole % 60} s" if whole >= 60 else f"{whole} s"
