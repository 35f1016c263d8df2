"""Identifiers made on the spot from the corpus, or ready: what they refuse and what they say."""

import lzma
import os
import pickle
import random
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from pipeline.cleaning.babble import babble
from pipeline.cleaning.characters import Characters
from pipeline.cleaning.choose import check_letters
from pipeline.cleaning.classifier import Classifier
from pipeline.cleaning.likelihood import UNITS, Background, Likelihood
from pipeline.cleaning.made import MadeIdentifier, make_identifier
from pipeline.cleaning.names import without_names
from pipeline.cleaning.ready import ReadyIdentifier, ready_identifier, with_made
from pipeline.errors import UserError
from pipeline.languages import Language, load_language


def known(code: str) -> Language:
    language = load_language(code)
    assert language is not None
    return language


LANGUAGE = known("kin")


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
    np.testing.assert_array_equal(together.excess, [verdict.excess[0] for verdict in alone])
    assert together.names == [verdict.names[0] for verdict in alone]


def test_sent_to_another_process_it_judges_alike() -> None:
    identifier, _ = made()
    lines = [*OWN[1300:1350], *GIVEN[:20], *NEVER[:20]]
    sent = pickle.loads(pickle.dumps(identifier))
    before, after = identifier.judge(lines, lines), sent.judge(lines, lines)
    np.testing.assert_array_equal(before.inside, after.inside)
    np.testing.assert_array_equal(before.excess, after.excess)
    assert before.names == after.names


def test_half_a_text_does_not_hide_the_other_half() -> None:
    identifier, _ = made()
    lenient = replace(identifier, limits=identifier.limits + 1.5)
    mixed = [" ".join(OWN[i : i + 8] + GIVEN[i : i + 8]) for i in range(250, 290, 8)]
    assert lenient._judge(mixed).inside.all(), "as a whole they pass"
    judged = lenient.judge(mixed, mixed)
    assert not judged.inside.any()
    assert set(judged.names) == {"xxx"}
    assert share(identifier, [" ".join(OWN[i : i + 16]) for i in range(1300, 1460, 16)]) == 1


def test_names_from_another_language_do_not_condemn_a_sentence() -> None:
    identifier, _ = made()
    rng = random.Random(4)
    names = sorted({word for line in GIVEN for word in line.split() if len(word) >= 4})
    named, lower = [], []
    for line in OWN[1300:]:
        words = line.split()
        size = sum(map(len, words)) // 3
        while size > 0:  # a letter of names for three of the sentence
            name = rng.choice(names)
            size -= len(name)
            words.insert(rng.randint(0, len(words)), name.capitalize())
        named.append(" ".join(words))
        lower.append(named[-1].lower())
    assert identifier.judge(lower, lower).inside.mean() < 0.4
    assert identifier.judge(lower, named).inside.mean() > 0.6, "the others are too far outside"
    foreign = [line.title() if i % 2 else line for i, line in enumerate(GIVEN[200:] + NEVER)]
    plain = [line.lower() for line in foreign]
    assert identifier.judge(plain, foreign).inside.mean() <= 0.02, "names alone are no text"


def test_without_names_leaves_the_other_words_or_says_that_there_are_too_few() -> None:
    text = "Ikirere cyiza, Per-Ivar Nilsen: abana bakina hanze!"
    plain = Characters(LANGUAGE).measure([text]).plain[0]
    assert without_names(plain, text) == "cyiza abana bakina hanze"
    assert without_names(plain, plain) == "", "no name, nothing to leave out"
    assert without_names(plain, text.upper()) == "", "a heading in capitals is no list of names"
    assert without_names(plain, "Other words than those") == ""


def test_sure_sentences_find_a_language_that_is_the_smaller_part() -> None:
    corpus = [*OWN[:400], *NEVER * 4]
    identifier, _ = make_identifier("kin", corpus, {"xxx": GIVEN[:200]}, sure=OWN[1400:])
    assert share(identifier, OWN[1000:1300]) >= 0.95
    assert share(identifier, NEVER) <= 0.02
    with pytest.raises(UserError, match=r"cleaning\.sure holds 20 sentences"):
        make_identifier("kin", corpus, {}, sure=OWN[1400:1420])


def test_a_corpus_that_is_mostly_in_another_language_is_said() -> None:
    foreign = invented("eio", "dlpst", 2, 1500)[300:]
    with pytest.raises(UserError, match=r"(most|much) of the corpus .*cleaning\.sure"):
        make_identifier("kin", [*OWN[:400], *foreign], {"xxx": GIVEN})


def test_a_corpus_in_a_language_that_is_given_as_another_is_said() -> None:
    with pytest.raises(UserError, match="much of the corpus is in xxx, or kin and xxx are one"):
        make_identifier("kin", OWN[:1000], {"xxx": OWN[1000:], "yyy": GIVEN})


def test_babble_has_the_letters_and_none_of_the_words() -> None:
    texts = babble(OWN, np.random.default_rng(0), 200, 80)
    assert texts == babble(OWN, np.random.default_rng(0), 200, 80)
    assert len(texts) == 200
    words = {word for line in OWN for word in line.split() if len(word) > 5}
    own = [word for text in texts for word in text.split() if len(word) > 5]
    assert set("".join(own)) <= set("".join(words))
    assert sum(word in words for word in own) < 0.05 * len(own)
    pairs = {word[i : i + 2] for line in OWN for word in line.split() for i in range(len(word))}
    assert {word[i : i + 2] for word in own for i in range(len(word) - 1)} <= pairs


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


def test_a_ready_model_teaches_one_that_is_made(model: Path) -> None:
    ready = ready_identifier(model, LANGUAGE, "own", 0.5)
    corpus = [*OWN[:900], *GIVEN[:150]]
    joined, measured = with_made(ready, "kin", corpus, {"yyy": NEVER[:100]})
    assert joined.made is not None
    assert measured["recall"] >= 0.95
    sent: ReadyIdentifier = pickle.loads(pickle.dumps(joined))
    for identifier in (joined, sent):
        assert identifier.judge(OWN[1200:], OWN[1200:]).inside.mean() >= 0.95
        assert identifier.judge(GIVEN[150:], GIVEN[150:]).inside.mean() <= 0.02
        assert identifier.judge(NEVER[100:], NEVER[100:]).inside.mean() <= 0.02
    alone, measured = with_made(ready, "kin", OWN[:100], {"yyy": NEVER[:100]})
    assert alone.made is None
    assert measured["precision"] is not None
    with pytest.raises(UserError, match=r"hardly any kin .* most is 'xxx'"):
        with_made(ready, "kin", [*GIVEN, *OWN[:2]], {})


def test_how_sure_a_ready_model_must_be_is_said_by_params_or_by_the_language(model: Path) -> None:
    told = replace(LANGUAGE, identifiers={"lid176": "own"}, thresholds={"lid176": 0.25})
    assert ready_identifier(model, told, None).threshold == 0.25
    assert ready_identifier(model, told, None, 0.9).threshold == 0.9
    assert ready_identifier(model, LANGUAGE, "own").threshold == 0.5


# --- a corpus in the letters of its language ------------------------------------------------------

TATAR = "Бүген һава матур, җиләк үсә, балалар өйдә уйный, таң ата. "
RUSSIAN = "Сегодня хорошая погода, дети играют во дворе, и ветер шумит. "


def test_text_in_other_letters_than_its_language_is_said() -> None:
    tatar, sami = known("tat"), known("sme")
    english = "The weather is fine today and the children are playing outside. "
    check_letters(tatar, [TATAR] * 100)
    check_letters(tatar, [TATAR] * 60 + [RUSSIAN] * 40)
    check_letters(tatar, [english])  # too short to tell
    for language, text, said in (
        (tatar, english, "100% of its letters are of script Latn, not Cyrl"),
        (tatar, RUSSIAN, "ә җ ң ө ү һ are 0.00% of its letters"),
        (tatar, "Бүгін ауа райы жақсы, балалар үйде ойнап жүр. ", "not in the alphabet"),
        (sami, "det er fint vær i dag, og ungene leker ute. ", "of its letters"),
    ):
        with pytest.raises(UserError) as caught:
            check_letters(language, [text] * 100)
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)


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
    language = known("tat")
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


def judged(
    identifier: MadeIdentifier | ReadyIdentifier, texts: Characters, lines: list[str]
) -> float:
    """Share of sentences of at least six words that are taken for the language."""
    lines = [line for line in lines if len(line.split()) >= 6]
    return float(identifier.judge(texts.measure(lines).plain, lines).inside.mean())


@pytest.mark.skipif("TUGANTEL_CORPORA" not in os.environ, reason="real text")
def test_lid_176_and_one_that_it_teaches_tell_tatar() -> None:
    language = known("tat")
    characters = Characters(language)
    own = real("tat/common-voice.txt")
    codes = ("bak", "kaz", "kir", "rus")
    others = {code: real(f"contaminants/{code}.txt") for code in codes}
    path = Path(os.environ["TUGANTEL_CORPORA"]) / "lid/lid.176.ftz"
    ready = ready_identifier(path, language, None)
    given = {code: characters.measure(lines[:1500]).plain for code, lines in others.items()}
    joined, _ = with_made(ready, "tat", characters.measure(own[:12000]).plain, given)
    assert judged(ready, characters, own[12000:]) >= 0.97
    assert judged(joined, characters, own[12000:]) >= 0.98
    sent = pickle.loads(pickle.dumps(joined))
    for code, limit in {"bak": 0.01, "kaz": 0.005, "kir": 0.005, "rus": 0.001}.items():
        assert judged(sent, characters, others[code][1500:]) <= limit, code


@pytest.mark.skipif("TUGANTEL_CORPORA" not in os.environ, reason="real text")
def test_kinyarwanda_is_told_from_languages_given_and_never_given() -> None:
    characters = Characters(LANGUAGE)
    path = Path(os.environ["TUGANTEL_CORPORA"]) / "kin/common-voice.txt.xz"
    with lzma.open(path, "rt", encoding="utf-8") as file:
        own = list(
            dict.fromkeys(line.strip() for line, _ in zip(file, range(60_000), strict=False))
        )
    own = random.Random(0).sample(own, 20_000)
    given = {"eng": characters.measure(real("contaminants/eng.txt")[:2000]).plain}
    identifier, measured = make_identifier("kin", characters.measure(own[:12000]).plain, given)
    assert judged(identifier, characters, own[12000:]) >= 0.98
    assert judged(identifier, characters, real("contaminants/eng.txt")[2000:]) <= 0.003
    for code in ("fra", "nob", "tur"):
        assert judged(identifier, characters, real(f"contaminants/{code}.txt")) <= 0.01, code
    assert [band["from"] for band in measured["lengths"]] == [0, 24, 48, 96]


@pytest.mark.skipif("TUGANTEL_CORPORA" not in os.environ, reason="real text")
def test_real_text_is_in_the_letters_of_its_language() -> None:
    for code in ("bak", "kaz", "kir"):
        language = known(code)
        check_letters(language, real(f"contaminants/{code}.txt"))
        with pytest.raises(UserError, match="does not look like"):
            check_letters(language, real("contaminants/tur.txt"))
    tatar = known("tat")
    check_letters(tatar, real("tat/common-voice.txt"))
    with pytest.raises(UserError, match="does not look like Tatar"):
        check_letters(tatar, real("contaminants/rus.txt"))
