"""A text given in params itself, for a first lesson: one sentence is a corpus."""

from collections.abc import Iterator
from typing import Any

from pipeline.corpus import SourceRecord, as_document
from pipeline.params import TextSource


def documents(source: TextSource, record: SourceRecord) -> Iterator[dict[str, Any]]:
    """The text as so many documents as there are `copies`, each with an id of its own."""
    for number in range(source.copies):
        row = as_document(source.text, str(number), record)
        if row is not None:
            yield row
