"""Overlap with training text, against a search that anybody can check."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.evaluation import overlap
from pipeline.evaluation.facts import Question
from pipeline.evaluation.held_out import DocumentOverlap, FactOverlap, PairOverlap
from pipeline.evaluation.overlap import RunFinder, hashed, run_phrases, words
from pipeline.evaluation.pairs import Pair

FEW_WORDS = st.lists(st.sampled_from("абв"), max_size=9).map(" ".join)


def longest_by_hand(phrase: str, texts: list[str]) -> int:
    """The longest beginning of `phrase`, in words, that stands in one of the texts."""
    asked = words(phrase)
    for length in range(len(asked), 0, -1):
        for text in texts:
            known = words(text)
            if any(known[i : i + length] == asked[:length] for i in range(len(known))):
                return length
    return 0


def search(phrases: list[str], texts: list[str]) -> list[int]:
    finder = RunFinder()
    place = finder.add(hashed(phrase) for phrase in phrases)
    finder.search(texts)
    return finder.longest(place).tolist()


@settings(deadline=None)
@given(st.lists(FEW_WORDS, max_size=6), st.lists(FEW_WORDS, max_size=5))
def test_runs_are_those_of_a_plain_search(phrases: list[str], texts: list[str]) -> None:
    assert search(phrases, texts) == [longest_by_hand(phrase, texts) for phrase in phrases]


def test_chunks_of_training_text_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    texts = [" ".join(generator.choice(list("абвг"), 12)) for _ in range(50)]
    phrases = [" ".join(generator.choice(list("абвг"), 8)) for _ in range(50)]
    whole = search(phrases, texts)
    monkeypatch.setattr(overlap, "WORDS_PER_CHUNK", 20)
    assert search(phrases, texts) == whole == [longest_by_hand(p, texts) for p in phrases]


def test_a_run_does_not_go_on_from_one_document_into_the_next() -> None:
    assert search(["бер ике өч"], ["бер ике", "өч"]) == [2]


def test_case_and_punctuation_do_not_hide_an_overlap() -> None:
    assert search(["«Бер» ике, өч!"], ["БЕР - ИКЕ өч"]) == [3]


def test_runs_beyond_the_longest_are_counted_up_to_it() -> None:
    text = " ".join(map(str, range(overlap.LONGEST + 50)))
    assert search([text], [text]) == [overlap.LONGEST]


def clean(texts: list[str], training: list[str]) -> list[int]:
    finder = RunFinder()
    documents = DocumentOverlap(texts, finder)
    finder.search(training)
    return documents.clean()


def test_thirteen_words_in_common_are_an_overlap_and_twelve_are_not() -> None:
    text = " ".join(f"сүз{index}" for index in range(40))
    assert clean([text + " ахыр" * 30], [text[: text.index("сүз13")]]) == [0]  # 13 words of 70
    for size, left in ((12, [0]), (13, [])):
        shared = " ".join(f"сүз{index}" for index in range(20, 20 + size))
        assert clean([text], [f"башта {shared} ахырда"]) == left


def test_a_short_document_overlaps_only_with_a_whole_document() -> None:
    assert clean(["Бакчаның кешесе юк."], ["Анда бакчаның кешесе юк иде."]) == [0]
    assert clean(["Бакчаның кешесе юк."], ["бакчаның кешесе юк"]) == []
    assert clean(["...", ""], ["...", ""]) == [0, 1]


def test_a_pair_is_left_out_for_its_good_or_its_bad_member() -> None:
    pairs = [Pair("а б в", "а в б", "x"), Pair("г д е", "г е д", "x"), Pair("и к л", "и л к", "x")]
    finder = RunFinder()
    given_pairs = PairOverlap(pairs, finder)
    finder.search(["алда а б в артта", "и л к"])
    assert given_pairs.pairs() == [pairs[1]]


def test_only_held_out_questions_can_have_been_told() -> None:
    def ask(held_out: bool, text: str) -> Question:
        return Question("r", text, "0", held_out, 1, ["а", "б"], ["x", text], ["y", "z"])

    finder = RunFinder()
    facts = FactOverlap([ask(True, "а б"), ask(False, "а б"), ask(True, "а г")], finder)
    training = ["кичә А  б булды", "а, г"]
    finder.search(training)
    assert facts.told(training) == {0}  # the comma makes another sentence of the last


def test_the_longest_copied_run_is_found_wherever_it_begins() -> None:
    finder = RunFinder()
    place = finder.add(run_phrases("яңа сүз бер ике өч дүрт яңа"))
    finder.search(["нуль бер ике өч дүрт биш", "яңа сүз"])
    assert finder.longest(place).max() == 4


def test_words_keep_their_combining_marks() -> None:
    assert words("a\u0301b c") == ["a\u0301b", "c"]
