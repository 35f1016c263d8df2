"""Normalisation: one way of writing, reached at once, and nothing repaired that was not broken."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.cleaning.normalise import join_broken_words, normalise, repair_homoglyphs

TATAR = "аәбвгдеёжҗзийклмнңоөпрстуүфхһцчшщъыьэюя"
TEXT = st.text(
    alphabet=st.one_of(
        st.sampled_from(" \t\n\r\x0b\x0c\x00\xad\x1e\u200b\u0301\u2028\ufeff\x85eая.=\u0338\ud800"),
        st.sampled_from("ÃÂâ€™¤Ð°Ñ\x9d\x81РСѓ»«š–\xa0\u200bá"),  # what mojibake is made of
        st.characters(),
    )
)


@settings(deadline=None)
@given(st.lists(TEXT))
def test_normal_text_is_composed_and_stays_as_it_is(texts: list[str]) -> None:
    once = normalise(texts)
    assert len(once) == len(texts)
    assert once == normalise(once)
    for text in once:
        assert unicodedata.is_normalized("NFC", text)
        assert text == text.strip()
        text.encode()
        assert not {"\n\n", "  ", "\r", "\t", "\xad", "\u200b", "\ufeff", "\x1e"} & {
            text[i : i + n] for n in (1, 2) for i in range(len(text))
        }


@settings(deadline=None)
@given(st.lists(TEXT, min_size=1))
def test_texts_are_normalised_each_for_itself(texts: list[str]) -> None:
    assert normalise(texts) == [normalise([text])[0] for text in texts]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("  сүз\u00a0 \t сүз  ", "сүз сүз"),
        ("и\u0306ул", "йул"),
        ("\uf0b7 бер ........ 12", "бер ... 12"),
        ("а\u200b\u0301", "а\u0301"),
        ("e\u200b\u0301", "é"),
        ("бер\r\n\r\n  ике", "бер\nике"),
        ("сүз\xadсүз", "сүзсүз"),
        ("«бер» “ике” n’ubwoko", "«бер» “ике” n’ubwoko"),
        ("бер\x00 ике\x07\ufeff", "бер ике"),
        ("\x00", ""),
        ("бер\ud83dике", "бер\ufffdике"),  # half a character
        ("сүз-\u00a0\u00a0 сүз", "сүз- сүз"),
        ("сүз\xad\n  сүз", "сүз-\nсүз"),  # a soft hyphen at a line's end was to be seen
        ("сүз\xad \n сүз\xad", "сүз-\nсүз"),
        ("\n\n бер \u2028\x0c ике \x85\r\n", "бер\nике"),
        ("\u1100\u1161", "가"),
        ("\u037e\u037e\u037e\u037e;", ";;;"),
        ("NaN", "NaN"),
    ],
)
def test_normal_forms(written: str, meant: str) -> None:
    assert normalise([written]) == [meant]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("һəм", "һәм"),  # Latin schwa
        ("кaйтa", "кайта"),  # Latin a
        ("Microsoft һәм Windowsта", "Microsoft һәм Windowsта"),  # more Latin than Cyrillic
        ("кqйтa", "кqйтa"),  # q is like nothing
        ("IT өлкәсе", "IT өлкәсе"),  # a word of its own script
    ],
)
def test_homoglyphs_are_repaired_only_inside_words(written: str, meant: str) -> None:
    assert repair_homoglyphs([written, ""], "Cyrl", TATAR) == [meant, ""]
    assert repair_homoglyphs([meant], "Cyrl", TATAR) == [meant]


def test_homoglyphs_go_the_other_way_in_latin() -> None:
    assert repair_homoglyphs(["muntа"], "Latn", "abcdefghijklmnoprstuvwyz") == ["munta"]
    assert repair_homoglyphs(["а a"], "Ethi", "ሀ") == ["а a"]


GOOD = "Кичә Сания елгага барды. Су салкын иде."


@pytest.mark.parametrize(
    "misread",
    [
        GOOD.encode().decode("cp1251"),
        GOOD.encode().decode("latin-1"),
        f"Башы бу.\n{GOOD.encode().decode('cp1251')}\nАхыры бу.",
        "Â«IndyoheshabirayiÂ»",
        "Mbere yâ€™uko abana",
        "bÃ¸kene hans",
        "\x93бер\x94",
    ],
)
def test_what_was_misread_is_read_again(misread: str) -> None:
    (found,) = normalise([misread])
    meant = {
        "Â": "«Indyoheshabirayi»",
        "M": "Mbere y’uko abana",
        "b": "bøkene hans",
        "Б": f"Башы бу.\n{GOOD}\nАхыры бу.",
        "\x93": "“бер”",
    }
    assert found == meant.get(misread[0], GOOD)


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "Ášši lea ášši. «Áigi» – áššiid “áigi”… Šaddá ášš–ášš",
        "Ки?? Сания ?лгага б?рды",  # lost for good
        GOOD.encode().decode("cp1252", errors="replace").replace("\xa0", " "),  # lost in part
        "São Tomé, Åland, façade, Ÿ» Š™ ß½",
        "Це їхній ґанок — «Європа»",
    ],
)
def test_what_is_right_or_lost_stays(text: str) -> None:
    assert normalise([text]) == [" ".join(text.split())]


def test_very_long_texts_are_normalised_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [
        "сүз " * 50,
        "сүз  \n\n" * 50,
        "\n" * 99,
        "а" * 99,
        "e\u0301 " * 50,
        " сүз\xad\n" * 20 + "ахыр",
        *("сүз \n" + "б" * n + "\n \nсүз  сүз" * 9 for n in range(30)),
    ]
    whole = normalise(texts)
    monkeypatch.setattr("pipeline.cleaning.normalise.SLICE", 16)
    assert normalise(texts) == whole


def test_words_broken_at_a_line_end_are_joined_where_the_whole_is_known() -> None:
    known = {"áimmahuššat", "mánáidgárddit"}
    written = ["áimma- huššat ja Mánáid-\ngárddit", "mánáid- ja nuoraid", "- a", "5- áimma-", ""]
    assert join_broken_words(written, known) == [
        "áimmahuššat ja Mánáidgárddit",
        *written[1:],
    ]
    assert join_broken_words(written, set()) == written


@pytest.mark.parametrize(
    "broken",
    ["áimma-\nhuššat", "áimma\xad\r\n huššat", "áimma-\u00a0 huššat", "áimma\u2010 \n\n huššat",
     "áimma\xac huššat", "\xad áimma-\u200b\nhuššat"],
)  # fmt: skip
def test_whatever_stands_at_the_line_end(broken: str) -> None:
    assert join_broken_words(normalise([broken]), {"áimmahuššat"}) == ["áimmahuššat"]
