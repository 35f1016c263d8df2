"""One model on the whole benchmark: its scores beside those of its rivals, and item by item."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.documents import read_texts
from pipeline.evaluation.baselines import Rivals, rival_bits_per_byte, xz_of_each
from pipeline.evaluation.choices import answer_items, score_choices
from pipeline.evaluation.facts import (
    agreement,
    answer_shares,
    macro,
    majority_answers,
    question_bits,
    right_answers,
    score_facts,
)
from pipeline.evaluation.few_shot import choices_in_context, facts_in_context, spread_out
from pipeline.evaluation.held_out import Document
from pipeline.evaluation.items import Measure, measure
from pipeline.evaluation.likelihood import bits_per_byte, first_halves, text_bits, utf8_bytes
from pipeline.evaluation.material import FactSet, ItemSet, Material, PairSet, TextSet
from pipeline.evaluation.pairs import summarise_pairs, won_pairs
from pipeline.evaluation.uncertainty import interval
from pipeline.models import LanguageModel
from pipeline.params import EvaluationParams
from pipeline.progress import progress

LENGTHS = (0, 100, 1_000, 10_000)  # bytes from which on a document counts as longer
MACRO = ("accuracy", "accuracy_all", "consistency", "pairwise_consistency", "chance", "majority")


class Examiner:
    """Scores texts with one model, and keeps what each item came to."""

    def __init__(
        self, model: LanguageModel, tokenizer: Any, rivals: Rivals, settings: EvaluationParams
    ) -> None:
        self._model, self._tokenizer = model, tokenizer
        self._rivals, self._settings, self._seed = rivals, settings, settings.seed
        self.measures: list[Measure] = []
        self._known: dict[str, float] = {}  # bits of sentences that were scored already

    def bits(self, texts: list[str], heads: list[str] | None = None) -> np.ndarray:
        """Total bits of each text, or of what follows its head; see `text_bits`."""
        with progress("scoring", len(texts)) as bar:
            return text_bits(self._model, self._tokenizer, texts, bar, heads)

    def sentence_bits(self, texts: list[str]) -> np.ndarray:
        """`bits`, but what was asked before is remembered: with no examples it is asked again."""
        new = list(dict.fromkeys(text for text in texts if text not in self._known))
        if new:
            self._known.update(zip(new, self.bits(new).tolist(), strict=True))
        return np.array([self._known[text] for text in texts])

    def _keep(self, one: Measure) -> None:
        if one.values:
            self.measures.append(one)

    # --- likelihood -----------------------------------------------------------------------------

    def likelihood(self, documents: Sequence[Document], fair: Sequence[int]) -> dict[str, Any]:
        """Bits per byte on the documents numbered in `fair`, by source and by length.

        `bits_per_byte_all` also holds the documents that overlap with training.
        """
        texts = [document.text for document in documents]
        mine = [texts[index] for index in fair]
        size = np.array([utf8_bytes(text) for text in texts])
        bits, table = self.bits(texts), self._rivals.table(texts)
        self._keep(
            measure("bits_per_byte", bits[fair], mine, weights=size[fair], lower_is_better=True)
        )

        def both(members: Sequence[int]) -> dict[str, Any]:
            chosen = [texts[index] for index in members]
            beside = rival_bits_per_byte(self._rivals, table[members], chosen)
            return {"model": bits_per_byte(bits[members], chosen), **beside}

        of_source = {
            source: [index for index in fair if documents[index].source == source]
            for source in sorted({document.source for document in documents})
        }
        return {
            "bits_per_byte": both(fair),
            "bits_per_byte_interval": interval(bits[fair], self._seed, weights=size[fair]),
            "bits_per_byte_by_source": {
                source: bits_per_byte(bits[members], [texts[index] for index in members])
                for source, members in of_source.items()
            },
            "bits_per_byte_by_length": _by_length(size, fair, both),
            "bits_per_byte_all": both(range(len(texts))),
            "test": {
                "documents": len(fair),
                "bytes": int(size[fair].sum()),
                "sampled_documents": len(texts),
                "sampled_bytes": int(size.sum()),
                "contaminated_documents": len(texts) - len(fair),
                "contaminated_share": 1 - len(fair) / len(texts),
            },
        }

    def text(self, name: str, given: TextSet) -> dict[str, Any]:
        """Bits per byte of a text, line by line, and of second halves given the first."""
        lines = given.lines
        size = np.array([utf8_bytes(line) for line in lines], dtype=np.int64)
        bits, table = self.bits(lines), self._rivals.table(lines)
        halves = first_halves(lines)
        rest = size - np.array([utf8_bytes(half) for half in halves], dtype=np.int64)
        second, rest_table = self.bits(lines, halves), table - self._rivals.table(halves)
        self._keep(measure(f"texts/{name}", bits, lines, weights=size, lower_is_better=True))
        whole = int(rest.sum())
        return {
            "bits_per_byte": {
                "model": bits_per_byte(bits, lines),
                **rival_bits_per_byte(self._rivals, table, lines),
            },
            "interval": interval(bits, self._seed, weights=size),
            "second_half": {
                "bits_per_byte": {
                    "model": float(second.sum()) / whole if whole else None,
                    **{
                        rival: float(total) / whole if whole else None
                        for rival, total in zip(
                            self._rivals.names, rest_table.sum(axis=0), strict=True
                        )
                    },
                },
                "bits_per_line": float(second.mean()) if lines else None,
                "interval": interval(second, self._seed, weights=rest) if whole else None,
            },
            "lines": len(lines),
            "bytes": int(size.sum()),
            "contaminated": given.contaminated,
        }

    # --- pairs, facts, choices ------------------------------------------------------------------

    def pairs(self, name: str, given: PairSet) -> dict[str, Any]:
        """Minimal pairs; the rivals' accuracy stands under their names."""
        won = won_pairs(given.pairs, self.sentence_bits)
        result = summarise_pairs(given.pairs, *won, self._seed)
        asked = [text for pair in given.pairs for text in (pair.good, pair.bad)]
        self._keep(measure(f"pairs/{name}", won[0], asked))
        for rival, scorer in self._rivals.beside().items():
            beside = summarise_pairs(given.pairs, *won_pairs(given.pairs, scorer), self._seed)
            result[rival] = beside["accuracy"]
            result[f"{rival}_per_byte"] = beside["accuracy_per_byte"]
            for phenomenon, scores in result["by_phenomenon"].items():
                scores[rival] = beside["by_phenomenon"][phenomenon]["accuracy"]
        return result | {"made": given.contaminated is None, "contaminated": given.contaminated}

    def facts(self, name: str, given: FactSet) -> dict[str, Any]:
        """Facts in all their formulations; rivals stand under `rival` and `rival_measure`."""
        questions = given.questions
        bits = question_bits(questions, self.sentence_bits)
        shares = answer_shares(questions, bits)
        result = self._scores(given, shares)
        plain = answer_shares(questions, bits, normalised=False)
        result["accuracy_unnormalised"] = self._scores(given, plain)["accuracy"]
        beside = {
            rival: answer_shares(questions, question_bits(questions, scorer))
            for rival, scorer in self._rivals.beside().items()
        }
        for rival, theirs in beside.items():
            scores = self._scores(given, theirs)
            result[rival] = scores["accuracy"]
            for key in _FACT_KEYS:
                result[f"{rival}_{key}"] = scores[key]
        result["by_relation"] = {}
        for relation in sorted(majority_answers(questions)):
            members = [i for i, question in enumerate(questions) if question.relation == relation]
            scores = self._scores(given, shares, members)
            for rival, theirs in beside.items():
                scores[rival] = self._scores(given, theirs, members)["accuracy"]
            result["by_relation"][relation] = scores
        result["macro"] = macro(result["by_relation"], (*MACRO, *beside))
        result["told_facts"] = [list(fact) for fact in sorted(given.attested)]
        self._keep_facts(name, given, shares)
        return result

    def _scores(
        self, given: FactSet, shares: Sequence[np.ndarray], members: Sequence[int] | None = None
    ) -> dict[str, Any]:
        chosen = range(len(given.questions)) if members is None else members
        told = frozenset(rank for rank, index in enumerate(chosen) if index in given.told)
        return score_facts(
            [given.questions[index] for index in chosen],
            [shares[index] for index in chosen],
            self._seed,
            told,
            given.attested,
        )

    def _keep_facts(self, name: str, given: FactSet, shares: Sequence[np.ndarray]) -> None:
        tested = _tested(given)
        questions = [given.questions[index] for index in tested]
        right = right_answers(questions, [shares[index] for index in tested])
        asked = [text for question in questions for text in question.sentences]
        groups = [question.fact for question in questions]
        self._keep(measure(f"facts/{name}", right, asked, groups=groups))
        whole = [text for question in given.questions for text in question.sentences]
        agree = agreement(given.questions, shares)
        self._keep(measure(f"facts/{name}/consistency", agree, whole))

    def choices(self, name: str, given: ItemSet) -> dict[str, Any]:
        """Multiple choice or cloze."""
        answers = answer_items(given.items, self.sentence_bits)
        result = score_choices(given.items, answers, self._seed)
        asked = [text for item in given.items for text in item.texts]
        self._keep(measure(f"choices/{name}", answers.by_bits, asked))
        for rival, scorer in self._rivals.beside().items():
            theirs = answer_items(given.items, scorer, gain=False)
            result[rival] = float(theirs.by_bits.mean()) if given.items else None
            result[f"{rival}_per_byte"] = float(theirs.by_bytes.mean()) if given.items else None
        return result | {"made": given.contaminated is None, "contaminated": given.contaminated}

    def few_shot(self, material: Material) -> dict[str, Any]:
        """Facts and choices with examples before them, on the same questions for each number."""
        shots, limit, seed = (
            self._settings.few_shot,
            self._settings.few_shot_questions,
            self._seed,
        )
        result: dict[str, Any] = {}
        for name, facts in material.facts.items():
            tested = _tested(facts)
            asked = [tested[place] for place in spread_out(len(tested), limit, seed)]
            result[f"facts/{name}"] = facts_in_context(
                facts.questions, asked, self.sentence_bits, shots, seed
            )
        for name, given in material.choices.items():
            asked = spread_out(len(given.items), limit, seed)
            result[f"choices/{name}"] = choices_in_context(
                given.items, asked, self.sentence_bits, shots, seed
            )
        return result


_FACT_KEYS = (
    "accuracy_all",
    "consistency",
    "pairwise_consistency",
    "accurate_and_consistent",
    "accuracy_attested",
    "accuracy_unattested",
)


def _tested(given: FactSet) -> list[int]:
    """The questions that accuracy is over."""
    return [
        index
        for index, question in enumerate(given.questions)
        if question.held_out and index not in given.told
    ]


def _by_length(size: np.ndarray, fair: Sequence[int], both: Any) -> list[dict[str, Any]]:
    rows = []
    for begin, end in zip(LENGTHS, (*LENGTHS[1:], None), strict=True):
        members = [
            index for index in fair if begin <= size[index] and (end is None or size[index] < end)
        ]
        if members:
            rows.append(
                {
                    "from_bytes": begin,
                    "to_bytes": end,
                    "documents": len(members),
                    "bits_per_byte": both(members),
                }
            )
    return rows


def add_xz(result: Mapping[str, Any], material: Material, train: Path) -> None:
    """Put what xz needs beside the bits per byte of the test documents and of each text."""
    fair = [material.documents[index].text for index in material.fair]
    groups = [fair, *(given.lines for given in material.texts.values())]
    of_each = list(xz_of_each(read_texts(train), groups))
    result["bits_per_byte"]["xz"] = of_each[0]
    for name, rate in zip(material.texts, of_each[1:], strict=True):
        result["texts"][name]["bits_per_byte"]["xz"] = rate
