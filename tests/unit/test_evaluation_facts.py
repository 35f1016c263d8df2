"""Fact questions: scorers that are known to be wrong get what they deserve."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.evaluation.facts import (
    Question,
    answer_shares,
    majority_answers,
    question_bits,
    read_questions,
    score_facts,
)
from pipeline.evaluation.pairs import Scorer

CITIES = ["Казан", "Уфа", "Чаллы", "Арча"]
FORMULATIONS = ["{s} {a}да яши.", "{s} кайда яши? {a}да.", "{a}да {s} яши."]


def question(subject: int, formulation: int, answer: int, held_out: bool) -> Question:
    sentences = [FORMULATIONS[formulation].format(s=f"Кеше{subject}", a=city) for city in CITIES]
    neutral = [FORMULATIONS[formulation].format(s="Ул", a=city) for city in CITIES]
    return Question(
        "яши", f"Кеше{subject}", str(formulation), held_out, answer, CITIES, sentences, neutral
    )


def world(answers: list[int]) -> list[Question]:
    return [
        question(subject, formulation, answer, held_out=formulation == subject % 3)
        for subject, answer in enumerate(answers)
        for formulation in range(3)
    ]


QUESTIONS = world([0, 0, 0, 1, 2, 3, 0, 1, 2, 3])  # Казан is right for 4 of 10


def score(questions: list[Question], scorer: Scorer, normalised: bool = True, **more: Any) -> dict:
    shares = answer_shares(questions, question_bits(questions, scorer), normalised)
    return score_facts(questions, shares, seed=0, **more)


def always(city: str) -> Scorer:
    """Prefers one city for named people, and none for the neutral subject."""
    return lambda texts: np.array(
        [10.0 - 5 * (city in text and "Ул" not in text) for text in texts]
    )


def knowing(answers: list[int]) -> Scorer:
    right = {q.sentences[q.answer] for q in world(answers)}
    return lambda texts: np.array([10.0 - 5 * (text in right) for text in texts])


def test_a_model_that_always_answers_the_same_is_consistent_and_at_the_majority_line() -> None:
    result = score(QUESTIONS, always("Казан"))
    assert result["consistency"] == result["pairwise_consistency"] == 1
    assert result["accuracy"] == result["majority"] == pytest.approx(0.4)
    assert result["accurate_and_consistent"] == result["majority_accurate_and_consistent"] == 0.4
    assert score(QUESTIONS, always("Уфа"))["accuracy"] == pytest.approx(0.2)


def test_a_model_with_equal_scores_is_at_chance_in_everything() -> None:
    result = score(QUESTIONS, lambda texts: np.ones(len(texts)))
    assert result["accuracy"] == result["accuracy_all"] == result["chance"] == 0.25
    assert result["consistency"] == pytest.approx(result["chance_consistency"])
    assert result["pairwise_consistency"] == pytest.approx(0.25)
    assert result["accurate_and_consistent"] == pytest.approx(4.0**-3)
    assert result["accurate_and_consistent"] == result["chance_accurate_and_consistent"]


def test_a_model_that_knows_everything_gets_everything() -> None:
    result = score(QUESTIONS, knowing([0, 0, 0, 1, 2, 3, 0, 1, 2, 3]))
    for key in ("accuracy", "accuracy_all", "consistency", "accurate_and_consistent"):
        assert result[key] == 1


def test_shuffled_answers_fall_to_chance() -> None:
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 4, 600).tolist()
    result = score(world(generator.permutation(truth).tolist()), knowing(truth))
    assert result["accuracy"] == pytest.approx(0.25, abs=0.05)
    assert result["consistency"] == 1


def test_a_model_of_length_or_of_the_answers_frequency_alone_is_at_chance() -> None:
    def length(texts: list[str]) -> np.ndarray:
        return np.array([float(len(text)) for text in texts])

    def frequency(texts: list[str]) -> np.ndarray:
        return np.array([10.0 - 5 * ("Казан" in text) for text in texts])

    assert score(QUESTIONS, length)["accuracy"] == 0.25
    assert score(QUESTIONS, frequency)["accuracy"] == 0.25
    assert score(QUESTIONS, frequency, normalised=False)["accuracy"] == pytest.approx(0.4)


def test_only_formulations_never_told_count_as_accuracy() -> None:
    answers = [0, 1, 2, 3]
    told = {q.sentences[q.answer] for q in world(answers) if not q.held_out}

    def parrot(texts: list[str]) -> np.ndarray:
        return np.array([10.0 - 5 * (text in told) for text in texts])

    result = score(world(answers), parrot)
    assert result["accuracy"] == 0.25
    assert result["accuracy_all"] == pytest.approx((2 + 0.25) / 3)
    assert result["held_out"] == 4


def test_questions_that_training_tells_are_left_out_of_accuracy() -> None:
    questions = world([0, 1])
    held = [index for index, q in enumerate(questions) if q.held_out]
    knows_first = knowing([0, 2])
    assert score(questions, knows_first)["accuracy"] == 0.5
    result = score(questions, knows_first, left_out=frozenset(held[1:]))
    assert (result["accuracy"], result["held_out"], result["contaminated"]) == (1.0, 1, 1)
    nothing = score(questions, knows_first, left_out=frozenset(held))
    assert nothing["accuracy"] is None
    assert nothing["interval"] is None


def test_without_questions_every_score_is_null() -> None:
    result = score([], lambda texts: np.zeros(len(texts)))
    assert result["accuracy"] is result["consistency"] is result["chance"] is None
    assert result["majority"] is result["majority_consistency"] is None


def test_the_order_of_choices_does_not_matter_for_agreement() -> None:
    one, *others = world([2])
    turned = one._replace(
        answer=CITIES[::-1].index(CITIES[2]),
        choices=CITIES[::-1],
        sentences=one.sentences[::-1],
        neutral=one.neutral[::-1],
    )
    result = score([turned, *others], knowing([2]))
    assert result["consistency"] == result["accurate_and_consistent"] == 1


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.lists(st.sampled_from([1.0, 2.0]), min_size=4, max_size=4), min_size=3, max_size=3)
)
def test_ties_are_worth_what_breaking_them_at_random_gives(costs: list[list[float]]) -> None:
    questions = world([1])
    bits = {
        text: cost
        for q, row in zip(questions, costs, strict=True)
        for text, cost in zip(q.sentences, row, strict=True)
    } | {text: 0.0 for q in questions for text in q.neutral}
    best = [[i for i, cost in enumerate(row) if cost == min(row)] for row in costs]
    outcomes = list(product(*best))
    result = score_facts(questions, answer_shares(questions, bits), seed=0)
    agree = [outcome for outcome in outcomes if len(set(outcome)) == 1]
    assert result["consistency"] == pytest.approx(len(agree) / len(outcomes))
    right = [outcome for outcome in agree if outcome[0] == 1]
    assert result["accurate_and_consistent"] == pytest.approx(len(right) / len(outcomes))
    hits = [np.mean([answer == 1 for answer in outcome]) for outcome in outcomes]
    assert result["accuracy_all"] == pytest.approx(np.mean(hits))
    pairs = [
        np.mean([a == b, a == c, b == c])  # type: ignore[list-item]
        for a, b, c in outcomes
    ]
    assert result["pairwise_consistency"] == pytest.approx(np.mean(pairs))


def test_the_majority_is_counted_over_facts_not_over_formulations() -> None:
    questions = [*world([0])[:3], *world([2, 1, 1])[3:5], world([0, 0, 1])[6]]
    assert majority_answers(questions) == {"яши": "Уфа"}


def row(**changes: Any) -> dict[str, Any]:
    return {**question(0, 0, 1, True)._asdict(), **changes}


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ([], "must be an object"),
        (row(relation=""), "`relation`"),
        (row(subject=None), "`subject`"),
        (row(held_out=1), "`held_out`"),
        (row(choices="Казан"), "`choices`"),
        (row(sentences=["a", "b", "c"]), "3 `sentences` for 4 `choices`"),
        (row(neutral=["a", "b", "c", ""]), "`neutral`"),
        (row(choices=["a", "a", "b", "c"]), "all different"),
        (row(sentences=["a", "a", "b", "c"]), "same sentence"),
        (row(choices=["a"], sentences=["b"], neutral=["c"]), "two or more"),
        (row(answer=4), "answer 4"),
        (row(answer=-1), "answer -1"),
        (row(answer=True), "`answer`"),
        (row(answer="Казан"), "`answer`"),
        (row(formulation="9", answer=0), "another answer"),
        (row(formulation="9", choices=["a", "Уфа", "b", "c"]), "other choices"),
        (row(), "twice"),
    ],
)
def test_a_malformed_question_is_named(tmp_path: Path, broken: Any, said: str) -> None:
    path = tmp_path / "facts.json"
    path.write_text(json.dumps({"questions": [row(), broken]}), encoding="utf-8")
    with pytest.raises(UserError, match=r"facts\.json, question 2") as error:
        read_questions(path)
    assert said in str(error.value)


def test_a_file_without_questions_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    with pytest.raises(UserError, match="missing"):
        read_questions(path)
    for text, said in (
        ("{}", "no questions"),
        ("[]", "no questions"),
        ('{"questions": []}', "no questions"),
        ('{"questions":\n [}', r"facts\.json:2 is not valid JSON"),
    ):
        path.write_text(text)
        with pytest.raises(UserError, match=said):
            read_questions(path)
    path.write_bytes(b"\xff\xff")
    with pytest.raises(UserError, match="UTF-8"):
        read_questions(path)


def test_questions_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    path.write_text(json.dumps({"questions": [q._asdict() for q in QUESTIONS]}), encoding="utf-8")
    assert read_questions(path) == QUESTIONS
