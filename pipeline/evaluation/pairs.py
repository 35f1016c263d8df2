"""Minimal pairs: a right sentence and the same with one mistake, which a speaker finds odd.

The shape is that of BLiMP (Warstadt et al. 2020, https://arxiv.org/abs/1912.00582): one JSON
object a line with `good`, `bad` and `phenomenon`. A pair is won when the good sentence costs fewer
bits; a tie is half. Where the two differ in length, the sum of bits favours the shorter, so that
accuracy by bits per byte stands beside it.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.errors import UserError
from pipeline.evaluation.likelihood import utf8_bytes
from pipeline.evaluation.uncertainty import TIE_BITS, interval

Scorer = Callable[[list[str]], np.ndarray]  # total bits of each text


class Pair(NamedTuple):
    """Two sentences that differ in one thing."""

    good: str
    bad: str
    phenomenon: str


def read_pairs(path: Path) -> list[Pair]:
    """Read pairs from JSON lines; keys beyond the three are left alone.

    Raises:
        UserError: the file is missing, not UTF-8 or holds no pair, or a line is malformed.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        raise UserError(f"{path} is missing: it should hold minimal pairs") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text") from None
    pairs = [
        _parse(line, f"{path}:{number}")
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]
    if not pairs:
        raise UserError(f"{path} has no pairs: one JSON object a line with good, bad, phenomenon")
    return pairs


def _parse(line: str, where: str) -> Pair:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise UserError(f"{where} is not valid JSON: {error.msg}") from None
    if not isinstance(row, dict):
        raise UserError(f"{where} must be an object with good, bad, phenomenon")
    for key in Pair._fields:
        if not isinstance(row.get(key), str) or not row[key].strip():
            raise UserError(f"{where} needs `{key}`, a text that is not empty")
    if row["good"] == row["bad"]:
        raise UserError(f"{where} has the same text as good and as bad")
    return Pair(row["good"], row["bad"], row["phenomenon"])


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


def score_pairs(pairs: Sequence[Pair], scorer: Scorer, seed: int) -> dict[str, Any]:
    """Accuracy by bits and by bits per byte, in all and by phenomenon; None without pairs."""
    bits = np.asarray(scorer([text for pair in pairs for text in (pair.good, pair.bad)]))
    bytes_ = np.array([[utf8_bytes(pair.good), utf8_bytes(pair.bad)] for pair in pairs]).reshape(
        -1, 2
    )
    good, bad = bits[0::2], bits[1::2]
    won = _won(good, bad, TIE_BITS)
    won_per_byte = _won(
        good / bytes_[:, 0], bad / bytes_[:, 1], TIE_BITS / bytes_.max(axis=1, initial=1)
    )
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
