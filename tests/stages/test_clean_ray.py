"""The same corpus comes out of a Ray cluster as out of local processes, row by row."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.cleaning import chunks
from pipeline.cleaning import run as cleaning
from pipeline.cleaning.engine import make_engine
from pipeline.corpus.demo import demo_documents
from pipeline.documents import read_batches, write_documents
from pipeline.errors import UserError
from pipeline.params import DemoParams
from tests.stages.test_clean import LABELLED, SPLITS, params


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two workers with a core each, beside a head that does no work."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    for _ in range(2):
        nodes.add_node(num_cpus=1)
    ray.init(address=nodes.address, log_to_driver=False)
    try:
        assert sum(node["Alive"] for node in ray.nodes()) == 3
        yield nodes
    finally:
        ray.shutdown()
        nodes.shutdown()


def test_two_workers_of_a_cluster_give_the_rows_that_this_process_gives(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "SMALLEST", 1 << 16)
    raw = tmp_path / "raw"
    write_documents(raw, demo_documents(DemoParams(documents=1500)), LABELLED)
    found = []
    for engine in ("local", "ray"):
        out = tmp_path / engine
        settings = params(cleaning={"engine": engine, "near_duplicates": 0.9})
        report, words, examples = cleaning.clean(
            raw, out / "clean", out / "dropped", settings, {"demo": 1.5}, workers=1
        )
        del report["seconds"]
        folders = [*(out / "clean" / name for name in SPLITS), out / "dropped"]
        rows = [[r for b in read_batches(f) for r in b.to_pylist()] for f in folders]
        found.append((report, words, examples, rows))
    assert found[0] == found[1]
    assert found[0][0]["dropped"]["near_duplicate"] > 0
    assert found[0][0]["dropped"]["duplicate"] > 0


def test_what_goes_wrong_on_a_worker_is_one_line(cluster: Any) -> None:
    def work(job: int) -> int:
        raise UserError("no text") if job == 1 else ValueError("odd")

    engine = make_engine("ray")
    with pytest.raises(UserError, match=r"^no text$"):
        list(engine.map(work, [1]))
    with pytest.raises(UserError, match="ValueError: odd"):
        list(engine.map(work, [2]))
