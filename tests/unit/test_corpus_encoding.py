"""Encodings are recognised, broken bytes counted, and what is no text is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.corpus.encoding import MARK, detect_encoding, repair
from pipeline.errors import UserError

TATAR = "Безнең авылда елга буенда зур имән агачы үсә, аның яфраклары көзен сары төскә керә.\n"
RUSSIAN = "В нашей деревне у реки растёт большой дуб, его листья осенью становятся жёлтыми.\n"
FRENCH = """Il était une fois une petite fille de village, la plus jolie qu'on eût su voir.
Sa mère en était folle, et sa grand-mère plus folle encore.
Cette bonne femme lui fit faire un petit chaperon rouge, qui lui seyait si bien
que partout on l'appelait le Petit Chaperon rouge.
Un jour, sa mère, ayant cuit et fait des galettes, lui dit : va voir comme se porte
ta grand-mère, car on m'a dit qu'elle était malade, et là-bas la forêt est épaisse.
"""


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
@pytest.mark.parametrize(
    "text", [TATAR * 20, "Plain words\nand lines\n", "日本語の文 です。\n" * 9]
)
def test_unicode_encodings_are_recognised(encoding: str, text: str) -> None:
    content = text.encode(encoding)
    assert content.decode(detect_encoding(content, "x"), MARK) == text


@pytest.mark.parametrize("encoding", ["cp1251", "koi8-r"])
def test_older_cyrillic_encodings_are_read_right(encoding: str) -> None:
    content = (RUSSIAN * 30).encode(encoding)
    assert content.decode(detect_encoding(content, "x"), MARK) == RUSSIAN * 30


def test_older_latin_encodings_are_read_right() -> None:
    content = (FRENCH * 4).encode("latin-1")
    assert content.decode(detect_encoding(content, "x"), MARK) == FRENCH * 4


def test_a_few_broken_bytes_do_not_change_the_encoding() -> None:
    content = (TATAR * 20).encode() + b"\xff\xfe\xd0 " + (TATAR * 20).encode()
    assert detect_encoding(content, "x") == "utf-8"
    text, broken = repair(content.decode("utf-8", MARK))
    assert broken == 3
    assert text.replace("\ufffd", "").replace(" ", "") == (TATAR * 40).replace(" ", "")


@pytest.mark.parametrize("broken", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xff\xfe", b"\xe9"])
@pytest.mark.parametrize(
    "text", ["salam dunya\n", "salam\n" * 50, "сәлам\n", "Amakuru yawe?\n" * 999]
)
def test_stray_broken_bytes_are_damage_and_not_another_encoding(text: str, broken: bytes) -> None:
    content = text.encode() + b"so " + broken + b" word\n" + text.encode()
    assert detect_encoding(content, "x") == "utf-8"


def test_a_short_line_in_an_older_encoding_is_not_taken_for_damaged_utf8() -> None:
    content = "Привет, мир! Как твои дела сегодня?\n".encode("cp1251")
    assert "Привет, мир" in content.decode(detect_encoding(content, "x"), MARK)


@given(st.binary(max_size=200))
def test_any_bytes_are_either_decodable_or_refused(content: bytes) -> None:
    try:
        encoding = detect_encoding(content, "x")
    except UserError as error:
        assert "x is not text" in str(error)
    else:
        text, _ = repair(content.decode(encoding, MARK))
        text.encode("utf-8")  # no surrogate is left


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_repair_leaves_sound_text_alone(text: str) -> None:
    assert repair(text) == (text, 0)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.integers(0, 400))
def test_a_sample_that_ends_inside_a_character_is_still_utf8(text: str, cut: int) -> None:
    content = ("ә" * 400).encode()[:cut]
    assert detect_encoding(content, "x") == "utf-8"
