"""What a model is measured against: n-grams and a compressor, fed the same training text.

A neural model that needs more bits than an interpolated character 5-gram trained in seconds has
learnt little; `xz` shows what plain repetition of earlier text is worth.
"""

import lzma
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from pipeline.documents import texts_within
from pipeline.evaluation.likelihood import utf8_bytes
from pipeline.evaluation.pairs import Scorer
from pipeline.ngrams import CharNgram
from pipeline.word_ngrams import WordNgram

XZ_WINDOW = 4 << 20  # bytes of training text that xz looks back on; it compresses them twice
WORD_TEXT = 20_000_000  # characters of training text that words are counted in
WORDS = "word_3gram"
BESIDE = 5  # the order of the character n-gram that always stands beside a model


class Rivals:
    """Character n-grams of all orders and the word n-gram; what they say of short texts is kept."""

    def __init__(self, characters: CharNgram, words: WordNgram) -> None:
        self._characters, self._words = characters, words
        self.names = [*(f"char_{n}gram" for n in range(1, characters.order + 1)), WORDS]
        self._known: dict[str, np.ndarray] = {}

    @classmethod
    def train(cls, training: Callable[[str], Iterable[str]], order: int) -> "Rivals":
        """Read the training text, which `training` gives under a description, once for each.

        Words are counted in the beginning of a very long text, since each takes much memory.
        """
        characters = CharNgram.train(training("character n-grams"), order)
        return cls(characters, WordNgram.train(texts_within(training("word n-grams"), WORD_TEXT)))

    def table(self, texts: Sequence[str]) -> np.ndarray:
        """The bits of each text under each of `names`, float64 [texts, names]."""
        of_words = self._words.bits(texts)[:, None]
        return np.hstack([self._characters.bits_by_order(texts), of_words])

    def beside(self) -> dict[str, Scorer]:
        """Those that stand beside the model on pairs, facts and choices."""
        longest = self._characters.order
        names = dict.fromkeys((f"char_{BESIDE}gram", f"char_{longest}gram", WORDS))
        return {name: self._scorer(name) for name in names}

    def _scorer(self, name: str) -> Scorer:
        column = self.names.index(name)

        def bits(texts: list[str]) -> np.ndarray:
            new = list(dict.fromkeys(text for text in texts if text not in self._known))
            self._known.update(zip(new, self.table(new), strict=True))
            return np.array([self._known[text][column] for text in texts])

        return bits


def rival_bits_per_byte(
    rivals: Rivals, table: np.ndarray, texts: Sequence[str]
) -> dict[str, float | None]:
    """Bits per byte for each of the rivals, from their `table` on `texts`."""
    size = sum(utf8_bytes(text) for text in texts)
    return {
        name: float(total) / size if size else None
        for name, total in zip(rivals.names, table.sum(axis=0), strict=True)
    }


def xz_bits_per_byte(training: Iterable[str], texts: Sequence[str]) -> float | None:
    """Bits per byte that `texts` add to the compressed end of the training text.

    The texts follow each other on lines, so that, unlike a model, xz may also look back at earlier
    ones.
    """
    return next(xz_of_each(training, [texts]))


def xz_of_each(training: Iterable[str], groups: Iterable[Sequence[str]]) -> Iterator[float | None]:
    """`xz_bits_per_byte` of each group of texts, reading the training text once."""
    end: deque[bytes] = deque()
    held = 0
    for text in training:
        end.append(text.encode("utf-8") + b"\n")
        held += len(end[-1])
        while held - len(end[0]) >= XZ_WINDOW:
            held -= len(end.popleft())
    known = b"".join(end)[-XZ_WINDOW:]
    alone = len(lzma.compress(known))
    for texts in groups:
        if not texts:
            yield None
            continue
        unknown = "\n".join(texts).encode("utf-8")
        added = len(lzma.compress(known + unknown)) - alone
        yield 8 * added / sum(utf8_bytes(text) for text in texts)
