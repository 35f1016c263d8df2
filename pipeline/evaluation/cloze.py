"""Cloze: the last content word of a held-out sentence, against words that could be mistaken for it.

After LAMBADA and CLOTH (Paperno et al. 2016, https://arxiv.org/abs/1606.06031; Xie et al. 2018,
https://arxiv.org/abs/1711.03225), but made from any corpus: a distractor has the same ending as the
word that stands there and is about as frequent, so that neither grammar nor frequency alone tells
which word it was. Some distractors fit as well, so nobody gets them all right.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable

import numpy as np

from pipeline.evaluation.choices import Item
from pipeline.evaluation.made_pairs import core_of, sentences_of

DISTRACTORS = 3
ENDING = 2  # letters that all choices end in
CONTENT_LETTERS = 4  # of a content word at least
COMMON = 100  # the most frequent words are no content words
RATIO = 4.0  # how many times as frequent a distractor may be, or as rare
FEWEST = 3  # times that a distractor stands in training
SPARE = 2  # items made for each one that is wanted


class Words:
    """The content words of the training text by their ending."""

    def __init__(self, counts: Counter[str]) -> None:
        self._counts = counts
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        self._common = frozenset(ranked[:COMMON])
        self._by_ending: dict[str, list[str]] = defaultdict(list)
        for word in sorted(counts):
            if counts[word] >= FEWEST and self.is_content(word):
                self._by_ending[word[-ENDING:]].append(word)

    def is_content(self, word: str) -> bool:
        """Whether a word, in lower case, is long enough and not among the commonest."""
        return len(word) >= CONTENT_LETTERS and word.isalpha() and word not in self._common

    def distractors(self, word: str, generator: np.random.Generator) -> list[str] | None:
        """Words with the ending of `word`, about as frequent, of other stems; None: too few."""
        own = max(self._counts[word], FEWEST)
        near = [
            other
            for other in self._by_ending[word[-ENDING:]]
            if other[:CONTENT_LETTERS] != word[:CONTENT_LETTERS]
            and abs(math.log(self._counts[other] / own)) <= math.log(RATIO)
        ]
        if len(near) < DISTRACTORS:
            return None
        chosen = [near[place] for place in generator.permutation(len(near))]
        found: dict[str, str] = {}
        for other in chosen:  # of two forms of one stem only one
            found.setdefault(other[:CONTENT_LETTERS], other)
        return list(found.values())[:DISTRACTORS] if len(found) >= DISTRACTORS else None


def make_cloze(texts: Iterable[str], counts: Counter[str], wanted: int, seed: int) -> list[Item]:
    """Items from the sentences of held-out texts, more than `wanted`, for some may overlap.

    `counts` is how often each word stands in training.
    """
    words = Words(counts)
    sentences = sorted({sentence for text in texts for sentence in sentences_of(text)})
    generator = np.random.default_rng(seed)
    items: list[Item] = []
    for index in generator.permutation(len(sentences)):
        if len(items) >= SPARE * wanted:
            break
        item = _spoil(sentences[index], words, generator)
        if item is not None:
            items.append(item)
    return items


def _spoil(sentence: str, words: Words, generator: np.random.Generator) -> Item | None:
    tokens = sentence.split()
    for place in range(len(tokens) - 1, 0, -1):
        core = core_of(tokens[place])
        if core is None or not core.islower() or not words.is_content(core):
            continue
        others = words.distractors(core, generator)
        if others is None:
            return None  # the last content word decides, not the last with distractors
        makings = {}
        for word in (core, *others):
            spoilt = list(tokens)
            spoilt[place] = tokens[place].replace(core, word, 1)
            makings[word] = " ".join(spoilt)
        order = [sorted(makings)[place] for place in generator.permutation(len(makings))]
        return Item("", "", [makings[word] for word in order], order.index(core))
    return None
