"""Texts kept for testing: whatever holds one is found, whatever does not is left alone."""

import json
from pathlib import Path

import pytest

from pipeline.cleaning.characters import Characters
from pipeline.cleaning.held_out import HeldOut, read_held_out
from pipeline.errors import UserError
from pipeline.languages import load_language

LANGUAGE = load_language("tat")
assert LANGUAGE is not None
CHARACTERS = Characters(LANGUAGE)
TEXT = "Безнең авыл янында зур күл бар, анда балыклар күп."


def inside(held: HeldOut, *texts: str) -> list[bool]:
    return held.inside(CHARACTERS.measure(texts).plain).tolist()


def test_a_text_is_found_in_other_case_punctuation_and_company(tmp_path: Path) -> None:
    path = tmp_path / "held.txt"
    path.write_text(f"{TEXT}\nБу бик кыска сүз.\nӘйе.\n", encoding="utf-8")
    held = read_held_out([str(path)], CHARACTERS)
    assert inside(
        held,
        TEXT.upper(),
        f"Кичә язганча: {TEXT} Без анда бардык.",
        "Ул әйтте: бу бик кыска сүз!",
        "Безнең авыл янында зур урман бар, анда җиләкләр күп.",
        "Әйе.",
        "",
    ) == [True, True, True, False, False, False]


def test_every_text_of_a_json_line_counts(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    pair = {"good": TEXT, "bad": TEXT[::-1], "phenomenon": "x", "more": [{"a": "бер ике өч дүрт"}]}
    path.write_text(json.dumps(pair, ensure_ascii=False) + "\n\n", encoding="utf-8")
    held = read_held_out([str(path)], CHARACTERS)
    assert inside(held, TEXT, "Санадык: бер, ике, өч, дүрт, биш.") == [True, True]


def test_nothing_held_out_holds_nothing() -> None:
    held = read_held_out([], CHARACTERS)
    assert len(held) == 0 and inside(held, TEXT) == [False]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", b"{}\n{", "a.jsonl:2 is not valid JSON"),
        ("a.txt", b"\xff\xfe\x00", "is not UTF-8 text"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=said):
        read_held_out([str(tmp_path / name)], CHARACTERS)
    with pytest.raises(UserError, match="does not exist"):
        read_held_out([str(tmp_path / "nothing.txt")], CHARACTERS)
