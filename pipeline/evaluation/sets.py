"""What a benchmark is given: pairs, facts, multiple choice and texts, by the name of each set.

They come from the demo's world (data/probes), from the files that params name, and from
`languages/benchmarks/CODE.pairs.jsonl` and `CODE.facts.yaml`, which are taken for a language that
has them. Everything is read, and everything that can be wrong with it said, before any computing.
"""

from pathlib import Path
from typing import NamedTuple

from pipeline.errors import UserError
from pipeline.evaluation.choices import Item, read_choices
from pipeline.evaluation.fact_file import Surface, read_fact_file
from pipeline.evaluation.facts import Question, read_questions
from pipeline.evaluation.overlap import words
from pipeline.evaluation.pairs import Pair, read_pairs
from pipeline.params import EvaluationParams, benchmark_name

BENCHMARKS = Path("languages/benchmarks")
WORLD = "world"  # the set of the demo
PAIRS, FACTS = "pairs.jsonl", "facts.json"  # its files


class Facts(NamedTuple):
    """Questions, and the forms of the subject and the answer of every fact."""

    questions: list[Question]
    surface: Surface


class Sets(NamedTuple):
    """By name, the one first that stands for all in the headline figures."""

    pairs: dict[str, list[Pair]]
    facts: dict[str, Facts]
    choices: dict[str, list[Item]]
    texts: dict[str, list[str]]


def read_sets(
    settings: EvaluationParams, probes: Path, language: str, folder: Path = BENCHMARKS
) -> Sets:
    """Read all that there is for the language: the demo's, then files of params, then its own.

    Raises:
        UserError: a file is missing or malformed, or two sets have one name.
    """
    pairs: dict[str, list[Pair]] = {}
    facts: dict[str, Facts] = {}
    if (probes / PAIRS).exists():
        pairs[WORLD] = read_pairs(probes / PAIRS)
    if (probes / FACTS).exists():
        questions = read_questions(probes / FACTS)
        facts[WORLD] = Facts(questions, _surface(questions))
    own_pairs, own_facts = (folder / f"{language}.{kind}" for kind in ("pairs.jsonl", "facts.yaml"))
    for path in (*map(Path, settings.pair_files), *([own_pairs] if own_pairs.exists() else [])):
        pairs[_new_name(path, pairs)] = read_pairs(path.expanduser())
    for path in (*map(Path, settings.fact_files), *([own_facts] if own_facts.exists() else [])):
        name = _new_name(path, facts)
        facts[name] = Facts(*read_fact_file(path.expanduser()))
    return Sets(
        pairs,
        facts,
        {benchmark_name(path): read_choices(Path(path)) for path in settings.choice_files},
        {benchmark_name(path): read_lines(Path(path)) for path in settings.text_files},
    )


def _surface(questions: list[Question]) -> Surface:
    """The forms of facts of which only sentences are known.

    The forms of an answer are the words that no sentence with another answer has.
    """
    found: Surface = {}
    for question in questions:
        _, answer = found.setdefault(
            question.fact, ([question.subject], [question.choices[question.answer]])
        )
        others = {
            word
            for place, text in enumerate(question.sentences)
            if place != question.answer
            for word in words(text)
        }
        answer += sorted(set(words(question.sentences[question.answer])) - others)
    return found


def _new_name(path: Path, known: dict[str, list[Pair]] | dict[str, Facts]) -> str:
    name = benchmark_name(str(path))
    if name in known:
        raise UserError(f"{path}: there is a set called {name} already: rename the file")
    return name


def read_lines(path: Path) -> list[str]:
    """The lines of a text file that are not empty, one text each.

    Raises:
        UserError: the file is missing, is no UTF-8 text, or is empty.
    """
    path = path.expanduser()
    if not path.is_file():
        raise UserError(f"{path} does not exist: evaluation.text_files names text files")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text") from None
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if not lines:
        raise UserError(f"{path} is empty: there must be one text a line")
    if "\0" in text:
        raise UserError(f"{path} is not text: it holds NUL characters")
    return lines
