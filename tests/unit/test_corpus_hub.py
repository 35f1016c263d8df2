"""Data sets read with `datasets`: local folders of every layout, and errors on one line."""

import json
from pathlib import Path

import pytest

from pipeline.corpus import SourceRecord, hub, wikipedia
from pipeline.errors import UserError
from pipeline.params import HubSource, WikipediaSource

TEXTS = ["Бүген һава матур.", "Ул өйдә.", "Без эштә."]


def read(
    name: Path | str, column: str = "text", split: str = "train", config: str | None = None
) -> tuple[list[str], SourceRecord]:
    record = SourceRecord("set", "hub", "unknown")
    source = HubSource(kind="hub", name=str(name), column=column, split=split, config=config)
    rows = list(hub.documents(source, record))
    assert len({row["id"] for row in rows}) == len(rows)
    return [row["text"] for row in rows], record


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "set"
    place.mkdir()
    rows = [*({"n": n, "text": text} for n, text in enumerate(TEXTS)), {"n": 3, "text": None}]
    content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (place / "train.jsonl").write_text(content, encoding="utf-8")
    (place / "test.jsonl").write_text('{"n": 9, "text": "Сынау."}\n', encoding="utf-8")
    return place


def test_a_folder_of_files_is_read_by_split(folder: Path) -> None:
    texts, record = read(folder)
    assert texts == TEXTS
    assert record.empty == 1
    assert [file["name"] for file in record.files] == ["test.jsonl", "train.jsonl"]
    assert read(folder, split="test")[0] == ["Сынау."]


@pytest.mark.parametrize("split", [None, "train"])
def test_a_saved_data_set_is_read(tmp_path: Path, split: str | None) -> None:
    import datasets

    data = datasets.Dataset.from_dict({"text": TEXTS})
    saved = datasets.DatasetDict({"train": data}) if split else data
    saved.save_to_disk(str(tmp_path / "saved"))
    assert read(tmp_path / "saved")[0] == TEXTS
    if split:
        with pytest.raises(UserError, match="has no split 'dev'; there are train"):
            read(tmp_path / "saved", split="dev")


def test_a_missing_column_is_named_with_those_there_are(folder: Path) -> None:
    with pytest.raises(UserError, match=r"has no column 'content': .* to one of n, text"):
        read(folder, column="content")
    with pytest.raises(UserError, match="'n' is int, not text"):
        read(folder, column="n")


def test_a_missing_split_or_configuration_is_named(folder: Path) -> None:
    with pytest.raises(UserError, match=r"set \(validation\) cannot be read: .*validation"):
        read(folder, split="validation")
    with pytest.raises(UserError, match=r"set tat_Cyrl .train. cannot be read"):
        read(folder, config="tat_Cyrl")


def test_an_empty_folder_is_no_data_set(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    with pytest.raises(UserError, match=r"nothing .train. cannot be read"):
        read(tmp_path / "nothing")


def test_no_network_is_said_on_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    def refuse(*args: object, **options: object) -> None:
        raise ConnectionError("Couldn't reach 'a/b' on the Hub\n(LocalEntryNotFoundError)")

    monkeypatch.setattr(datasets, "load_dataset_builder", refuse)
    with pytest.raises(UserError, match=r"Couldn't reach .*; is there a network") as caught:
        read("a/b")
    assert "\n" not in str(caught.value)


class Builder:
    """Stands for what `datasets` builds from the Hub, which tests do not reach."""

    def __init__(self, *asked: object, **options: object) -> None:
        self.asked = [*asked, options]
        self.base_path = f"hf://datasets/{asked[0]}@b04c8d1/20231101.tt"

    def as_streaming_dataset(self, split: str) -> list[dict[str, object]]:
        self.asked.append(split)
        return [{"id": "1", "title": "Казан", "text": "Казан — шәһәр.\n\nУл зур."}]


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[Builder]:
    import datasets

    made: list[Builder] = []

    def load(*asked: object, **options: object) -> Builder:
        made.append(Builder(*asked, **options))
        return made[-1]

    monkeypatch.setattr(datasets, "load_dataset_builder", load)
    return made


def test_wikipedia_is_one_configuration_of_a_data_set(built: list[Builder]) -> None:
    record = SourceRecord("wikipedia-tt", "wikipedia", "CC BY-SA 4.0")
    rows = list(wikipedia.documents(WikipediaSource(kind="wikipedia", code="tt"), record))
    assert rows[0]["text"] == "Казан — шәһәр.\n\nУл зур."
    assert built[0].asked == ["wikimedia/wikipedia", "20231101.tt", {"revision": None}, "train"]
    assert record.url == "https://huggingface.co/datasets/wikimedia/wikipedia/tree/main/20231101.tt"


def test_the_commit_that_was_read_is_noted_and_one_may_be_asked_for(built: list[Builder]) -> None:
    record = SourceRecord("x", "hub", "unknown")
    source = HubSource(kind="hub", name="a/b", revision="b04c8d1", split="test")
    assert len(list(hub.documents(source, record))) == 1
    assert built[0].asked == ["a/b", None, {"revision": "b04c8d1"}, "test"]
    assert record.revision == "b04c8d1"


def test_a_local_data_set_has_no_commit(folder: Path) -> None:
    assert read(folder)[1].revision is None
