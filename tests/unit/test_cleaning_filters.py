"""Filters: each kind of dirt has its reason, and ordinary text has none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.cleaning.characters import Characters
from pipeline.cleaning.context import forgive
from pipeline.cleaning.filters import REASONS, reasons
from pipeline.languages import load_language

LANGUAGE = load_language("tat")
assert LANGUAGE is not None
CHARACTERS = Characters(LANGUAGE)
GOOD = "Кичә Сания елгага барды. Су салкын иде. Ул дүрт балык тотты."
ANY = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\n"))


def reason(text: str) -> str:
    return reasons(CHARACTERS.measure([text]), [text])[0][0]


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "Ул 1986 елның 26 апрелендә Казанда туган.",
        "— Исемең ничек? — Минем исемем Гали. — Кайда яшисең? — Биектауда яшим.",
        "Ул Microsoft компаниясендә эшли, IT белгече.",
        "Бәяләр (10–20 сум) арта; төрле товарлар: ит, сөт / каймак, ипи.",
        "Әй, әй, әй! Карагыз әле, нинди матур!",
        "x < y һәм y > z булса, димәк x < z дигән сүз.",
    ],
)
def test_ordinary_text_passes(text: str) -> None:
    assert reason(text) == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GOOD.encode().decode("cp1252", errors="replace"), "encoding"),
        (GOOD.encode().decode("cp1251", errors="replace"), "encoding"),
        ("Ки?? Сания ?лгага б?рды. Су с?лк?н иде.", "encoding"),
        ("Кич\ufffd Сания елгага барды.", "encoding"),
        ('<a href="http://example.org">Тулырак</a><br/>', "markup"),
        ("{{Infobox | исем = Казан }} [[Файл:Казан.jpg|thumb]]", "markup"),
        ("Баш бит | Яңалыклар | Элемтә | Безнең хакта | Керү", "boilerplate"),
        ("© 2020 Барлык хокуклар сакланган", "boilerplate"),
        ("Сылтама: https://example.org/kitap/2020/05/12", "boilerplate"),
        ("+7 (2410) 2410-2410 ---- ### 12.05.2020", "symbols"),
        ("бик бик бик бик бик бик бик бик", "repetition"),
        ("The old man told us a story about the sea.", "script"),
        ("Беҙ йәй көнө ауылға ҡайтабыҙ.", "letters"),
        ("Це ґанок їхньої хати, є вітер.", "letters"),
    ],
)
def test_every_kind_of_dirt_has_its_reason(text: str, expected: str) -> None:
    assert reason(text) == expected


@settings(deadline=None)
@given(st.lists(ANY, min_size=1))
def test_texts_are_judged_each_for_itself(texts: list[str]) -> None:
    together = reasons(CHARACTERS.measure(texts), texts)
    assert [found for found, _ in together] == [reason(text) for text in texts]
    assert {found for found, _ in together} <= {"", *REASONS}


@settings(deadline=None)
@given(st.lists(ANY, min_size=1))
def test_measures_count_every_character_once(texts: list[str]) -> None:
    measured = CHARACTERS.measure(texts)
    np.testing.assert_array_equal(measured.length, [len(text) for text in texts])
    kinds = measured.letter + measured.digit + measured.sign + measured.broken
    assert (kinds <= measured.length).all()
    assert (measured.in_alphabet <= measured.letter).all()
    for plain in measured.plain:
        assert plain == " ".join(plain.split(" ")).strip()
        assert "  " not in plain


@settings(deadline=None)
@given(st.text(alphabet="абв АБВ.,!?-«»12"))
def test_keys_ignore_case_punctuation_and_space(text: str) -> None:
    changed = text.upper().replace(" ", "  ").replace(".", "") + "!"
    first, second = CHARACTERS.measure([text, changed]).keys
    assert first == second
    assert CHARACTERS.measure([text + "г"]).keys[0] != first


def test_short_paragraphs_are_judged_with_their_neighbours() -> None:
    inside = np.array([True, False, True, False, False, False])
    excess = np.array([-1, 0.3, -1, 0.3, 2.0, 0.1], np.float32)
    lengths = [200, 12, 200, 200, 12, 12]
    assert forgive(inside, excess, lengths).tolist() == [True, True, True, False, False, False]
    assert not forgive(np.array([False]), np.array([0.1], np.float32), [5]).any()
