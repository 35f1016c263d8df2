"""What can be said of a tokenizer without training a model on it.

`measure` looks at held-out text: how short it becomes, how many words stay whole, how evenly the
vocabulary is used. `tail` looks at the training text: tokens that are hardly ever seen are
parameters that are hardly ever trained. None of this decides (`judge` does); it explains.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from tokenizers import Tokenizer

from pipeline.tokenization.sample import groups
from pipeline.tokenization.tokenizer import bos_id, encode_batch, token_bytes

ALPHA = 2.5
RARE = 10


def count_words(texts: Iterable[str]) -> Counter[str]:
    """How often each word (a run without white space) occurs."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text.split())
    return counts


def measure(
    tokenizer: Tokenizer, texts: Sequence[str], encoded: Sequence[np.ndarray]
) -> dict[str, float]:
    """Measures on held-out `texts` and their token ids `encoded`.

    Returns:
        bytes_per_token, characters_per_token: how much text one token stands for.
        fertility: tokens for each word, where white space divides words.
        words_whole: share of word occurrences, less punctuation around them, that are one token.
        renyi_efficiency: see `renyi_efficiency`.
        vocabulary_used: share of the vocabulary that occurs.
        invalid_utf8_share: share of the tokens of the text that are no valid UTF-8 by themselves.
    """
    counts = np.zeros(tokenizer.get_vocab_size(), np.int64)
    for ids in encoded:
        counts += np.bincount(ids, minlength=len(counts))
    tokens = int(counts.sum())
    words = count_words(texts)
    invalid = np.array([not _is_utf8(token) for token in token_bytes(tokenizer)])
    return {
        "bytes_per_token": sum(len(text.encode()) for text in texts) / tokens,
        "characters_per_token": sum(map(len, texts)) / tokens,
        "fertility": tokens / max(words.total(), 1),
        "words_whole": _words_whole(tokenizer, words),
        "renyi_efficiency": renyi_efficiency(counts),
        "vocabulary_used": float((counts > 0).mean()),
        "invalid_utf8_share": float(counts[invalid].sum() / tokens),
    }


def renyi_efficiency(counts: np.ndarray, alpha: float = ALPHA) -> float:
    """Rényi entropy of order alpha of the tokens' distribution, over the largest it could be.

    H_a(p) / log |V| with H_a(p) = log(sum p^a) / (1 - a); 1 means that all tokens are
    equally frequent. Zouhar et al. 2023, "Tokenization and the Noiseless Channel", found a = 2.5
    to go with how well models translate. `counts`: int[V], occurrences of each token.
    """
    shares = counts[counts > 0] / counts.sum()
    entropy = np.log(np.sum(shares**alpha)) / (1 - alpha)
    return float(abs(entropy) / np.log(len(counts)))


def tail(tokenizer: Tokenizer, pieces: Counter[str]) -> dict[str, float]:
    """The low-frequency tail of a vocabulary on its training text, given as `count_pieces`.

    Returns:
        rare_share: share of the vocabulary seen fewer than 10 times.
        never_share, under_100_share: the same for fewer than 1 and 100 times.
        rare_text_share, under_100_text_share: share of the text's tokens that are such tokens.
    """
    counts = np.zeros(tokenizer.get_vocab_size(), np.int64)
    for group in groups(pieces):
        encoded = encode_batch(tokenizer, group)
        ids = np.fromiter((token for one in encoded for token in one), np.int64)
        repeats = np.repeat([pieces[piece] for piece in group], [len(one) for one in encoded])
        np.add.at(counts, ids, repeats)
    counts = np.delete(counts, bos_id(tokenizer))
    total = counts.sum()
    return {
        "rare_share": float((counts < RARE).mean()),
        "never_share": float((counts < 1).mean()),
        "under_100_share": float((counts < 100).mean()),
        "rare_text_share": float(counts[counts < RARE].sum() / total),
        "under_100_text_share": float(counts[counts < 100].sum() / total),
    }


def _words_whole(tokenizer: Tokenizer, words: Counter[str]) -> float:
    bare: Counter[str] = Counter()
    for word, count in words.items():
        bare[_without_punctuation(word)] += count
    del bare[""]
    if not bare:
        return 0.0
    encoded = encode_batch(tokenizer, [f" {word}" for word in bare])
    whole = sum(count for count, ids in zip(bare.values(), encoded, strict=True) if len(ids) == 1)
    return whole / bare.total()


def _without_punctuation(word: str) -> str:
    kept = [index for index, letter in enumerate(word) if unicodedata.category(letter)[0] in "LM"]
    return word[kept[0] : kept[-1] + 1] if kept else ""


def _is_utf8(token: bytes) -> bool:
    try:
        token.decode()
    except UnicodeDecodeError:
        return False
    return True
