"""Two models compared: a difference is called one as often as it should be."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.evaluation.compare import compare, compare_reports
from pipeline.evaluation.items import Measure, measure, read_items, write_items
from pipeline.reporting.benchmark_table import mean_and_spread

ASKED = [f"text {number}" for number in range(200)]


def of(values: np.ndarray, name: str = "pairs/x", **more: object) -> dict[str, Measure]:
    return {name: measure(name, values, ASKED, **more)}  # type: ignore[arg-type]


def test_models_that_differ_by_chance_are_told_apart_in_about_one_of_twenty_cases() -> None:
    generator = np.random.default_rng(0)
    called = 0
    for _ in range(200):
        hard = generator.random(200)
        ours, theirs = (generator.random((2, 200)) < hard).astype(float)
        ((one,), _) = compare(of(ours), of(theirs))
        called += one.better is not None
    assert called <= 20


def test_pairing_finds_a_small_difference_that_all_items_share() -> None:
    noise = np.random.default_rng(0).normal(100, 50, 200)
    weights = np.full(200, 10)
    bits = [of(noise + shift, "bits", weights=weights, lower_is_better=True) for shift in (0, 0.5)]
    ((one,), _) = compare(*bits)
    assert one.better == "first"
    assert one.first - one.second == pytest.approx(-0.05)
    assert one.low < -0.04
    ((turned,), _) = compare(*bits[::-1])
    assert turned.better == "second"


def test_where_more_is_better_the_larger_wins() -> None:
    ((one,), _) = compare(of(np.ones(200)), of(np.zeros(200)))
    assert (one.better, one.first, one.second, one.low) == ("first", 1, 0, 1)


def test_one_model_is_as_good_as_itself() -> None:
    values = np.random.default_rng(0).random(200)
    ((one,), _) = compare(of(values), of(values))
    assert one.better is None


def test_formulations_of_one_fact_count_as_one() -> None:
    generator = np.random.default_rng(1)
    facts = (generator.random(10) < 0.7).astype(float)
    groups = np.repeat(np.arange(10), 20).tolist()
    ours, theirs = np.repeat(facts, 20), np.repeat(1 - facts, 20)
    ((alone,), _) = compare(of(ours), of(theirs))
    ((grouped,), _) = compare(of(ours, groups=groups), of(theirs, groups=groups))
    assert grouped.high - grouped.low > 3 * (alone.high - alone.low)


def test_measures_that_asked_something_else_are_named_and_not_compared(tmp_path: Path) -> None:
    other = {"pairs/x": measure("pairs/x", np.ones(200), ASKED[::-1])}
    assert compare(of(np.ones(200)), other) == ([], ["pairs/x"])
    for name, measures in (("a", of(np.ones(200))), ("b", other)):
        write_items(tmp_path / f"{name}.json", name, list(measures.values()))
    with pytest.raises(UserError, match="nothing in common"):
        compare_reports(tmp_path / "a.json", tmp_path / "b.json")


def test_items_are_read_as_they_were_written(tmp_path: Path) -> None:
    measures = [
        measure("bits", [1.23456, 2], ["а", "б"], weights=[2, 2], lower_is_better=True),
        measure("facts", [0.5, 1], ["в"], groups=[("r", "s"), ("r", "t")]),
    ]
    write_items(tmp_path / "evaluation.json", "мин", measures)
    name, found = read_items(tmp_path / "evaluation.json")
    assert name == "мин"
    assert list(found.values()) == measures
    assert found["bits"].values == [1.2346, 2.0]
    assert found["facts"].groups == [0, 1]
    differences, _ = compare_reports(tmp_path, tmp_path / "evaluation.json")
    assert [one.better for one in differences] == [None, None]


def test_missing_or_damaged_items_are_one_line(tmp_path: Path) -> None:
    report = tmp_path / "evaluation.json"
    with pytest.raises(UserError, match="tugantel evaluate"):
        compare_reports(report, report)
    (tmp_path / "evaluation.items.json").write_text('{"measures": [1]}')
    with pytest.raises(UserError, match="anew"):
        compare_reports(report, report)


def test_several_seeds_have_a_mean_and_a_spread() -> None:
    assert mean_and_spread([1.0, 2.0, 6.0]) == [3.0, 5.0]
    assert mean_and_spread([1.0, None]) == [None, None]
