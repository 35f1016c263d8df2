"""The set of hashes behaves as Python's does; splits follow from content alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.cleaning.deduplicate import HashSet
from pipeline.cleaning.split import SPLITS, check_sizes, cut_contiguous, split_by_hash
from pipeline.errors import UserError

HASHES = st.one_of(st.integers(0, 2**64 - 1), st.integers(0, 40).map(lambda i: i << 40))


@settings(deadline=None)
@given(st.lists(st.lists(HASHES, max_size=30), max_size=6))
def test_a_hash_is_new_once(batches: list[list[int]]) -> None:
    hashes, seen = HashSet(), set()
    for batch in batches:
        expected = []
        for value in batch:
            value = value or 1  # zero and one are one hash
            expected.append(value not in seen)
            seen.add(value)
        assert hashes.add(np.array(batch, np.uint64)).tolist() == expected
    assert len(hashes) == len(seen)


def test_the_set_grows_and_stays_small() -> None:
    draw = np.random.default_rng(0)
    values = draw.integers(1, 2**63, 300_000, dtype=np.uint64)
    hashes = HashSet()
    assert all(hashes.add(part).all() for part in np.array_split(values, 50))
    assert not any(hashes.add(part).any() for part in np.array_split(values[::-1], 50))
    assert hashes._table.nbytes <= 32 * len(values)


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
