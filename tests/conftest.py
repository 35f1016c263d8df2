"""What many tests share: a tokenizer, a model of each family, a folder of tokens."""

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.setdefault("WANDB_MODE", "disabled")

import numpy as np
import pytest
from tokenizers import Tokenizer

ROOT = Path(__file__).parent.parent
SENTENCES = [
    "Бүген һава матур, балалар урамда уйный.",
    "Әнием базардан алма белән катык алды.",
    "Кичә без авылга кайттык, әби безне көтә иде.",
    "Ул мәктәптә укытучы булып эшли.",
    "Кояш чыкты, кошлар сайрый башлады.",
]


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a byte-level tokenizer of 320 tokens."""
    from pipeline.tokenization.tokenizer import save_tokenizer
    from pipeline.tokenization.train import train_bpe

    folder = tmp_path_factory.mktemp("tokenizer")
    save_tokenizer(train_bpe(SENTENCES * 4, 320), folder)
    return folder


@pytest.fixture(scope="session")
def tokenizer(tokenizer_folder: Path) -> Tokenizer:
    from pipeline.tokenization.tokenizer import load_tokenizer

    return load_tokenizer(tokenizer_folder)


@pytest.fixture(scope="session")
def tokens(tokenizer: Tokenizer) -> np.ndarray:
    """About ten thousand tokens of repeated sentences, each begun by the special token."""
    from pipeline.tokenization.tokenizer import BOS_ID, encode_batch

    random = np.random.default_rng(0)
    chosen = [SENTENCES[i] for i in random.integers(0, len(SENTENCES), 500)]
    ids = [token for row in encode_batch(tokenizer, chosen) for token in (BOS_ID, *row)]
    return np.array(ids, dtype="<u2")
