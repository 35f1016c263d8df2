"""Minimal pairs: scorers that are known to be wrong get what they deserve."""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.evaluation.made_pairs import Sifter, WordForms, candidates, sentences_of
from pipeline.evaluation.overlap import RunFinder, words
from pipeline.evaluation.pairs import Pair, choose_pairs, read_pairs, score_pairs

PAIRS = [
    Pair("биш китап", "биш китаплар", "numeral"),
    Pair("без барабыз", "без бара", "agreement"),
    Pair("мин укыйм", "мин укый", "agreement"),
    Pair("өйдә", "өйда", "harmony"),
]
TRAINING = [
    "Минем әтием шәһәрдә зур мәктәптә эшли.",
    "Безнең мәктәпнең бакчасы бик матур иде.",
    "Малайлар бакчадан алма җыеп өйгә кайттылар.",
    "Алар мәктәптән соң бакчага барып уйный.",
    "Бу бакчаның алмалары бик тәмле була.",
    "Мәктәптә балалар китап укый, бакчага дәресләр бетте.",
    "Шәһәргә бакчаны карарга мәктәпкә киләләр, мәктәптә бакчаны.",
    "Мәктәпкә бакчага бакчадан мәктәптән шәһәргә.",
]
HELD_OUT = [
    "Иртәгә балалар бакчага бергә барачак.",
    "Кичә безнең мәктәптә зур бәйрәм булды.",
    "Әни бакчадан кызыл алма алып кайтты.",
    "Кечкенә малай мәктәпкә беренче тапкыр барды.",
] * 2


def length(texts: list[str]) -> np.ndarray:
    return np.array([float(len(text.encode())) for text in texts])


def scores_of(texts: list[str], costs: dict[str, float]) -> np.ndarray:
    return np.array([costs[text] for text in texts])


def test_a_model_with_equal_scores_gets_one_half() -> None:
    result = score_pairs(PAIRS, lambda texts: np.ones(len(texts)), seed=0)
    assert result["accuracy"] == 0.5
    assert result["interval"] == [0.5, 0.5]


def test_a_tie_within_rounding_is_a_tie() -> None:
    noise = np.random.default_rng(0)
    result = score_pairs(PAIRS, lambda texts: 50 + 1e-5 * noise.normal(size=len(texts)), seed=0)
    assert result["accuracy"] == 0.5


def test_a_model_of_length_alone_gets_what_length_alone_gives() -> None:
    result = score_pairs(PAIRS, length, seed=0)
    shorter = [len(pair.good) < len(pair.bad) for pair in PAIRS]
    even = [len(pair.good) == len(pair.bad) for pair in PAIRS]
    assert result["accuracy"] == (sum(shorter) + sum(even) / 2) / len(PAIRS) == 0.375
    assert result["accuracy_per_byte"] == 0.5
    assert result["by_phenomenon"]["harmony"]["accuracy"] == 0.5
    assert result["by_phenomenon"]["agreement"] == {
        "accuracy": 0.0,
        "accuracy_per_byte": 0.5,
        "interval": [0.0, 0.0],
        "pairs": 2,
    }


def test_the_good_member_wins_with_fewer_bits_not_with_more() -> None:
    good = {pair.good for pair in PAIRS}

    def knows(texts: list[str]) -> np.ndarray:
        return np.array([1.0 if text in good else 2.0 for text in texts])

    assert score_pairs(PAIRS, knows, seed=0)["accuracy"] == 1
    assert score_pairs(PAIRS, lambda texts: -knows(texts), seed=0)["accuracy"] == 0


def test_shuffled_labels_fall_to_one_half() -> None:
    generator = np.random.default_rng(0)
    pairs = [Pair(f"a{index}", f"b{index}", "x") for index in range(2000)]
    flipped = [Pair(p.bad, p.good, "x") if generator.random() < 0.5 else p for p in pairs]
    result = score_pairs(flipped, lambda t: np.array([t_[0] == "b" for t_ in t], float), seed=0)
    assert result["accuracy"] == pytest.approx(0.5, abs=0.04)
    low, high = result["interval"]
    assert low < 0.5 < high
    assert high - low == pytest.approx(2 * 1.96 * 0.5 / 2000**0.5, rel=0.15)


def test_no_pairs_have_no_accuracy() -> None:
    result = score_pairs([], lambda texts: np.zeros(len(texts)), seed=0)
    assert result["accuracy"] is None
    assert result["interval"] is None
    assert result["pairs"] == 0


def test_a_choice_of_pairs_spreads_over_phenomena_and_repeats_exactly() -> None:
    pairs = [Pair(f"g{i}", f"b{i}", "many" if i % 10 else "few") for i in range(200)]
    chosen = choose_pairs(pairs, 40, seed=1)
    assert Counter(pair.phenomenon for pair in chosen) == {"few": 20, "many": 20}
    assert chosen == choose_pairs(pairs, 40, seed=1) != choose_pairs(pairs, 40, seed=2)
    assert sorted(choose_pairs(pairs, 1000, seed=1)) == sorted(pairs)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "not valid JSON"),
        ("[]", "must be an object"),
        ('{"good": "a", "bad": "b"}', "`phenomenon`"),
        ('{"good": "a", "bad": " ", "phenomenon": "x"}', "`bad`"),
        ('{"good": 1, "bad": "b", "phenomenon": "x"}', "`good`"),
        ('{"good": "a", "bad": "a", "phenomenon": "x"}', "same text"),
    ],
)
def test_a_malformed_pair_is_named_by_file_and_line(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "pairs.jsonl"
    right = json.dumps(
        {"good": "a\u2028b", "bad": "b", "phenomenon": "x", "UID": 7}, ensure_ascii=False
    )
    path.write_text(f"{right}\n\n{line}\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"pairs\.jsonl:3 ") as error:
        read_pairs(path)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_blimps_own_names_are_read_and_a_folder_of_its_files(tmp_path: Path) -> None:
    rows = [
        {"sentence_good": "a b", "sentence_bad": "b a", "UID": "x_1", "linguistics_term": "order"},
        {"sentence_good": "a c", "sentence_bad": "c a", "UID": "x_2"},
    ]
    for number, row in enumerate(rows):
        (tmp_path / f"{number}.jsonl").write_text(json.dumps(row), encoding="utf-8")
    assert read_pairs(tmp_path) == [Pair("a b", "b a", "order"), Pair("a c", "c a", "x_2")]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="holds no"):
        read_pairs(tmp_path / "empty")


def test_an_empty_or_missing_or_binary_file_of_pairs_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    with pytest.raises(UserError, match="missing"):
        read_pairs(path)
    path.write_text("\n\n")
    with pytest.raises(UserError, match="no pairs"):
        read_pairs(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="UTF-8"):
        read_pairs(path)


# --- pairs made from held-out text --------------------------------------------------------------


def make(held_out: list[str], training: list[str], harmony: tuple[str, ...] = ()) -> list[Pair]:
    forms = WordForms(Counter(word for text in training for word in words(text)))
    finder = RunFinder()
    sifter = Sifter(candidates(held_out, forms, 50, 3, harmony), finder)
    finder.search(training)
    return sifter.pairs()


def test_each_made_pair_differs_in_the_one_way_that_it_names() -> None:
    pairs = make(HELD_OUT * 3, TRAINING)
    for number in range(20):  # other seeds fall on other words
        forms = WordForms(Counter(word for text in TRAINING for word in words(text)))
        pairs += [c.pair for c in candidates(HELD_OUT, forms, 50, seed=number)]
    assert {pair.phenomenon for pair in pairs} == {
        "word order",
        "word form",
        "missing word",
        "doubled word",
    }
    for pair in pairs:
        assert pair.good in HELD_OUT
        good, bad = words(pair.good), words(pair.bad)
        assert good != bad
        if pair.phenomenon == "word order":
            assert sorted(good) == sorted(bad)
            assert pair.bad.endswith(".")
        elif pair.phenomenon == "missing word":
            assert len(bad) == len(good) - 1
        elif pair.phenomenon == "doubled word":
            assert len(bad) == len(good) + 1
            assert any(one == other for one, other in pairwise(bad))
        else:
            (changed,) = [i for i, (a, b) in enumerate(zip(good, bad, strict=True)) if a != b]
            assert good[changed][:4] == bad[changed][:4]


def test_a_sentence_of_the_training_text_makes_no_pair() -> None:
    assert make(TRAINING, TRAINING) == []


def test_words_that_also_meet_in_training_are_no_mistake() -> None:
    sentence = "бер ике өч дүрт"
    every_meeting = [f"{a} {b}" for a in sentence.split() for b in sentence.split()]
    assert make([sentence], ["башка сүзләр монда"])
    assert make([sentence], every_meeting) == []


def test_the_other_form_is_the_nearest_in_frequency_of_the_same_stem() -> None:
    counts = Counter(
        {"бакчага": 10, "бакчадан": 9, "бакчаны": 50, "бакчасы": 1, "бакырчылыкта": 10, "мин": 10}
    )
    forms = WordForms(counts)
    assert forms.other_form("бакчага") == "бакчадан"
    assert forms.other_form("бакчаны") == "бакчага"
    assert forms.other_form("мин") is None
    assert forms.other_form("күрмәгән") is None


def test_sentences_keep_their_limits() -> None:
    text = (
        "Бер ике. Бер ике өч дүрт! Бер ике өч дүрт биш?\nалты җиде 8 тугыз\n"
        "Бер ике өч дүрт [5]. <b>Бер</b> ике өч дүрт\n" + "а " * 30
    )
    assert list(sentences_of(text)) == [
        "Бер ике өч дүрт!",
        "Бер ике өч дүрт биш?",
        "алты җиде 8 тугыз",
    ]


def test_a_suffix_out_of_harmony_is_a_word_that_training_does_not_hold() -> None:
    training = ["урман урман өй өй авыл авыл", "күл күл", "авылга авылга авылгә"]
    held_out = [
        sentence.format(name)
        for name in ("Айдар", "Алсу", "Булат", "Гөлназ", "Дамир", "Зөһрә", "Илдар", "Камил")
        for sentence in (
            "{} бүген урманнарга барды.",
            "{} кичә күлләрне күрде.",
            "{} бүген авылга китте.",
        )
    ]
    found = [
        pair
        for pair in make(held_out, training, ("аә", "ые"))
        if pair.phenomenon == "suffix harmony"
    ]
    assert {pair.bad.split()[2] for pair in found} == {"урманнәргә", "күлларны"}
    assert all(pair.good.split()[2] in ("урманнарга", "күлләрне") for pair in found)
    assert not [p for p in make(held_out, training) if p.phenomenon == "suffix harmony"]


def test_made_pairs_repeat_exactly() -> None:
    assert make(HELD_OUT, TRAINING) == make(HELD_OUT, TRAINING)
