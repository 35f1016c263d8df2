"""BPE from scratch: its merges are the library's, ties included, on any words."""

import os
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from pipeline.errors import UserError
from pipeline.tokenization import scratch
from pipeline.tokenization.scratch import join_in, learn_merges, train_scratch_bpe
from pipeline.tokenization.tokenizer import fingerprint
from pipeline.tokenization.train import train_bpe


def ours(words: dict[str, int], most: int) -> list[tuple[str, str]]:
    """The merges of `learn_merges` over the letters of words, until there are `most` tokens."""
    spelling = sorted({letter for word in words for letter in word})
    number = {letter: index for index, letter in enumerate(spelling)}

    def join(left: int, right: int) -> int:
        joined = spelling[left] + spelling[right]
        if joined not in number:
            number[joined] = len(spelling)
            spelling.append(joined)
        return number[joined]

    merges: dict[tuple[int, int], None] = {}
    learned = learn_merges({tuple(number[c] for c in word): n for word, n in words.items()}, join)
    while len(spelling) < most and (pair := next(learned, None)):
        merges.pop(pair, None)
        merges[pair] = None
    return [(spelling[left], spelling[right]) for left, right in merges]


def library(words: dict[str, int], most: int) -> list[tuple[str, str]]:
    import json

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(vocab_size=most, min_frequency=2, show_progress=False)
    tokenizer.train_from_iterator([" ".join([word] * n) for word, n in words.items()], trainer)
    return [(a, b) for a, b in json.loads(tokenizer.to_str())["model"]["merges"]]


words = st.dictionaries(
    st.text("abc", min_size=1, max_size=12), st.integers(1, 5), min_size=1, max_size=12
)


@given(words=words, most=st.integers(3, 60))
@settings(max_examples=300, deadline=None)
def test_merges_are_the_library_s_with_all_their_ties(words, most):
    assert ours(words, most) == library(words, most)


@given(texts=st.lists(st.text(max_size=40) | st.text("ab '1", max_size=60), min_size=1))
@settings(max_examples=60, deadline=None)
def test_any_text_gives_the_library_s_file_or_its_refusal(texts):
    texts = [*texts * 2, "бала балалар балаларга " * 3]
    for size in (260, 270):
        expected = train_bpe(texts, size)
        assert fingerprint(train_scratch_bpe(texts, size)) == fingerprint(expected)
    with pytest.raises(UserError, match=r"supports only (\d+)") as theirs:
        train_bpe(texts, 5000)
    with pytest.raises(UserError) as mine:
        train_scratch_bpe(texts, 5000)
    assert str(mine.value) == str(theirs.value).replace("byte_bpe", "scratch_bpe")


@given(st.lists(st.integers(0, 2), max_size=20), st.integers(0, 2), st.integers(0, 2))
def test_a_join_notes_what_it_does_to_every_other_pair(word, left, right):
    joined, changes = join_in(word, (left, right), 9)
    before, after = Counter(pairwise(word)), Counter(pairwise(joined))
    for pair, by in changes:
        before[pair] += by
    for pair in (before.keys() | after.keys()) - {(left, right)}:
        assert before[pair] == after[pair]


def test_the_textbook_example():
    """Sennrich et al. 2016, algorithm 1: low, lowest, newer, wider."""
    words = {"low_": 5, "lowest_": 2, "newer_": 6, "wider_": 3}
    merges = ours(words, 40)
    assert merges[:4] == [("e", "r"), ("er", "_"), ("l", "o"), ("lo", "w")]
    assert "newer_" in {left + right for left, right in merges}


def test_the_module_s_examples_hold():
    import doctest

    assert doctest.testmod(scratch).failed == 0


@pytest.mark.skipif("TUGANTEL_CORPORA" not in os.environ, reason="TUGANTEL_CORPORA is not set")
@pytest.mark.parametrize("size", [4000])
def test_tatar_gives_the_library_s_file_within_a_minute(size):
    path = Path(os.environ["TUGANTEL_CORPORA"]) / "tat" / "common-voice.txt"
    texts = path.read_text(encoding="utf-8").splitlines()
    started = time.process_time()
    mine = train_scratch_bpe(texts, size)
    assert time.process_time() - started < 60
    assert fingerprint(mine) == fingerprint(train_bpe(texts, size))
