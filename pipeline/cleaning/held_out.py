"""Texts that must not be in the corpus, such as a benchmark: whatever holds one of them goes.

A text of a benchmark that was trained on measures memory. As in Brown et al. 2020 (appendix C),
runs of words are compared: a document goes if it has a run of `WORDS` words in a row with such a
text, or, where that is shorter, the whole of it. Texts of fewer than `FEWEST` words are left alone:
everybody says them.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import xxhash
from numpy.typing import NDArray

from pipeline.cleaning.characters import Characters
from pipeline.cleaning.normalise import normalise
from pipeline.errors import UserError

WORDS = 8
FEWEST = 4


class HeldOut:
    """Hashes of runs of words, by length."""

    def __init__(self, plain: Iterable[str]) -> None:
        found: dict[int, set[int]] = {}
        for text in plain:
            words = text.split()
            if len(words) >= FEWEST:
                length = min(len(words), WORDS)
                found.setdefault(length, set()).update(_runs(words, length))
        self._runs = {n: np.array(sorted(runs), np.uint64) for n, runs in sorted(found.items())}

    def __len__(self) -> int:
        return sum(map(len, self._runs.values()))

    def inside(self, plain: Sequence[str]) -> NDArray[np.bool_]:
        """Whether each text (see `Measured.plain`) has a run of words with a held-out one."""
        hits = np.zeros(len(plain), bool)
        for index, text in enumerate(plain) if self._runs else ():
            words = text.split()
            for length, known in self._runs.items():
                runs = np.fromiter(_runs(words, length), np.uint64)
                if np.isin(runs, known).any():
                    hits[index] = True
                    break
        return hits


def _runs(words: Sequence[str], length: int) -> Iterator[int]:
    for begin in range(len(words) - length + 1):
        yield xxhash.xxh3_64_intdigest(" ".join(words[begin : begin + length]).encode())


def read_held_out(paths: Sequence[str], characters: Characters) -> HeldOut:
    """Read the files of `cleaning.held_out`: a text a line, or JSONL, where every text counts.

    Raises:
        UserError: a file is missing, no UTF-8 text, or not what its name says.
    """
    texts: list[str] = []
    for name in paths:
        path = Path(name)
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            raise UserError(f"cleaning.held_out: {path} does not exist") from None
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"cleaning.held_out: {path} cannot be read as text: {error}") from None
        if path.suffix.lower() in (".jsonl", ".ndjson"):
            for number, line in enumerate(lines, 1):
                try:
                    texts += _strings(json.loads(line)) if line.strip() else []
                except ValueError:
                    raise UserError(
                        f"cleaning.held_out: {path}:{number} is not valid JSON"
                    ) from None
        else:
            texts += lines
    flat = [line for text in normalise(texts) for line in text.split("\n")]
    return HeldOut(characters.measure(flat).plain if flat else [])


def _strings(value: object) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
