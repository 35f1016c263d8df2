"""Samples, measures and the choice: numbers worked out by hand, and properties that always hold."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.documents import write_documents
from pipeline.errors import UserError
from pipeline.params import Choice
from pipeline.tokenization.bulk import BulkEncoder
from pipeline.tokenization.choose import choose, spread
from pipeline.tokenization.family import cut_counts, is_cut_of
from pipeline.tokenization.measure import (
    Counts,
    Material,
    count,
    count_words,
    describe,
    measure,
    readable,
    renyi_efficiency,
)
from pipeline.tokenization.sample import groups, pieces, sample_texts
from pipeline.tokenization.train import cut, train_bpe

TEXTS = ["әни, бар!", "бар әни бар", "сүз"]


@pytest.fixture(scope="module")
def tokenizer():
    return train_bpe(TEXTS * 3, 260)


def documents(folder: Path, texts: list[str]) -> Path:
    rows = ({"id": str(i), "text": text, "source": "test"} for i, text in enumerate(texts))
    write_documents(folder, rows)
    return folder


# --- samples ---


@given(st.text(alphabet="аб \n", max_size=60), st.integers(min_value=1, max_value=20))
def test_pieces_are_the_text_and_stay_short(text, limit):
    cut = list(pieces(text, limit))
    assert "".join(cut) == text
    assert all(len(piece) <= limit for piece in cut)


def test_pieces_are_cut_before_white_space():
    assert list(pieces("бер ике өч дүрт", 8)) == ["бер ике", " өч дүрт"]


def test_small_corpus_is_sampled_whole_and_in_order(tmp_path):
    texts = [f"сүз {i}" for i in range(50)]
    assert sample_texts(documents(tmp_path / "c", texts), 1.0, 0) == texts


def test_sample_stays_under_its_limit_is_spread_and_repeats(tmp_path):
    texts = [f"{i:05d} " + "сүз " * 20 for i in range(2000)] + ["китап " * 50_000]
    folder = documents(tmp_path / "c", texts)
    sample = sample_texts(folder, 0.1, seed=1)
    size = sum(len(text.encode()) for text in sample)
    assert 0.06e6 < size <= 0.1e6
    numbers = [int(text[:5]) for text in sample if text[:5].isdigit()]
    assert numbers == sorted(numbers) and min(numbers) < 400 and max(numbers) > 1600
    assert sample == sample_texts(folder, 0.1, seed=1)
    assert sample != sample_texts(folder, 0.1, seed=2)


def test_one_long_document_is_sampled_in_pieces(tmp_path):
    folder = documents(tmp_path / "c", ["китап " * 100_000])
    size = sum(len(text.encode()) for text in sample_texts(folder, 0.2, 0))
    assert 0.15e6 < size <= 0.2e6


def test_sample_smaller_than_any_piece_still_has_one(tmp_path):
    assert len(sample_texts(documents(tmp_path / "c", ["а" * 5000] * 3), 0.000001, 0)) == 1


@pytest.mark.parametrize("texts", [[], ["", ""]])
def test_empty_corpus_is_the_user_s_to_repair(tmp_path, texts):
    with pytest.raises(UserError, match="holds no text"):
        sample_texts(documents(tmp_path / "c", texts), 1.0, 0)


@given(st.lists(st.text(max_size=9)), st.integers(min_value=1, max_value=30))
def test_groups_lose_nothing(texts, characters):
    made = list(groups(texts, characters))
    assert [text for group in made for text in group] == texts
    assert all(made)


# --- measures ---


def measured(tokenizer, train, held_out):
    material = Material(train, held_out)
    return measure(tokenizer, count(BulkEncoder(tokenizer), material), material)


def test_measures_by_hand(tokenizer):
    bytes_only = cut(tokenizer, 257)
    found = measured(bytes_only, TEXTS, TEXTS)
    size = sum(len(text.encode()) for text in TEXTS)
    assert found["bytes_per_token"] == 1
    assert found["characters_per_token"] == sum(map(len, TEXTS)) / size
    assert found["fertility"] == size / 6
    assert found["words_whole"] == 0
    assert found["vocabulary_used"] == len(set("".join(TEXTS).encode())) / 257
    ascii_bytes = sum(byte < 128 for byte in "".join(TEXTS).encode())
    assert found["invalid_utf8_share"] == pytest.approx(1 - ascii_bytes / size)


def test_words_whole_leaves_punctuation_out():
    tokenizer = train_bpe([" бар бар бар"] * 10, 263)
    texts = ["(бар), бар! юк 5"]
    assert measured(tokenizer, texts, texts)["words_whole"] == 2 / 3


def test_renyi_efficiency_of_known_distributions():
    assert renyi_efficiency(np.array([5, 5, 5, 5])) == pytest.approx(1)
    assert renyi_efficiency(np.array([7, 0, 0, 0])) == 0
    shares = np.array([0.5, 0.25, 0.25])
    expected = np.log((shares**2.5).sum()) / -1.5 / np.log(3)
    assert renyi_efficiency(np.array([2, 1, 1])) == pytest.approx(expected)


@given(st.lists(st.integers(min_value=0, max_value=1000), min_size=2).filter(any))
def test_renyi_efficiency_is_a_share(counts):
    assert 0 <= renyi_efficiency(np.array(counts)) <= 1 + 1e-9


def test_tail_counts_every_occurrence(tokenizer):
    bytes_only = cut(tokenizer, 257)
    # а: D0 B0, б: D0 B1, and a space before all but the first letter of a text
    found = measured(bytes_only, ["х" + " а" * 9 + " б" * 100], ["х"])
    assert found["never_share"] == (256 - 6) / 256
    assert found["rare_share"] == (256 - 3) / 256  # B0 is seen 9 times, х twice as a byte
    assert found["under_100_share"] == (256 - 3) / 256
    assert found["rare_text_share"] == found["under_100_text_share"] == (9 + 2) / (3 * 109 + 2)


@pytest.mark.parametrize("texts", [TEXTS * 3, ["ааа аа а", "абаба абаб", " ааа", "a  b\n\nаа"] * 4])
def test_counts_of_a_cut_are_those_of_encoding_with_it(texts):
    largest = train_bpe(texts, 264)
    material = Material(texts, [*TEXTS, "ааааа абабабаб\n бар"])
    counts = count(BulkEncoder(largest), material)
    for size in range(257, 264):
        small = cut(largest, size)
        a, b = (json.loads(one.to_str()) for one in (small, largest))
        assert is_cut_of(a, b) and not is_cut_of(b, a)
        cheap, plain = cut_counts(counts, largest, small), count(BulkEncoder(small), material)
        for name in ("train", "held_out", "words"):
            assert getattr(cheap, name).tolist() == getattr(plain, name).tolist(), (size, name)


def test_another_training_is_no_cut(tokenizer):
    another = train_bpe(["китап китап сүз сүз"] * 3, 259)
    assert not is_cut_of(json.loads(another.to_str()), json.loads(tokenizer.to_str()))


def test_tokens_to_look_at():
    tokenizer = train_bpe([" бар бар барлар"] * 10, 265)
    material = Material([" бар бар барлар", "бар"], ["бар"])
    found = describe(tokenizer, count(BulkEncoder(tokenizer), material))
    assert found["longest"][0]["token"].startswith("␣бар")
    assert found["rarest"][0]["count"] <= found["rarest"][-1]["count"]
    assert [row["fewer_than"] for row in found["tail"]] == sorted(
        row["fewer_than"] for row in found["tail"]
    )
    assert found["tail"][-1]["vocabulary"] == found["tail"][-1]["text"] == 1
    assert readable(b"\xd3") == "\\xd3" and readable(b" \n") == "␣␊"


def test_a_vocabulary_that_the_text_never_uses_is_described():
    tokenizer = train_bpe([" бар бар"] * 10, 260)
    empty = Counts(*(np.zeros(260, np.int64) for _ in range(3)))
    assert describe(tokenizer, empty)["rank_frequency"] == []


def test_words_are_counted_over_all_texts():
    assert count_words(TEXTS) == Counter({"бар": 2, "әни,": 1, "бар!": 1, "әни": 1, "сүз": 1})


# --- the choice ---


def entry(size: int, bits: list[float], more: list[float] | None = None, **changes) -> dict:
    """An entry whose models came to `bits` with the same text, `more` with the same cost."""
    proxies = {
        budget: {"mean": sum(seeds) / len(seeds), "seeds": seeds}
        for budget, seeds in (("bytes", bits), ("compute", more or bits))
    }
    return {"kind": "byte_bpe", "size": size, "ready": False, "proxies": proxies} | changes


def test_best_size_is_chosen_and_the_sentence_has_the_numbers():
    chosen, why = choose([entry(512, [1.6]), entry(1024, [1.5]), entry(2048, [1.52])], "auto")
    assert chosen["size"] == 1024
    assert "1.500" in why and "1.600 on 512" in why and "1.520 on 2048" in why
    assert "same cost say the same" in why or "cost the same say the same" in why


def test_smaller_size_that_is_hardly_worse_is_preferred():
    chosen, why = choose([entry(2048, [1.5]), entry(512, [1.6]), entry(1024, [1.507])], "auto")
    assert chosen["size"] == 1024
    assert "smallest within 0.007" in why and "1.507" in why and "1.500 on 2048" in why


def test_smaller_size_within_what_seeds_make_is_preferred():
    noisy = [entry(512, [1.50, 1.58]), entry(1024, [1.49, 1.55]), entry(2048, [1.9])]
    deviation = np.sqrt((2 * 0.04**2 + 2 * 0.03**2) / 2)
    assert spread(noisy, "bytes") == pytest.approx(2 * deviation)
    assert choose(noisy, "auto")[0]["size"] == 512
    sure = [entry(512, [1.539, 1.541]), entry(1024, [1.519, 1.521])]
    assert spread(sure, "bytes") == pytest.approx(0.005 * 1.52)
    assert choose(sure, "auto")[0]["size"] == 1024


def test_budget_decides_and_the_other_is_told():
    sweep = [entry(512, [1.5], [1.6]), entry(1024, [1.6], [1.5])]
    for budget, size, other in (("bytes", 512, 1024), ("compute", 1024, 512)):
        chosen, why = choose(sweep, "auto", budget)
        assert chosen["size"] == size and f"would take {other}" in why


@pytest.mark.parametrize(
    ("bits", "size", "end"),
    [
        ([1.6, 1.5, 1.4], 2048, "2048 is the last of tokenizer.sizes: a larger one"),
        ([1.4, 1.5, 1.6], 512, "512 is the first of tokenizer.sizes: a smaller one"),
        ([1.401, 1.5, 1.4], 512, "512 is the first of tokenizer.sizes: a smaller one"),
        ([1.6, 1.4, 1.5], 1024, None),
    ],
)
def test_a_choice_at_an_end_of_the_list_says_that_the_list_may_be_too_short(bits, size, end):
    sizes = zip((512, 1024, 2048), bits, strict=True)
    sweep = [entry(one, [mean, mean]) for one, mean in sizes]
    sweep.append(entry(600, [2.0], kind="characters"))
    chosen, why = choose(sweep, "auto")
    assert chosen["size"] == size
    assert (f"byte_bpe {end}" in why) if end else ("may be better" not in why)


def test_ready_tokenizers_are_taken_only_when_asked_for():
    ready = entry(50_257, [1.0], kind="gpt2", ready=True)
    chosen, why = choose([entry(512, [1.5]), ready], "auto")
    assert chosen["size"] == 512 and "1.000 on gpt2 50257" in why
    assert choose([entry(512, [1.5]), ready], Choice(kind="gpt2"))[0] is ready
    assert choose([ready, entry(9, [1.2], kind="other", ready=True)], "auto")[0] is ready


def test_fixed_size_is_taken_and_compared_with_the_best():
    chosen, why = choose([entry(512, [1.6]), entry(1024, [1.5])], 512)
    assert chosen["size"] == 512
    assert "tokenizer.choose" in why and "1.600" in why and "1.500" in why and "1024" in why


def test_only_size_needs_no_judge():
    for wanted in ("auto", 512):
        chosen, why = choose([entry(512, [1.0]) | {"proxies": None}], wanted)
        assert chosen["size"] == 512 and "only tokenizer" in why


def test_size_that_was_not_tried_is_refused():
    with pytest.raises(UserError, match="only byte_bpe 512, byte_bpe 1024"):
        choose([entry(512, [1.0]), entry(1024, [1.0])], 2048)
