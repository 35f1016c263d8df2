"""Does the model know what it was told, however it is asked?

As in LAMA (Petroni et al. 2019, https://arxiv.org/abs/1909.01066) and ParaRel (Elazar et al. 2021,
https://arxiv.org/abs/2102.01017) a fact is a subject, a relation and an answer from a closed set,
told in several formulations. Each choice makes a whole sentence, so that languages with the verb
last are treated fairly, and the choice whose sentence gains most over the same sentence without
the subject is the answer: `bits(sentence) - bits(neutral)`, smallest wins. So neither the length
of an answer nor its frequency counts.

A tie is worth what guessing among the tied gives on average, in accuracy and in agreement alike.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.errors import UserError
from pipeline.evaluation.pairs import Scorer
from pipeline.evaluation.uncertainty import TIE_BITS, interval

Fact = tuple[str, str]  # relation and subject


class Question(NamedTuple):
    """One fact in one formulation. `sentences` and `neutral` follow the order of `choices`."""

    relation: str
    subject: str
    formulation: str
    held_out: bool  # training never tells this relation of this subject in this formulation
    answer: int
    choices: list[str]
    sentences: list[str]
    neutral: list[str]

    @property
    def fact(self) -> Fact:
        """Who it is about, and which relation."""
        return self.relation, self.subject


def read_questions(path: Path) -> list[Question]:
    """Read `{"questions": [...]}`.

    Raises:
        UserError: the file is missing or no JSON or holds no question, or a question is malformed.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing: it should hold questions about facts") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise UserError(f"{path}:{error.lineno} is not valid JSON: {error.msg}") from None
    rows = values.get("questions") if isinstance(values, dict) else None
    if not isinstance(rows, list) or not rows:
        raise UserError(f"{path} has no questions: it must be an object with a list `questions`")
    questions = [_parse(row, f"{path}, question {number}") for number, row in enumerate(rows, 1)]
    _check_facts(questions, path)
    return questions


def _parse(row: Any, where: str) -> Question:
    if not isinstance(row, dict):
        raise UserError(f"{where} must be an object")
    for key in ("relation", "subject", "formulation"):
        if not isinstance(row.get(key), str) or not row[key].strip():
            raise UserError(f"{where} needs `{key}`, a text that is not empty")
    if not isinstance(row.get("held_out"), bool):
        raise UserError(f"{where} needs `held_out`, true or false")
    for key in ("choices", "sentences", "neutral"):
        value = row.get(key)
        if not isinstance(value, list) or not all(isinstance(text, str) and text for text in value):
            raise UserError(f"{where} needs `{key}`, a list of texts that are not empty")
        if len(value) != len(row["choices"]):
            raise UserError(
                f"{where} has {len(value)} `{key}` for {len(row['choices'])} `choices`: "
                "there must be one for each"
            )
    if len(row["choices"]) < 2 or len(set(row["choices"])) < len(row["choices"]):
        raise UserError(f"{where} needs two or more `choices`, all different")
    if len(set(row["sentences"])) < len(row["sentences"]):
        raise UserError(f"{where} has the same sentence for two choices")
    answer = row.get("answer")
    if not isinstance(answer, int) or isinstance(answer, bool):
        raise UserError(f"{where} needs `answer`, the number of a choice counted from 0")
    if not 0 <= answer < len(row["choices"]):
        raise UserError(
            f"{where} has answer {answer}, but only {len(row['choices'])} choices from 0 on"
        )
    return Question(**{key: row[key] for key in Question._fields})


def _check_facts(questions: Sequence[Question], path: Path) -> None:
    """A fact has one answer from one set of choices, and each formulation at most once."""
    known: dict[tuple[str, str], Question] = {}
    seen = set()
    for number, question in enumerate(questions, 1):
        first = known.setdefault(question.fact, question)
        where = f"{path}, question {number} ({question.relation} of {question.subject})"
        if set(first.choices) != set(question.choices):
            raise UserError(f"{where} has other choices than the same fact before it")
        if first.choices[first.answer] != question.choices[question.answer]:
            raise UserError(f"{where} has another answer than the same fact before it")
        if (key := (*question.fact, question.formulation)) in seen:
            raise UserError(f"{where} is there twice in formulation {question.formulation}")
        seen.add(key)


def question_bits(questions: Sequence[Question], scorer: Scorer) -> dict[str, float]:
    """The bits of every sentence that the questions are made of, each scored once."""
    texts = sorted(
        {text for question in questions for text in (*question.sentences, *question.neutral)}
    )
    return dict(zip(texts, scorer(texts).tolist(), strict=True))


def answer_shares(
    questions: Sequence[Question], bits: dict[str, float], normalised: bool = True
) -> list[np.ndarray]:
    """For each question the probability of each choice as the answer: 1, or shared among ties.

    The order is that of the choices sorted by name, so that formulations compare.
    """
    shares = []
    for question in questions:
        cost = np.array([bits[text] for text in question.sentences])
        if normalised:
            cost = cost - np.array([bits[text] for text in question.neutral])
        tied = cost <= cost.min() + TIE_BITS
        shares.append((tied / tied.sum())[np.argsort(question.choices)])
    return shares


def score_facts(
    questions: Sequence[Question],
    shares: Sequence[np.ndarray],
    seed: int,
    left_out: frozenset[int] = frozenset(),
    attested: frozenset[Fact] | None = None,
) -> dict[str, Any]:
    """Accuracy, agreement, and both at once, beside chance and the most frequent answer.

    `accuracy` is over held-out formulations, less those in `left_out` (indices of questions that
    training text tells after all); None where there are none. `consistency` is the share of facts
    for which all formulations get one answer, `pairwise_consistency` that of pairs of formulations
    (ParaRel's), and `accurate_and_consistent` the share for which that one answer is right: all
    formulations right, which stands under that name too. `pairwise_accurate_and_consistent` is the
    share of pairs of formulations that both are. Where it is known which facts are `attested`,
    accuracy is also given on those and on the others apart.
    """
    right = right_answers(questions, shares)
    tested = [
        index
        for index, question in enumerate(questions)
        if question.held_out and index not in left_out
    ]
    majority = majority_answers(questions)
    facts: dict[Fact, list[int]] = {}
    for index, question in enumerate(questions):
        facts.setdefault(question.fact, []).append(index)
    compared = [members for members in facts.values() if len(members) > 1]
    agreement = [_agreement([shares[index] for index in members]) for members in compared]
    both = [float(np.prod(right[members])) for members in compared]
    pairwise_both = [_both_right(right[members]) for members in compared]
    groups = [questions[index].fact for index in tested]
    told = {} if attested is None else _by_attestation(questions, right, tested, attested, seed)
    return {
        "accuracy": _mean(right[tested]),
        "interval": interval(right[tested], seed, groups=groups),
        "accuracy_all": _mean(right),
        "chance": _mean([1 / len(questions[index].choices) for index in tested]),
        "majority": _mean([float(_is_majority(questions[index], majority)) for index in tested]),
        "consistency": _mean([together for together, _ in agreement]),
        "consistency_interval": interval([together for together, _ in agreement], seed),
        "pairwise_consistency": _mean([pairwise for _, pairwise in agreement]),
        "chance_consistency": _mean(
            [len(questions[m[0]].choices) ** (1.0 - len(m)) for m in compared]
        ),
        "majority_consistency": 1.0 if compared else None,
        "chance_pairwise_consistency": _mean([1 / len(questions[m[0]].choices) for m in compared]),
        "majority_pairwise_consistency": 1.0 if compared else None,
        "accurate_and_consistent": _mean(both),
        "both_interval": interval(both, seed),
        "all_formulations_right": _mean(both),
        "pairwise_accurate_and_consistent": _mean(pairwise_both),
        "chance_accurate_and_consistent": _mean(
            [len(questions[m[0]].choices) ** -float(len(m)) for m in compared]
        ),
        "majority_accurate_and_consistent": _mean(
            [float(_is_majority(questions[members[0]], majority)) for members in compared]
        ),
        "questions": len(questions),
        "held_out": len(tested),
        "contaminated": len(left_out),
        "facts": len(facts),
        **told,
    }


def _by_attestation(
    questions: Sequence[Question],
    right: np.ndarray,
    tested: Sequence[int],
    attested: frozenset[Fact],
    seed: int,
) -> dict[str, Any]:
    """Accuracy on what the training text tells and on what it does not, each beside chance."""
    result: dict[str, Any] = {
        "attested_facts": len({question.fact for question in questions} & attested)
    }
    for name, there in (("attested", True), ("unattested", False)):
        members = [index for index in tested if (questions[index].fact in attested) == there]
        result[f"accuracy_{name}"] = _mean(right[members])
        result[f"interval_{name}"] = interval(
            right[members], seed, groups=[questions[index].fact for index in members]
        )
        result[f"chance_{name}"] = _mean([1 / len(questions[index].choices) for index in members])
    return result


def right_answers(questions: Sequence[Question], shares: Sequence[np.ndarray]) -> np.ndarray:
    """For each question the probability that the right answer is given, float64 [questions]."""
    return np.array([share[_place(q)] for q, share in zip(questions, shares, strict=True)])


def agreement(questions: Sequence[Question], shares: Sequence[np.ndarray]) -> list[float]:
    """For each fact with several formulations the probability that all get the same answer."""
    facts: dict[Fact, list[np.ndarray]] = {}
    for question, share in zip(questions, shares, strict=True):
        facts.setdefault(question.fact, []).append(share)
    return [_agreement(found)[0] for found in facts.values() if len(found) > 1]


def macro(by_relation: Mapping[str, Mapping[str, Any]], keys: Sequence[str]) -> dict[str, Any]:
    """The mean over relations of each key, so that a relation with many facts counts as one."""
    found = {
        key: [scores[key] for scores in by_relation.values() if scores.get(key) is not None]
        for key in keys
    }
    return {key: _mean(values) for key, values in found.items()}


def majority_answers(questions: Sequence[Question]) -> dict[str, str]:
    """For each relation the answer that is right for most subjects; of equals the first by name."""
    answers = {question.fact: question.choices[question.answer] for question in questions}
    counts: dict[str, Counter[str]] = {}
    for (relation, _), answer in sorted(answers.items()):
        counts.setdefault(relation, Counter())[answer] += 1
    return {
        relation: min(count, key=lambda answer: (-count[answer], answer))
        for relation, count in counts.items()
    }


def _is_majority(question: Question, majority: dict[str, str]) -> bool:
    return question.choices[question.answer] == majority[question.relation]


def _place(question: Question) -> int:
    """Where the right answer stands among the choices sorted by name."""
    return sorted(question.choices).index(question.choices[question.answer])


def _agreement(shares: Sequence[np.ndarray]) -> tuple[float, float]:
    """The probability that all formulations, and that two of them, get the same answer."""
    together = float(np.prod(shares, axis=0).sum())
    pairwise = [float(one @ other) for one, other in combinations(shares, 2)]
    return together, sum(pairwise) / len(pairwise)


def _both_right(right: np.ndarray) -> float:
    """The probability that two of these formulations are both right."""
    return float(np.mean([one * other for one, other in combinations(right, 2)]))


def _mean(values: Sequence[float] | np.ndarray) -> float | None:
    return float(np.mean(values)) if len(values) else None
