"""The demo corpus: what its users rely on, tried on a small world."""

import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, replace

import pytest

from pipeline.corpus.demo import demo_documents, demo_facts, demo_pairs
from pipeline.corpus.demo.dirt import REPEATED, make_dirt
from pipeline.corpus.demo.documents import SHORTEST, good_texts, plain
from pipeline.corpus.demo.lexicon import load_data
from pipeline.corpus.demo.nouns import PRONOUNS
from pipeline.corpus.demo.stories import word_classes
from pipeline.corpus.demo.tellings import tell_facts
from pipeline.corpus.demo.world import make_world
from pipeline.errors import UserError


@dataclass(frozen=True)
class Demo:
    seed: int = 0
    people: int = 24
    documents: int = 1500
    dirt: float = 0.14


DEMO = Demo()


@pytest.fixture(scope="module")
def documents() -> list[dict]:
    return list(demo_documents(DEMO))


@pytest.fixture(scope="module")
def good(documents: list[dict]) -> list[str]:
    return [row["text"] for row in documents if row["label"] == "good"]


@pytest.fixture(scope="module")
def questions() -> list[dict]:
    return demo_facts(DEMO)["questions"]


def test_the_same_settings_give_the_same_documents(documents: list[dict]) -> None:
    good_texts.cache_clear()
    assert list(demo_documents(DEMO)) == documents
    assert list(demo_documents(replace(DEMO, seed=1))) != documents


def test_no_order_of_a_set_or_hash_shows_in_the_documents() -> None:
    program = (
        "import hashlib\n"
        "from pipeline.corpus.demo import demo_documents, demo_pairs\n"
        "from pipeline.params import DemoParams\n"
        "settings = DemoParams(people=12, documents=300)\n"
        "rows = [*demo_documents(settings), *demo_pairs(settings)]\n"
        "print(hashlib.sha256(repr(rows).encode()).hexdigest())\n"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


def test_rows_have_the_agreed_columns_and_unique_ids(documents: list[dict]) -> None:
    assert all(set(row) == {"id", "text", "source", "label"} for row in documents)
    assert len({row["id"] for row in documents}) == len(documents)
    assert {row["source"] for row in documents} == {"demo"}


def test_good_documents_differ_however_they_are_normalised(good: list[str]) -> None:
    assert len(good) == DEMO.documents
    assert len({plain(text) for text in good}) == len(good)


def test_good_documents_do_not_look_like_dirt(good: list[str]) -> None:
    letters = set("абвгдеёжзийклмнопрстуфхцчшщъыьэюяәөүҗңһ")
    for text in good:
        assert len(text) >= SHORTEST
        assert "\n" not in text and "  " not in text and "{" not in text
        assert not re.search(r"[0-9]", text)
        assert {c for c in text.lower() if c.isalpha()} <= letters
        assert text[-1] in ".!?"


def test_every_sentence_begins_with_a_capital(good: list[str]) -> None:
    for text in good:
        for sentence in re.split(r"(?<=[.!?]) ", text):
            start = sentence.removeprefix("— ")
            assert start[0].isupper(), text


def test_the_dirt_has_its_share_and_every_kind(documents: list[dict]) -> None:
    labels = Counter(row["label"].split(":")[0] for row in documents)
    share = 1 - labels["good"] / len(documents)
    assert share == pytest.approx(DEMO.dirt, abs=0.005)
    assert set(labels) == {
        *("good", "language", "markup", "boilerplate", "encoding", "repetition", "symbols"),
        *("short", "duplicate", "near_duplicate"),
    }


def test_copies_come_after_their_originals(documents: list[dict]) -> None:
    seen: dict[str, str] = {}
    for row in documents:
        if row["label"] == "duplicate":
            assert row["text"] in seen
        elif row["label"] == "near_duplicate":
            assert row["text"] not in seen and plain(row["text"]) in seen.values()
        elif row["label"] == "good":
            seen[row["text"]] = plain(row["text"])


def test_dirt_of_one_text_names_its_original() -> None:
    import random

    texts = [f"Ул {word} күрде, аннары өенә кайтты." for word in ("атны", "этне", "суны")] * 200
    for _, label, original in make_dirt(100, texts, random.Random(0)):
        assert (original >= 0) == (label in REPEATED)


def test_no_dirt_is_possible() -> None:
    assert {row["label"] for row in demo_documents(replace(DEMO, documents=200, dirt=0.0))} == {
        "good"
    }


def test_half_of_the_documents_may_be_dirt() -> None:
    rows = list(demo_documents(replace(DEMO, documents=300, dirt=0.5)))
    assert sum(row["label"] == "good" for row in rows) == 300 == len(rows) / 2


def test_a_world_with_too_little_to_tell_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.corpus.demo import documents

    monkeypatch.setattr(documents, "tell_story", lambda draw: "Бүген авылда бәйрәм, көн матур иде.")
    with pytest.raises(UserError, match=r"demo\.documents"):
        good_texts(replace(DEMO, documents=200))


# --- facts --------------------------------------------------------------------------------------


def test_there_are_enough_relations_formulations_and_choices(questions: list[dict]) -> None:
    formulations: dict[str, set[str]] = {}
    for question in questions:
        formulations.setdefault(question["relation"], set()).add(question["formulation"])
        assert 4 <= len(question["choices"]) <= 8
        assert len(set(question["sentences"])) == len(question["choices"])
        assert len(question["neutral"]) == len(question["choices"])
    assert len(formulations) >= 6
    assert all(4 <= len(keys) <= 5 for keys in formulations.values())


def test_answers_are_evenly_spread(questions: list[dict]) -> None:
    counts: dict[str, Counter] = {}
    for question in questions:
        counts.setdefault(question["relation"], Counter())[question["answer"]] += 1
    for relation, counter in counts.items():
        assert max(counter.values()) - min(counter.values()) <= 5, relation
        assert max(counter.values()) / counter.total() <= 0.25, relation


def test_a_quarter_of_the_facts_has_one_formulation_held_out(questions: list[dict]) -> None:
    held = [(q["subject"], q["relation"]) for q in questions if q["held_out"]]
    facts = {(q["subject"], q["relation"]) for q in questions}
    assert len(held) == len(set(held))
    assert len(held) / len(facts) == pytest.approx(0.25, abs=0.01)


def test_what_is_held_out_is_never_told(good: list[str], questions: list[dict]) -> None:
    text = "\n".join(good)
    told = 0
    for question in questions:
        sentence = question["sentences"][question["answer"]]
        if question["held_out"]:
            assert sentence not in text
            about = [line for line in good if question["subject"] in line]
            assert not any(question["neutral"][question["answer"]] in line for line in about)
        else:
            told += sentence in text
    assert told / sum(not q["held_out"] for q in questions) > 0.95


def test_no_text_contradicts_a_fact(good: list[str], questions: list[dict]) -> None:
    text = "\n".join(good)
    for question in questions:
        for index, sentence in enumerate(question["sentences"]):
            if index != question["answer"] and not sentence.endswith(("?", "— ")):
                assert sentence not in text


def test_facts_agree_with_the_documents_whatever_the_size(questions: list[dict]) -> None:
    larger = demo_facts(replace(DEMO, documents=9000, dirt=0.3))["questions"]
    assert larger == questions


def test_a_sentence_holds_the_name_before_the_answer() -> None:
    world = make_world(DEMO)
    for relation in world.relations:
        for key, pattern in relation.formulations.items():
            assert pattern.index("{S") < pattern.index("{A"), (relation.name, key)


def test_many_people_get_different_names() -> None:
    names = [person.name for person in make_world(replace(DEMO, people=200)).people]
    assert len(set(names)) == 200
    with pytest.raises(UserError, match=r"demo\.people"):
        make_world(replace(DEMO, people=201))


def test_the_people_of_the_stories_are_not_those_of_the_facts() -> None:
    names = {person.name for person in make_world(replace(DEMO, people=200)).people}
    assert not names & set(word_classes()["name"])


def test_a_telling_speaks_only_of_people_of_the_world() -> None:
    import random

    world = make_world(DEMO)
    draw = random.Random(5)
    for _ in range(200):
        text = tell_facts(world, draw)
        nameless = text.removeprefix("— ").startswith(("Ул ", "Аны", "Аңа"))
        assert nameless != any(person.name in text for person in world.people)


# --- minimal pairs ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pairs() -> list[dict]:
    return list(demo_pairs(DEMO))


def test_there_are_enough_pairs_of_each_phenomenon(pairs: list[dict]) -> None:
    counts = Counter(pair["phenomenon"] for pair in pairs)
    assert len(pairs) >= 200 and len(counts) >= 8
    assert min(counts.values()) >= 20


def test_the_members_of_a_pair_differ(pairs: list[dict]) -> None:
    for pair in pairs:
        assert plain(pair["good"]) != plain(pair["bad"]), pair
    assert len({pair["good"] for pair in pairs if pair["phenomenon"] == "harmony"}) >= 20


def test_no_bad_sentence_is_a_good_one_elsewhere(pairs: list[dict]) -> None:
    assert not {pair["bad"] for pair in pairs} & {pair["good"] for pair in pairs}


def test_no_pair_stands_in_the_corpus(pairs: list[dict], good: list[str]) -> None:
    told = " " + "  ".join(plain(text) for text in good) + " "
    for pair in pairs:
        assert f" {plain(pair['good'])} " not in told
        assert f" {plain(pair['bad'])} " not in told


def test_pairs_repeat(pairs: list[dict]) -> None:
    assert list(demo_pairs(DEMO)) == pairs


def test_every_story_slot_can_be_filled() -> None:
    import random

    from pipeline.corpus.demo.render import Scene

    stories = load_data("stories")
    casts = [None, *PRONOUNS]
    for scene in stories["scenes"].values():
        for step in scene["steps"]:
            for pattern in step:
                for person in casts if scene["who"] != ["nobody"] else [None]:
                    made = Scene(random.Random(0), word_classes())
                    if person:
                        made.subject, made.person = PRONOUNS[person], person
                    elif scene["who"] != ["nobody"]:
                        continue
                    assert "{" not in made.render(pattern)
