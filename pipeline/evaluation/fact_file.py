"""Facts that people wrote: a YAML file with relations, formulations, answers and subjects.

    licence: CC0-1.0
    relations:
      capital:
        description: which city is the capital of a country
        formulations:
          - "{subject.gen} башкаласы — {answer}."
        subjectless: {nom: ул, gen: аның}
        answers:
          Мәскәү: {nom: Мәскәү, loc: Мәскәүдә}
        facts:
          - subject: {nom: Россия, gen: Россиянең}
            answer: Мәскәү

`{subject.gen}` asks for the form `gen` of the subject, `{subject}` for `nom`. `subjectless` says
what stands in the place of the subject when its answer is to be judged without it; where it is left
out, nothing does. docs/benchmark.md tells how to write such a file.
"""

import re
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.errors import UserError
from pipeline.evaluation.facts import Fact, Question

Forms = dict[str, Annotated[str, Field(pattern=r"\S")]]
Surface = dict[Fact, tuple[list[str], list[str]]]  # forms of the subject, and of the answer

_SLOT = re.compile(r"\{(subject|answer)(?:\.(\w+))?\}")
_BRACES = re.compile(r"[{}]")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Told(_Part):
    subject: Forms
    answer: str


class _Relation(_Part):
    description: str = Field(min_length=1)
    formulations: list[Annotated[str, Field(pattern=r"\S")]] = Field(min_length=1)
    subjectless: Forms | None = None
    answers: dict[str, Forms] = Field(min_length=2)
    facts: list[_Told] = Field(min_length=1)


class _File(_Part):
    licence: str = Field(min_length=1)
    relations: dict[str, _Relation] = Field(min_length=1)


def read_fact_file(path: Path) -> tuple[list[Question], Surface]:
    """The questions of a file, one for each fact in each formulation, and the forms of each fact.

    Every formulation counts as held out: nobody says that training tells it.

    Raises:
        UserError: the file is missing, no UTF-8, no YAML, or anything in it is wrong; the one line
            names the file and, where it is in one, the relation.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is missing: it should hold facts") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise UserError(
            f"{path}{line} is not valid YAML: {getattr(error, 'problem', error)}"
        ) from None
    if not isinstance(values, dict):
        raise UserError(f"{path} has no facts: it must hold `licence` and `relations`")
    try:
        parsed = _File.model_validate(values)
    except ValidationError as error:
        raise UserError(f"{path}: {_explain(dict(error.errors()[0]))}") from None
    questions: list[Question] = []
    surface: Surface = {}
    for name, relation in parsed.relations.items():
        _check(relation, f"{path}, relation {name}")
        for told in relation.facts:
            questions += _questions(name, relation, told)
            fact = (name, told.subject["nom"])
            surface[fact] = (
                list(told.subject.values()),
                list(relation.answers[told.answer].values()),
            )
    return questions, surface


def _explain(error: dict[str, Any]) -> str:
    """One line for pydantic's first complaint, with the relation in front."""
    place = [str(part) for part in error["loc"]]
    if len(place) > 1 and place[0] == "relations":
        place = [f"relation {place[1]}", *place[2:]]
    # A fact is known by its number from 1 on.
    place = [str(int(part) + 1) if part.isdecimal() else part for part in place]
    value = repr(error["input"])
    shown = value if len(value) <= 60 else value[:57] + "..."
    if error["type"] == "missing":
        return f"{', '.join(place)} is missing"
    if error["type"] == "extra_forbidden":
        return f"{', '.join(place)} is no key of a file of facts"
    return f"{', '.join(place)} is {shown}: {error['msg'][0].lower()}{error['msg'][1:]}"


def _check(relation: _Relation, where: str) -> None:
    """What pydantic cannot see: that all forms and answers that are asked for are there."""
    for name, forms in relation.answers.items():
        _has_nominative(forms, f"{where}, answer {name}")
    subjects = set()
    for number, told in enumerate(relation.facts, 1):
        here = f"{where}, fact {number}"
        _has_nominative(told.subject, here)
        if told.answer not in relation.answers:
            known = ", ".join(relation.answers)
            raise UserError(f"{here}: {told.answer} is not among the answers: {known}")
        if told.subject["nom"] in subjects:
            raise UserError(f"{here}: {told.subject['nom']} is there twice; it has one answer")
        subjects.add(told.subject["nom"])
    for number, text in enumerate(relation.formulations, 1):
        _check_formulation(relation, text, f"{where}, formulation {number} ({text})")
    if len(set(relation.formulations)) < len(relation.formulations):
        raise UserError(f"{where} has the same formulation twice")


def _check_formulation(relation: _Relation, text: str, where: str) -> None:
    slots = [(slot, case or "nom") for slot, case in _SLOT.findall(text)]
    if _BRACES.search(_SLOT.sub("", text)):
        raise UserError(f"{where} has a brace that is neither {{subject...}} nor {{answer...}}")
    for key in ("subject", "answer"):
        if key not in [slot for slot, _ in slots]:
            raise UserError(f"{where} does not name {{{key}}}")
    for slot, case in slots:
        asks = f"{where} asks for {slot}.{case}"
        if slot == "answer":
            for name, forms in relation.answers.items():
                _has(forms, case, asks, f"the answer {name}")
            continue
        for told in relation.facts:
            _has(told.subject, case, asks, told.subject["nom"])
        if relation.subjectless is not None:
            _has(relation.subjectless, case, asks, "`subjectless`")
    subject = relation.facts[0].subject
    made = [_tell(text, subject, forms) for forms in relation.answers.values()]
    if len(set(made)) < len(made):
        raise UserError(f"{where} is the same sentence for two answers")


def _has_nominative(forms: Forms, where: str) -> None:
    if "nom" not in forms:
        raise UserError(f"{where} has no form `nom`")


def _has(forms: Forms, case: str, asks: str, who: str) -> None:
    if case not in forms:
        raise UserError(f"{asks}, but {who} has {', '.join(forms)}")


def _questions(name: str, relation: _Relation, told: _Told) -> list[Question]:
    choices = list(relation.answers)
    nobody = relation.subjectless
    return [
        Question(
            relation=name,
            subject=told.subject["nom"],
            formulation=text,
            held_out=True,
            answer=choices.index(told.answer),
            choices=choices,
            sentences=[_tell(text, told.subject, relation.answers[choice]) for choice in choices],
            neutral=[_tell(text, nobody, relation.answers[choice]) for choice in choices],
        )
        for text in relation.formulations
    ]


def _tell(text: str, subject: Forms | None, answer: Forms) -> str:
    """A formulation with its words in place; it begins with a capital letter.

    >>> _tell("{subject.gen} башкаласы — {answer}.", {"gen": "аның"}, {"nom": "Уфа"})
    'Аның башкаласы — Уфа.'
    """

    def form(match: re.Match[str]) -> str:
        forms = answer if match[1] == "answer" else subject
        return "" if forms is None else forms[match[2] or "nom"]

    sentence = " ".join(_SLOT.sub(form, text).split())
    return sentence[:1].upper() + sentence[1:]
