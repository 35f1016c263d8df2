"""Planted near-duplicates are found and nothing else is, on every machine and in every process."""

import hashlib
import multiprocessing
import os
import random
import subprocess
import sys
from itertools import accumulate, combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.cleaning import minhash
from pipeline.cleaning.characters import Characters
from pipeline.cleaning.minhash import (
    BANDS,
    CANDIDATE,
    NOTHING,
    PERMUTATIONS,
    THRESHOLD,
    bands,
    candidate_pairs,
    enough,
    exact_similarity,
    near,
    signatures,
    similarity,
)
from pipeline.languages import load_language

CORPORA = os.environ.get("TUGANTEL_CORPORA")
TEXT = "көн бара төн бара өченче көнгә барып җитә әлеге җиргә"
FIRST = [3223399026, 2606572944, 3382841869]  # of its signature
WORDS = st.lists(st.text("аәбвги𐐨ñ", min_size=1, max_size=9), min_size=1, max_size=30)


def grams(text: str) -> list[str]:
    """What a text is compared by, in plain words."""
    padded = [f" {word} " for word in text.split(" ")]
    return [word[i : i + 5] for word in padded for i in range(max(1, len(word) - 4))]


def jaccard(one: str, other: str) -> float:
    ours, theirs = set(grams(one)), set(grams(other))
    return len(ours & theirs) / len(ours | theirs)


def word_salad(texts: int, draw: random.Random) -> list[str]:
    """Sentences of 6 to 12 words, the common ones short and in most of them, as Zipf has it."""
    letters = "аәбвгдеёжзийклмноөпрстуүфхһчшыэюя"
    vocabulary = ["".join(draw.choices(letters, k=2 + i.bit_length() // 2)) for i in range(9000)]
    weights = list(accumulate(1 / (i + 3) for i in range(9000)))
    lengths = [draw.randint(6, 12) for _ in range(texts)]
    return [" ".join(draw.choices(vocabulary, cum_weights=weights, k=k)) for k in lengths]


def swap(text: str, draw: random.Random) -> str:
    words = text.split()
    one, other = draw.sample(range(len(words)), 2)
    words[one], words[other] = words[other], words[one]
    return " ".join(words)


def cut_words(text: str, draw: random.Random) -> str:
    words = text.split()
    return " ".join(words[: len(words) - max(1, len(words) // draw.randint(6, 10))])


def cut_letters(text: str, draw: random.Random) -> str:
    return text[: int(len(text) * draw.uniform(0.8, 0.95))].rstrip()


def replace_in_long(text: str, draw: random.Random) -> str:
    """One word in twenty is another."""
    words = text.split()
    for place in range(draw.randrange(20), len(words), 20):
        words[place] = "".join(draw.choices("бдзлр", k=7))
    return " ".join(words)


EDITS = [swap, cut_words, cut_letters]


def find(texts: list[str]) -> NDArray[np.bool_]:
    """All steps in a row, as cleaning takes them."""
    signed = signatures(texts)
    hashes = bands(signed)
    pairs = candidate_pairs(hashes.ravel(), np.repeat(np.arange(len(texts)), BANDS))
    pairs = pairs[similarity(signed, pairs) >= CANDIDATE]
    exact = np.array([exact_similarity(texts[one], texts[other]) for one, other in pairs])
    return near(pairs, exact, THRESHOLD, len(texts))


@pytest.mark.parametrize("edit", EDITS)
def test_planted_near_duplicates_are_found_and_nothing_else(edit) -> None:
    draw = random.Random(edit.__name__)
    texts = word_salad(4000, draw)
    planted = [edit(text, draw) for text in draw.sample(texts, 400)]
    planted = [text for text in planted if enough([text])[0]]
    dropped = find(texts + planted)
    assert dropped[4000:].mean() >= 0.97
    assert dropped[:4000].sum() <= 0.01 * len(planted)


def test_edits_of_documents_are_found() -> None:
    draw = random.Random(0)
    sentences = word_salad(6000, draw)
    texts = [" ".join(sentences[i : i + 20]) for i in range(0, 6000, 20)]
    for edit in [*EDITS, replace_in_long]:
        dropped = find(texts + [edit(text, draw) for text in texts])
        assert not dropped[:300].any() and dropped[300:].mean() >= 0.99, edit


@pytest.mark.skipif(not CORPORA, reason="needs the texts that TUGANTEL_CORPORA points to")
def test_planted_edits_are_found_among_tatar_sentences() -> None:
    language = load_language("tat")
    assert language is not None
    lines = (Path(str(CORPORA)) / "tat/common-voice.txt").read_text(encoding="utf-8").splitlines()
    measured = Characters(language).measure(lines)
    first = np.unique(measured.keys, return_index=True)[1]
    texts = [measured.plain[i] for i in np.sort(first)]
    draw = random.Random(0)
    long = [text for text in texts if text.count(" ") >= 5]
    planted = [edit(text, draw) for edit in EDITS for text in draw.sample(long, 400)]
    dropped = find(texts + planted)
    assert dropped[len(texts) :].mean() >= 0.98
    own = find(texts)  # the corpus has some of its own: a word put in, an end cut off
    assert own.mean() <= 0.002
    assert dropped[: len(texts)].tolist() == own.tolist()


def test_case_punctuation_and_numbers_change_nothing() -> None:
    language = load_language("tat")
    assert language is not None
    plain = (
        Characters(language)
        .measure(
            [
                "1987 елның 5 маенда авылда 300 кеше яши иде.",
                "2004 елның 12 маенда АВЫЛДА 1 250 кеше яши иде",
                "— елның «маенда» авылда: кеше, яши... иде!",
            ]
        )
        .plain
    )
    signed = signatures(plain)
    assert (signed != NOTHING).all()
    assert (signed == signed[0]).all()
    assert exact_similarity(plain[0], plain[1]) == 1


@settings(deadline=None, max_examples=50)
@given(st.lists(WORDS, min_size=1, max_size=6))
@example([["а"], ["аб", "а"], ["абв", "аб"], ["абвг"]])
def test_shingles_are_the_grams_inside_words(texts: list[list[str]]) -> None:
    plain = [" ".join(words) for words in texts]
    hashes, begins = minhash._shingles(plain)
    meaning: dict[int, str] = {}
    for text, begin, end in zip(plain, begins[:-1].tolist(), begins[1:].tolist(), strict=True):
        expected = grams(text)
        assert len(expected) == end - begin
        for key, gram in zip(hashes[begin:end].tolist(), expected, strict=True):
            assert meaning.setdefault(key, gram) == gram
    assert len(set(meaning.values())) == len(meaning)


@settings(deadline=None, max_examples=30)
@given(st.lists(WORDS, max_size=12), st.integers(0, 12), st.randoms(use_true_random=False))
def test_a_signature_is_of_its_text_alone(texts, cut: int, draw: random.Random) -> None:
    plain = [" ".join(words) for words in texts]
    whole = signatures(plain)
    assert whole.shape == (len(plain), PERMUTATIONS) and whole.dtype == np.uint32
    parts = [signatures(plain[:cut]), signatures(plain[cut:])]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    shuffled = [" ".join(draw.sample(words, len(words))) for words in texts]
    np.testing.assert_array_equal(signatures(shuffled), whole)
    np.testing.assert_array_equal((whole != NOTHING).any(axis=1), enough(plain))


def test_the_estimate_is_close_to_the_jaccard_similarity() -> None:
    draw = random.Random(0)
    pairs = []
    for text in word_salad(1500, draw):
        words = text.split()
        kept = draw.sample(words, draw.randint(5, len(words)))
        pairs.append((text, " ".join([*kept, *["ватан", "җырлый"][: draw.randrange(3)]])))
    signed = signatures([text for pair in pairs for text in pair])
    estimate = similarity(signed, np.arange(len(pairs) * 2).reshape(-1, 2))
    error = estimate - np.array([jaccard(*pair) for pair in pairs])
    assert (np.abs(error) <= 0.1).mean() >= 0.95
    assert abs(error.mean()) < 0.01


def test_bands_agree_as_often_as_the_formula_says() -> None:
    """1 - (1 - s^rows)^bands for random signatures that agree in a share s of places."""
    draw = np.random.default_rng(0)
    one = draw.integers(0, 2**32 - 1, (4000, PERMUTATIONS), dtype=np.uint32)
    for share, expected in ((0.8, 0.9998), (0.6, 0.89), (0.2, 0.025)):
        other = np.where(draw.random(one.shape) < share, one, one + 1).astype(np.uint32)
        found = (bands(one) == bands(other)).any(axis=1).mean()
        assert found == pytest.approx(expected, abs=0.02)
    hashes = bands(one)
    assert len(np.unique(hashes)) == hashes.size  # of other texts and other bands are others
    shares = np.bincount((hashes % 16).astype(int).ravel(), minlength=16) / hashes.size
    np.testing.assert_allclose(shares, 1 / 16, atol=0.005)


def test_too_short_a_text_matches_nothing() -> None:
    texts = ["", "бу", "бу китап", "бу китап бик яхшы", "бу китап бик яхшы"]
    signed = signatures(texts)
    assert not enough(texts).any() and (signed == NOTHING).all() and (bands(signed) == 0).all()
    pairs = candidate_pairs(bands(signed).ravel(), np.repeat(np.arange(len(texts)), BANDS))
    assert len(pairs) == 0
    assert not similarity(signed, np.array([[3, 4]])).any()
    assert not find(texts).any()


def test_nothing_in_nothing_out() -> None:
    none = np.zeros((0, 2), np.int64)
    assert signatures([]).shape == (0, PERMUTATIONS)
    assert bands(signatures([])).shape == (0, BANDS)
    assert candidate_pairs(np.zeros(0, np.uint64), np.zeros(0, np.int64)).shape == (0, 2)
    assert similarity(signatures([TEXT]), none).shape == (0,)
    assert near(none, np.zeros(0), THRESHOLD, 3).tolist() == [False] * 3
    assert exact_similarity("", "") == 1 and exact_similarity("", TEXT) == 0


HASHED = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 9)), max_size=40)


@settings(deadline=None)
@given(HASHED, st.randoms(use_true_random=False))
def test_pairs_hold_buckets_together(entries: list[tuple[int, int]], draw) -> None:
    hashes = np.array([h for h, _ in entries], np.uint64)
    positions = np.array([p for _, p in entries], np.int64)
    pairs = candidate_pairs(hashes, positions)
    buckets = [{p for h, p in entries if h == value} for value in range(1, 7)]
    allowed = {pair for bucket in buckets for pair in combinations(sorted(bucket), 2)}
    found = list(map(tuple, pairs.tolist()))
    assert found == sorted(set(found)) and set(found) <= allowed
    for bucket in buckets:
        first = min(bucket, default=0)
        assert {(first, other) for other in bucket - {first}} <= set(found)
        if len(bucket) <= 3:
            assert set(combinations(sorted(bucket), 2)) <= set(found)
    order = draw.sample(range(len(entries)), len(entries))
    np.testing.assert_array_equal(candidate_pairs(hashes[order], positions[order]), pairs)
    parts = [candidate_pairs(hashes[hashes % 3 == k], positions[hashes % 3 == k]) for k in range(3)]
    assert {tuple(pair) for part in parts for pair in part.tolist()} == set(found)


def test_a_big_bucket_stays_linear() -> None:
    count = 200_000
    pairs = candidate_pairs(np.full(count, 5, np.uint64), np.arange(count)[::-1])
    assert len(pairs) == 2 * count - 3
    dropped = near(pairs, np.ones(len(pairs)), THRESHOLD, count)
    assert dropped.sum() == count - 1 and not dropped[0]


def test_a_text_near_a_dropped_one_is_dropped_too() -> None:
    dropped = near(np.array([[0, 1], [1, 2], [0, 3]]), np.array([0.9, 0.8, 0.7]), 0.8, 5)
    assert np.flatnonzero(dropped).tolist() == [1, 2]


def test_signatures_may_lie_in_a_file(tmp_path: Path) -> None:
    texts = word_salad(300, random.Random(3))
    signed = signatures(texts + texts)
    np.save(tmp_path / "signatures.npy", signed)
    mapped = np.load(tmp_path / "signatures.npy", mmap_mode="r")
    pairs = np.stack([np.arange(300), np.arange(300, 600)], axis=1)
    np.testing.assert_array_equal(bands(mapped), bands(signed))
    assert (similarity(mapped, pairs) == 1).all()


@pytest.mark.parametrize(
    "one, other",
    [
        ("бер мең тугыз йөз туксан икенче ел", "бер мең тугыз йөз туксан өченче ел"),
        ("алия быел казан шәһәрендә яши һәм укый", "гали быел казан шәһәрендә яши һәм укый"),
        (
            "бу хакта мөфтиятнең матбугат хезмәте хәбәр итә",
            "бу хакта аның матбугат хезмәте хәбәр итә",
        ),
        (
            "бүген кич белән авылда яңа мәктәп ачылды дип хәбәр иттеләр",
            "бүген кич белән шәһәрдә яңа больница ачылды дип хәбәр иттеләр",
        ),
        (
            "женя бара һәм кайта ә мин юк",
            "женя бара һәм кайта ә мин юк бит инде шулай булгач хәзер",
        ),
    ],
)
def test_sentences_of_one_mould_are_not_near(one: str, other: str) -> None:
    assert exact_similarity(one, other) < THRESHOLD
    assert not find([one, other]).any()


@pytest.mark.parametrize(
    "other",
    [
        "төн бара көн бара өченче көнгә барып җитә әлеге җиргә",
        "көн бара төн бара өченче көнгә барып җитә әлеге",
        "көн бара төн бара өченче көнгә барып җи",
        "н бара төн бара өченче көнгә барып җитә әл",
        "бара төн бара өченче көнгә барып җитә әлеге җиргә",
        "бара көн төн бара өченче көнгә барып җитә әлеге",
    ],
)
def test_the_same_sentence_swapped_or_cut_is_near(other: str) -> None:
    assert exact_similarity(TEXT, other) == exact_similarity(other, TEXT) == 1
    assert find([TEXT, other]).tolist() == [False, True]


@settings(deadline=None)
@given(WORDS, WORDS)
def test_exact_similarity_is_a_share_and_symmetric(one: list[str], other: list[str]) -> None:
    found = exact_similarity(" ".join(one), " ".join(other))
    assert found == exact_similarity(" ".join(other), " ".join(one)) and 0 <= found <= 1
    assert exact_similarity(" ".join(one), " ".join(sorted(one))) == 1


def test_only_the_beginning_of_an_endless_text_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minhash, "READ", len(TEXT))
    np.testing.assert_array_equal(signatures([TEXT + " тагын" * 50]), signatures([TEXT]))


def fingerprint() -> str:
    texts = [*word_salad(300, random.Random(1)), " ".join(word_salad(400, random.Random(2)))]
    signed = signatures(texts)
    data = signed.astype("<u4").tobytes() + bands(signed).astype("<u8").tobytes()
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("environment", [{"PYTHONHASHSEED": "7"}, {"RENSA_FORCE_KERNEL": "scalar"}])
def test_every_process_and_processor_gives_the_same_bytes(environment: dict[str, str]) -> None:
    code = "from tests.unit.test_cleaning_minhash import fingerprint; print(fingerprint())"
    found = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == fingerprint()
    first = signatures([TEXT])[0, :3].tolist()
    assert first == FIRST, "rensa's numbers are others than they were: other texts will be dropped"


def test_a_forked_process_does_not_wait_for_threads_it_does_not_have() -> None:
    texts = word_salad(1000, random.Random(4))
    expected = signatures(texts)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        found = pool.apply_async(signatures, (texts,)).get(timeout=30)
    np.testing.assert_array_equal(found, expected)
