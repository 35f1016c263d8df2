"""The hand-made Tatar benchmark: enough of it, well formed, and no shortcut to the answers.

Whether it is good Tatar no test here can tell: languages/benchmarks/README.md says how that was
checked.
"""

import json
import re
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
import yaml

from pipeline.evaluation.pairs import read_pairs
from pipeline.languages import load_language

LANGUAGES = Path(__file__).parents[2] / "languages"
PAIRS_FILE = LANGUAGES / "benchmarks" / "tat.pairs.jsonl"

PAIRS = [json.loads(line) for line in PAIRS_FILE.read_text(encoding="utf-8").splitlines()]
FACTS = yaml.safe_load((LANGUAGES / "benchmarks" / "tat.facts.yaml").read_text(encoding="utf-8"))
RELATIONS = FACTS["relations"]

WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
SLOT = re.compile(r"\{(subject|answer)(?:\.(\w+))?\}")
MARKS = set(" .,:?!—-")


TATAR = load_language("tat", LANGUAGES)


def not_tatar(text: str) -> set[str]:
    assert TATAR is not None
    return set(text.lower()) - set(TATAR.alphabet) - MARKS


def words(text: str) -> Counter[str]:
    return Counter(WORD.findall(text.lower()))


def subjects(relation: dict) -> list[dict[str, str]]:
    return [fact["subject"] for fact in relation["facts"]]


def test_at_least_300_pairs_of_ten_phenomena() -> None:
    counts = Counter(pair["phenomenon"] for pair in PAIRS)
    assert len(PAIRS) >= 300
    assert len(counts) >= 10
    assert min(counts.values()) >= 20


def test_the_project_reads_every_pair() -> None:
    assert len(read_pairs(PAIRS_FILE)) == len(PAIRS)


def test_no_sentence_stands_there_twice() -> None:
    counts = Counter(pair[key] for pair in PAIRS for key in ("good", "bad"))
    assert [text for text, count in counts.items() if count > 1] == []


def test_every_pair_is_two_clean_sentences_that_differ_little() -> None:
    for pair in PAIRS:
        assert list(pair) == ["good", "bad", "phenomenon", "comment"]
        for text in (pair["good"], pair["bad"]):
            assert text == " ".join(text.split())
            assert unicodedata.is_normalized("NFC", text)
            assert not_tatar(text) == set(), text
            assert text[0].isupper() and text[-1] in ".?!", text
            assert 3 <= len(WORD.findall(text)) <= 10, text
        good, bad = words(pair["good"]), words(pair["bad"])
        assert (good - bad).total() <= 2 and (bad - good).total() <= 2, pair
        assert abs(len(pair["good"]) - len(pair["bad"])) <= 10, pair


def test_every_comment_says_what_is_wrong() -> None:
    for pair in PAIRS:
        assert len(pair["comment"].split()) >= 5, pair


def test_only_order_tells_the_members_of_word_order_apart() -> None:
    for pair in PAIRS:
        same = words(pair["good"]) == words(pair["bad"])
        assert same == (pair["phenomenon"] == "word_order" or "tens come" in pair["comment"]), pair


def test_no_change_is_repeated_often() -> None:
    """A model should not get a phenomenon right by knowing one pair of words."""
    changes = Counter(
        (tuple(words(p["good"]) - words(p["bad"])), tuple(words(p["bad"]) - words(p["good"])))
        for p in PAIRS
        if p["phenomenon"] != "word_order"
    )
    assert max(changes.values()) <= 5


def test_length_alone_does_not_decide() -> None:
    shorter = [
        (sizes[0] < sizes[1]) + 0.5 * (sizes[0] == sizes[1])
        for sizes in ([len(pair[key].encode()) for key in ("good", "bad")] for pair in PAIRS)
    ]
    assert 0.45 <= sum(shorter) / len(shorter) <= 0.55


def test_at_least_60_facts_of_six_relations() -> None:
    assert FACTS["licence"] == "CC0-1.0"
    assert len(RELATIONS) >= 6
    assert sum(len(relation["facts"]) for relation in RELATIONS.values()) >= 60


@pytest.mark.parametrize("name", RELATIONS)
def test_a_relation_is_told_in_five_ways_and_every_form_is_declared(name: str) -> None:
    relation = RELATIONS[name]
    formulations = relation["formulations"]
    assert len(set(formulations)) == len(formulations) >= 5
    for text in formulations:
        slots = SLOT.findall(text)
        assert {slot for slot, _ in slots} == {"subject", "answer"}
        for slot, form in slots:
            tables = (
                list(relation["answers"].values())
                if slot == "answer"
                else [*subjects(relation), relation["subjectless"]]
            )
            assert all((form or "nom") in table for table in tables), (text, form)


@pytest.mark.parametrize("name", RELATIONS)
def test_answers_are_a_closed_set_without_a_favourite(name: str) -> None:
    relation = RELATIONS[name]
    counts = Counter(fact["answer"] for fact in relation["facts"])
    assert set(counts) == set(relation["answers"])
    assert 4 <= len(counts) <= 12
    assert max(counts.values()) <= len(relation["facts"]) / 3


@pytest.mark.parametrize("name", RELATIONS)
def test_a_subject_has_one_fact_and_answers_differ_in_every_form(name: str) -> None:
    relation = RELATIONS[name]
    asked = [subject["nom"] for subject in subjects(relation)]
    assert len(set(asked)) == len(asked)
    for form in {form for text in relation["formulations"] for _, form in SLOT.findall(text)}:
        told = [table.get(form) for table in relation["answers"].values() if form in table]
        assert len(set(told)) == len(told)


@pytest.mark.parametrize("name", RELATIONS)
def test_facts_are_written_in_tatar_letters(name: str) -> None:
    relation = RELATIONS[name]
    tables = [*subjects(relation), *relation["answers"].values(), relation["subjectless"]]
    texts = [form for table in tables for form in table.values()]
    texts += [SLOT.sub("", text) for text in relation["formulations"]]
    for text in texts:
        assert unicodedata.is_normalized("NFC", text)
        assert not_tatar(text) == set(), text
