"""Identifiers made on the spot from the corpus, or ready: what they refuse and what they say."""

import os
import random
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from pipeline.cleaning.characters import Characters
from pipeline.cleaning.classifier import Classifier
from pipeline.cleaning.likelihood import UNITS, Background, Likelihood
from pipeline.cleaning.made import MadeIdentifier, make_identifier
from pipeline.cleaning.ready import ready_identifier
from pipeline.errors import UserError
from pipeline.languages import load_language

LANGUAGE = load_language("kin")
assert LANGUAGE is not None


def invented(vowels: str, consonants: str, seed: int, lines: int) -> list[str]:
    """Sentences of an invented language: it differs from others in its letters' frequencies."""
    draw = random.Random(seed)
    words = [
        "".join(draw.choice(consonants) + draw.choice(vowels) for _ in range(draw.randint(1, 4)))
        for _ in range(300)
    ]
    weights = [1 / rank for rank in range(1, 301)]
    return [" ".join(draw.choices(words, weights, k=draw.randint(5, 12))) for _ in range(lines)]


OWN = invented("aiu", "bgkmnr", 1, 1500)
GIVEN = invented("eio", "dlpst", 2, 300)
NEVER = invented("aeo", "fhvwz", 3, 200)


@cache
def made() -> tuple[MadeIdentifier, dict]:
    return make_identifier("kin", [*OWN[:1300], *GIVEN[200:250]], {"xxx": GIVEN[:200]})


def share(identifier: MadeIdentifier, lines: list[str]) -> float:
    return float(identifier.judge(lines, lines).inside.mean())


def test_made_on_the_spot_it_keeps_its_own_and_refuses_the_rest() -> None:
    identifier, measured = made()
    assert share(identifier, OWN[1300:]) >= 0.97
    assert share(identifier, GIVEN[250:]) <= 0.02
    assert share(identifier, GIVEN[200:250]) <= 0.02, "not even what its own text is mixed with"
    assert share(identifier, NEVER) <= 0.01
    assert measured["recall"] >= 0.97
    assert measured["precision"] >= 0.97
    assert set(measured["taken"]) == {"xxx"}


def test_made_twice_it_judges_alike() -> None:
    again, measured = make_identifier("kin", [*OWN[:1300], *GIVEN[200:250]], {"xxx": GIVEN[:200]})
    first, before = made()
    assert measured == before
    lines = OWN[1300:] + GIVEN[200:] + NEVER
    one, two = first.judge(lines, lines), again.judge(lines, lines)
    np.testing.assert_array_equal(one.excess, two.excess)
    assert one.names == two.names


def test_texts_are_judged_each_for_itself() -> None:
    identifier, _ = made()
    lines = [*OWN[1300:1320], "", *NEVER[:20], "a"]
    together = identifier.judge(lines, lines)
    alone = [identifier.judge([line], [line]) for line in lines]
    np.testing.assert_array_equal(together.inside, [verdict.inside[0] for verdict in alone])
    np.testing.assert_allclose(together.excess, [verdict.excess[0] for verdict in alone])


def test_without_other_languages_the_gate_is_enough() -> None:
    identifier, measured = make_identifier("kin", OWN[:1300], {})
    assert identifier.classifier is None
    assert share(identifier, OWN[1300:]) >= 0.95
    assert share(identifier, NEVER) <= 0.05
    assert measured["recall"] is not None


def test_too_little_text_to_learn_from_is_said() -> None:
    with pytest.raises(UserError, match=r"has 3 lines .* at least 50"):
        make_identifier("kin", OWN[:3], {})


def test_likelihood_of_any_alphabet_is_normalised() -> None:
    for letters in (
        "ab",
        "".join(map(chr, range(0x1200, 0x1300))),
        "".join(map(chr, range(0x4E00, 0x5A00))),
    ):
        texts = [letters[i : i + 20] for i in range(0, len(letters), 20)]
        gate = Likelihood.fit(texts, Background.fit(texts, []))
        rows = 2.0 ** (-gate.table.reshape(-1, 1 << gate.bits).astype(np.float64) / UNITS)
        np.testing.assert_allclose(rows[:: max(len(rows) // 500, 1)].sum(1), 1, rtol=2e-3)


def test_a_file_that_is_no_model_is_said_and_the_process_lives(tmp_path: Path) -> None:
    junk, empty, missing = (tmp_path / name for name in ("junk.bin", "empty.bin", "missing.bin"))
    junk.write_bytes(b"\xba\x16\x4f\x2f" + bytes(range(256)) * 50)
    empty.write_bytes(b"")
    for path in (junk, empty):
        with pytest.raises(UserError, match="not a whole fastText model"):
            Classifier.load(path)
    with pytest.raises(UserError, match="no file"):
        Classifier.load(missing)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    examples = [("own", line) for line in OWN[:300]] + [("xxx", line) for line in GIVEN]
    path = tmp_path_factory.mktemp("model") / "model.bin"
    Classifier.train(examples, 0).model.save_model(str(path))
    return path


def test_a_ready_model_needs_a_label_for_the_language(model: Path) -> None:
    with pytest.raises(UserError, match=r"no label for kin \(tried"):
        ready_identifier(model, LANGUAGE, None, 0.5)
    with pytest.raises(UserError, match="tried nothing"):
        ready_identifier(model, LANGUAGE, "nothing", 0.5)
    identifier = ready_identifier(model, LANGUAGE, "own", 0.5)
    judged = identifier.judge([], [*OWN[1300:1400], *GIVEN[:50]])
    assert judged.inside[:100].mean() > 0.95
    assert judged.inside[100:].mean() < 0.05
    assert judged.names[-1] == "xxx"


def test_a_truncated_model_is_said(model: Path, tmp_path: Path) -> None:
    whole = model.read_bytes()
    for size in (10, len(whole) // 3):
        cut = tmp_path / f"{size}.bin"
        cut.write_bytes(whole[:size])
        with pytest.raises(UserError, match="not a whole fastText model"):
            Classifier.load(cut)


# --- real text ----------------------------------------------------------------------------------


def real(name: str) -> list[str]:
    path = Path(os.environ["TUGANTEL_CORPORA"]) / name
    lines = path.read_text(encoding="utf-8").splitlines()
    return random.Random(0).sample(lines, len(lines))


def plain(characters: Characters, lines: list[str], words: int = 6) -> list[str]:
    return [text for text in characters.measure(lines).plain if text.count(" ") >= words - 1]


@pytest.mark.skipif("TUGANTEL_CORPORA" not in os.environ, reason="real text")
def test_tatar_is_told_from_its_neighbours_given_or_not() -> None:
    language = load_language("tat")
    assert language is not None
    characters = Characters(language)
    own = real("tat/common-voice.txt")
    others = {
        code: characters.measure(real(f"contaminants/{code}.txt")).plain
        for code in ("bak", "kir", "rus", "kaz")
    }
    given = {code: lines[:1500] for code, lines in others.items() if code != "kaz"}
    identifier, _ = make_identifier("tat", characters.measure(own[:14000]).plain, given)
    assert share(identifier, plain(characters, own[14000:])) >= 0.98
    for code, limit in {"bak": 0.01, "kir": 0.005, "rus": 0.001, "kaz": 0.01}.items():
        lines = [line for line in others[code][1500:] if line.count(" ") >= 5]
        assert share(identifier, lines) <= limit, code
