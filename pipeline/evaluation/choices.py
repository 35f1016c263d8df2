"""Multiple choice: which of several texts does the model find the likeliest?

Files have the shape of MMLU (Hendrycks et al. 2021, https://arxiv.org/abs/2009.03300): `question`,
`choices` and `answer`, as JSON lines or as the authors' CSV. A small model knows nothing of the
letters A to D, so each choice is written out behind the question and the whole text is scored, as
lm-evaluation-harness does for ARC or HellaSwag: the likeliest wins, in bits and in bits per byte of
the choice. A third way takes away how likely a choice is by itself (pointwise mutual information,
Holtzman et al. 2021, https://arxiv.org/abs/2104.08315).

A tie is worth what guessing among the tied gives on average.
"""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipeline.errors import UserError
from pipeline.evaluation.likelihood import utf8_bytes
from pipeline.evaluation.pairs import Scorer, read_json_lines, read_lines
from pipeline.evaluation.uncertainty import TIE_BITS, interval

LETTERS = "ABCDEFGHIJ"
WHAT = "multiple-choice items"


class Item(NamedTuple):
    """A question with its choices, or a sentence (`stem` is empty) in several makings."""

    subject: str
    stem: str
    choices: list[str]
    answer: int

    @property
    def texts(self) -> list[str]:
        """The whole text of each choice."""
        return [f"{self.stem} {choice}" if self.stem else choice for choice in self.choices]

    @property
    def right(self) -> str:
        """The whole text of the right choice."""
        return self.texts[self.answer]


def read_choices(path: Path) -> list[Item]:
    """Read JSON lines with `question`, `choices`, `answer` and perhaps `subject`, or a CSV file as
    MMLU has them: a question, its choices and the answer's letter in a row, no header.

    In JSON `answer` may also be a number counted from 0; in both it may be one of the choices.

    Raises:
        UserError: the file is missing, not UTF-8 or holds no question, or a line is malformed.
    """
    if path.suffix.lower() == ".csv":
        rows, shape = _read_csv(path), "in each row a question, its choices, the answer's letter"
    else:
        rows = read_json_lines(path, WHAT)
        shape = "one JSON object a line with question, choices, answer"
    items = [_parse(row, where) for row, where in rows]
    if not items:
        raise UserError(f"{path} has no items: {shape}")
    return items


def _read_csv(path: Path) -> Iterator[tuple[dict[str, Any], str]]:
    """Rows in the shape of the JSON, and where they stand; cells left empty are no choices.

    A first row that begins with `question` is a header.
    """
    reader = csv.reader(read_lines(path, WHAT), strict=True)
    try:
        for cells in reader:
            if reader.line_num == 1 and cells and cells[0].strip().lower() == "question":
                continue
            if len(cells) > 1:
                question, *choices, answer = cells
                choices = [choice for choice in choices if choice.strip()]
                row = {"question": question, "choices": choices, "answer": answer.strip()}
                yield row, f"{path}:{reader.line_num}"
            elif any(cell.strip() for cell in cells):
                raise UserError(
                    f"{path}:{reader.line_num} has one cell: a question, its choices and the "
                    "answer's letter are divided by commas"
                )
    except csv.Error as error:
        raise UserError(f"{path}:{reader.line_num} is not valid CSV: {error}") from None


def _parse(row: dict[str, Any], where: str) -> Item:
    question, choices, subject = row.get("question"), row.get("choices"), row.get("subject", "")
    if not isinstance(question, str) or not question.strip():
        raise UserError(f"{where} needs `question`, a text that is not empty")
    if not isinstance(choices, list) or not all(
        isinstance(text, str) and text.strip() for text in choices
    ):
        raise UserError(f"{where} needs `choices`, a list of texts that are not empty")
    if len(choices) < 2 or len(set(choices)) < len(choices):
        raise UserError(f"{where} needs two or more `choices`, all different")
    if not isinstance(subject, str):
        raise UserError(f"{where}: `subject` must be a text")
    answer = row.get("answer")
    if isinstance(answer, str):
        if answer in choices:
            answer = choices.index(answer)
        elif len(answer) == 1 and answer in LETTERS[: len(choices)]:
            answer = LETTERS.index(answer)
        else:
            raise UserError(f"{where}: the answer {answer!r} is not among its choices")
    if not isinstance(answer, int) or isinstance(answer, bool):
        raise UserError(
            f"{where} needs `answer`: a number counted from 0, a letter, or one of the choices"
        )
    if not 0 <= answer < len(choices):
        raise UserError(f"{where} has answer {answer}, but only {len(choices)} choices from 0 on")
    return Item(subject, question.strip(), choices, answer)


class Answers(NamedTuple):
    """For each item the probability that the right choice is taken, float64 [items], three ways.

    `gain` is None where items have no stem: there is nothing to be likelier after.
    """

    by_bits: np.ndarray
    by_bytes: np.ndarray
    gain: np.ndarray | None


def answer_items(items: Sequence[Item], scorer: Scorer, gain: bool = True) -> Answers:
    """Ask a scorer all items; every text is scored once. Without `gain` that is left out."""
    stems = bool(items) and all(item.stem for item in items)
    gain = gain and stems
    texts = {text for item in items for text in item.texts}
    if stems:
        texts |= {item.stem for item in items}
    if gain:
        texts |= {choice for item in items for choice in item.choices}
    ordered = sorted(texts)
    bits = dict(zip(ordered, np.asarray(scorer(ordered)).tolist(), strict=True))
    rows: list[tuple[float, ...]] = []
    for item in items:
        cost = np.array([bits[text] for text in item.texts])
        size = np.array([utf8_bytes(choice) for choice in item.choices], dtype=float)
        behind = cost - (bits[item.stem] if stems else 0.0)
        row = [_right(cost, item.answer), _right(behind / size, item.answer, size.max())]
        if gain:
            alone = np.array([bits[choice] for choice in item.choices])
            row.append(_right(behind - alone, item.answer))
        rows.append(tuple(row))
    columns = np.array(rows).reshape(len(items), 3 if gain else 2).T
    return Answers(columns[0], columns[1], columns[2] if gain else None)


def _right(cost: np.ndarray, answer: int, scale: float = 1.0) -> float:
    tied = cost <= cost.min() + TIE_BITS / scale
    return float(tied[answer] / tied.sum())


def score_choices(items: Sequence[Item], answers: Answers, seed: int) -> dict[str, Any]:
    """Accuracy three ways, beside chance and the place that is right most often.

    None stands for what cannot be measured.
    """
    places = Counter(item.answer for item in items)
    by_subject = {}
    for name in sorted({item.subject for item in items if item.subject}):
        of = np.array([item.subject == name for item in items])
        by_subject[name] = {
            "accuracy": float(answers.by_bits[of].mean()),
            "interval": interval(answers.by_bits[of], seed),
            "items": int(of.sum()),
        }
    return {
        "accuracy": _mean(answers.by_bits),
        "interval": interval(answers.by_bits, seed),
        "accuracy_per_byte": _mean(answers.by_bytes),
        "interval_per_byte": interval(answers.by_bytes, seed),
        "accuracy_gain": None if answers.gain is None else _mean(answers.gain),
        "chance": _mean(np.array([1 / len(item.choices) for item in items])),
        "majority": max(places.values()) / len(items) if items else None,
        "items": len(items),
        "by_subject": by_subject,
    }


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if len(values) else None
