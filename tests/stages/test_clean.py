"""The clean stage on small corpora: nothing vanishes, nothing depends on how work is divided."""

import json
import random
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from pipeline.cleaning import annotate as annotating
from pipeline.cleaning import chunks
from pipeline.cleaning import run as cleaning
from pipeline.cleaning.split import SPLITS
from pipeline.corpus.demo import demo_documents
from pipeline.documents import SCHEMA, read_batches, write_documents
from pipeline.errors import UserError
from pipeline.params import DemoParams, Params, parse_params

ROOT = Path(__file__).parents[2]
LABELLED = SCHEMA.append(pa.field("label", pa.string()))


def params(language: str = "tat", **changes: dict[str, Any]) -> Params:
    values = yaml.safe_load((ROOT / "presets" / "demo.yaml").read_text(encoding="utf-8"))
    values["corpus"]["language"] = language
    values["cleaning"]["contaminants"] = str(ROOT / "languages" / "contaminants")
    for section, keys in changes.items():
        values[section].update(keys)
    return parse_params(values)


def rows(folder: Path) -> list[dict[str, Any]]:
    return [row for batch in read_batches(folder) for row in batch.to_pylist()]


def kept(folder: Path) -> dict[str, list[dict[str, Any]]]:
    return {name: rows(folder / name) for name in SPLITS}


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "raw"
    write_documents(folder, demo_documents(DemoParams(documents=2500)), LABELLED)
    return folder


@pytest.fixture(scope="module")
def cleaned(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    out = tmp_path_factory.mktemp("cleaned")
    reports = cleaning.clean(raw, out / "clean", out / "dropped", params(), workers=1)
    return out, reports


def test_the_dirt_of_the_demo_is_found(cleaned: tuple[Path, Any]) -> None:
    report = cleaned[1][0]
    assert report["dirt"]["precision"] >= 0.98
    assert report["dirt"]["recall"] >= 0.98


def test_nothing_vanishes(raw: Path, cleaned: tuple[Path, Any]) -> None:
    out, (report, _, examples) = cleaned
    stays = [row["id"] for split in kept(out / "clean").values() for row in split]
    goes = [row["id"] for row in rows(out / "dropped") if "#" not in row["id"]]
    assert sorted(stays + goes) == sorted(row["id"] for row in rows(raw))
    assert report["documents"]["kept"] == len(stays)
    assert sum(report["dropped"].values()) == len(goes)
    assert all(row["reason"] for row in rows(out / "dropped"))
    for reason, found in examples.items():
        assert len(found) == min(
            10, report["dropped"][reason] + report["dropped_paragraphs"][reason]
        )
    json.dumps(report, allow_nan=False)


def test_splits_share_no_content(cleaned: tuple[Path, Any]) -> None:
    keys = [
        {"".join(re.findall(r"\w", row["text"].casefold())) for row in split}
        for split in kept(cleaned[0] / "clean").values()
    ]
    assert not keys[0] & keys[1] and not keys[0] & keys[2] and not keys[1] & keys[2]


def test_neither_workers_nor_jobs_change_a_row(
    raw: Path, cleaned: tuple[Path, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "JOB_CHARACTERS", 40_000)
    monkeypatch.setattr(chunks, "SMALLEST", 1 << 16)
    again = cleaning.clean(raw, tmp_path / "clean", tmp_path / "dropped", params(), workers=2)
    assert kept(tmp_path / "clean") == kept(cleaned[0] / "clean")
    assert rows(tmp_path / "dropped") == rows(cleaned[0] / "dropped")
    for report in (again[0], cleaned[1][0]):
        report.pop("seconds", None)
    assert again == cleaned[1]


def test_the_label_is_not_looked_at(raw: Path, cleaned: tuple[Path, Any], tmp_path: Path) -> None:
    bare = [{name: row[name] for name in SCHEMA.names} for row in rows(raw)]
    write_documents(tmp_path / "raw", bare)
    report, _, _ = cleaning.clean(
        tmp_path / "raw", tmp_path / "clean", tmp_path / "dropped", params(), workers=1
    )
    assert kept(tmp_path / "clean") == kept(cleaned[0] / "clean")
    assert report["dirt"] == {"precision": None, "recall": None}


def test_cleaning_clean_text_changes_nothing(cleaned: tuple[Path, Any], tmp_path: Path) -> None:
    once = [row for split in kept(cleaned[0] / "clean").values() for row in split]
    write_documents(tmp_path / "raw", once)
    settings = params(cleaning={"identifier": "none"})
    cleaning.clean(tmp_path / "raw", tmp_path / "clean", tmp_path / "dropped", settings, workers=1)
    assert kept(tmp_path / "clean") == kept(cleaned[0] / "clean")
    assert rows(tmp_path / "dropped") == []


def test_added_text_moves_nothing(cleaned: tuple[Path, Any], tmp_path: Path) -> None:
    before = kept(cleaned[0] / "clean")
    new = [
        {"id": f"n{i}", "text": f"Яңа җөмлә бу, {'а' * i} дигән.", "source": "s"} for i in range(9)
    ]
    write_documents(tmp_path / "raw", [*new, *(row for split in before.values() for row in split)])
    settings = params(cleaning={"identifier": "none"})
    cleaning.clean(tmp_path / "raw", tmp_path / "clean", tmp_path / "dropped", settings, workers=1)
    after = kept(tmp_path / "clean")
    for name in SPLITS:
        assert [row for row in after[name] if row["source"] == "demo"] == before[name]


# --- documents of several paragraphs -------------------------------------------------------------

FOREIGN = "In winter the lake is covered with thick ice and nobody can cross it by boat."


def paragraphs(draw: random.Random, texts: list[str]) -> str:
    return "\n".join(draw.sample(texts, 4))


@pytest.fixture(scope="module")
def mixed(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """Documents of four good paragraphs, a heading and a foreign paragraph."""
    draw = random.Random(0)
    good = [row["text"] for row in rows(raw) if row["label"] == "good"]
    documents = []
    for number in range(300):
        text = f"Баш сүз\n{paragraphs(draw, good)}\n{FOREIGN} {number}\n{draw.choice(good)}"
        documents.append({"id": f"d{number}", "text": text, "source": "s"})
    out = tmp_path_factory.mktemp("mixed")
    write_documents(out / "raw", documents)
    cleaning.clean(out / "raw", out / "clean", out / "dropped", params(), workers=1)
    return out, documents


def test_foreign_paragraphs_are_taken_out_of_documents(
    mixed: tuple[Path, list[dict[str, Any]]],
) -> None:
    out, documents = mixed
    texts = [row["text"] for split in kept(out / "clean").values() for row in split]
    assert len(texts) > 290
    assert not any("lake" in text for text in texts)
    lost = {row["id"]: row for row in rows(out / "dropped")}
    assert sum(f"{document['id']}#5" in lost for document in documents) > 290
    assert sum(text.startswith("Баш сүз") for text in texts) > 0.95 * len(texts)


def test_paragraphs_of_documents_are_kept_or_dropped_with_a_reason(
    mixed: tuple[Path, list[dict[str, Any]]],
) -> None:
    out, documents = mixed
    found: dict[str, list[str]] = {}
    for row in [*rows(out / "dropped"), *(r for s in kept(out / "clean").values() for r in s)]:
        found.setdefault(row["id"].split("#")[0], []).extend(row["text"].split("\n"))
    for document in documents:
        assert sorted(found[document["id"]]) == sorted(document["text"].split("\n"))


def test_long_paragraphs_stay_once(mixed: tuple[Path, list[dict[str, Any]]]) -> None:
    split = kept(mixed[0] / "clean").values()
    long = [p for s in split for row in s for p in row["text"].split("\n") if len(p) >= 60]
    assert len(long) == len(set(long))


# --- weights, near-duplicates, texts kept for testing --------------------------------------------

GOOD = {"identifier": "none"}


def clean_rows(
    tmp_path: Path,
    texts: list[dict[str, Any]],
    weights: dict[str, float] | None = None,
    split: str = "hash",
    **keys: Any,
) -> tuple[dict[str, list[dict[str, Any]]], list[dict[str, Any]], dict[str, Any]]:
    write_documents(tmp_path / "raw", texts)
    report, _, _ = cleaning.clean(
        tmp_path / "raw",
        tmp_path / "clean",
        tmp_path / "dropped",
        params(cleaning={**GOOD, **keys}, split={"kind": split}),
        weights,
        workers=1,
    )
    return kept(tmp_path / "clean"), rows(tmp_path / "dropped"), report


def sentences(raw: Path, count: int, source: str) -> list[dict[str, Any]]:
    good = dict.fromkeys(row["text"] for row in rows(raw) if row["label"] == "good")
    return [
        {"id": f"{source}{i}", "text": text, "source": source}
        for i, text in enumerate(list(good)[:count])
    ]


def test_a_weight_says_how_often_training_text_is_read(raw: Path, tmp_path: Path) -> None:
    texts = sentences(raw, 800, "s")
    for row in texts[:400]:
        row["source"] = "small"
    splits, lost, report = clean_rows(tmp_path, texts, {"small": 2.5, "s": 0.5})
    often = [row["id"].split("~")[0] for row in splits["train"] if row["source"] == "small"]
    times = [often.count(name) for name in set(often)]
    assert set(times) == {2, 3} and 2.3 < sum(times) / len(times) < 2.7
    half = [row for row in splits["train"] if row["source"] == "s"]
    left_out = [row for row in lost if row["reason"] == "weight"]
    assert {row["source"] for row in left_out} == {"s"}
    assert 0.35 < len(half) / (len(half) + len(left_out)) < 0.65
    for name in ("validation", "test"):
        assert not any("~" in row["id"] for row in splits[name])
    assert report["splits"]["copies"]["documents"] == sum("~" in r["id"] for r in splits["train"])
    first_copy = next(i for i, row in enumerate(splits["train"]) if "~" in row["id"])
    assert all("~" in row["id"] for row in splits["train"][first_copy:])


def test_a_source_may_bring_its_own_split(raw: Path, tmp_path: Path) -> None:
    texts = sentences(raw, 600, "s")
    for number, row in enumerate(texts):
        row["source"] = ("train", "validation", "test", "free")[number % 4]
    write_documents(tmp_path / "raw", texts)
    parts = {name: name for name in SPLITS}
    cleaning.clean(
        tmp_path / "raw",
        tmp_path / "clean",
        tmp_path / "dropped",
        params(cleaning=GOOD),
        parts=parts,
        workers=1,
    )
    for name, split in kept(tmp_path / "clean").items():
        assert len(split) > 140
        assert {row["source"] for row in split} - {"free"} == {name}


def test_no_near_duplicate_of_a_document_stays_in_any_split(raw: Path, tmp_path: Path) -> None:
    texts = [
        {"id": f"d{i}", "text": " ".join(row["text"] for row in group), "source": "s"}
        for i, group in enumerate(zip(*[iter(sentences(raw, 1200, "s"))] * 3, strict=False))
    ]
    copies = []
    for row in texts[:100]:
        words = row["text"].split()
        words[3], words[4] = words[4], words[3]
        copies.append({"id": f"{row['id']}n", "text": " ".join(words[:-1]) + " 17.", "source": "t"})
    splits, lost, report = clean_rows(tmp_path, texts + copies, near_duplicates=0.8)
    stayed = [row["id"] for split in splits.values() for row in split]
    assert sum(name.endswith("n") for name in stayed) <= 2
    assert report["dropped"]["near_duplicate"] == sum(r["reason"] == "near_duplicate" for r in lost)
    assert len(stayed) + len(lost) == len(texts) + len(copies)


def test_texts_kept_for_testing_are_in_no_split(raw: Path, tmp_path: Path) -> None:
    texts = sentences(raw, 600, "s")
    held = [row["text"] for row in texts[:40] if len(row["text"].split()) >= 4]
    (tmp_path / "held.txt").write_text("\n".join(held), encoding="utf-8")
    splits, lost, _ = clean_rows(tmp_path, texts, held_out=[str(tmp_path / "held.txt")])
    stayed = {row["text"] for split in splits.values() for row in split}
    assert not stayed & set(held)
    assert {row["reason"] for row in lost} >= {"held_out"}


def test_cleaning_switched_off_leaves_every_character(tmp_path: Path) -> None:
    texts = [
        {"id": str(i), "text": f" <b>x{i}</b>\n\n\tЯ\u0301  {'y' * i}\n", "source": "s"}
        for i in range(400)
    ]
    splits, lost, _ = clean_rows(tmp_path, [*texts, *texts], enabled=False)
    stayed = [row for split in splits.values() for row in split]
    assert sorted(row["text"] for row in stayed) == sorted(row["text"] for row in [*texts, *texts])
    assert lost == []


def test_a_huge_document_is_judged_like_a_small_one(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [row["text"] for row in sentences(raw, 500, "s")]
    book = {"id": "b", "text": "\n".join([*texts, FOREIGN * 3, "x" * 30_000]), "source": "s"}
    settings = {"max_characters": 20_000, "identifier": "none"}
    found = []
    for name, giant in (("whole", 1 << 22), ("pieces", 4000)):
        monkeypatch.setattr(annotating, "GIANT", giant)
        (tmp_path / name).mkdir()
        splits, lost, _ = clean_rows(tmp_path / name, [book], split="contiguous", **settings)
        found.append(([r["text"] for s in splits.values() for r in s], [r["id"] for r in lost]))
    assert found[0][1] == found[1][1] != []
    assert "".join(found[0][0]) == "".join(found[1][0])


# --- one text, few texts, no texts ---------------------------------------------------------------


def test_a_contiguous_split_cuts_one_book_and_loses_nothing(raw: Path, tmp_path: Path) -> None:
    book = "\n".join(dict.fromkeys(row["text"] for row in rows(raw) if row["label"] == "good"))
    write_documents(tmp_path / "raw", [{"id": "book", "text": book, "source": "s"}])
    settings = params(
        cleaning={"identifier": "none", "deduplicate": False}, split={"kind": "contiguous"}
    )
    report, _, _ = cleaning.clean(
        tmp_path / "raw", tmp_path / "clean", tmp_path / "dropped", settings, workers=1
    )
    parts = kept(tmp_path / "clean")
    assert "".join(row["text"] for name in SPLITS for row in parts[name]) == book
    assert report["splits"]["train"]["documents"] == 1


@pytest.mark.parametrize("count", [0, 3])
def test_too_little_text_is_said_and_leaves_nothing(count: int, tmp_path: Path) -> None:
    texts = [
        {"id": str(i), "text": f"Бу кыска җөмлә {'а' * i}.", "source": "s"} for i in range(count)
    ]
    write_documents(tmp_path / "raw", texts)
    for identifier in ("none", "made"):
        settings = params(cleaning={"identifier": identifier})
        with pytest.raises(UserError, match=r"no documents|too small|at least 50"):
            cleaning.clean(
                tmp_path / "raw", tmp_path / "clean", tmp_path / "dropped", settings, workers=1
            )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["raw"]


def test_a_language_without_a_file_is_described_by_its_text(
    raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = params("qaa", cleaning={"identifier": "none"})
    cleaning.clean(raw, tmp_path / "clean", tmp_path / "dropped", settings, workers=1)
    assert capsys.readouterr().out.count("qaa: no file in languages/") == 1


def test_contaminants_that_are_not_there_are_said(raw: Path, tmp_path: Path) -> None:
    settings = params(cleaning={"contaminants": str(tmp_path / "nothing")})
    with pytest.raises(UserError, match=r"cleaning\.contaminants: .* is no folder"):
        cleaning.clean(raw, tmp_path / "clean", tmp_path / "dropped", settings, workers=1)
    assert pq.read_schema(raw / "part-00000.parquet").names[-1] == "label"
