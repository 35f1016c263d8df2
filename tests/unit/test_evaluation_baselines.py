"""Baselines and uncertainty, against numbers known beforehand."""

import math

import numpy as np
import pytest

from pipeline.evaluation import baselines
from pipeline.evaluation.baselines import ngram_bits_per_byte, xz_bits_per_byte
from pipeline.evaluation.overlap import RunFinder
from pipeline.evaluation.samples import Judge, sample_prompts, summary
from pipeline.evaluation.uncertainty import interval
from pipeline.ngrams import CharNgram


def test_ngram_rates_are_bits_over_utf8_bytes_for_each_order() -> None:
    ngram = CharNgram.train(["абаба", "баба"], 3)
    texts = ["аба", "бб"]
    rates = ngram_bits_per_byte(ngram, texts)
    assert list(rates) == ["char_1gram", "char_2gram", "char_3gram"]
    assert rates["char_3gram"] == pytest.approx(ngram.bits(texts).sum() / 10)
    assert set(ngram_bits_per_byte(ngram, []).values()) == {None}


def test_a_character_bigram_agrees_with_a_hand_computation() -> None:
    ngram = CharNgram.train(["абаб"], 2)
    # four characters of two kinds; one kind is unseen: p1 = 2 / (4 + 2) for each of the two
    one = 2 / 6
    first = (1 + 1 * one) / (1 + 1)  # the start was followed once, by one kind
    second = (2 + 1 * one) / (2 + 1)  # а was followed twice, by б
    rates = ngram_bits_per_byte(ngram, ["аб"])
    assert rates["char_1gram"] == pytest.approx(-2 * math.log2(one) / 4)
    assert rates["char_2gram"] == pytest.approx(-(math.log2(first) + math.log2(second)) / 4)


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


def test_samples_are_judged_by_known_words_repetition_and_copying() -> None:
    finder = RunFinder()
    texts = ["бер ике өч дүрт биш", "бер бер бер бер бер", "..."]
    judge = Judge(texts, finder)
    finder.search(["нуль бер ике өч"])
    fresh, dull, empty = judge.verdicts({"бер": 3, "ике": 1})
    assert fresh == {
        "words": 5,
        "known_words": 0.4,
        "distinct_trigrams": 1.0,
        "longest_copied_run": 3,
    }
    assert dull["distinct_trigrams"] == pytest.approx(1 / 3)
    assert empty == {
        "words": 0,
        "known_words": None,
        "distinct_trigrams": None,
        "longest_copied_run": 0,
    }
    means = summary([fresh, dull, empty])
    assert means["known_words"] == pytest.approx(0.7)
    assert means["copied_over_8"] == 0
    assert set(summary([]).values()) == {None}


def test_half_of_the_prompts_are_empty_and_the_others_begin_held_out_texts() -> None:
    held_out = ["Бер", "Бер ике өч.", "Дүрт биш алты җиде.", ""]
    prompts = sample_prompts(held_out, 4, seed=0)
    assert prompts == sample_prompts(held_out, 4, seed=0)
    assert prompts[:2] == ["", ""]
    assert sorted(prompts[2:]) == ["Бер ике", "Дүрт биш"]
    assert sample_prompts([], 3, seed=0) == ["", "", ""]
