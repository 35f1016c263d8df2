"""The licence of a model follows from those of its sources, or somebody must name it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.publishing.licences import (
    NO_DERIVATIVES,
    TABLE,
    asks_for_more,
    choose_licence,
    hub_licence,
    known_licence,
    licence_of,
)


def of(*licences: str) -> str:
    return licence_of((f"s{i}", licence) for i, licence in enumerate(licences))


@pytest.mark.parametrize(
    ("licences", "strictest"),
    [
        (["CC0"], "cc0-1.0"),
        (["public domain", "CC BY 4.0"], "cc-by-4.0"),
        (["Apache-2.0"], "apache-2.0"),
        (["CC BY 4.0", "CC BY-SA 4.0", "CC0 1.0"], "cc-by-sa-4.0"),
        (["CC BY-SA 3.0", "CC BY-SA 4.0"], "cc-by-sa-4.0"),
        (["CC BY 4.0", "CC BY-NC 4.0"], "cc-by-nc-4.0"),
        (["CC BY-NC 4.0", "CC BY-NC-SA 4.0"], "cc-by-nc-sa-4.0"),
        (["ODC-By 1.0", "MIT"], "odc-by"),
    ],
)
def test_the_strictest_wins_in_any_order(licences: list[str], strictest: str) -> None:
    assert of(*licences) == of(*reversed(licences)) == strictest


@pytest.mark.parametrize(
    ("licences", "said"),
    [
        (["CC BY 4.0", "unknown"], "source s1 is 'unknown'"),
        (["ODC-By 1.0 and Common Crawl's terms of use"], "which tells nothing certain"),
        ([""], "which tells nothing certain"),
        (["CC BY-ND 4.0"], "forbids adapted works"),
        (["CC BY-SA 4.0", "CC BY-NC 4.0"], "shut each other out"),
        (["CC BY-SA 4.0", "CC BY-NC-SA 4.0"], "shut each other out"),
        (["CC BY-SA 4.0", "GPL-3.0"], "shut each other out"),
        ([], "no source is known"),
    ],
)
def test_what_is_unclear_is_said_and_the_way_out_named(licences: list[str], said: str) -> None:
    with pytest.raises(UserError, match="--licence") as error:
        of(*licences)
    assert said in str(error.value)
    assert known_licence([("s", licence) for licence in licences]) is None


@given(st.lists(st.sampled_from(list(TABLE)), min_size=1, max_size=4))
def test_no_source_asks_for_more_than_the_model_and_the_licence_is_one_of_theirs(
    licences: list[str],
) -> None:
    sources = [(f"s{i}", licence) for i, licence in enumerate(licences)]
    try:
        chosen = licence_of(sources)
    except UserError:
        shared = sum("sa" in x or x in ("gfdl", "odbl", "gpl-3.0") for x in set(licences))
        forbidden = any(TABLE[x] == NO_DERIVATIVES for x in licences)
        assert shared or forbidden
        return
    assert chosen in licences and asks_for_more(chosen, sources) == []
    assert chosen == licence_of(reversed(sources))


@pytest.mark.parametrize("identifier", TABLE)
def test_the_hubs_own_spelling_is_understood(identifier: str) -> None:
    assert hub_licence(identifier) == hub_licence(identifier.upper()) == identifier


def test_a_person_may_name_what_the_sources_do_not_say() -> None:
    chosen = choose_licence("CC BY 4.0", [("a", "unknown"), ("b", "CC BY-NC 4.0")])
    assert (chosen.identifier, chosen.chosen) == ("cc-by-4.0", True)
    assert asks_for_more("cc-by-4.0", [("a", "unknown"), ("b", "CC BY-NC 4.0")]) == [
        "b (CC BY-NC 4.0)"
    ]
    with pytest.raises(UserError, match="take one of"):
        choose_licence("mine", [])
