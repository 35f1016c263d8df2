"""Local text survives every format and compression; what is wrong with it is said in one line."""

import bz2
import csv
import gzip
import io
import json
import lzma
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.corpus import SourceRecord, compression, files
from pipeline.errors import UserError
from pipeline.params import FilesSource


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(
    path: Path | str, column: str = "text", unit: str = "line"
) -> tuple[list[str], SourceRecord, list[str]]:
    """Texts, record and ids of a source."""
    record = SourceRecord("corpus", "files", "unknown")
    source = FilesSource(kind="files", path=str(path), column=column)
    rows = list(files.documents(source, unit, record))
    return [row["text"] for row in rows], record, [row["id"] for row in rows]


def zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".xz": lzma.compress,
    ".bz2": bz2.compress,
    ".zst": zstd,
}


def as_txt(texts: list[str]) -> bytes:
    return "".join(text + "\n" for text in texts).encode()


def as_jsonl(texts: list[str]) -> bytes:
    rows = [
        json.dumps({"n": n, "text": text}, ensure_ascii=n % 2 == 0) for n, text in enumerate(texts)
    ]
    return "".join(row + "\n" for row in rows).encode()


def as_csv(texts: list[str]) -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(["n", "text"])
    writer.writerows(enumerate(texts))
    return stream.getvalue().encode()


def as_tsv(texts: list[str]) -> bytes:
    return b"n\ttext\n" + "".join(f"{n}\t{t}\n" for n, t in enumerate(texts)).encode()


def as_parquet(texts: list[str]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"n": range(len(texts)), "text": texts}), sink, row_group_size=3)
    return sink.getvalue().to_pybytes()


WRITE = {"txt": as_txt, "jsonl": as_jsonl, "csv": as_csv, "tsv": as_tsv, "parquet": as_parquet}

characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n")
lines = st.lists(
    st.text(characters, min_size=1).filter(lambda t: t.strip()), min_size=1, max_size=8
)
gently = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("kind", ["txt", "jsonl", "csv", "tsv"])
def test_tatar_comes_back_from_every_format_and_compression(
    kind: str, suffix: str, tmp_path: Path
) -> None:
    texts = ["Әни өйдә, ә әти эштә.", 'Ул "киләм" диде', "Җиләк; һава", "Без\u2028икәү\x85"] * 3
    path = tmp_path / f"c.{kind}{suffix}"
    path.write_bytes(COMPRESS[suffix](WRITE[kind](texts)))
    found, record, ids = read(path)
    assert found == texts
    assert len(set(ids)) == len(texts)
    assert (record.replaced, record.empty, record.encodings) == (0, 0, {})


@gently
@given(lines, st.sampled_from(["txt", "jsonl", "csv", "parquet"]))
def test_any_text_without_line_breaks_survives(tmp_path: Path, texts: list[str], kind: str) -> None:
    texts = ["Бу беренче юл", *texts]  # the sample needs a first line that is no magic number
    path = tmp_path / f"any.{kind}"
    content = WRITE[kind](texts)
    path.write_bytes(content)
    controls = sum(
        byte < 32 and byte not in b"\t\n\v\f\r\x1a\x1b\x1c\x1d\x1e\x1f" for byte in content
    )
    if kind != "parquet" and controls + content.count(127) > len(content) / 100:
        with pytest.raises(UserError, match="control characters"):
            read(path)
    else:
        assert read(path)[0] == texts


@gently
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"))))
def test_line_breaks_inside_jsonl_and_parquet_rows_survive(
    tmp_path: Path, texts: list[str]
) -> None:
    texts = ["Ике\nюл", *texts]
    (tmp_path / "a.jsonl").write_bytes(
        b"".join(json.dumps({"text": t}).encode() + b"\n" for t in texts)
    )
    (tmp_path / "b.parquet").write_bytes(as_parquet(texts))
    kept = [text for text in texts if text.strip()]
    for name in ("a.jsonl", "b.parquet"):
        found, record, _ = read(tmp_path / name)
        assert found == kept
        assert record.empty == len(texts) - len(kept)


def test_ids_stay_when_a_file_is_read_again_or_moved_with_its_folder(tmp_path: Path) -> None:
    for folder in ("here", "there"):
        (tmp_path / folder / "b").mkdir(parents=True)
        (tmp_path / folder / "b" / "x.txt").write_text("бер\nике\nбер\n")
        (tmp_path / folder / "a.txt").write_text("бер\nике\n")
    first, _, ids = read(tmp_path / "here")
    assert first == ["бер", "ике", "бер", "ике", "бер"]
    assert read(tmp_path / "here")[2] == ids == read(tmp_path / "there")[2]
    assert len(set(ids)) == 5  # the same text at another place is another document


def test_unit_file_makes_a_whole_text_one_document(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Бер.\n\nИке.\n")
    (tmp_path / "b.jsonl").write_text('{"text": "өч"}\n{"text": "дүрт"}\n')
    assert read(tmp_path, unit="file")[0] == ["Бер.\n\nИке.", "өч", "дүрт"]


def test_a_paragraph_is_what_no_blank_line_divides(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n\nБер,\nике.\n \t\n\n  Өч.\nДүрт\n\n", encoding="utf-8")
    (tmp_path / "b.jsonl").write_text('{"text": "биш\\n\\nалты"}\n')
    found, record, ids = read(tmp_path, unit="paragraph")
    assert found == ["Бер,\nике.", "  Өч.\nДүрт", "биш\n\nалты"]
    assert record.empty == 0
    assert len(set(ids)) == 3


paragraphs = st.lists(lines.map("\n".join), min_size=1, max_size=5)


@gently
@given(
    paragraphs, st.sampled_from(["\n\n", "\n\n\n", "\n \n"]), st.sampled_from(["", "\n", "\n\n"])
)
def test_any_paragraphs_come_back(
    tmp_path: Path, given_texts: list[str], between: str, after: str
) -> None:
    texts = ["Бу беренче юл " * 20, *given_texts]
    content = between.join(texts) + after
    if sum(not c.isprintable() and not c.isspace() for c in content) > len(content) / 200:
        return  # the sample is refused as no text
    (tmp_path / "any.txt").write_bytes(content.encode())
    assert read(tmp_path / "any.txt", unit="paragraph")[0] == texts


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_end_ends_a_line(tmp_path: Path, newline: str) -> None:
    (tmp_path / "a.txt").write_bytes(newline.join(["бер", "", "  ", "ике", "өч"]).encode())
    assert read(tmp_path / "a.txt")[0] == ["бер", "ике", "өч"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_csv_may_use_any_usual_delimiter(tmp_path: Path, delimiter: str) -> None:
    rows = [["id", "text"], ["1", f'а{delimiter}б "в"\nг'], ["2", "д"]]
    with open(tmp_path / "a.csv", "w", newline="") as stream:
        csv.writer(stream, delimiter=delimiter).writerows(rows)
    assert read(tmp_path / "a.csv")[0] == [rows[1][1], "д"]


def test_a_very_long_field_is_read(tmp_path: Path) -> None:
    long = "сүз " * 200_000
    (tmp_path / "a.csv").write_bytes(as_csv([long]))
    (tmp_path / "a.tsv").write_bytes(as_tsv([long]))
    assert read(tmp_path / "a.csv")[0] == read(tmp_path / "a.tsv")[0] == [long]


def test_a_quote_in_a_tsv_is_a_character_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text('text\n"Килдең\nме?\n', encoding="utf-8")
    assert read(tmp_path / "a.tsv")[0] == ['"Килдең', "ме?"]


def test_rows_without_text_are_skipped_and_counted(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": null}\n\n{"text": " "}\n{"text": "бар"}\n')
    (tmp_path / "b.csv").write_text("id,text\n1,\n2\n3,бар\n\n")
    pq.write_table(pa.table({"text": ["бар", None]}), tmp_path / "c.parquet")
    for name, empty in (("a.jsonl", 2), ("b.csv", 2), ("c.parquet", 1)):
        found, record, _ = read(tmp_path / name)
        assert (found, record.empty) == (["бар"], empty)
        assert "rows without text were skipped" in record.notes()[0]


def test_broken_utf8_costs_one_character_and_is_counted(tmp_path: Path) -> None:
    good = ("Бүген һава бик матур.\n" * 50).encode()
    (tmp_path / "a.txt").write_bytes(good + b"\xd0\n" + "Ел\xff".encode()[:-2] + b"\xff!\n" + good)
    found, record, _ = read(tmp_path / "a.txt")
    assert found[50:52] == ["\ufffd", "Ел\ufffd!"]
    assert len(found) == 102
    assert record.replaced == 2
    assert "2 broken characters" in record.notes()[0]


def test_lone_surrogates_and_nul_in_json_and_bad_bytes_in_parquet_are_replaced(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "а\\ud800б\\u0000в \\ud83d\\ude00"}\n')
    found, record, _ = read(tmp_path / "a.jsonl")
    assert (found, record.replaced) == (["а\ufffdб\ufffdв 😀"], 2)
    raw = pa.array([b"\xd0\xb0\xff\xd0\xb1", None], pa.binary())
    broken = pa.StringArray.from_buffers(2, raw.buffers()[1], raw.buffers()[2], raw.buffers()[0])
    pq.write_table(pa.table({"text": broken}), tmp_path / "b.parquet")
    found, record, _ = read(tmp_path / "b.parquet")
    assert (found, record.replaced, record.empty) == (["а\ufffdб"], 1, 1)


@pytest.mark.parametrize("kind", ["string", "large_string", "string_view", "dictionary"])
def test_every_arrow_type_of_text_is_read(tmp_path: Path, kind: str) -> None:
    column = pa.array(["бер", "ике", "бер"])
    types = {"large_string": pa.large_string(), "string_view": pa.string_view()}
    column = (
        column.dictionary_encode()
        if kind == "dictionary"
        else column.cast(types.get(kind, pa.string()))
    )
    pq.write_table(pa.table({"text": column}), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet")[0] == ["бер", "ике", "бер"]


# --- bad input ----------------------------------------------------------------------------------

BAD: dict[str, tuple[str, bytes, str]] = {
    "no column in CSV": ("a.csv", b"id,body\n1,x\n", "has no column 'text': .* id, body"),
    "one other column": ("a.csv", b"sentence\nx\n", "has no column 'text': .* sentence"),
    "no column in TSV": ("a.tsv", b"id\tbody\n1\tx\n", "no column 'text': .* id, body"),
    "no column in Parquet": ("a.parquet", as_parquet(["a"])[:0], "is damaged|too early"),
    "empty CSV": ("a.csv", b"", "is empty: its first line must name the columns"),
    "no key in JSONL": (
        "a.jsonl",
        b'{"text": "x"}\n{"body": 1}\n',
        r"a.jsonl:2 has no key 'text'.* body",
    ),
    "no JSON": ("a.jsonl", b'{"text": "x"}\nhello\n', "a.jsonl:2 is not valid JSON"),
    "cut JSON": ("a.jsonl", b'{"text": "x"}\n{"text": "y', "a.jsonl:2 is not valid JSON"),
    "deep JSON": ("a.jsonl", b"[" * 100_000, "a.jsonl:1 is not valid JSON"),
    "JSON array": ("a.json", b'["x"]\n', "a.json:1 is an array"),
    "number for text": ("a.jsonl", b'{"text": 7}\n', "a.jsonl:1: 'text' is int"),
    "list for text": ("a.jsonl", b'{"text": ["x"]}\n', "a.jsonl:1: 'text' is list"),
    "open quote": ("a.csv", b'text\n"x\n' + b"y\n" * 9, "a.csv:11 is not valid CSV"),
    "bare comma": ("a.csv", b"text\nSalam, dus\n", "a.csv:2 has 2 fields where the header has 1"),
    "NUL in CSV": ("a.csv", b"text\nx\0y\n", "a.csv is not text: byte 6 is NUL"),
    "PNG": ("a.txt", b"\x89PNG\r\n\x1a\n" + bytes(50), "a.txt is not text: it is a PNG image"),
    "PDF": ("a.txt", b"%PDF-1.7\n...", "a.txt is not text: it is a PDF document"),
    "ELF": ("a", b"\x7fELF\x02\x01\x01", "is not text: it is a program"),
    "ZIP": ("a.txt", b"PK\x03\x04word", "is not text: it is a ZIP archive"),
    "misnamed gzip": ("a.txt", gzip.compress(b"salam"), "it is gzip data; name it .gz"),
    "noise": ("a.txt", bytes(range(1, 255)) * 20, "is not text"),
    "named gzip": ("a.txt.gz", b"salam", "a.txt.gz is damaged, or is not gzip data"),
    "named xz": ("a.txt.xz", b"salam", "a.txt.xz is damaged, or is not xz data"),
    "named bz2": ("a.txt.bz2", b"salam", "a.txt.bz2 is damaged, or is not bz2 data"),
    "named zst": ("a.txt.zst", b"salam", "a.txt.zst is damaged, or is not zstd data"),
    "no Parquet": ("a.parquet", b"salam" * 9, "a.parquet is damaged, or is not parquet data"),
    "cut Parquet": ("a.parquet", as_parquet(["x" * 99])[:-9], "a.parquet is damaged"),
    "packed Parquet": ("a.parquet.gz", gzip.compress(as_parquet(["x"])), "unpack it first"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_named_in_one_line(name: str, tmp_path: Path) -> None:
    file, content, message = BAD[name]
    (tmp_path / file).write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        read(tmp_path / file)
    assert file in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".bz2", ".zst"])
@pytest.mark.parametrize("kind", ["txt", "jsonl", "csv"])
def test_a_truncated_archive_is_never_taken_for_a_short_one(
    suffix: str, kind: str, tmp_path: Path
) -> None:
    whole = COMPRESS[suffix](WRITE[kind]([f"Бу {n * n * 7919} нче җөмлә" for n in range(5000)]))
    path = tmp_path / f"a.{kind}{suffix}"
    for length in (10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(UserError, match=r"ends too early|is damaged"):
            read(path)


def test_the_second_member_of_an_archive_is_read_too(tmp_path: Path) -> None:
    for suffix, pack in COMPRESS.items():
        if suffix:
            path = tmp_path / f"a.txt{suffix}"
            path.write_bytes(pack("бер\n".encode()) + pack("ике\n".encode()))
            assert read(path)[0] == ["бер", "ике"], suffix


def test_columns_that_are_no_text_are_refused_in_parquet(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": [1, 2], "тел": ["а", "б"]}), tmp_path / "a.parquet")
    with pytest.raises(UserError, match="'text' is int64, not text"):
        read(tmp_path / "a.parquet")
    with pytest.raises(UserError, match=r"no column 'body': .* text, тел"):
        read(tmp_path / "a.parquet", column="body")
    assert read(tmp_path / "a.parquet", column="тел")[0] == ["а", "б"]


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".bz2", ".zst"])
@pytest.mark.parametrize("kind", ["txt", "jsonl", "csv"])
def test_a_decompression_bomb_is_not_read(
    suffix: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compression, "SPARE", 1 << 16)
    path = tmp_path / f"bomb.{kind}{suffix}"
    path.write_bytes(COMPRESS[suffix](WRITE[kind](["бер " * 3000] * 40)))
    with pytest.raises(UserError, match="unpacks to more than 100 times its size: not read"):
        read(path)


@pytest.mark.parametrize("unit", ["line", "paragraph", "file"])
def test_a_bomb_without_a_line_end_is_not_read_either(
    unit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compression, "SPARE", 1 << 20)
    (tmp_path / "bomb.txt.gz").write_bytes(gzip.compress(b"a" * (20 << 20)))
    with pytest.raises(UserError, match="unpacks to more than 100 times its size"):
        read(tmp_path / "bomb.txt.gz", unit=unit)


def test_a_parquet_that_repeats_one_value_without_end_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "SPARE", 1 << 20)
    column = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), ["сүз " * 200])
    pq.write_table(pa.table({"text": column}), tmp_path / "bomb.parquet")
    assert (tmp_path / "bomb.parquet").stat().st_size < 10_000
    with pytest.raises(UserError, match=r"bomb\.parquet unpacks to more than 100 times"):
        read(tmp_path / "bomb.parquet")


def test_text_that_repeats_itself_is_no_bomb(tmp_path: Path) -> None:
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress("Бүген һава бик матур.\n".encode() * 50_000))
    assert len(read(tmp_path / "a.txt.gz")[0]) == 50_000


LONG: dict[str, tuple[bytes, str, str]] = {
    "line": (b"a\n" + b"x" * 2000 + b"\n", "line", r"a\.txt:2 is longer than"),
    "no line end": (b"x" * 5000, "line", r"a\.txt:1 is longer than"),
    "paragraph": (b"a\n\n" + b"x y z\n" * 400, "paragraph", "the paragraph that ends at"),
    "file": (b"x\n" * 2000, "file", "as one document"),
}


@pytest.mark.parametrize("name", LONG)
def test_a_document_without_end_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "LONGEST", 1000)
    content, unit, message = LONG[name]
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(UserError, match=message):
        read(tmp_path / "a.txt", unit=unit)


@pytest.mark.parametrize("kind", ["jsonl", "csv", "tsv", "parquet"])
def test_a_row_without_end_is_refused(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "LONGEST", 1000)
    path = tmp_path / f"a.{kind}"
    path.write_bytes(WRITE[kind](["бер", "x" * 2000]))
    with pytest.raises(UserError, match=rf"a\.{kind}.*longer than"):
        read(path)


def test_a_quote_that_is_never_closed_does_not_swallow_the_rest_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_LONGEST_FIELD", 1000)
    (tmp_path / "a.csv").write_text('n,text\n1,"Килдең\n' + "2,сүз\n" * 1000, encoding="utf-8")
    with pytest.raises(UserError, match="field larger than field limit"):
        read(tmp_path / "a.csv")


def test_a_rare_nul_is_damage_and_many_are_no_text(tmp_path: Path) -> None:
    good = ("Бүген һава бик матур.\n" * 500).encode()
    (tmp_path / "a.txt").write_bytes(good + b"so\0on\n" + good)
    found, record, _ = read(tmp_path / "a.txt")
    assert (found[500], len(found), record.replaced) == ("so\ufffdon", 1001, 1)
    (tmp_path / "a.csv").write_bytes(b"text\n" + good + b"so\0on\n")
    assert read(tmp_path / "a.csv")[0][500] == "so\ufffdon"
    (tmp_path / "a.jsonl").write_bytes(as_jsonl(["бер"] * 200) + b'{"text": "\0"}\n')
    with pytest.raises(UserError, match=r"a\.jsonl:201 is not valid JSON"):
        read(tmp_path / "a.jsonl")
    (tmp_path / "b.txt").write_bytes(good + bytes(2000) + good)
    with pytest.raises(UserError, match=r"b\.txt is not text: byte .* is NUL"):
        read(tmp_path / "b.txt")


def test_a_file_without_permission_is_said_to_be_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("бер\n")

    def refuse(file: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files, "open_bytes", refuse)
    with pytest.raises(UserError, match="may not be read"):
        read(tmp_path / "a.txt")
