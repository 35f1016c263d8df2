"""Texts that must not be in the corpus, such as a benchmark: whatever holds one of them goes.

A text of a benchmark that was trained on measures memory. As in Brown et al. 2020 (appendix C),
runs of words are compared: a document goes if it has a run of `WORDS` words in a row with such a
text, or, where that is shorter, the whole of it. Texts of fewer than `FEWEST` words are left alone:
everybody says them.
"""

import json
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import xxhash
from numpy.typing import NDArray

from pipeline.cleaning.characters import Characters
from pipeline.cleaning.normalise import normalise
from pipeline.corpus.compression import open_bytes, reading
from pipeline.corpus.paths import list_files
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
        UserError: a file is missing, damaged, no UTF-8 text, or not what its name says.
    """
    texts: list[str] = []
    for path in paths:
        for file in list_files(path, "cleaning.held_out")[0]:
            with reading(file), open_bytes(file) as stream:
                try:
                    lines = stream.read().decode("utf-8-sig").splitlines()
                except UnicodeDecodeError:
                    raise UserError(f"cleaning.held_out: {file.path} is not UTF-8 text") from None
            for number, line in enumerate(lines, 1):
                if file.format != "jsonl":
                    texts.append(line)
                elif line.strip():
                    texts += _texts_of(line, f"cleaning.held_out: {file.path}:{number}")
    flat = [line for text in normalise(texts) for line in text.split("\n")]
    return HeldOut(characters.measure(flat).plain if flat else [])


def _texts_of(line: str, where: str) -> list[str]:
    try:
        return list(_strings(json.loads(line)))
    except (ValueError, RecursionError):
        raise UserError(f"{where} is not valid JSON") from None


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
