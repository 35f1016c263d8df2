"""What the report says, in the order of the pipeline, made from the reports of the stages.

Every section lives with keys that are null or missing: real corpora have no known dirt and no
facts, and a stage that has not run has no report. What does not apply is left out.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.publishing.results import dig
from pipeline.reporting.benchmark_sections import benchmark, samples
from pipeline.reporting.blocks import Card, Section, Table, number
from pipeline.reporting.cost import cost
from pipeline.reporting.figures import readable
from pipeline.reporting.model_sections import export, ladder, training
from pipeline.reporting.text_sections import corpus, words
from pipeline.reporting.tokenizer_sections import tokenizer
from pipeline.reporting.traces import trace
from pipeline.reporting.trial_section import trials

Reports = Mapping[str, Any]


def cards(reports: Reports) -> list[Card]:
    """The figures that stand at the top of the page."""
    cleaning, evaluation = reports["cleaning"], reports["evaluation"]
    raw, kept = dig(cleaning, "documents.raw"), dig(cleaning, "documents.kept")
    model, five = (dig(evaluation, f"bits_per_byte.{x}") for x in ("model", "char_5gram"))
    training = reports["training"]
    found = []
    if raw and kept is not None:
        found.append(Card("documents kept", number(kept), f"{kept / raw:.1%} of {raw:,}", "corpus"))
    if dig(reports["tokenizer"], "chosen.size") is not None:
        chosen = reports["tokenizer"]["chosen"]
        found.append(
            Card(
                "tokens in the vocabulary",
                number(chosen["size"]),
                readable(chosen["kind"]),
                "tokenizer",
            )
        )
    if dig(training, "parameters") is not None:
        context = f"context {training['context']:,} tokens" if training.get("context") else ""
        found.append(Card("parameters", number(training["parameters"]), context, "training"))
    if model is not None:
        beside = f"{model / five - 1:+.0%} against the 5-gram's {five:.3f}" if five else ""
        found.append(Card("bits per byte on test text", number(model, ".3f"), beside, "benchmark"))
    if dig(evaluation, "minimal_pairs.accuracy") is not None:
        found.append(
            Card(
                "minimal pairs right",
                number(evaluation["minimal_pairs"]["accuracy"], ".1%"),
                "chance 50%",
                "benchmark",
            )
        )
    if dig(evaluation, "facts.accuracy") is not None:
        facts = evaluation["facts"]
        found.append(
            Card(
                "facts right",
                number(facts["accuracy"], ".1%"),
                f"chance {number(facts.get('chance'), '.0%')}",
                "benchmark",
            )
        )
        found.append(
            Card(
                "same answer to every wording",
                number(facts.get("consistency"), ".1%"),
                f"chance {number(facts.get('chance_consistency'), '.1%')}",
                "benchmark",
            )
        )
    return found


def sections(
    reports: Reports,
    sources: Sequence[Mapping[str, Any]],
    curve: Sequence[Mapping[str, Any]],
    environment: Mapping[str, str],
    stages: Sequence[Mapping[str, Any]],
) -> list[Section]:
    """All sections that have something to say, in the order of the pipeline.

    Args:
        sources: the records of data/raw/sources.json.
        curve: losses at tokens read; see `figures.losses`.
        environment: what the run was made with.
        stages: what each stage took; see `cost`.
    """
    made = [
        corpus(reports["cleaning"], reports["dropped_examples"], sources, reports["words"]),
        words(reports["words"]),
        tokenizer(reports["tokenizer"]),
        training(reports["training"], curve),
        ladder(reports["experiments"]),
        trials(reports.get("trials")),
        benchmark(reports["evaluation"], reports["experiments"]),
        samples(reports["evaluation"]),
        export(reports["export"]),
        cost(reports, stages),
        run(environment),
    ]
    trace(made)
    return [section for section in made if not section.empty]


def run(environment: Mapping[str, str]) -> Section:
    """What is needed to do it again."""
    section = Section("run", "This run")
    section.paragraphs.append(
        "The params below, the code and the corpus make every figure; each section says which."
    )
    section.tables.append(Table(("", ""), list(environment.items()), prose=True))
    return section
