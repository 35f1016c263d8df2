"""What was there before is found whatever the partitions; splits follow from content alone."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.cleaning import deduplicate
from pipeline.cleaning.deduplicate import Repeats, partitions, repeated
from pipeline.cleaning.passes import LEFT
from pipeline.cleaning.scratch import Scratch
from pipeline.cleaning.split import SPLITS, check_sizes, cut_contiguous, split_by_hash
from pipeline.errors import UserError

KEYS = st.one_of(st.integers(0, 2**64 - 1), st.integers(0, 9).map(lambda i: i << 60))


@settings(deadline=None)
@given(st.lists(st.lists(KEYS, max_size=20), min_size=1, max_size=5), st.sampled_from([1, 2, 8]))
def test_what_stands_at_an_earlier_place_is_found_in_any_number_of_partitions(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[list[int]], of: int
) -> None:
    scratch = Scratch(tmp_path_factory.mktemp("scratch"))
    for number, keys in enumerate(chunks):
        scratch.save("left", number, np.array([(key, 1) for key in keys], LEFT))
    flat = [key for keys in chunks for key in keys]
    expected = [i for i, key in enumerate(flat) if key and key in flat[:i]]
    find = Repeats(scratch, len(chunks), "left", of)
    found = np.concatenate([find(partition) for partition in range(of)])
    assert sorted(found.tolist()) == expected


def test_partitions_are_enough_and_a_power_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deduplicate, "PARTITION", 100)
    assert [partitions(n) for n in (0, 1, 100, 129, 1000)] == [1, 1, 1, 2, 8]


def test_of_equal_hashes_the_first_place_stays() -> None:
    hashes, places = np.array([7, 9, 7, 7], np.uint64), np.array([3, 4, 10, 12])
    assert repeated(hashes, places).tolist() == [10, 12]


def test_arrays_come_back_as_they_were_and_empty_ones_too(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    for values in (np.arange(5), np.zeros((0, 2), np.int64), np.zeros(0, LEFT)):
        scratch.save("x", 3, values)
        found = scratch.load("x", 3)
        assert found.dtype == values.dtype and found.shape == values.shape


def test_a_hash_goes_to_one_split_in_the_shares_asked_for() -> None:
    keys = np.random.default_rng(0).integers(0, 2**64, 100_000, dtype=np.uint64, endpoint=False)
    where = split_by_hash(keys, 0.05, 0.1)
    shares = np.bincount(where, minlength=3) / len(keys)
    np.testing.assert_allclose(shares, [0.85, 0.05, 0.1], atol=0.005)
    np.testing.assert_array_equal(split_by_hash(keys[::-1], 0.05, 0.1), where[::-1])


@settings(deadline=None)
@given(st.lists(st.integers(1, 500), min_size=1, max_size=20), st.floats(0.01, 0.3))
def test_contiguous_parts_are_the_text_in_order(lengths: list[int], share: float) -> None:
    total, begin = sum(lengths), 0
    parts = []
    for length in lengths:
        found = cut_contiguous(begin, length, total, share, share)
        assert sum(last - first for _, first, last in found) == length
        parts += [split for split, _, _ in found]
        begin += length
    assert parts == sorted(parts)


def test_one_book_is_cut_where_nanogpt_cuts_it() -> None:
    assert cut_contiguous(0, 1000, 1000, 0.05, 0.05) == [
        (0, 0, 900),
        (1, 900, 950),
        (2, 950, 1000),
    ]


def test_a_split_with_nothing_to_measure_on_is_refused() -> None:
    check_sizes([10, 1, 1], [5000, 200, 200])
    with pytest.raises(UserError, match=r"12 documents with 5,299 .* test gets 1 with 99"):
        check_sizes([10, 1, 1], [5000, 200, 99])
    with pytest.raises(UserError, match="validation gets 0"):
        check_sizes([10, 0, 1], [5000, 0, 300])
    assert SPLITS == ("train", "validation", "test")
