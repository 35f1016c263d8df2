"""Multiple choice, cloze, examples in the prompt: scorers known to be wrong get their due."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.evaluation.choices import Item, answer_items, read_choices, score_choices
from pipeline.evaluation.cloze import make_cloze
from pipeline.evaluation.facts import Question
from pipeline.evaluation.few_shot import choices_in_context, facts_in_context
from pipeline.evaluation.overlap import words
from pipeline.evaluation.pairs import Scorer

CHOICES = ["ак", "кызыл", "зәңгәр", "кара"]


def item(number: int, answer: int, stem: str = "Төс {}:") -> Item:
    return Item("", stem.format(number), CHOICES, answer)


ITEMS = [item(number, answer) for number, answer in enumerate([0, 0, 0, 1, 2, 3, 0, 1, 2, 3])]


def score(items: list[Item], scorer: Scorer) -> dict[str, Any]:
    return score_choices(items, answer_items(items, scorer), seed=0)


def test_a_model_with_equal_scores_is_at_chance() -> None:
    result = score(ITEMS, lambda texts: np.ones(len(texts)))
    assert result["accuracy"] == result["accuracy_gain"] == result["chance"] == 0.25
    assert result["interval"] == [0.25, 0.25]


def test_a_model_that_always_takes_one_choice_is_at_the_majority_line() -> None:
    result = score(ITEMS, lambda texts: np.array([9.0 - text.endswith("ак") for text in texts]))
    assert result["accuracy"] == result["majority"] == 0.4


def test_a_model_of_length_alone_gets_what_length_alone_gives() -> None:
    def length(texts: list[str]) -> np.ndarray:
        return np.array([float(len(text.encode())) for text in texts])

    result = score(ITEMS, length)
    assert result["accuracy"] == 0.4  # ак is the shortest
    # By byte all cost the same but for the space before them, which the longest feels least.
    assert result["accuracy_per_byte"] == pytest.approx(0.2)
    assert result["accuracy_gain"] == 0.25


def test_a_model_of_a_choices_own_likelihood_gains_nothing() -> None:
    result = score(ITEMS, lambda texts: np.array([9.0 - text.endswith("ак") for text in texts]))
    assert result["accuracy_gain"] == 0.25


def test_shuffled_answers_fall_to_chance() -> None:
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 4, 1000).tolist()
    right = {item(number, answer).right for number, answer in enumerate(truth)}
    shuffled = [item(n, int(a)) for n, a in enumerate(generator.permutation(truth))]
    result = score(shuffled, lambda texts: np.array([9.0 - (text in right) for text in texts]))
    assert result["accuracy"] == pytest.approx(0.25, abs=0.05)


def test_without_items_every_score_is_null() -> None:
    result = score([], lambda texts: np.zeros(len(texts)))
    assert (
        result["accuracy"] is result["chance"] is result["majority"] is result["interval"] is None
    )


def row(**changes: Any) -> dict[str, Any]:
    return {"question": "Бу нәрсә?", "choices": ["а", "б"], "answer": 1, **changes}


@pytest.mark.parametrize("answer", [1, "B", "б"])
def test_an_answer_is_a_number_a_letter_or_a_choice(tmp_path: Path, answer: Any) -> None:
    path = tmp_path / "exam.jsonl"
    path.write_text(json.dumps(row(answer=answer, subject="тел")), encoding="utf-8")
    assert read_choices(path) == [Item("тел", "Бу нәрсә?", ["а", "б"], 1)]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "not valid JSON"),
        ("[]", "must be an object"),
        (row(question=" "), "`question`"),
        (row(choices=["а"]), "two or more"),
        (row(choices=["а", "а"]), "all different"),
        (row(choices=["а", ""]), "`choices`"),
        (row(answer=2), "only 2 choices"),
        (row(answer=-1), "answer -1"),
        (row(answer="C"), "not among its choices"),
        (row(answer=True), "`answer`"),
        (row(answer=None), "`answer`"),
        (row(subject=3), "`subject`"),
    ],
)
def test_a_malformed_item_is_named_by_file_and_line(tmp_path: Path, line: Any, said: str) -> None:
    path = tmp_path / "exam.jsonl"
    text = line if isinstance(line, str) else json.dumps(line)
    path.write_text(f"{json.dumps(row())}\n\n{text}\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"exam\.jsonl:3") as error:
        read_choices(path)
    assert said in str(error.value)
    path.write_text("\n")
    with pytest.raises(UserError, match="no items"):
        read_choices(path)


@pytest.mark.parametrize("start", ["", "\ufeff", "question,A,B,C,D,answer\n"])
def test_the_csv_of_mmlu_is_read(tmp_path: Path, start: str) -> None:
    path = tmp_path / "exam.csv"
    rows = '"Бу, ""нәрсә""?\nЯ?",алма,"су, чәй",ат,эт,B\r\n\r\nТөсе нинди?,ак,кара,,,ак\n'
    path.write_text(start + rows, encoding="utf-8", newline="")
    assert read_choices(path) == [
        Item("", 'Бу, "нәрсә"?\nЯ?', ["алма", "су, чәй", "ат", "эт"], 1),
        Item("", "Төсе нинди?", ["ак", "кара"], 0),
    ]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("а,б,в,C", r"exam\.csv:2: the answer 'C' is not among its choices"),
        ("а,б,А", r"exam\.csv:2 needs two or more `choices`"),
        ("Бу нәрсә?;ак;кара;A", r"exam\.csv:2 has one cell: .* commas"),
        ('"а"б,в,г,A', r"exam\.csv:2 is not valid CSV"),
        ('"а,в,г,A', r"exam\.csv:2 is not valid CSV"),
        (" ,б,в,A", r"exam\.csv:2 needs `question`"),
    ],
)
def test_a_malformed_row_is_named_by_file_and_line(tmp_path: Path, rows: str, said: str) -> None:
    path = tmp_path / "exam.csv"
    path.write_text(f"Бу нәрсә?,ак,кара,A\n{rows}\n", encoding="utf-8")
    with pytest.raises(UserError, match=said):
        read_choices(path)
    path.write_text("\n")
    with pytest.raises(UserError, match="no items"):
        read_choices(path)


# --- cloze --------------------------------------------------------------------------------------

NOUNS = ["китапны", "дәфтәрне", "алманы", "балыкны", "күлмәкне", "машинаны", "урманны", "каләмне"]
HELD_OUT = [f"Кичә Айдар базарда матур {noun} алды." for noun in NOUNS]
KNOWN = Counter({noun: 5 + place for place, noun in enumerate(NOUNS)} | {"алды": 90, "кичә": 90})


def test_cloze_replaces_the_last_content_word_by_words_of_its_ending_and_frequency() -> None:
    common = Counter({f"сүз{place}": 1000 for place in range(98)})
    items = make_cloze(HELD_OUT, KNOWN + common, wanted=50, seed=0)
    assert len(items) > 2
    for one in items:
        assert one.right in HELD_OUT
        assert len(one.choices) == 4
        sentences = [words(text) for text in one.choices]
        (place,) = [
            i for i, column in enumerate(zip(*sentences, strict=True)) if len(set(column)) > 1
        ]
        assert place == len(sentences[0]) - 2  # алды is among the commonest words
        for sentence in sentences:
            assert sentence[place][-2:] == sentences[one.answer][place][-2:]
            assert KNOWN[sentence[place]] > 0
        assert len({sentence[place][:4] for sentence in sentences}) == 4
    assert items == make_cloze(HELD_OUT, KNOWN + common, wanted=50, seed=0)


def test_a_sentence_whose_word_has_no_distractors_makes_no_cloze() -> None:
    assert (
        make_cloze(["Бу бик тә сәер кысыл."], Counter({"кысыл": 5, "башка": 7}), 10, seed=0) == []
    )


# --- examples in the prompt ---------------------------------------------------------------------


class Remembers:
    """Prefers what ends in a text that stood in the prompt before, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, texts: list[str]) -> np.ndarray:
        self.asked += texts
        return np.array(
            [9.0 - (text.rsplit(" ", 1)[-1] in text.rsplit(" ", 1)[0].split()) for text in texts]
        )


def test_examples_are_right_answers_to_other_questions_and_never_to_the_one_asked() -> None:
    scorer = Remembers()
    result = choices_in_context(ITEMS, [0, 5], scorer, [0, 1, 4], seed=0)
    assert {count: scores["questions"] for count, scores in result.items()} == {
        "0": 2,
        "1": 2,
        "4": 2,
    }
    rights = [one.right for one in ITEMS]
    for index in (0, 5):
        others = [right for right in rights if right != rights[index]]
        mine = [text for text in scorer.asked if text.endswith(rights[index])]
        assert {sum(other in text for other in others) for text in mine} == {0, 1, 4}
        assert all(text.count(ITEMS[index].stem) == 1 for text in mine)


def test_questions_about_facts_get_examples_of_the_same_relation_and_formulation() -> None:
    questions = [
        Question(
            relation, f"К{s}", f, True, s % 2, ["ак", "кара"],
            [f"{f} К{s} {relation} {a}" for a in ("ак", "кара")],
            [f"{f} ул {relation} {a}" for a in ("ак", "кара")],
        )
        for relation in ("төс", "күз")
        for s in range(6)
        for f in ("Ф", "Г")
    ]  # fmt: skip
    asked: list[str] = []

    def scorer(texts: list[str]) -> np.ndarray:
        asked.extend(texts)
        return np.ones(len(texts))

    result = facts_in_context(questions, [0, 3], scorer, [2], seed=1)
    assert result["2"]["accuracy"] == result["2"]["chance"] == 0.5
    for text in asked:
        assert len(set(text.split()[0::4])) == 1  # one formulation
        assert len(set(text.split()[2::4])) == 1  # one relation
        assert len(text.split()) == 12
