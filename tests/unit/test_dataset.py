"""The data set for loops of one's own: windows are the tokens, and what cannot be right is said."""

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from torch.utils.data import DataLoader

from pipeline.dataset import TokenDataset
from pipeline.documents import write_documents
from pipeline.errors import UserError
from pipeline.tokenization.encode import encode_splits
from pipeline.tokenization.tokenizer import bos_id, decode, encode_text
from tests.conftest import ROOT, SENTENCES


@pytest.fixture
def encoded(
    tmp_path: Path, tokenizer: Tokenizer, tokenizer_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A project after `encode`, in which we stand."""
    for split in ("train", "validation", "test"):
        rows = [{"id": str(i), "text": x, "source": "s"} for i, x in enumerate(SENTENCES * 10)]
        write_documents(tmp_path / "data/clean" / split, rows)
    shutil.copytree(tokenizer_folder, tmp_path / "data/tokenizer")
    encode_splits(tmp_path / "data/clean", tokenizer, tmp_path / "data/tokens", workers=1)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@given(length=st.integers(2, 200), window=st.integers(1, 60), stride=st.none() | st.integers(1, 60))
def test_windows_are_the_tokens_and_none_is_missed(
    length: int, window: int, stride: int | None
) -> None:
    tokens = np.arange(length, dtype=np.uint16)
    if window >= length:
        with pytest.raises(UserError, match=f"at most {length - 1}"):
            TokenDataset(tokens, length, window, stride)
        return
    data = TokenDataset(tokens, length, window, stride)
    step = stride or window
    for index in range(len(data)):
        inputs, targets = data[index]
        assert inputs.dtype == targets.dtype == torch.int64
        assert inputs.tolist() == list(range(index * step, index * step + window))
        assert targets.tolist() == [token + 1 for token in inputs.tolist()]
    assert data[-1][0].tolist() == data[len(data) - 1][0].tolist()
    assert len(data) * step + window >= length, "another whole window would fit behind the last"
    for outside in (len(data), -len(data) - 1):
        with pytest.raises(IndexError):
            data[outside]


def test_a_split_reads_as_its_documents_one_after_another(
    encoded: Path, tokenizer: Tokenizer
) -> None:
    data = TokenDataset.from_split("validation", 7)
    inputs = torch.cat([x for x, _ in data])
    wanted = [
        t for text in SENTENCES * 10 for t in (bos_id(tokenizer), *encode_text(tokenizer, text))
    ]
    assert inputs.tolist() == wanted[: len(inputs)] and len(wanted) - len(inputs) <= 7
    assert decode(tokenizer, data[0][0].tolist()) in SENTENCES[0]


def test_texts_in_memory_give_what_the_split_gives(encoded: Path, tokenizer: Tokenizer) -> None:
    split = TokenDataset.from_split("test", 16, 5)
    texts = TokenDataset.from_texts(SENTENCES * 10, tokenizer, 16, 5)
    assert len(split) == len(texts)
    assert all(torch.equal(split[i][0], texts[i][0]) for i in range(len(split)))


def test_processes_that_are_not_forked_read_the_file_and_do_not_carry_it(encoded: Path) -> None:
    data = TokenDataset.from_split("train", 16)
    packed = pickle.dumps(data)
    assert len(packed) < 1000
    again = pickle.loads(packed)
    assert isinstance(again.tokens, np.memmap) and torch.equal(again[3][1], data[3][1])
    loader = DataLoader(data, batch_size=4, num_workers=1, multiprocessing_context="fork")
    inputs, _ = next(iter(loader))
    assert inputs.shape == (4, 16)


def test_what_cannot_be_right_is_one_line(encoded: Path, tokenizer: Tokenizer) -> None:
    with pytest.raises(UserError, match="no split 'dev': take one of train, validation, test"):
        TokenDataset.from_split("dev", 8)
    with pytest.raises(UserError, match=r"the split test has .* too few for a window of 99,999"):
        TokenDataset.from_split("test", 99_999)
    for window, stride in ((0, None), (8, 0), (8, -1)):
        with pytest.raises(UserError, match="at least 1"):
            TokenDataset.from_split("test", window, stride)
    with pytest.raises(UserError, match="too few"):
        TokenDataset.from_texts([], tokenizer, 4)
    with pytest.raises(UserError, match="text 1 is float"):
        TokenDataset.from_texts(["а", float("nan")], tokenizer, 4)


def test_an_id_outside_the_vocabulary_is_one_line(encoded: Path) -> None:
    tokens = np.memmap("data/tokens/train.bin", dtype="<u2", mode="r+")
    tokens[-1] = 320
    tokens.flush()
    with pytest.raises(UserError, match=r"the split train has the token id 320, .* end at 319"):
        TokenDataset.from_split("train", 8)


def test_tokens_of_another_tokenizer_or_none_at_all_are_one_line(encoded: Path) -> None:
    record = json.loads(Path("data/tokens/test.json").read_text())
    Path("data/tokens/test.json").write_text(json.dumps(record | {"tokenizer": "0" * 64}))
    with pytest.raises(UserError, match="another tokenizer"):
        TokenDataset.from_split("test", 8)
    Path("data/tokens/train.bin").write_bytes(b"12")
    with pytest.raises(UserError, match="delete data/tokens"):
        TokenDataset.from_split("train", 8)
    Path("data/tokens/validation.json").unlink()
    with pytest.raises(UserError, match="is missing: run `dvc repro`"):
        TokenDataset.from_split("validation", 8)


def test_the_examples_of_the_docs_run(encoded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs/own-loop.md").read_text(encoding="utf-8")
    blocks = [part.split("```")[0] for part in page.split("```python\n")[1:]]
    assert len(blocks) == 2
    Path("my.txt").write_text("\n".join(SENTENCES), encoding="utf-8")
    Path("my.csv").write_text("text\n" + "\n".join(f'"{x}"' for x in SENTENCES), encoding="utf-8")
    spaces: list[dict[str, object]] = [{}, {}]
    for block, space in zip(blocks, spaces, strict=True):
        exec(block, space)
    assert 0 < float(str(spaces[0]["bits_per_byte"])) < 20
    assert "bits per byte on validation text" in capsys.readouterr().out
    assert len(spaces[1]["from_text"]) >= len(spaces[1]["from_table"]) > 0  # type: ignore[arg-type]
