"""The pack of other languages: enough sentences, all different, in their own letters."""

import os
import unicodedata
from collections import Counter
from pathlib import Path

import pytest

from pipeline.languages import load_language
from pipeline.scripts import script_share

LANGUAGES = Path(__file__).parents[2] / "languages"
FOLDER = LANGUAGES / "contaminants"
CORPORA = os.environ.get("TUGANTEL_CORPORA")

CYRILLIC = "абвгдежзийклмнопрстуфхцчшщьюя"
# The alphabets of the pack's languages; uzb is checked by script, as it is written in two.
ALPHABETS = {
    "rus": CYRILLIC + "ёъыэ",
    "ukr": CYRILLIC + "ґєії",
    "eng": "abcdefghijklmnopqrstuvwxyz",
    "deu": "abcdefghijklmnopqrstuvwxyzäöüßé",
    "fra": "abcdefghijklmnopqrstuvwxyzàâæçéèêëîïôœùûüÿ",
    "tur": "abcçdefgğhıijklmnoöprsştuüvyzâû",
    "fin": "abdefghijklmnoprstuvyäö",
    "nob": "abcdefghijklmnoprstuvwyzæøåé",
}
# Letters that tell a language from its neighbours: the pack must use them richly.
TELLING = {
    "rus": "ыэъё",
    "ukr": "іїєґ",
    "deu": "äöüß",
    "fra": "éèàêç",
    "tur": "ğışçöü",
    "kaz": "әғқңөұүі",
    "kir": "ңөү",
    "bak": "ҙҫҡғәөүһң",
    "fin": "äö",
    "nob": "æøå",
    "uzb": "ʻ‘'",
}
CODES = sorted(path.stem for path in FOLDER.glob("*.txt"))


def sentences(code: str) -> list[str]:
    return (FOLDER / f"{code}.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")


def letters(text: str) -> Counter[str]:
    return Counter(c for c in text.lower().replace("i̇", "i") if c.isalpha())


def alphabet(code: str) -> str | None:
    language = load_language(code, LANGUAGES)
    return language.alphabet if language else ALPHABETS.get(code)


def test_at_least_twelve_languages() -> None:
    asked = "bak deu eng fin fra kaz kir nob rus tur ukr uzb"
    assert set(asked.split()) <= set(CODES)


@pytest.mark.parametrize("code", CODES)
def test_at_least_150_different_sentences(code: str) -> None:
    lines = sentences(code)
    assert len(lines) >= 150
    assert len({line.lower().rstrip(".!?") for line in lines}) == len(lines)


@pytest.mark.parametrize("code", CODES)
def test_every_line_is_one_plain_sentence(code: str) -> None:
    for line in sentences(code):
        assert line == line.strip() and "\t" not in line and "  " not in line
        assert unicodedata.is_normalized("NFC", line)
        assert 4 <= len(line.split()) <= 15, line
        assert line[0].isupper() and line[-1] in ".?!", line
        assert not any(c.isdigit() for c in line)


@pytest.mark.parametrize("code", CODES)
def test_every_line_is_in_one_script(code: str) -> None:
    cyrillic = code in ("rus", "ukr", "kaz", "kir", "bak")
    shares = [script_share(line, "Cyrl" if cyrillic else "Latn") for line in sentences(code)]
    assert set(shares) <= {0.0, 1.0}
    assert sum(shares) / len(shares) >= 0.95


@pytest.mark.parametrize("code", [code for code in CODES if alphabet(code)])
def test_every_letter_belongs_to_the_language(code: str) -> None:
    for line in sentences(code):
        assert set(letters(line)) <= set(alphabet(code) or ""), line


@pytest.mark.parametrize("code", sorted(TELLING))
def test_telling_letters_are_used(code: str) -> None:
    text = " ".join(sentences(code)).lower()
    assert sum(text.count(letter) for letter in TELLING[code]) >= 0.01 * len(text)


def test_no_sentence_stands_in_two_languages() -> None:
    counts = Counter(line.lower() for code in CODES for line in sentences(code))
    assert [line for line, count in counts.items() if count > 1] == []


@pytest.mark.skipif(CORPORA is None, reason="TUGANTEL_CORPORA names no folder of real text")
@pytest.mark.parametrize("code", ["bak", "eng", "fra", "kaz", "kir", "nob", "rus", "tur"])
def test_letters_are_as_frequent_as_in_real_text(code: str) -> None:
    """Cosine of letter frequencies; a sentence set in a neighbour's language would pull it down."""
    path = Path(str(CORPORA)) / "contaminants" / f"{code}.txt"
    real = letters(path.read_text(encoding="utf-8"))
    ours = letters(" ".join(sentences(code)))
    product = sum(real[c] * ours[c] for c in real)
    norm = (sum(v * v for v in real.values()) * sum(v * v for v in ours.values())) ** 0.5
    assert product / norm >= 0.97
