"""params.yaml: what is right is read; what is wrong is one line with key, value and remedy."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UserError
from pipeline.params import Params, load_params, parse_params
from pipeline.presets import names, read_preset, write_params
from tests.project import ROOT


def demo() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "presets/demo.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("section", "change", "said"),
    [
        ("model", {"layers": "two"}, "model.layers is 'two': allowed is a whole number"),
        ("model", {"layers": 0}, "model.layers is 0: allowed is at least 1"),
        ("model", {"width": 130}, "heads: 4 does not divide width: 130"),
        ("model", {"heads": 4, "kv_heads": 3}, "kv_heads: 3 does not divide heads: 4"),
        ("model", {"width": 12, "heads": 4}, "even number"),
        ("model", {"dropout": 1.0}, "model.dropout is 1.0: allowed is below 1"),
        ("model", {"family": "mamba"}, "model.family is 'mamba': allowed is modern, gpt2"),
        ("training", {"optimiser": "muon"}, "training.optimiser is no known key"),
        ("training", {"tokens": 1.5}, "training.tokens is 1.5: allowed is a whole number"),
        ("training", {"learning_rate": "1e-3x"}, "training.learning_rate is '1e-3x'"),
        ("tokenizer", {"sizes": []}, "tokenizer.sizes is []"),
        ("tokenizer", {"sizes": [512, 512]}, "differ"),
        ("tokenizer", {"choose": 4096}, "choose: 4096 is not among sizes"),
        ("tokenizer", {"kinds": ["bpe", "bpe"]}, "differ"),
        ("tokenizer", {"kinds": ["sentencepiece"]}, "tokenizer.kinds[0] is 'sentencepiece'"),
        ("tokenizer", {"kinds": [], "ready": []}, "at least one of kinds or ready"),
        ("tokenizer", {"kinds": ["bytes"], "choose": 512}, "no kind has sizes"),
        ("tokenizer", {"choose": {"kind": "bpe", "size": 512}}, "bpe is not among kinds"),
        ("tokenizer", {"choose": {"kind": "byte_bpe", "size": 999}}, "999 is not among sizes"),
        ("tokenizer", {"choose": {"kind": "byte_bpe"}}, "None is not among sizes"),
        (
            "tokenizer",
            {"kinds": ["bytes"], "choose": {"kind": "bytes", "size": 512}},
            "one size of its own",
        ),
        ("split", {"validation": 0.49, "test": 0.49}, "less than a tenth"),
        ("corpus", {"language": "tatar"}, "corpus.language is 'tatar'"),
        ("corpus", {"sources": []}, "corpus.sources is []"),
        ("corpus", {"sources": [{"path": "x"}]}, "corpus.sources[0] has no `kind`"),
        ("corpus", {"sources": [{"kind": "files"}]}, "corpus.sources[0].path is missing"),
        ("corpus", {"sources": [{"kind": "ftp"}]}, "allowed is demo, files, url, leipzig"),
        ("demo", {"dirt": -0.1}, "demo.dirt is -0.1: allowed is at least 0"),
    ],
)
def test_a_wrong_value_is_named_with_its_key_and_what_is_allowed(
    section: str, change: dict[str, Any], said: str
) -> None:
    values = demo()
    values[section] |= change
    with pytest.raises(UserError) as caught:
        parse_params(values)
    message = str(caught.value)
    assert said in message and "\n" not in message and message.startswith("params.yaml: ")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
        ),
        max_leaves=8,
    ),
    st.sampled_from(sorted(Params.model_fields)),
)
def test_anything_at_all_is_read_or_refused_in_one_line(value: Any, section: str) -> None:
    for values in (value, demo() | {section: value}):
        try:
            assert isinstance(parse_params(values), Params)
        except UserError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize("text", ["model: [", "a: b: c", "\t- x", ""])
def test_broken_yaml_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(UserError) as caught:
        load_params(tmp_path / "params.yaml")
    assert "params.yaml" in str(caught.value)


def test_missing_and_binary_files_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="tugantel use demo"):
        load_params(tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="not UTF-8"):
        load_params(tmp_path / "params.yaml")


def test_the_committed_params_are_the_demo() -> None:
    assert (ROOT / "params.yaml").read_text() == (ROOT / "presets/demo.yaml").read_text()
    assert parse_params(demo()).corpus.sources[0].kind == "demo"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "presets").symlink_to(ROOT / "presets")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_preset_is_valid_and_shows_what_it_changes(project: Path) -> None:
    write_params({}, force=False)
    for name in names():
        changes = write_params(read_preset(name), force=False)
        assert bool(changes) == (name != "demo")
        assert isinstance(load_params(), Params)


def test_comments_survive_a_preset(project: Path) -> None:
    write_params(read_preset("tatar-leipzig"), force=False)
    assert "# windows a step" in Path("params.yaml").read_text()


def test_hand_edits_are_not_overwritten_without_force(project: Path) -> None:
    write_params({}, force=False)
    path = Path("params.yaml")
    edited = path.read_text().replace("dropout: 0.1", "dropout: 0.3")
    path.write_text(edited)
    with pytest.raises(UserError, match="--force"):
        write_params(read_preset("tatar-leipzig"), force=False)
    assert path.read_text() == edited
    assert any("model.dropout" in line for line in write_params({}, force=True))
    assert load_params().model.dropout == 0.1


def test_an_invalid_overlay_leaves_params_as_they_were(project: Path) -> None:
    write_params({}, force=False)
    before = Path("params.yaml").read_text()
    with pytest.raises(UserError):
        write_params({"model": {"layers": -1}}, force=True)
    assert Path("params.yaml").read_text() == before


def test_an_unknown_preset_names_those_there_are(project: Path) -> None:
    with pytest.raises(UserError, match="demo"):
        read_preset("klingon")
