"""What a side of a trial reads: no held-out text, however it was disguised, and enough of it."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.documents import write_documents
from pipeline.errors import UserError
from pipeline.trials.held_out import HeldOut
from pipeline.trials.texts import holds_repeats, read_held_out, take

LONG = (
    "Бүген иртән авылга кайткан идек, әби безне капка төбендә елмаеп көтеп торды, "
    "өстәлдә исә яңа пешкән ипи белән катык бар иде."
)
OTHER = (
    "Шәһәрдәге яңа мәктәптә быел җиде йөз бала укый башлады, алар өчен иркен "
    "спорт залы һәм китапханә төзелгән, дип хәбәр итте җитәкчелек."
)
HELD = HeldOut([("t1", LONG), ("t2", "Әйе, шулай.")])


def written(folder: Path, texts: list[str], prefix: str = "d") -> Path:
    rows = [{"id": f"{prefix}{i}", "text": t, "source": "s"} for i, t in enumerate(texts)]
    write_documents(folder, rows)
    return folder


@pytest.mark.parametrize(
    "copy",
    [
        LONG,
        LONG.upper() + "!!!",
        LONG.replace(" ", "  ").replace(",", " –"),
        LONG[20:],
        LONG[:-25],
        LONG.replace("катык", "сөт"),
        LONG.replace(" ", "\n"),
        f"Моннан алда: {LONG}",
        unicodedata.normalize("NFD", LONG),
        "әйе шулай",
    ],
)
def test_a_copy_of_a_held_out_text_goes(copy: str) -> None:
    assert HELD.without(copy) == ""


def test_only_the_copied_lines_go() -> None:
    assert (
        HELD.without(f"{OTHER}\n{LONG}\n\nӘйе.\nӘйе, шулай.\n{OTHER}")
        == f"{OTHER}\n\nӘйе.\n{OTHER}"
    )


@pytest.mark.parametrize("text", [OTHER, "Әйе.", "", "\n\n", "Бүген иртән авылга кайткан идек."])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert HELD.without(text) == text


def test_a_long_line_that_quotes_a_held_out_text_stays() -> None:
    quoting = f"{OTHER} {' '.join(LONG.split()[:9])}"
    assert HELD.without(quoting) == quoting


@given(st.lists(st.text(max_size=40), max_size=5), st.text(max_size=80))
@settings(max_examples=200, deadline=None)
def test_what_is_left_are_whole_lines_in_order(held: list[str], text: str) -> None:
    lines = iter(text.split("\n"))
    left = HeldOut([(str(i), t) for i, t in enumerate(held)]).without(text)
    assert all(line in lines for line in left.split("\n")) or left == ""


@given(st.lists(st.sampled_from("абвгдежз"), min_size=1, max_size=30))
def test_a_text_never_stays_beside_itself(words: list[str]) -> None:
    assert HeldOut([("a", " ".join(words))]).without(" ".join(words)) == ""


def test_held_out_documents_go_by_their_id_even_where_cleaning_changed_them(tmp_path: Path) -> None:
    raw = written(tmp_path / "raw", ["<p>&nbsp;бер</p>", "ике сүз", "өч сүз бар"])
    taken = take(raw, HeldOut([("d0", "бер")]), 1e9, 0)
    assert sorted(taken.texts) == ["ике сүз", "өч сүз бар"]
    assert taken.share == 1 and 0.3 < taken.left_out < 0.5


def test_the_end_of_a_book_that_was_cut_goes_though_its_id_is_another(tmp_path: Path) -> None:
    lines = [f"юл {i} сүз{i * 31} һәм җыр{i * 17}" for i in range(200)]
    raw = written(tmp_path / "raw", ["\n".join(lines)])
    held_out = HeldOut([("d0@3000", "\n".join(lines[150:]))])
    assert take(raw, held_out, 1e9, 0).texts == ["\n".join(lines[:150])]


def test_validation_and_test_are_held_out_and_training_is_not(tmp_path: Path) -> None:
    for split, text in (("train", OTHER), ("validation", LONG), ("test", "Әйе, шулай.")):
        written(tmp_path / split, [text], split)
    held_out = read_held_out(tmp_path)
    assert held_out.ids == {"validation0", "test0"}
    assert (held_out.without(OTHER), held_out.without(LONG)) == (OTHER, "")


def test_as_much_as_is_asked_for_is_taken_and_every_seed_takes_another_part(tmp_path: Path) -> None:
    texts = [f"сүз {number}" for number in range(1000, 2000)]
    folder = written(tmp_path / "raw", texts)
    size = len(texts[0].encode())
    taken = [take(folder, HeldOut([]), 100 * size, seed) for seed in (0, 0, 1)]
    assert taken[0] == taken[1] and taken[0].texts != taken[2].texts
    assert len(taken[0].texts) == 100 and taken[0].share == pytest.approx(0.1)
    assert taken[0].texts != sorted(taken[0].texts)
    assert sorted(take(folder, HeldOut([]), 1e9, 0).texts) == texts


def test_one_huge_document_is_not_taken_whole(tmp_path: Path) -> None:
    folder = written(tmp_path / "raw", ["сүз " * 100_000])
    taken = take(folder, HeldOut([]), 50_000, 0)
    assert 50_000 <= sum(len(text.encode()) for text in taken.texts) < 100_000


def test_repetitions_by_weight_count_once(tmp_path: Path) -> None:
    folder = written(tmp_path / "train", ["бер", "ике", "бер", "өч", "ике"])
    assert holds_repeats(folder)
    assert sorted(take(folder, HeldOut([]), 1e9, 0, once=True).texts) == ["бер", "ике", "өч"]
    assert len(take(folder, HeldOut([]), 1e9, 0).texts) == 5
    assert not holds_repeats(written(tmp_path / "single", ["бер", "ике"]))


def test_nothing_left_is_said_in_one_line(tmp_path: Path) -> None:
    folder = written(tmp_path / "raw", [LONG])
    with pytest.raises(UserError, match="holds no text but what the trials are measured on"):
        take(folder, HELD, 1e9, 0)
