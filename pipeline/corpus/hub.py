"""Data sets of the Hugging Face Hub, streamed with `datasets`; a local folder of one works too."""

import gc
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from pipeline.corpus import SourceRecord, as_document
from pipeline.errors import UserError
from pipeline.params import HubSource

HUB = "https://huggingface.co/datasets"
_LAST_THREADS = 1.0  # seconds


def documents(source: HubSource, record: SourceRecord) -> Iterator[dict[str, Any]]:
    """Stream one column of one split.

    Raises:
        UserError: there is no such data set, configuration, split or column, or no network.
    """
    folder = Path(source.name).expanduser()
    if not folder.is_dir():
        record.url = f"{HUB}/{source.name}"
        return stream(source, record)
    from pipeline.corpus.fingerprint import Fingerprints
    from pipeline.corpus.paths import TextFile, walk

    with Fingerprints() as fingerprints:
        record.files = [
            fingerprints.describe(TextFile(folder / name, name, "hub", None))
            for name in sorted(walk(folder))
        ]
    return stream(source.model_copy(update={"name": str(folder)}), record)


def stream(source: HubSource, record: SourceRecord) -> Iterator[dict[str, Any]]:
    """Stream the texts of a data set as documents; its rows without text are counted."""
    name, column = source.name, source.column
    with closing(_guarded(source, record)) as rows:  # also where a column is missing
        for number, row in enumerate(rows):
            if column not in row:
                raise UserError(
                    f"{name} has no column {column!r}: "
                    f"set corpus.sources column to one of {', '.join(row)}"
                )
            text = row[column]
            if text is not None and not isinstance(text, str):
                raise UserError(
                    f"{name}: column {column!r} is {type(text).__name__}, not text: "
                    "set corpus.sources column to one that is text"
                )
            document = as_document(text, str(number), record)
            if document is not None:
                yield document


def _guarded(source: HubSource, record: SourceRecord) -> Generator[dict[str, Any]]:
    """Rows of a data set; `datasets` raises almost anything, and all of it becomes one line."""
    try:
        yield from _load(source, record)
    except GeneratorExit:
        # A scan of Parquet is left half-way. It sits in a cycle of references, and a program that
        # ends while its threads run is aborted: huggingface/datasets#7566, apache/arrow#45214.
        gc.collect()
        time.sleep(_LAST_THREADS)
        raise
    except MemoryError:
        raise
    except Exception as error:
        where = f" {source.config}" if source.config else ""
        raise UserError(
            f"data set {source.name}{where} ({source.split}) cannot be read: {_reason(error)}"
        ) from None


def _load(source: HubSource, record: SourceRecord) -> Iterable[dict[str, Any]]:
    import datasets

    folder, split = Path(source.name), source.split
    if (folder / "state.json").is_file():
        return datasets.load_from_disk(source.name)
    if (folder / "dataset_dict.json").is_file():
        parts = datasets.load_from_disk(source.name)
        if split not in parts:
            raise ValueError(f"it has no split {split!r}; there are {', '.join(parts)}")
        return parts[split]
    builder = datasets.load_dataset_builder(source.name, source.config, revision=source.revision)
    record.revision = _revision(builder.base_path or "")
    return builder.as_streaming_dataset(split=split)


def _revision(base_path: str) -> str | None:
    """The commit in `hf://datasets/NAME@COMMIT/...`, which is what a builder reads from."""
    if not base_path.startswith("hf://"):
        return None
    return base_path.partition("@")[2].partition("/")[0] or None


def _reason(error: Exception) -> str:
    words = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, ConnectionError):
        words += "; is there a network?"
    return words if len(words) <= 300 else words[:300] + "..."
