"""Cutting and encoding much text at once: the same as the library, on any Unicode."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, pre_tokenizers

from pipeline.tokenization.bulk import BulkEncoder
from pipeline.tokenization.cuts import WORDS
from pipeline.tokenization.kinds import train_sizes
from pipeline.tokenization.pieces import are_words, count_pieces, cut_pieces
from pipeline.tokenization.tokenizer import bos_id, encode_batch

TRICKY = " \n\t\r\x0b\x1c\u0085\u00a0\u2003\u3000.,:!?\"')#-_’▁абәcč×÷1²½٣\u0301\u200d«»–😀"
any_text = st.text(max_size=30) | st.text(st.sampled_from(TRICKY), max_size=30)
texts = st.lists(any_text, min_size=1, max_size=6)
CORPUS = [
    "Әнием, базардан алма белән катык алды!",
    "n'umwana 2024 (kin-rw); ndashaka",
    "čáppa  beaivi\n\n– giitu.",
] * 6
SIZES = {"wordpiece": 520, "unigram": 312, "bpe": 320}
library = pre_tokenizers.Split(Regex(WORDS), "isolated")


@pytest.fixture(scope="module")
def tokenizers() -> dict[str, Tokenizer]:
    kinds = ("byte_bpe", "bpe", "unigram", "wordpiece", "characters", "bytes")
    return {
        kind: next(iter(train_sizes(kind, CORPUS, [SIZES.get(kind, 300)]).values()))
        for kind in kinds
    }


def split(many: list[str]) -> list[list[str]]:
    pieces, counts = cut_pieces(pa.array(many, pa.large_string()))
    found = [piece.decode() for piece in pieces.to_pylist()]
    ends = np.cumsum(counts)
    return [found[end - n : end] for end, n in zip(ends, counts, strict=True)]


@settings(deadline=None)
@given(texts)
@example(["a \n\u00a0b", "", "  ", "\n", "a  b", "a.\u0301 b,c"])
def test_every_cut_is_one_of_the_tokenizer_s(many):
    for text, found in zip(many, split(many), strict=True):
        assert "".join(found) == text and all(found)
        edges = {begin for _, (begin, _) in library.pre_tokenize_str(text)}
        assert set(np.cumsum([0, *map(len, found)])[:-1].tolist()) <= edges | {0}


@settings(deadline=None)
@given(texts)
@example([" n'umwana a' 'a a''b ×а Aа1"])
def test_what_is_called_a_word_is_not_cut(many):
    pieces, _ = cut_pieces(pa.array(many, pa.large_string()))
    if len(pieces):
        for piece, word in zip(pieces.to_pylist(), are_words(pieces), strict=True):
            assert not word or len(library.pre_tokenize_str(piece.decode())) == 1


@settings(deadline=None)
@given(texts, st.integers(min_value=0, max_value=40))
def test_ids_are_those_of_the_library_for_every_kind(tokenizers, many, remembered):
    for kind, tokenizer in tokenizers.items():
        encoder = BulkEncoder(tokenizer, remembered)
        for some in (many, many[::-1], many):
            ids, counts = encoder.encode(pa.array(some, pa.large_string()))
            found = np.split(ids, np.cumsum(counts)[:-1])
            expected = [[bos_id(tokenizer), *row] for row in encode_batch(tokenizer, some)]
            assert [one.tolist() for one in found] == expected, kind


def test_slices_and_both_kinds_of_offsets_are_read(tokenizers):
    encoder = BulkEncoder(tokenizers["byte_bpe"])
    for kind in (pa.string(), pa.large_string()):
        whole, _ = encoder.encode(pa.array(CORPUS, kind))
        parts = [encoder.encode(pa.array(CORPUS, kind)[i : i + 5])[0] for i in range(0, 18, 5)]
        assert np.concatenate(parts).tolist() == whole.tolist()


@settings(deadline=None)
@given(texts)
def test_pieces_are_counted(many):
    pieces, counts = count_pieces(many)
    found = dict(
        zip((piece.decode() for piece in pieces.to_pylist()), counts.tolist(), strict=True)
    )
    assert len(found) == len(pieces)
    every = [piece for text in split(many) for piece in text]
    assert found == {piece: every.count(piece) for piece in every}
