"""The character n-gram model: proper probabilities, Witten-Bell as in the book, known figures."""

import math
import os
import random
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import ngrams
from pipeline.ngrams import CHARACTERS, CharNgram

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)
FEW = st.text(alphabet="abcя ", max_size=20)
CORPUS = st.lists(st.one_of(FEW, TEXT), min_size=1, max_size=8).filter(lambda texts: any(texts))


class Reference:
    """The same model over dictionaries, one character at a time."""

    def __init__(self, texts: list[str], order: int) -> None:
        self.order = order
        self.after: dict[str, Counter[str]] = defaultdict(Counter)
        for text in texts:
            for at, character in enumerate(text):
                for context in self.contexts(text, at):
                    self.after[context][character] += 1

    def contexts(self, text: str, at: int) -> list[str]:
        """From the empty one up; the start closes the longest, and then it is only that."""
        begun = "^" + text[:at]
        return [begun[len(begun) - n :] for n in range(min(self.order, len(begun) + 1))]

    def p(self, text: str, at: int) -> float:
        seen = self.after[""]
        kinds, total = len(seen), sum(seen.values())
        p = seen[text[at]] / (total + kinds)
        if text[at] not in seen:
            p = kinds / (total + kinds) / (CHARACTERS - kinds)
        for context in self.contexts(text, at)[1:]:
            following = self.after.get(context)
            if following:
                n, t = sum(following.values()), len(following)
                p = (following[text[at]] + t * p) / (n + t)
        return p

    def bits(self, text: str) -> float:
        return -sum(math.log2(self.p(text, at)) for at in range(len(text)))


@given(CORPUS, st.lists(st.one_of(FEW, TEXT), max_size=5), st.integers(1, 7))
@settings(max_examples=60, deadline=None)
def test_bits_are_those_of_a_dictionary_at_every_order(
    corpus: list[str], texts: list[str], order: int
) -> None:
    corpus = [text.replace("^", "") for text in corpus] + ["a"]
    texts = [text.replace("^", "") for text in texts]
    bits = CharNgram.train(corpus, order).bits_by_order([*texts, *corpus])
    for shorter in range(1, order + 1):
        reference = Reference(corpus, shorter)
        expected = [reference.bits(text) for text in [*texts, *corpus]]
        np.testing.assert_allclose(bits[:, shorter - 1], expected, rtol=1e-9, atol=1e-9)


@given(CORPUS, st.one_of(FEW, TEXT), st.integers(1, 5))
@settings(max_examples=40, deadline=None)
def test_probabilities_of_all_of_unicode_sum_to_one(
    corpus: list[str], context: str, order: int
) -> None:
    model = CharNgram.train(corpus, order)
    seen = [chr(code) for code in model.symbols]
    unseen = next(c for c in map(chr, range(0x10FFFF, 0, -1)) if c not in seen)
    bits = model.bits([context, *(context + c for c in [*seen, unseen])])
    p = 2.0 ** (bits[0] - bits[1:])
    assert math.isclose(p[:-1].sum() + p[-1] * (CHARACTERS - len(seen)), 1, rel_tol=1e-9)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(0)
    texts = ["".join(draw.choices("абвг де", k=draw.randrange(30))) for _ in range(200)]
    whole = CharNgram.train(texts, 5).bits_by_order(texts)
    for chunk in (1, 7, 64):
        monkeypatch.setattr(ngrams, "_CHUNK", chunk)
        monkeypatch.setattr(ngrams, "_DENSE", chunk * 8)
        model = CharNgram.train(iter(texts), 5)
        np.testing.assert_array_equal(model.bits_by_order(texts), whole)


def test_texts_do_not_reach_into_each_other() -> None:
    model = CharNgram.train(["abc", "cab"], 4)
    together = model.bits(["abc", "", "cab", "abc"])
    assert together[1] == 0
    np.testing.assert_array_equal(together[[0, 2]], [model.bits([t])[0] for t in ("abc", "cab")])


def test_nothing_to_count_is_refused() -> None:
    for texts in ([], ["", ""]):
        with pytest.raises(ValueError, match="no text"):
            CharNgram.train(texts, 3)
    with pytest.raises(ValueError, match="1 to 7"):
        CharNgram.train(["a"], 8)


def test_no_texts_have_no_bits() -> None:
    assert CharNgram.train(["a"], 3).bits_by_order([]).shape == (0, 3)


@pytest.mark.skipif("TUGANTEL_CORPORA" not in os.environ, reason="real text")
def test_tatar_sentences_take_the_bits_that_are_published() -> None:
    path = Path(os.environ["TUGANTEL_CORPORA"]) / "tat" / "common-voice.txt"
    lines = path.read_text(encoding="utf-8").splitlines()
    random.Random(0).shuffle(lines)
    test, train = lines[: len(lines) // 10], lines[len(lines) // 10 :]
    bits = CharNgram.train(train, 5).bits(test).sum()
    assert 1.24 < bits / sum(len(line.encode()) for line in test) < 1.28
