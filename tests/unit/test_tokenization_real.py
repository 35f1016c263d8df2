"""Tokenizers on real text, where the environment says where it is."""

import json
import lzma
import os
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from pipeline.tokenization.bulk import BulkEncoder
from pipeline.tokenization.measure import Material, count, measure
from pipeline.tokenization.tokenizer import decode, encode_batch
from pipeline.tokenization.train import cut, train_bpe
from pipeline.tokenization.words import WordEncoder

CORPORA = os.environ.get("TUGANTEL_CORPORA")
pytestmark = pytest.mark.skipif(not CORPORA, reason="TUGANTEL_CORPORA names no folder")


@pytest.fixture(scope="module")
def tatar() -> list[str]:
    file = Path(CORPORA or "") / "tat" / "common-voice.txt"
    return file.read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="module")
def tokenizer(tatar):
    return train_bpe(tatar, 4096)


def test_tatar_is_as_short_as_it_was_measured(tatar, tokenizer):
    material = Material(tatar, tatar[::4])
    for size, expected in [(512, 3.3), (1024, 4.4), (4096, 6.3)]:
        smaller = cut(tokenizer, size)
        found = measure(smaller, count(BulkEncoder(smaller), material), material)
        assert found["bytes_per_token"] == pytest.approx(expected, rel=0.03)


def test_cut_equals_training_on_real_text(tatar, tokenizer):
    assert json.loads(cut(tokenizer, 1024).to_str()) == json.loads(train_bpe(tatar, 1024).to_str())


def test_kinyarwanda_words_are_looked_up_right_and_come_back(tokenizer):
    with lzma.open(Path(CORPORA or "") / "kin" / "common-voice.txt.xz", "rt") as file:
        lines = list(islice(file, 4000))  # with their line ends
    found = WordEncoder(tokenizer).encode(lines)
    assert [ids.tolist() for ids in found] == encode_batch(tokenizer, lines)
    assert decode(tokenizer, np.concatenate(found).tolist()) == "".join(lines)
