"""Articles of one Wikipedia as plain text, from the newest dump that Wikimedia keeps on the Hub."""

from collections.abc import Iterator
from typing import Any

from pipeline.corpus import SourceRecord
from pipeline.corpus.hub import HUB, stream
from pipeline.params import HubSource, WikipediaSource

DATA_SET = "wikimedia/wikipedia"
DUMP = "20231101"


def documents(source: WikipediaSource, record: SourceRecord) -> Iterator[dict[str, Any]]:
    """Stream the articles of the Wikipedia with this language code.

    Raises:
        UserError: there is no such Wikipedia, or no network.
    """
    record.url = f"{HUB}/{DATA_SET}/tree/main/{DUMP}.{source.code}"
    config = f"{DUMP}.{source.code}"
    return stream(HubSource(kind="hub", name=DATA_SET, config=config), record)
