"""Word statistics: counts that add up in any order, and laws that hold for made-up text."""

import csv
import io
import json
import math
import pickle
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.cleaning import statistics
from pipeline.cleaning.characters import Characters
from pipeline.cleaning.statistics import (
    CorpusWords,
    WordCounts,
    plot_tables,
)
from pipeline.cleaning.word_laws import heaps, spread_of_lengths, zipf_slope
from pipeline.languages import load_language

LANGUAGE = load_language("tat")
assert LANGUAGE is not None
CHARACTERS = Characters(LANGUAGE)
TEXTS = st.lists(st.text(alphabet=st.sampled_from("абвгАБж ы\n.-1xé\ud800\x00")), max_size=12)


def count(texts: list[str]) -> WordCounts:
    counts = WordCounts()
    counts.add(texts, CHARACTERS)
    return counts


@settings(deadline=None, max_examples=40)
@given(TEXTS, TEXTS, TEXTS, st.integers(1, 6))
def test_parts_add_up_in_any_order_and_any_vocabulary(
    one: list[str], two: list[str], three: list[str], types: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics, "TYPES", types)
        whole = count(one + two + three)
        parts = [count(texts) for texts in (one, two, three)]
        forward, backward = WordCounts(), WordCounts()
        for part in parts:
            forward.merge(part)
        for part in reversed(parts):
            backward.merge(pickle.loads(pickle.dumps(part)))
        assert forward == backward == whole
        assert len(whole.words) <= types
        assert json.dumps(forward.summary()) == json.dumps(backward.summary())


def test_what_is_counted() -> None:
    counts = count(["Бер, ике — БЕР.", "xé ике!", ""])
    assert counts.words == {"бер": 2, "ике": 2, "xé": 1}
    assert counts.outside == {"x": 1, "é": 1}
    assert counts.lengths == {15: 1, 7: 1}
    found = counts.summary()
    assert (found["documents"], found["tokens"], found["types"], found["seen_once"]) == (2, 5, 3, 1)
    assert found["letters_outside_share"] == 2 / 14
    assert found["rank_frequency"] == [[1, 2], [2, 2], [3, 1]]
    assert found["top"][0] == {"word": "бер", "count": 2}


def test_nothing_has_a_summary_too() -> None:
    found = WordCounts().summary()
    assert found["documents"] == found["tokens"] == 0
    assert found["seen_once_share"] is None and found["heaps"]["beta"] is None
    json.dumps(found, allow_nan=False)
    assert plot_tables(CorpusWords().report(1.0, {}, 0))


def test_the_line_of_zipf_is_found() -> None:
    counts = np.array([int(1e7 / rank**1.1) for rank in range(1, 3000)])
    slope = zipf_slope(counts)
    assert slope is not None and abs(slope + 1.1) < 0.01
    assert zipf_slope(counts[:20]) is None


def test_the_curve_of_heaps_is_that_of_parts_of_the_text() -> None:
    draw = random.Random(0)
    words = draw.choices(range(50_000), [1 / (rank + 3) for rank in range(50_000)], k=100_000)
    found = heaps(np.array([n for _, n in Counter(words).most_common()]), len(words), 1)
    for size, expected in found["curve"][::10]:
        seen = len(set(words[:size]))
        assert abs(seen - expected) < 6 * math.sqrt(seen) + 1
    for size, expected in found["curve"][-20:]:
        assert abs(found["K"] * size ** found["beta"] / expected - 1) < 0.15
    assert 0.4 < found["beta"] < 1
    assert found["curve"][-1] == [100_000, len(set(words))]


def test_a_sample_of_the_vocabulary_tells_how_large_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    letters = "абвгдеклмн"
    text = " ".join("".join(letters[int(d)] for d in f"{i:06}") for i in range(40_000))
    exact = count([text]).summary()
    monkeypatch.setattr(statistics, "TYPES", 3000)
    sampled = count([text]).summary()
    assert sampled["vocabulary_sampled"] == 1 / 16
    assert sampled["tokens"] == exact["tokens"]
    assert abs(sampled["types"] / exact["types"] - 1) < 0.06


@given(st.lists(st.integers(0, 10**6), min_size=1))
def test_lengths_have_their_mean_median_and_bins(lengths: list[int]) -> None:
    found = spread_of_lengths(Counter(lengths))
    assert found["mean"] == pytest.approx(np.mean(lengths))
    assert found["median"] == np.median(lengths)
    assert found["max"] == max(lengths)
    counted = Counter()
    for part in found["histogram"]:
        counted[part["from"]] = part["documents"]
        assert part["documents"] == sum(part["from"] <= n < part["to"] for n in lengths)
    assert counted.total() == sum(length > 0 for length in lengths)


def corpus() -> CorpusWords:
    words = CorpusWords()
    words.add("before", ["a", "b", "a"], ["бер ике", "өч", "дүрт hello"], CHARACTERS)
    words.add("after", ["a", "a"], ["бер ике", "дүрт"], CHARACTERS)
    return words


def test_sources_are_told_apart_and_added_up() -> None:
    found = corpus().report(1.0, {"rus": 30, "unknown": 10}, 100)
    assert list(found["by_source"]) == ["a", "b"]
    assert found["by_source"]["b"]["after"]["documents"] == 0
    assert found["before"]["tokens"] == 5 and found["after"]["tokens"] == 3
    assert found["languages"] == {
        "rus": {"bytes": 30, "share": 0.3},
        "unknown": {"bytes": 10, "share": 0.1},
    }
    twice = corpus()
    twice.merge(corpus())
    assert twice.report(1.0, {}, 1)["before"]["tokens"] == 10


def test_many_sources_and_languages_become_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "MOST_SOURCES", 1)
    monkeypatch.setattr(statistics, "MOST_LANGUAGES", 1)
    found = corpus().report(1.0, {"rus": 30, "eng": 10, "nob": 5}, 100)
    assert list(found["by_source"]) == ["a", "others"]
    assert {name: part["bytes"] for name, part in found["languages"].items()} == {
        "rus": 30,
        "others": 15,
    }


def test_tables_are_csv_with_a_column_for_each_axis() -> None:
    report = json.loads(json.dumps(corpus().report(1.0, {"rus": 30}, 100)))
    tables = {
        name: list(csv.DictReader(io.StringIO(text))) for name, text in plot_tables(report).items()
    }
    assert tables["words_before.csv"][0]["rank"] == "1"
    assert float(tables["words_after.csv"][0]["log10_count"]) == 0
    assert tables["languages.csv"] == [{"language": "rus", "bytes": "30", "share": "0.3"}]
    assert [row["source"] for row in tables["sources.csv"]] == ["all"] * 2 + ["a"] * 2 + ["b"] * 2
    assert sum(int(row["documents"]) for row in tables["lengths_before.csv"]) == 3
