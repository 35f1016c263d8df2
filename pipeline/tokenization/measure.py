"""What can be said of a tokenizer without training a model on it.

Some measures look at held-out text: how short it becomes, how many words stay whole, how evenly the
vocabulary is used. Others look at the training text: tokens that are hardly ever seen are
parameters that are hardly ever trained. None of this decides (`judge` does); it explains.

All of them follow from how often each token occurs, so text is encoded once for a whole family of
BPE tokenizers; see `family`.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from tokenizers import Tokenizer

from pipeline.tokenization.bulk import BulkEncoder
from pipeline.tokenization.pieces import count_pieces
from pipeline.tokenization.sample import groups
from pipeline.tokenization.tokenizer import bos_id, encode_batch, token_bytes

ALPHA = 2.5
RARE = 10
FEWER = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
LISTED = 15  # tokens to look at
POINTS = 60  # of a curve


def count_words(texts: Iterable[str]) -> Counter[str]:
    """How often each word (a run without white space) occurs."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text.split())
    return counts


@dataclass(frozen=True)
class Material:
    """The text that tokenizers are measured on, with what has to be known of it only once.

    `train` is the training text, or an even part of it.
    """

    train: Sequence[str]
    held_out: Sequence[str]

    @cached_property
    def pieces(self) -> tuple[pa.Array, np.ndarray, np.ndarray]:
        """The different pieces of both texts, and how often each occurs in the training text and
        in the held-out one, int64[pieces] each."""
        pieces, counts = zip(*map(count_pieces, (self.train, self.held_out)), strict=True)
        table = pa.Table.from_arrays(
            [
                pa.concat_arrays(pieces),
                np.append(counts[0], np.zeros_like(counts[1])),
                np.append(np.zeros_like(counts[0]), counts[1]),
            ],
            ["piece", "train", "held_out"],
        )
        sums = table.group_by("piece", use_threads=False).aggregate(
            [("train", "sum"), ("held_out", "sum")]
        )
        train, held_out = (sums[f"{name}_sum"].to_numpy() for name in ("train", "held_out"))
        return sums["piece"].combine_chunks(), train, held_out

    @cached_property
    def held_out_words(self) -> Counter[str]:
        """Words of the held-out text, where white space divides them."""
        return count_words(self.held_out)

    @cached_property
    def bare_words(self) -> Counter[str]:
        """Words of the held-out text less punctuation around them."""
        bare: Counter[str] = Counter()
        for word, count in self.held_out_words.items():
            bare[_without_punctuation(word)] += count
        del bare[""]
        return bare

    @cached_property
    def held_out_bytes(self) -> int:
        """The UTF-8 bytes of the held-out text."""
        return sum(len(text.encode()) for text in self.held_out)


@dataclass(frozen=True)
class Counts:
    """How often each token occurs, int64[vocabulary] each: in the training text, in the held-out
    text, and there as a whole word."""

    train: np.ndarray
    held_out: np.ndarray
    words: np.ndarray


def count(encoder: BulkEncoder, material: Material) -> Counts:
    """Encode the text and count. Words stand behind a space, where most words stand."""
    tokenizer = encoder.tokenizer
    if encoder.cuts:
        train, held_out = encoder.count(*material.pieces)
    else:
        train, held_out = (
            _count_whole(encoder, text) for text in (material.train, material.held_out)
        )
    words = np.zeros(tokenizer.get_vocab_size(), np.int64)
    spelt = {token for token in token_bytes(tokenizer) if token.startswith(b" ")}
    likely = [word for word in material.bare_words if f" {word}".encode() in spelt]
    for word, ids in zip(
        likely, encode_batch(tokenizer, [f" {word}" for word in likely]), strict=True
    ):
        if len(ids) == 1:
            words[ids[0]] += material.bare_words[word]
    return Counts(train, held_out, words)


def _count_whole(encoder: BulkEncoder, texts: Sequence[str]) -> np.ndarray:
    counts = np.zeros(encoder.vocabulary, np.int64)
    for group in groups(texts):
        ids, _ = encoder.encode(pa.array(group, pa.large_string()))
        counts += np.bincount(ids, minlength=len(counts))
    counts[bos_id(encoder.tokenizer)] -= len(texts)
    return counts


def measure(tokenizer: Tokenizer, counts: Counts, material: Material) -> dict[str, float]:
    """The measures that are single figures.

    Returns:
        bytes_per_token, characters_per_token: how much held-out text one token stands for.
        fertility: tokens for each word, where white space divides words.
        words_whole: share of word occurrences, less punctuation around them, that are one token.
        renyi_efficiency: see `renyi_efficiency`.
        vocabulary_used: share of the vocabulary that occurs in the held-out text.
        invalid_utf8_share: share of its tokens that are no valid UTF-8 by themselves.
        rare_share: share of the vocabulary seen fewer than 10 times in the training text.
        never_share, under_100_share: the same for fewer than 1 and 100 times.
        rare_text_share, under_100_text_share: share of that text's tokens that are such tokens.
    """
    held_out = counts.held_out
    tokens = max(int(held_out.sum()), 1)
    invalid = np.array([not _is_utf8(token) for token in token_bytes(tokenizer)])
    seen = np.delete(counts.train, bos_id(tokenizer))
    total = max(int(seen.sum()), 1)
    return {
        "bytes_per_token": material.held_out_bytes / tokens,
        "characters_per_token": sum(map(len, material.held_out)) / tokens,
        "fertility": tokens / max(material.held_out_words.total(), 1),
        "words_whole": int(counts.words.sum()) / max(material.bare_words.total(), 1),
        "renyi_efficiency": renyi_efficiency(held_out),
        "vocabulary_used": float((held_out > 0).mean()),
        "invalid_utf8_share": float(held_out[invalid].sum() / tokens),
        "rare_share": float((seen < RARE).mean()),
        "never_share": float((seen < 1).mean()),
        "under_100_share": float((seen < 100).mean()),
        "rare_text_share": float(seen[seen < RARE].sum() / total),
        "under_100_text_share": float(seen[seen < 100].sum() / total),
    }


def describe(tokenizer: Tokenizer, counts: Counts) -> dict[str, Any]:
    """What is to be looked at.

    Returns:
        rank_frequency: [rank, occurrences in the training text], ranks evenly on a logarithm.
        tail: for each N of `FEWER` the shares of the vocabulary and of the training text that are
            tokens seen fewer than N times.
        longest: the longest tokens in characters, with their occurrences in the training text.
        rarest: those of more than one character that it holds least often.
    """
    seen = np.delete(counts.train, bos_id(tokenizer))
    ordered = np.sort(seen[seen > 0])[::-1]
    ranks = np.unique(np.geomspace(1, max(len(ordered), 1), POINTS).round().astype(int))
    total = max(int(seen.sum()), 1)
    tokens = token_bytes(tokenizer)
    characters = [_characters(token) for token in tokens]
    many = [index for index, number in enumerate(characters) if number > 1]
    longest = sorted(many, key=lambda index: (-characters[index], index))
    rarest = sorted(many, key=lambda index: (counts.train[index], -index))
    return {
        "rank_frequency": [[int(rank), int(ordered[rank - 1])] for rank in ranks if len(ordered)],
        "tail": [
            {
                "fewer_than": bound,
                "vocabulary": float((seen < bound).mean()),
                "text": float(seen[seen < bound].sum() / total),
            }
            for bound in FEWER
        ],
        "longest": [_listed(tokens, counts, index) for index in longest[:LISTED]],
        "rarest": [_listed(tokens, counts, index) for index in rarest[:LISTED]],
    }


def _listed(tokens: Sequence[bytes], counts: Counts, index: int) -> dict[str, Any]:
    return {"token": readable(tokens[index]), "count": int(counts.train[index])}


def readable(token: bytes) -> str:
    """A token as text that shows what it is: spaces as ␣, what is no UTF-8 in hexadecimal.

    >>> readable(" һәм".encode()), readable("ә".encode()[:1])
    ('␣һәм', '\\\\xd3')
    """
    text = token.decode("utf-8", "backslashreplace").replace(" ", "␣")
    return "".join(chr(0x2400 + ord(c)) if ord(c) < 32 else c for c in text)


def renyi_efficiency(counts: np.ndarray, alpha: float = ALPHA) -> float:
    """Rényi entropy of order alpha of the tokens' distribution, over the largest it could be.

    H_a(p) / log |V| with H_a(p) = log(sum p^a) / (1 - a); 1 means that all tokens are
    equally frequent. Zouhar et al. 2023, "Tokenization and the Noiseless Channel", found a = 2.5
    to go with how well models translate. `counts`: int[V], occurrences of each token.
    """
    shares = counts[counts > 0] / counts.sum()
    entropy = np.log(np.sum(shares**alpha)) / (1 - alpha)
    return float(abs(entropy) / np.log(len(counts)))


def _without_punctuation(word: str) -> str:
    kept = [index for index, letter in enumerate(word) if unicodedata.category(letter)[0] in "LM"]
    return word[kept[0] : kept[-1] + 1] if kept else ""


def _is_utf8(token: bytes) -> bool:
    try:
        token.decode()
    except UnicodeDecodeError:
        return False
    return True


def _characters(token: bytes) -> int:
    """How many characters of text a token holds; none if it is no text by itself."""
    return len(token.decode()) if _is_utf8(token) else 0
