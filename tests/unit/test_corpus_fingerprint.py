"""An edit is always noticed, an unchanged file is never read twice, and no path is written down."""

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.corpus import fingerprint
from pipeline.corpus.fingerprint import CACHE, Fingerprints, as_text, corpus_settings
from pipeline.errors import UserError
from pipeline.params import Params, parse_params

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def params(*sources: dict[str, object], unit: str = "line") -> Params:
    values = yaml.safe_load((ROOT / "presets" / "demo.yaml").read_text(encoding="utf-8"))
    values["corpus"] = {"language": "tat", "unit": unit, "sources": list(sources)}
    return parse_params(values)


def of(path: str | Path) -> dict[str, object]:
    return {"kind": "files", "path": str(path)}


def sha256(path: Path) -> str:
    with Fingerprints() as fingerprints:
        return fingerprints.sha256(path)


def age(path: Path, seconds: float = 10) -> None:
    """Make a file look as if it had been written some time ago, inode and all."""
    past = time.time_ns() - int(seconds * 1e9)
    os.utime(path, ns=(past, past))


def let_time_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time_ns
    monkeypatch.setattr(fingerprint.time, "time_ns", lambda: now() + 10_000_000_000)


def test_an_unchanged_file_is_hashed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path("a.txt")
    path.write_text("бер")
    let_time_pass(monkeypatch)
    first = sha256(path)
    assert first == hashlib.sha256("бер".encode()).hexdigest()
    monkeypatch.setattr(fingerprint, "_hash", lambda path: pytest.fail("read again"))
    assert sha256(path) == first


def test_a_file_that_was_just_written_is_not_trusted() -> None:
    path = Path("a.txt")
    path.write_text("бер")
    sha256(path)
    assert str(path.resolve()) not in json.loads(CACHE.read_text())


def test_an_edit_of_the_same_size_is_noticed_even_if_the_time_is_put_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = Path("a.txt")
    path.write_text("бер")
    before = path.stat()
    let_time_pass(monkeypatch)
    first = sha256(path)
    path.write_text("ике")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert sha256(path) != first


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.binary(max_size=3)), max_size=12))
def test_the_memory_is_never_stale(
    monkeypatch: pytest.MonkeyPatch, edits: list[tuple[str, bytes]]
) -> None:
    let_time_pass(monkeypatch)
    for name, content in edits:
        path = Path(name)
        path.write_bytes(content)
        assert sha256(path) == hashlib.sha256(content).hexdigest()
        assert sha256(path) == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    "garbage",
    ["", "{", "[]", "7", '{"a": 1}', '{"a": ["x", 1, 2, 3, 4]}', "\udcff", '{"a": [null]}'],
)
def test_a_damaged_memory_is_an_empty_one(garbage: str) -> None:
    path = Path("a.txt")
    path.write_text("бер")
    CACHE.parent.mkdir()
    CACHE.write_bytes(garbage.encode("utf-8", "surrogateescape"))
    assert sha256(path) == hashlib.sha256("бер".encode()).hexdigest()
    assert json.loads(CACHE.read_text()) == {}


def test_settings_hold_hashes_but_no_path(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        place = tmp_path / folder / "corpus"
        place.mkdir(parents=True)
        (place / "a.txt").write_text("бер\n")
    here, there = (
        as_text(corpus_settings(params(of(tmp_path / f / "corpus")))) for f in ("one", "two")
    )
    assert here == there
    assert str(tmp_path) not in here
    assert json.loads(here)["sources"][0]["files"] == [
        {"name": "a.txt", "bytes": 7, "sha256": hashlib.sha256("бер\n".encode()).hexdigest()}
    ]


def test_settings_change_with_what_shapes_the_corpus_and_with_nothing_else() -> None:
    Path("c").mkdir()
    Path("c/a.txt").write_text("бер\n")
    base = as_text(corpus_settings(params(of("c"))))
    assert as_text(corpus_settings(params(of("c"), unit="file"))) != base
    assert as_text(corpus_settings(params({**of("c"), "column": "body"}))) != base
    assert as_text(corpus_settings(params(of("c"), {"kind": "demo"}))) != base
    Path("c/b.pdf").write_text("no text")
    assert as_text(corpus_settings(params(of("c")))) == base
    Path("c/b.txt").write_text("ике\n")
    assert as_text(corpus_settings(params(of("c")))) != base
    Path("c/b.txt").unlink()
    assert as_text(corpus_settings(params(of("c")))) == base


def test_a_local_data_set_is_fingerprinted_like_files() -> None:
    Path("set").mkdir()
    Path("set/train.jsonl").write_text('{"text": "бер"}\n')
    source: dict[str, object] = {"kind": "hub", "name": "set"}
    before = as_text(corpus_settings(params(source)))
    Path("set/train.jsonl").write_text('{"text": "ике"}\n')
    assert as_text(corpus_settings(params(source))) != before


def test_a_missing_file_is_named() -> None:
    with pytest.raises(UserError, match=r"nothing\.txt does not exist"):
        corpus_settings(params(of("nothing.txt")))


def test_the_stage_imports_nothing_heavy() -> None:
    code = (
        "import sys, stages.sources; heavy = {'pyarrow', 'torch', 'numpy', 'pandas', 'requests',"
        "'datasets', 'rich'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_an_edited_ready_tokenizer_is_noticed_and_no_path_is_told(tmp_path: Path) -> None:
    from pipeline.corpus.fingerprint import ready_settings
    from pipeline.params import load_params

    folder = tmp_path / "other"
    folder.mkdir()
    (folder / "tokenizer.json").write_text("{}")
    params = load_params(Path(__file__).parents[2] / "presets" / "demo.yaml")
    ready = [str(folder), "tiktoken:gpt2"]
    params = params.model_copy(
        update={"tokenizer": params.tokenizer.model_copy(update={"ready": ready})}
    )
    before = as_text(ready_settings(params))
    (folder / "tokenizer.json").write_text("{ }")
    after = as_text(ready_settings(params))
    assert before != after and str(tmp_path) not in after and "tiktoken:gpt2" in after


def test_an_edited_file_of_the_benchmark_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.corpus.fingerprint import benchmark_settings
    from pipeline.params import load_params

    monkeypatch.chdir(tmp_path)
    own = tmp_path / "languages/benchmarks"
    own.mkdir(parents=True)
    (tmp_path / "blimp").mkdir()
    files = [tmp_path / "mine.jsonl", tmp_path / "blimp/one.jsonl", own / "tat.facts.yaml"]
    for file in (*files, own / "kin.pairs.jsonl"):
        file.write_text("{}")
    params = load_params(Path(__file__).parents[2] / "presets" / "demo.yaml")
    named = {"pair_files": ["mine.jsonl", "blimp"]}
    evaluation = params.evaluation.model_copy(update=named)
    params = params.model_copy(update={"evaluation": evaluation})
    states = [as_text(benchmark_settings(params))]
    for file in files:
        file.write_text("{ }")
        states.append(as_text(benchmark_settings(params)))
    assert len(set(states)) == len(states)
    (own / "kin.pairs.jsonl").write_text("{ }")  # of another language
    assert as_text(benchmark_settings(params)) == states[-1]
    files[0].unlink()
    with pytest.raises(UserError, match="does not exist"):
        benchmark_settings(params)
