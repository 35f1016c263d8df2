"""A small part of the benchmark that is asked at every validation, to see when a model learns what.

The items are fixed, few, and none of the test split: pairs and facts that are given, or pairs and
cloze made from validation text. Asking draws no random numbers, so training goes on as if it had
not been asked.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from pipeline.documents import read_texts, texts_within
from pipeline.evaluation.choices import Item
from pipeline.evaluation.cloze import make_cloze
from pipeline.evaluation.facts import Question
from pipeline.evaluation.few_shot import choices_in_context, facts_in_context, spread_out
from pipeline.evaluation.likelihood import text_bits
from pipeline.evaluation.made_pairs import WordForms, candidates
from pipeline.evaluation.overlap import words
from pipeline.evaluation.pairs import Pair, choose_pairs, won_pairs
from pipeline.evaluation.sets import read_sets
from pipeline.languages import load_language
from pipeline.models import LanguageModel
from pipeline.params import Params

READ = 4_000_000  # characters of training text that words are counted in


@dataclass(frozen=True)
class Prober:
    """Asks a model a few pairs, facts and cloze sentences."""

    pairs: Sequence[Pair]
    questions: Sequence[Question]
    cloze: Sequence[Item]
    limit: int
    shots: Sequence[int]
    seed: int

    def __call__(self, model: LanguageModel, tokenizer: Tokenizer) -> dict[str, float]:
        """Accuracy on each kind, with each number of examples: `pairs`, `facts/4_examples`, ..."""

        def scorer(texts: list[str]) -> np.ndarray:
            return text_bits(model, tokenizer, texts)

        found: dict[str, float] = {}
        if self.pairs:
            found["pairs"] = float(won_pairs(self.pairs, scorer)[0].mean())
        facts = [index for index, question in enumerate(self.questions) if question.held_out]
        asked = [facts[place] for place in spread_out(len(facts), self.limit, self.seed)]
        if asked:
            for count, scores in facts_in_context(
                self.questions, asked, scorer, self.shots, self.seed
            ).items():
                found[f"facts/{count}_examples"] = scores["accuracy"]
        if self.cloze:
            places = spread_out(len(self.cloze), self.limit, self.seed)
            for count, scores in choices_in_context(
                self.cloze, places, scorer, self.shots, self.seed
            ).items():
                found[f"cloze/{count}_examples"] = scores["accuracy"]
        return found


def make_prober(params: Params, clean: Path, probes: Path) -> Prober | None:
    """What a training with these params is asked; None where `tracking.probes` is 0.

    Raises:
        UserError: a file of the benchmark is malformed.
    """
    limit, settings = params.tracking.probes, params.evaluation
    if not limit:
        return None
    sets = read_sets(settings, probes, params.corpus.language)
    pairs = next(iter(sets.pairs.values()), [])
    questions = next((facts.questions for facts in sets.facts.values()), [])
    cloze: list[Item] = []
    if (clean / "validation").is_dir() and (clean / "train").is_dir():
        counts = _count_words(read_texts(clean / "train"))
        held_out = list(texts_within(read_texts(clean / "validation"), READ))
        cloze = make_cloze(held_out, counts, limit, settings.seed)[:limit]
        if not pairs:
            language = load_language(params.corpus.language)
            harmony = language.harmony if language else ()
            made = candidates(held_out, WordForms(counts), limit, settings.seed, harmony)
            pairs = [candidate.pair for candidate in made]
    return Prober(
        choose_pairs(pairs, limit, settings.seed),
        questions,
        cloze,
        limit,
        settings.few_shot,
        settings.seed,
    )


def _count_words(texts: Iterable[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for text in texts_within(texts, READ):
        counts.update(words(text))
    return counts
