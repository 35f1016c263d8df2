"""With examples in the prompt: does the model answer better once it has seen how it is asked?

As in Brown et al. 2020 (https://arxiv.org/abs/2005.14165): zero, one, four right answers to other
questions of the same kind stand before the question, drawn anew for each. All choices follow the
same examples, so that the bits of whole texts compare as they are.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

import numpy as np

from pipeline.evaluation.choices import Item, answer_items, score_choices
from pipeline.evaluation.facts import Question, answer_shares, question_bits, right_answers
from pipeline.evaluation.pairs import Scorer
from pipeline.evaluation.uncertainty import interval

Asked = TypeVar("Asked")


def spread_out(count: int, limit: int, seed: int) -> list[int]:
    """At most `limit` of `count` places, chosen at random, in order."""
    generator = np.random.default_rng(seed)
    return sorted(generator.permutation(count)[:limit].tolist())


def facts_in_context(
    questions: Sequence[Question],
    asked: Sequence[int],
    scorer: Scorer,
    shots: Sequence[int],
    seed: int,
) -> dict[str, Any]:
    """Accuracy on the questions numbered in `asked`, for each number of examples.

    Examples are other facts of the relation in the same formulation.
    """
    chosen = [questions[index] for index in asked]

    def kind(question: Question) -> Hashable:
        return question.relation, question.formulation

    def right_sentence(question: Question) -> str:
        return question.sentences[question.answer]

    result = {}
    for count in shots:
        prompts = _prompts(
            questions,
            asked,
            kind,
            lambda question: question.sentences[question.answer],
            count,
            seed,
        )
        prompted = [
            question._replace(
                sentences=[prompt + text for text in question.sentences],
                neutral=[prompt + text for text in question.neutral],
            )
            for question, prompt in zip(chosen, prompts, strict=True)
        ]
        shares = answer_shares(prompted, question_bits(prompted, scorer))
        right = right_answers(prompted, shares)
        groups = [question.fact for question in prompted]
        result[str(count)] = {
            "accuracy": float(right.mean()) if len(right) else None,
            "interval": interval(right, seed, groups=groups),
            "chance": float(np.mean([1 / len(q.choices) for q in prompted])) if prompted else None,
            "questions": len(prompted),
        }
    return result


def choices_in_context(
    items: Sequence[Item],
    asked: Sequence[int],
    scorer: Scorer,
    shots: Sequence[int],
    seed: int,
) -> dict[str, Any]:
    """Accuracy on the items numbered in `asked`, for each number of examples of their subject."""
    result = {}
    for count in shots:
        prompts = _prompts(
            items, asked, lambda item: item.subject, lambda item: item.right, count, seed
        )
        prompted = [
            items[index]._replace(stem=(prompt + items[index].stem).strip())
            for index, prompt in zip(asked, prompts, strict=True)
        ]
        scores = score_choices(prompted, answer_items(prompted, scorer, gain=False), seed)
        result[str(count)] = {
            key: scores[key] for key in ("accuracy", "interval", "accuracy_per_byte", "chance")
        } | {"questions": scores["items"]}
    return result


def _prompts(
    everything: Sequence[Asked],
    asked: Sequence[int],
    kind: Callable[[Asked], Hashable],
    right: Callable[[Asked], str],
    count: int,
    seed: int,
) -> list[str]:
    """For each asked one the right answers of `count` others of its kind; fewer if there are none.

    The examples of a smaller count are among those of a larger one.
    """
    alike: dict[Hashable, list[int]] = defaultdict(list)
    for index, one in enumerate(everything):
        alike[kind(one)].append(index)
    prompts = []
    for index in asked:
        others = [other for other in alike[kind(everything[index])] if other != index]
        generator = np.random.default_rng([seed, index])
        drawn = [others[place] for place in generator.permutation(len(others))[:count]]
        prompts.append("".join(right(everything[other]) + " " for other in drawn))
    return prompts
