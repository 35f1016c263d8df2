"""Filters: each kind of dirt has its reason, and ordinary text has none."""

import lzma
import os
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.cleaning.characters import Characters
from pipeline.cleaning.context import forgive
from pipeline.cleaning.filters import REASONS, is_sentence, reasons, repetition
from pipeline.cleaning.function_words import NO_WORDS, FunctionWords, function_words
from pipeline.cleaning.normalise import normalise
from pipeline.cleaning.personal import hide
from pipeline.languages import load_language

LANGUAGE = load_language("tat")
assert LANGUAGE is not None
CHARACTERS = Characters(LANGUAGE)
GOOD = "Кичә Сания елгага барды. Су салкын иде. Ул дүрт балык тотты."
ANY = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\n"))


def common_words() -> FunctionWords:
    """Those of a made-up language of which half the words are common ones."""
    draw = random.Random(0)
    letters = "абвгдеклмнорсту"
    lexicon = ["".join(draw.choices(letters, k=draw.randint(2, 9))) for _ in range(20_000)]
    weights = [1 / (rank + 30) for rank in range(len(lexicon))]
    return function_words(Counter(draw.choices(lexicon, weights, k=60_000)))


COMMON = common_words()


def reason(text: str, common: FunctionWords = NO_WORDS) -> str:
    return reasons(CHARACTERS.measure([text]), [text], common)[0][0]


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
        "Гали « әйдә » диде, Вәли « юк » диде, ә мин « булыр » дидем.",
        "Бу турыда тулырак итеп шушы урыннарда укып була: https://a.org/a?b=c һәм https://b.org/?x=y?q",
        "Сорауларыгызны безгә <phone> номеры яки <email> аша бирә аласыз.",
        "Әй, әй, әй! Шулай итеп җырладылар, шулай итеп биеделәр, шулай итеп көлделәр.",
        "Илдә 60.000-100.000 кеше яши дип исәплиләр, алар 15.000-20.000 авылда гомер итә.",
        "2020 елда 15 кеше, 2021 елда 25 кеше, 2022 елда 35 кеше килде.",
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
        ("Икенче тәкъдим кабул ителде бер тавыштан. " * 4, "repetition"),
        ("Тел. <phone>, <email>", "boilerplate"),
        ("Мәдәният үзәгенә ярдәм1 046 000001 046 000 12,5", "symbols"),
        ("The old man told us a story about the sea.", "script"),
        ("Беҙ йәй көнө ауылға ҡайтабыҙ.", "letters"),
        ("Це ґанок їхньої хати, є вітер.", "letters"),
    ],
)
def test_every_kind_of_dirt_has_its_reason(text: str, expected: str) -> None:
    assert reason(text) == expected


PIECES = st.sampled_from(
    ["<b>", "{{", " | ", " » ", "??", "©", "cookie", "http://a", "<email>", "1 "]
)
MIXED = st.one_of(ANY, st.lists(st.one_of(PIECES, ANY), max_size=8).map("".join))


@settings(deadline=None)
@given(st.lists(MIXED, min_size=1))
def test_texts_are_judged_each_for_itself(texts: list[str]) -> None:
    together = reasons(CHARACTERS.measure(texts), texts, COMMON)
    assert [found for found, _ in together] == [reason(text, COMMON) for text in texts]
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


def test_names_one_after_the_other_are_a_list() -> None:
    names = "Гали Вәлиев, Мәрьям Гарипова, Айсылу Хәйруллина, Илдар Юныс, Зөләйха Кадыйрова"
    assert reason(names, COMMON) == "list"
    assert reason(names) == ""  # nothing is known of the language's words
    common = " ".join(sorted(COMMON.words)[:6])
    assert reason(f"{names} {common}.", COMMON) == ""


def test_common_words_are_missed_in_long_texts_only() -> None:
    foreign = [
        f"ят{i:x}".translate(str.maketrans("0123456789abcdef", "ёжзйфхцчшщъыьэюя"))
        for i in range(80)
    ]
    assert COMMON.lacking(foreign[:10]) is None
    assert COMMON.lacking(foreign[:40]) == 0
    assert reason(" ".join(foreign), COMMON) == "function_words"
    assert NO_WORDS.lacking(foreign) is None


def test_hardly_any_text_of_the_language_itself_lacks_its_common_words() -> None:
    """Nor where texts have a third less of them than the corpus."""
    draw = random.Random(1)
    common = sorted(COMMON.words)
    lacking = 0
    for _ in range(3000):
        size = draw.randint(5, 300)
        share = 0.36 * draw.uniform(0.95, 1.5)
        words = [draw.choice(common) if draw.random() < share else "ё" for _ in range(size)]
        lacking += COMMON.lacking(words) is not None
    assert lacking <= 3


def test_a_small_corpus_does_not_know_its_common_words() -> None:
    assert function_words(Counter({"бер": 10_000})) == NO_WORDS
    assert function_words(Counter()) == NO_WORDS
    once = function_words(Counter({f"сүз{i}": 1 for i in range(30_000)}))
    assert once.words == frozenset()
    assert once.lacking(["ят"] * 100) is None


def test_common_words_do_not_depend_on_the_order_of_counting() -> None:
    counts = {f"сүз{i}": 5 + i % 3 for i in range(20_000)}
    assert function_words(Counter(counts)) == function_words(
        Counter(dict(reversed(counts.items())))
    )


@pytest.mark.parametrize("text", ["Ант ит.", "Uri he?", "Ә нәрсә?!", "እንዴት ነህ።", "Йөз ике…"])
def test_the_shortest_sentences(text: str) -> None:
    assert is_sentence(text)


@pytest.mark.parametrize(
    "text", ["Әйе.", "Юк", "Ул -", "Бу *", "1. 2.", "а. б.", "Кем?", "", ".", "а б"]
)
def test_what_is_too_short_for_a_sentence(text: str) -> None:
    assert not is_sentence(text)


def test_repetition_of_long_texts_is_quick_and_of_short_ones_allowed() -> None:
    assert repetition(["бер"] * 1_000_000) is not None
    assert repetition(["бер", "ике", "өч"] * 100_000) is not None
    assert repetition(["әй", "әй", "әй"]) is None


def test_nothing_at_all() -> None:
    assert reasons(CHARACTERS.measure([""]), [""], COMMON) == [("", "")]
    assert reasons(CHARACTERS.measure([""]), []) == []


REAL = Path(os.environ.get("TUGANTEL_CORPORA", "/nowhere"))


@pytest.mark.skipif(not REAL.is_dir(), reason="TUGANTEL_CORPORA names no folder of real text")
@pytest.mark.parametrize("code", ["tat", "kin"])
def test_hardly_any_real_sentence_is_dropped(code: str) -> None:
    path = next((REAL / code).iterdir())
    with lzma.open(path, "rt") if path.suffix == ".xz" else path.open() as file:
        lines = normalise([line for _, line in zip(range(20_000), file, strict=False)])
    language = load_language(code)
    assert language is not None
    measured = Characters(language).measure(lines)
    common = function_words(Counter(word for plain in measured.plain for word in plain.split()))
    assert common != NO_WORDS
    dropped = [reason for reason, _ in reasons(measured, lines, common) if reason]
    assert len(dropped) <= 0.001 * len(lines)
    hidden = hide(lines)[1]
    assert hidden.total() <= 2
