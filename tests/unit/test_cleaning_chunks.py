"""Chunks and jobs: every document once, in order, wherever the borders fall."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.cleaning import chunks
from pipeline.cleaning.annotate import GIANT, pieces
from pipeline.cleaning.chunks import plan_chunks, read_jobs
from pipeline.documents import SCHEMA, DocumentWriter, in_batches


@settings(deadline=None, max_examples=40)
@given(st.lists(st.text(max_size=30), max_size=60), st.integers(1, 9), st.integers(1, 40))
def test_every_document_is_in_one_job_in_order(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], size: int, characters: int
) -> None:
    folder = tmp_path_factory.mktemp("raw")
    rows = [{"id": str(i), "text": text, "source": "s"} for i, text in enumerate(texts)]
    with DocumentWriter(folder, shard_bytes=400) as writer:
        for batch in in_batches(rows, SCHEMA, size):
            writer.write(batch)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "SMALLEST", 200)
        patch.setattr(chunks, "LARGEST", 300)
        patch.setattr(chunks, "JOB_CHARACTERS", characters)
        planned = plan_chunks(folder)
        found = [
            text
            for chunk in planned
            for job in read_jobs(chunk, ("text", "id"))
            for text in job["text"].to_pylist()
        ]
    assert found == texts
    assert [chunk.index for chunk in planned] == list(range(len(planned)))
    assert sum(chunk.rows for chunk in planned) == len(texts)
    assert all(a.first + a.rows == b.first for a, b in pairwise(planned))


def test_a_long_document_is_a_job_of_its_own(tmp_path: Path) -> None:
    rows = [{"id": str(i), "text": "x" * n, "source": "s"} for i, n in enumerate([5, 3 << 20, 5])]
    with DocumentWriter(tmp_path) as writer:
        for batch in in_batches(rows):
            writer.write(batch)
    sizes = [
        [len(text) for text in job["text"].to_pylist()]
        for chunk in plan_chunks(tmp_path)
        for job in read_jobs(chunk, ("text",))
    ]
    assert [size for job in sizes for size in job] == [5, 3 << 20, 5]
    assert all(len(job) <= 2 for job in sizes)


def test_pieces_of_a_huge_text_are_whole_lines_and_all_of_it() -> None:
    line = "сүз " * 50
    text = "\n".join([line] * (GIANT // 100)) + "\n" + "x" * (2 * GIANT) + "\nend"
    found = list(pieces(text))
    assert "\n".join(found) == text
    assert max(map(len, found)) == 2 * GIANT and len(found) > 4
    assert list(pieces("short\ntext")) == ["short\ntext"]
