"""Facts that people wrote: forms in their places, mistakes named, attested or not."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.errors import UserError
from pipeline.evaluation.attested import attested_facts
from pipeline.evaluation.fact_file import read_fact_file

FACTS: dict[str, Any] = {
    "licence": "CC0-1.0",
    "relations": {
        "capital": {
            "description": "which city is the capital of a country",
            "formulations": [
                "{subject.gen} башкаласы — {answer}.",
                "{answer} — {subject.gen} баш шәһәре.",
                "{subject} дәүләтенең үзәге {answer.loc}.",
            ],
            "subjectless": {"nom": "ул", "gen": "аның"},
            "answers": {
                "Мәскәү": {"nom": "Мәскәү", "loc": "Мәскәүдә"},
                "Анкара": {"nom": "Анкара", "loc": "Анкарада"},
            },
            "facts": [
                {"subject": {"nom": "Россия", "gen": "Россиянең"}, "answer": "Мәскәү"},
                {"subject": {"nom": "Төркия", "gen": "Төркиянең"}, "answer": "Анкара"},
            ],
        }
    },
}


def write(path: Path, values: Any) -> Path:
    path.write_text(yaml.safe_dump(values, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


def changed(*place: Any, to: Any) -> dict[str, Any]:
    values = copy.deepcopy(FACTS)
    target = values["relations"]["capital"]
    for key in place[:-1]:
        target = target[key]
    if to is None:
        del target[place[-1]]
    else:
        target[place[-1]] = to
    return values


def test_forms_stand_where_they_are_asked_for_and_sentences_begin_with_a_capital(
    tmp_path: Path,
) -> None:
    questions, surface = read_fact_file(write(tmp_path / "x.facts.yaml", FACTS))
    assert len(questions) == 6
    first, second, third = questions[:3]
    assert first.sentences == ["Россиянең башкаласы — Мәскәү.", "Россиянең башкаласы — Анкара."]
    assert first.neutral == ["Аның башкаласы — Мәскәү.", "Аның башкаласы — Анкара."]
    assert second.neutral[0] == "Мәскәү — аның баш шәһәре."
    assert third.sentences[1] == "Россия дәүләтенең үзәге Анкарада."
    assert (first.relation, first.subject, first.answer, first.held_out) == (
        "capital", "Россия", 0, True,
    )  # fmt: skip
    assert surface["capital", "Төркия"] == (["Төркия", "Төркиянең"], ["Анкара", "Анкарада"])


def test_without_subjectless_words_the_subject_is_left_out(tmp_path: Path) -> None:
    questions, _ = read_fact_file(write(tmp_path / "f.yaml", changed("subjectless", to=None)))
    assert questions[0].neutral[0] == "Башкаласы — Мәскәү."


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([], "has no facts"),
        ({**FACTS, "licence": ""}, "licence"),
        ({"relations": FACTS["relations"]}, "licence is missing"),
        ({**FACTS, "relations": {}}, "relations"),
        ({**FACTS, "author": "me"}, "author is no key"),
        (changed("description", to=None), "relation capital, description is missing"),
        (changed("formulations", to=[]), "relation capital, formulations"),
        (changed("formulations", 0, to="{subject.abl} — {answer}."), "but Россия has nom, gen"),
        (changed("formulations", 0, to="{subject} — {answer.dat}."), "the answer Мәскәү has"),
        (changed("formulations", 0, to="{answer}."), "does not name {subject}"),
        (changed("formulations", 0, to="{subject}."), "does not name {answer}"),
        (changed("formulations", 0, to="{subject} {who} {answer}."), "brace"),
        (changed("formulations", 0, to="{answer} — {subject.gen} баш шәһәре."), "same formulation"),
        (changed("subjectless", to={"nom": "ул"}), "`subjectless` has nom"),
        (changed("answers", "Анкара", to=None), "answers"),
        (changed("answers", "Анкара", "nom", to=None), "answer Анкара has no form `nom`"),
        (changed("answers", "Анкара", to={"nom": "Мәскәү", "loc": "М"}), "same sentence"),
        (changed("facts", 0, "answer", to="Казан"), "fact 1: Казан is not among the answers"),
        (changed("facts", 0, "subject", "nom", to=None), "fact 1"),
        (
            changed("facts", 1, "subject", to={"nom": "Россия", "gen": "Р"}),
            "fact 2: Россия is",
        ),
        (changed("facts", 0, "answer", to=7), "relation capital, facts, 1, answer is 7"),
    ],
)
def test_a_mistake_is_named_by_file_and_relation(tmp_path: Path, values: Any, said: str) -> None:
    path = write(tmp_path / "tat.facts.yaml", values)
    with pytest.raises(UserError, match=r"tat\.facts\.yaml") as error:
        read_fact_file(path)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    with pytest.raises(UserError, match="missing"):
        read_fact_file(path)
    path.write_text("a:\n  - [", encoding="utf-8")
    with pytest.raises(UserError, match=r"f\.yaml:\d+ is not valid YAML"):
        read_fact_file(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="UTF-8"):
        read_fact_file(path)


SURFACE = {
    ("capital", "Россия"): (["Россия", "Россиянең"], ["Мәскәү"]),
    ("book", "китап"): (["китап", "китаб"], ["өстәл"]),
}


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (["Мәскәүдә Россиянең үзәге."], {("capital", "Россия")}),
        (["МӘСКӘҮ, россия!"], {("capital", "Россия")}),
        (["Россия зур.", "Мәскәү дә зур."], set()),  # not in one document
        (["беларосссия Мәскәү", "Гидророссия Мәскәү"], set()),  # within a word
        (["Минем китабым өстәлдә."], {("book", "китап")}),
        ([], set()),
    ],
)
def test_a_fact_is_attested_where_one_document_names_subject_and_answer(
    texts: list[str], found: set[tuple[str, str]]
) -> None:
    assert attested_facts(SURFACE, texts) == found
