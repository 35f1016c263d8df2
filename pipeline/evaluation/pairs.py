"""Minimal pairs: a right sentence and the same with one mistake, which a speaker finds odd.

The shape is that of BLiMP (Warstadt et al. 2020, https://arxiv.org/abs/1912.00582): one JSON
object a line with `good`, `bad` and `phenomenon`; BLiMP's own names are read as well. A pair is won
when the good sentence costs fewer bits; a tie is half. Where the two differ in length, the sum of
bits favours the shorter, so that accuracy by bits per byte stands beside it.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.errors import UserError
from pipeline.evaluation.likelihood import utf8_bytes
from pipeline.evaluation.uncertainty import TIE_BITS, interval

Scorer = Callable[[list[str]], np.ndarray]  # total bits of each text


NAMES = {  # of each key, in the order in which they are looked for
    "good": ("good", "sentence_good"),
    "bad": ("bad", "sentence_bad"),
    "phenomenon": ("phenomenon", "linguistics_term", "UID"),
}


class Pair(NamedTuple):
    """Two sentences that differ in one thing."""

    good: str
    bad: str
    phenomenon: str


def read_pairs(path: Path) -> list[Pair]:
    """Read pairs from JSON lines, or from all `.jsonl` files of a folder, as BLiMP comes.

    Keys beyond those of `NAMES` are left alone.

    Raises:
        UserError: the file is missing, not UTF-8 or holds no pair, or a line is malformed.
    """
    if path.is_dir():
        files = sorted(path.glob("*.jsonl"))
        if not files:
            raise UserError(f"{path} holds no .jsonl file of minimal pairs")
        return [pair for file in files for pair in read_pairs(file)]
    pairs = [_parse(row, where) for row, where in read_json_lines(path, "minimal pairs")]
    if not pairs:
        raise UserError(f"{path} has no pairs: one JSON object a line with good, bad, phenomenon")
    return pairs


def read_json_lines(path: Path, what: str) -> Iterator[tuple[dict[str, Any], str]]:
    """The object of each line that is not empty, and where it stands (`FILE:LINE`).

    Raises:
        UserError: the file is missing or not UTF-8, or a line holds no JSON object.
    """
    for number, line in enumerate(read_lines(path, what), start=1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise UserError(f"{where} is not valid JSON: {error.msg}") from None
        if not isinstance(row, dict):
            raise UserError(f"{where} must be an object: it should be one of the {what}")
        yield row, where


def read_lines(path: Path, what: str) -> list[str]:
    """The lines of a text file, with their ends.

    Raises:
        UserError: the file is missing or not UTF-8.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(file)
    except FileNotFoundError:
        raise UserError(f"{path} is missing: it should hold {what}") from None
    except IsADirectoryError:
        raise UserError(f"{path} is a folder: name a file of {what}") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text") from None


def _parse(row: dict[str, Any], where: str) -> Pair:
    values = []
    for key, names in NAMES.items():
        value = next((row[name] for name in names if name in row), None)
        if not isinstance(value, str) or not value.strip():
            raise UserError(f"{where} needs `{key}`, a text that is not empty")
        values.append(value)
    pair = Pair(*values)
    if pair.good == pair.bad:
        raise UserError(f"{where} has the same text as good and as bad")
    return pair


def choose_pairs(pairs: Sequence[Pair], limit: int, seed: int) -> list[Pair]:
    """At most `limit` pairs, the same number of each phenomenon as far as there are so many."""
    generator = np.random.default_rng(seed)
    by_phenomenon: dict[str, list[Pair]] = {}
    for index in generator.permutation(len(pairs)):
        by_phenomenon.setdefault(pairs[index].phenomenon, []).append(pairs[index])
    chosen: list[Pair] = []
    rank = 0
    while len(chosen) < min(limit, len(pairs)):
        for name in sorted(by_phenomenon):
            if rank < len(by_phenomenon[name]) and len(chosen) < limit:
                chosen.append(by_phenomenon[name][rank])
        rank += 1
    return chosen


def won_pairs(pairs: Sequence[Pair], scorer: Scorer) -> tuple[np.ndarray, np.ndarray]:
    """For each pair 1, 1/2 (a tie) or 0, by bits and by bits per byte."""
    bits = np.asarray(scorer([text for pair in pairs for text in (pair.good, pair.bad)]))
    bytes_ = np.array([[utf8_bytes(pair.good), utf8_bytes(pair.bad)] for pair in pairs]).reshape(
        -1, 2
    )
    good, bad = bits[0::2], bits[1::2]
    tie = TIE_BITS / bytes_.max(axis=1, initial=1)
    return _won(good, bad, TIE_BITS), _won(good / bytes_[:, 0], bad / bytes_[:, 1], tie)


def score_pairs(pairs: Sequence[Pair], scorer: Scorer, seed: int) -> dict[str, Any]:
    """Accuracy by bits and by bits per byte, in all and by phenomenon; None without pairs."""
    return summarise_pairs(pairs, *won_pairs(pairs, scorer), seed)


def summarise_pairs(
    pairs: Sequence[Pair], won: np.ndarray, won_per_byte: np.ndarray, seed: int
) -> dict[str, Any]:
    """The scores of `score_pairs`, from what `won_pairs` gave."""
    by_phenomenon = {}
    for name in sorted({pair.phenomenon for pair in pairs}):
        of = np.array([pair.phenomenon == name for pair in pairs])
        by_phenomenon[name] = {
            "accuracy": float(won[of].mean()),
            "accuracy_per_byte": float(won_per_byte[of].mean()),
            "interval": interval(won[of], seed),
            "pairs": int(of.sum()),
        }
    return {
        "accuracy": float(won.mean()) if len(pairs) else None,
        "accuracy_per_byte": float(won_per_byte.mean()) if len(pairs) else None,
        "interval": interval(won, seed),
        "interval_per_byte": interval(won_per_byte, seed),
        "pairs": len(pairs),
        "by_phenomenon": by_phenomenon,
    }


def _won(good: np.ndarray, bad: np.ndarray, tie: float | np.ndarray) -> np.ndarray:
    """1 where good costs less, 0 where it costs more, 1/2 where they cost the same."""
    return np.where(np.abs(bad - good) <= tie, 0.5, (good < bad).astype(float))
