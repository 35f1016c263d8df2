"""Baselines and uncertainty, against numbers known beforehand."""

import math

import numpy as np
import pytest

from pipeline.evaluation import baselines
from pipeline.evaluation.baselines import Rivals, rival_bits_per_byte, xz_bits_per_byte
from pipeline.evaluation.overlap import RunFinder
from pipeline.evaluation.samples import Judge, by_temperature, sample_prompts, summary
from pipeline.evaluation.uncertainty import interval
from pipeline.ngrams import CharNgram


def rates_of(rivals: Rivals, texts: list[str]) -> dict[str, float | None]:
    return rival_bits_per_byte(rivals, rivals.table(texts), texts)


def test_ngram_rates_are_bits_over_utf8_bytes_for_each_order_and_for_words() -> None:
    training = ["абаба", "баба"]
    rivals = Rivals.train(lambda what: iter(training), 3)
    texts = ["аба", "бб"]
    rates = rates_of(rivals, texts)
    assert list(rates) == ["char_1gram", "char_2gram", "char_3gram", "word_3gram"]
    ngram = CharNgram.train(training, 3)
    assert rates["char_3gram"] == pytest.approx(ngram.bits(texts).sum() / 10)
    assert set(rates_of(rivals, []).values()) == {None}


def test_a_character_bigram_agrees_with_a_hand_computation() -> None:
    rivals = Rivals.train(lambda what: iter(["абаб"]), 2)
    # four characters of two kinds; one kind is unseen: p1 = 2 / (4 + 2) for each of the two
    one = 2 / 6
    first = (1 + 1 * one) / (1 + 1)  # the start was followed once, by one kind
    second = (2 + 1 * one) / (2 + 1)  # а was followed twice, by б
    rates = rates_of(rivals, ["аб"])
    assert rates["char_1gram"] == pytest.approx(-2 * math.log2(one) / 4)
    assert rates["char_2gram"] == pytest.approx(-(math.log2(first) + math.log2(second)) / 4)


def test_rivals_that_stand_beside_score_short_texts_as_the_table_does() -> None:
    rivals = Rivals.train(lambda what: iter(["бер ике", "ике өч"]), 7)
    texts = ["өч бер", "ике", "өч бер"]
    beside = rivals.beside()
    assert list(beside) == ["char_5gram", "char_7gram", "word_3gram"]
    for name, scorer in beside.items():
        for _ in range(2):  # the second time from memory
            expected = rivals.table(texts)[:, rivals.names.index(name)]
            assert scorer(texts) == pytest.approx(expected)
        assert len(scorer([])) == 0


def test_xz_pays_little_for_what_it_has_seen_and_much_for_noise() -> None:
    generator = np.random.default_rng(0)
    noise = ["".join(map(chr, generator.integers(97, 123, 300))) for _ in range(20)]
    new = xz_bits_per_byte(noise[:10], noise[10:])
    known = xz_bits_per_byte(noise, noise[10:])
    assert new is not None
    assert known is not None
    assert new > math.log2(26)
    assert known < 0.3
    assert xz_bits_per_byte(noise, []) is None


def test_xz_looks_at_the_end_of_the_training_text(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    noise = ["".join(map(chr, generator.integers(97, 123, 300))) for _ in range(20)]
    monkeypatch.setattr(baselines, "XZ_WINDOW", 2000)
    late, early = (xz_bits_per_byte(text, noise[-3:]) for text in (noise, noise[::-1]))
    assert late is not None
    assert early is not None
    assert late < 1 < early


def test_an_interval_covers_the_mean_as_often_as_it_says() -> None:
    generator = np.random.default_rng(1)
    hits = 0
    for number in range(100):
        bounds = interval(generator.normal(3, 1, 60), seed=number)
        assert bounds is not None
        hits += bounds[0] <= 3 <= bounds[1]
    assert 88 <= hits <= 100


def test_values_of_one_group_do_not_make_an_interval_narrower() -> None:
    values = np.random.default_rng(0).normal(size=40)
    alone = interval(values, seed=0)
    copied = interval(np.repeat(values, 25), seed=0, groups=np.repeat(range(40), 25).tolist())
    assert alone is not None
    assert copied is not None
    assert copied == pytest.approx(alone)
    assert interval([], seed=0) is None
    assert interval([6.0, 6.0], seed=0, weights=[2.0, 2.0]) == [3.0, 3.0]


def test_samples_are_judged_by_words_repetition_copying_language_and_end() -> None:
    finder = RunFinder()
    texts = ["бер ике өч дүрт биш.", "бер бер бер бер бер бер", "... ", "өч «дүрт!»"]
    judge = Judge(texts, finder)
    finder.search(["нуль бер ике өч"])
    verdicts = judge.verdicts({"бер", "ике"}, {"өч"}, lambda texts: ["ике" in t for t in texts])
    fresh, dull, empty, ended = verdicts
    assert fresh == {
        "words": 5,
        "characters": 20,
        "identified": True,
        "known_words": 0.4,
        "real_words": 0.6,
        "distinct_trigrams": 1.0,
        "repeated": 0.0,
        "ends": True,
        "longest_copied_run": 3,
    }
    assert dull["distinct_trigrams"] == pytest.approx(1 / 4)
    assert dull["repeated"] == pytest.approx(2 / 3)
    assert (dull["identified"], dull["ends"], ended["ends"]) == (False, False, True)
    assert (empty["words"], empty["known_words"], empty["repeated"]) == (0, None, None)
    means = summary(texts, verdicts)
    assert means["known_words"] == pytest.approx(1.4 / 3)
    assert means["identified"] == 0.25
    assert means["copied_over_8"] == 0
    assert means["longest_copied_run_of_all"] == 3
    assert means["distinct_1"] == pytest.approx(5 / 13)
    assert set(summary([], []).values()) == {None, 0}


def test_a_run_copied_from_training_is_counted_above_8_16_and_32_words() -> None:
    book = [f"сүз{number}" for number in range(60)]
    texts = [" ".join(["яңа", *book[:length], "яңа"]) for length in (8, 9, 17, 33)]
    finder = RunFinder()
    judge = Judge(texts, finder)
    finder.search([" ".join(book)])
    means = summary(texts, judge.verdicts(set(book)))
    assert means["longest_copied_run_of_all"] == 33
    assert [means[f"copied_over_{limit}"] for limit in (8, 16, 32)] == [0.75, 0.5, 0.25]
    assert means["identified"] is None


def test_each_temperature_has_its_own_summary() -> None:
    samples = [{"text": "бер", "temperature": 0.5}, {"text": "бер ике", "temperature": 1.1}]
    judge = Judge([sample["text"] for sample in samples], finder := RunFinder())
    finder.search([""])
    found = by_temperature(samples, judge.verdicts({"бер"}))
    assert {name: one["known_words"] for name, one in found.items()} == {"0.5": 1.0, "1.1": 0.5}


def test_half_of_the_prompts_are_empty_and_the_others_begin_held_out_texts() -> None:
    held_out = ["Бер", "Бер ике өч.", "Дүрт биш алты җиде.", ""]
    prompts = sample_prompts(held_out, 4, seed=0)
    assert prompts == sample_prompts(held_out, 4, seed=0)
    assert prompts[:2] == ["", ""]
    assert sorted(prompts[2:]) == ["Бер ике", "Дүрт биш"]
    assert sample_prompts([], 3, seed=0) == ["", "", ""]
