"""Languages as data: every file is right, a wrong one is refused in one line, text can tell too."""

import json
import lzma
import os
import random
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.languages import (
    Language,
    describe,
    language_from_text,
    letters_outside,
    load_language,
    read_language,
)
from pipeline.scripts import script_of, script_share

FOLDER = Path(__file__).parents[2] / "languages"
FILES = sorted(FOLDER.glob("*.yaml"))
CODES = [path.stem for path in FILES]
CORPORA = os.environ.get("TUGANTEL_CORPORA")

GOOD = yaml.safe_load((FOLDER / "tat.yaml").read_text(encoding="utf-8"))


@cache
def load(code: str) -> Language:
    language = load_language(code, FOLDER)
    assert language is not None
    return language


def refused(folder: Path, text: str, code: str = "tat") -> str:
    path = folder / f"{code}.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        load_language(code, folder)
    message = str(caught.value)
    assert "\n" not in message
    assert f"{code}.yaml" in message
    return message


def changed(**values: object) -> str:
    return yaml.safe_dump(GOOD | values, allow_unicode=True)


def without(key: str) -> str:
    return yaml.safe_dump({k: v for k, v in GOOD.items() if k != key}, allow_unicode=True)


# --- the files of the project ---------------------------------------------------------------------


def test_the_promised_languages_are_there() -> None:
    promised = "tat bak chv sah kaz kir sme kin eus cym epo kab fao"
    assert set(promised.split()) <= set(CODES)


@pytest.mark.parametrize("code", CODES)
def test_every_alphabet_is_lower_case_letters_of_its_script(code: str) -> None:
    language = load(code)
    assert len(language.alphabet) >= 20
    for letter in language.alphabet:
        assert len(letter) == 1
        assert letter.lower() == letter
        assert script_of(letter) == language.script


@pytest.mark.parametrize("code", CODES)
def test_foreign_letters_are_not_in_the_alphabet_nor_in_the_native_name(code: str) -> None:
    language = load(code)
    assert not set(language.foreign_letters) & set(language.alphabet)
    assert not set(language.foreign_letters) & set(language.native_name.lower())


@pytest.mark.parametrize("code", CODES)
def test_a_language_writes_its_own_name_in_its_own_alphabet(code: str) -> None:
    language = load(code)
    assert letters_outside(language, language.native_name) == 0
    assert script_share(language.native_name, language.script) == 1


@pytest.mark.parametrize("code", CODES)
def test_the_labels_of_glotlid_are_code_and_script(code: str) -> None:
    language = load(code)
    assert language.identifiers["glotlid"] == f"{code}_{language.script}"
    assert language.fineweb2 == f"{code}_{language.script}"


def test_known_facts() -> None:
    tatar = load("tat")
    assert tatar.alphabet == "аәбвгдеёжҗзийклмнңоөпрстуүфхһцчшщъыьэюя"
    assert set("ҙҫҡғіұқ") <= set(tatar.foreign_letters)
    assert tatar.identifiers["lid176"] == "tt"
    assert "tat_mixed_2015_1M" in tatar.leipzig
    assert [c for c in CODES if load(c).identifiers["lid176"] is None] == [
        "fao",
        "kab",
        "kin",
        "sme",
    ]
    assert "’" in load("kin").word_marks


# --- files of a user ------------------------------------------------------------------------------


def test_a_language_without_a_file_is_none(tmp_path: Path) -> None:
    assert load_language("lug", FOLDER) is None
    assert load_language("lug", tmp_path / "nowhere") is None


def test_a_two_letter_code_is_answered_with_the_right_one() -> None:
    with pytest.raises(UserError, match="Tatar is 'tat' here"):
        load_language("tt", FOLDER)


@pytest.mark.parametrize("code", ["", "../tat", "TAT", "tatar language", "tat\n"])
def test_what_cannot_be_a_code_is_refused(code: str) -> None:
    with pytest.raises(UserError, match="language code"):
        load_language(code, FOLDER)


def test_the_unchanged_file_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "tat.yaml").write_text(changed(), encoding="utf-8")
    copy = load_language("tat", tmp_path)
    assert copy == replace(load("tat"), origin=(tmp_path / "tat.yaml").as_posix())


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"alphabet": "а Б в"}, "alphabet: 'Б' must be lower case, 'б'"),
        ({"alphabet": "а б z"}, "alphabet: 'z' is of script Latn, not Cyrl"),
        ({"alphabet": "а б 7"}, "alphabet: '7' is no letter"),
        ({"alphabet": "а б а"}, "alphabet: 'а' stands there twice"),
        ({"alphabet": ""}, "alphabet: '' must be text"),
        ({"alphabet": ["а", "б"]}, "alphabet: ['а', 'б'] must be text"),
        ({"alphabet": "и\u0306"}, "composed form (NFC)"),
        ({"script": "Cyrillic"}, "script: 'Cyrillic' must be an ISO 15924 code"),
        ({"foreign_letters": "ҙ ә"}, "foreign_letters: 'ә' is in the alphabet too"),
        ({"foreign_letters": "Ҙ"}, "foreign_letters: 'Ҙ' must be a lower-case letter"),
        ({"foreign_letters": "!"}, "foreign_letters: '!' must be a lower-case letter"),
        ({"word_marks": "а"}, "word_marks: 'а' must be neither a letter nor a space"),
        ({"harmony": "аә"}, "harmony: 'аә' must be a list of names"),
        ({"harmony": ["а"]}, "harmony: 'а' must be two different letters of the alphabet"),
        ({"harmony": ["аа"]}, "harmony: 'аа' must be two different letters"),
        ({"harmony": ["аz"]}, "harmony: 'аz' must be two different letters"),
        ({"harmony": ["аә", "ыә"]}, "has a letter in two pairs"),
        ({"code": "bak"}, "code: 'bak' must be the file's name, 'tat'"),
        ({"iso639_1": False}, "iso639_1: False must be text (in quotes"),
        ({"name": 7}, "name: 7 must be text"),
        ({"identifiers": {"lid176": "tt"}}, "identifiers.glotlid is missing"),
        ({"identifiers": None}, "identifiers: None must be keys with values"),
        (
            {"identifiers": {"lid176": "tt", "glotlid": None, "cld3": "tt"}},
            "identifiers.cld3: 'tt' is no key",
        ),
        ({"sources": {"leipzig": "tat_news"}}, "sources.leipzig: 'tat_news' must be a list"),
        ({"sources": {"wikipedia": 3}}, "sources.wikipedia: 3 must be text"),
        ({"sources": {"oscar": "tt"}}, "sources.oscar: 'tt' is no key"),
        ({"colour": "red"}, "colour: 'red' is no key of a language file"),
    ],
)
def test_a_wrong_value_is_named(tmp_path: Path, values: dict[str, object], expected: str) -> None:
    assert expected in refused(tmp_path, changed(**values))


@pytest.mark.parametrize(
    "key", ["code", "name", "native_name", "iso639_1", "script", "alphabet", "identifiers"]
)
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    assert key in refused(tmp_path, without(key))


@pytest.mark.parametrize("text", ["", "a list\n", "- a\n- b\n", "key: [", "\tkey: 1", "a: b: c"])
def test_what_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    refused(tmp_path, text)


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tat.yaml").write_bytes("name: татар".encode("cp1251"))
    with pytest.raises(UserError, match="not UTF-8"):
        load_language("tat", tmp_path)


def test_sources_and_marks_may_be_left_out(tmp_path: Path) -> None:
    short = {k: v for k, v in GOOD.items() if k not in ("sources", "word_marks", "foreign_letters")}
    (tmp_path / "tat.yaml").write_text(yaml.safe_dump(short, allow_unicode=True), encoding="utf-8")
    language = read_language(tmp_path / "tat.yaml")
    assert (language.leipzig, language.wikipedia, language.word_marks) == ((), None, "")


# --- letters --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("character", "script"),
    [
        *[("a", "Latn"), ("ә", "Cyrl"), ("Ω", "Grek"), ("ע", "Hebr"), ("ع", "Arab")],
        *[("क", "Deva"), ("ा", "Deva"), ("ⵣ", "Tfng"), ("ߒ", "Nkoo"), ("አ", "Ethi")],
        *[("한", "Hang"), ("漢", "Hani"), ("ɛ", "Latn"), ("ŋ", "Latn"), ("Ꮳ", "Cher")],
        *[(" ", None), ("7", None), ("_", None), ("ʼ", None), ("\u0301", None), ("µ", None)],
        *[("\u0378", None), ("\ue000", None), ("\ufffd", None), ("𐌰", "Zzzz")],
    ],
)
def test_script_of_a_character(character: str, script: str | None) -> None:
    assert script_of(character) == script


def slow_share(text: str, script: str) -> float:
    scripts = [found for found in map(script_of, text) if found is not None]
    return scripts.count(script) / len(scripts) if scripts else 0.0


def slow_outside(language: Language, text: str) -> float:
    letters = [c for c in text if script_of(c) is not None]
    inside = [
        all(part in language.alphabet for part in c.lower() if script_of(part) is not None)
        for c in letters
    ]
    return inside.count(False) / len(letters) if letters else 0.0


TEXTS = st.text(
    st.one_of(st.characters(), st.sampled_from("абвәҙҫ ABCabc İßıſŋčK \u0301\u0307’'-0.")),
    max_size=40,
)


@settings(deadline=None)
@given(TEXTS, st.sampled_from(["Latn", "Cyrl", "Deva", "Hang", "Grek"]))
def test_script_share_equals_counting_one_by_one(text: str, script: str) -> None:
    assert script_share(text, script) == slow_share(text, script)


@settings(deadline=None)
@given(TEXTS, st.sampled_from(CODES))
def test_letters_outside_equals_counting_one_by_one(text: str, code: str) -> None:
    assert letters_outside(load(code), text) == slow_outside(load(code), text)


def test_letters_outside_by_hand() -> None:
    tatar = load("tat")
    assert letters_outside(tatar, "Китап — 3!") == 0
    assert letters_outside(tatar, "Ҡаҙан") == 2 / 5
    assert letters_outside(tatar, "") == 0
    assert letters_outside(tatar, "123 …") == 0
    assert script_share("һәм ham", "Cyrl") == 0.5
    assert script_share("123 …", "Cyrl") == 0


# --- a language told by its text ------------------------------------------------------------------


@settings(deadline=None)
@given(st.sampled_from(CODES), st.integers(0, 2**32))
def test_text_gives_back_script_and_alphabet(code: str, seed: int) -> None:
    chance = random.Random(seed)
    known = load(code)
    words = []
    for letter in list(known.alphabet) * 3:
        word = letter + "".join(chance.choices(known.alphabet, k=4))
        words.append(word.title() if chance.random() < 0.2 else word)
    chance.shuffle(words)
    told = language_from_text(
        code, [" ".join(words), "7 % — ok" if known.script == "Cyrl" else "я"]
    )
    assert told.script == known.script
    assert set(told.alphabet) <= set(known.alphabet)
    assert set(known.alphabet) - set(told.alphabet) == set()


def test_strays_stay_outside_the_alphabet() -> None:
    told = language_from_text("abc", ["ab" * 5000 + "ñ" + "я", "A" * 100])
    assert (told.script, told.alphabet) == ("Latn", "ab")


def test_the_order_of_the_texts_does_not_matter() -> None:
    texts = ["туган тел", "Әни теле", "mixed", "җир, һава!"]
    told = language_from_text("tat", texts)
    assert told == language_from_text("tat", reversed(texts))
    assert told.alphabet == "".join(sorted(told.alphabet))


def test_scripts_with_vowel_signs_keep_them() -> None:
    told = language_from_text("hin", ["हिन्दी भाषा"])
    assert told.script == "Deva"
    assert "ि" in told.alphabet and "ा" in told.alphabet


@pytest.mark.parametrize("texts", [[], [""], ["123", "— …"]])
def test_text_without_letters_is_refused(texts: list[str]) -> None:
    with pytest.raises(UserError, match="no letters"):
        language_from_text("xyz", texts)


def test_one_line_says_what_is_taken_and_from_where() -> None:
    from_file, from_text = (
        describe(load("tat")),
        describe(language_from_text("lug", ["Oluganda ŋ"])),
    )
    assert "tat.yaml" in from_file and "39 letters" in from_file
    assert "taken from the text" in from_text and "script Latn" in from_text and "ŋ" in from_text
    assert "\n" not in from_file + from_text


# --- real text ------------------------------------------------------------------------------------


def real_text(folder: Path, code: str) -> Iterator[str]:
    if code == "sme":
        with lzma.open(
            folder / "sme" / "giellatekno-free.jsonl.xz", "rt", encoding="utf-8"
        ) as file:
            for _, line in zip(range(500), file, strict=False):
                yield json.loads(line)["text"]
    elif code == "kin":
        with lzma.open(folder / "kin" / "common-voice.txt.xz", "rt", encoding="utf-8") as file:
            for _, line in zip(range(30_000), file, strict=False):
                yield line
    else:
        place = "tat/common-voice" if code == "tat" else f"contaminants/{code}"
        with open(folder / f"{place}.txt", encoding="utf-8") as file:
            yield from file


@pytest.mark.skipif(CORPORA is None, reason="TUGANTEL_CORPORA names no folder of real text")
@pytest.mark.parametrize("code", ["tat", "kin", "sme", "bak", "kaz", "kir"])
def test_real_text_is_written_in_the_alphabet(code: str) -> None:
    language = load(code)
    texts = [unicodedata.normalize("NFC", text) for text in real_text(Path(str(CORPORA)), code)]
    assert letters_outside(language, " ".join(texts)) <= 0.005
    told = language_from_text(code, texts)
    assert told.script == language.script
    assert set(told.alphabet) - set(language.alphabet) <= set("åøy")  # names in North Sámi text
    lines = [line for text in texts for line in text.splitlines()]
    betrayed = [line for line in lines if set(language.foreign_letters) & set(line.lower())]
    assert len(betrayed) <= 0.001 * len(lines)


# --- how sure an identifier must be ---------------------------------------------------------------


def test_a_label_may_come_with_a_threshold(tmp_path: Path) -> None:
    both = {"lid176": {"label": "tt", "threshold": 0.3}, "glotlid": None}
    path = tmp_path / "tat.yaml"
    path.write_text(changed(identifiers=both), encoding="utf-8")
    language = read_language(path)
    assert language.identifiers == {"lid176": "tt", "glotlid": None}
    assert language.thresholds == {"lid176": 0.3}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"label": "tt", "threshold": 2}, "identifiers.lid176.threshold: 2 must be from 0 to 1"),
        ({"label": "tt", "threshold": "x"}, "identifiers.lid176.threshold: 'x' must be a number"),
        ({"label": "tt"}, "identifiers.lid176.threshold: None must be a number"),
        ({"threshold": 0.2}, "identifiers.lid176.label is missing"),
        ({"label": "tt", "threshold": 0.2, "sure": 1}, "identifiers.lid176.sure: 1 is no key"),
    ],
)
def test_a_wrong_threshold_is_refused(tmp_path: Path, value: dict, said: str) -> None:
    assert said in refused(tmp_path, changed(identifiers={"lid176": value, "glotlid": None}))
