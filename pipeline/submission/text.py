"""The text of the pull request: what was asked for and found, the results, how to do it again."""

import math
from typing import Any

from pipeline.publishing.results import dig
from pipeline.submission.checklists import Checklist, Item
from pipeline.submission.checks import HUB, WANDB, Found
from pipeline.submission.project import Project


def pull_request(
    project: Project,
    checklist: Checklist,
    found: list[tuple[Item, Found]],
    name: str,
    parts: list[tuple[str, str]],
) -> str:
    """Markdown for people who mark it.

    Args:
        parts: names in the folder beside this text, and what each is.
    """
    by_item = {id(item): one for item, one in found}
    reached = sum(item.points for item, one in found if one.there)
    sections = [
        f"# {name}: {checklist.title}",
        f"> {checklist.about}",
        "## What is asked for",
        "\n\n".join(_part(part.title, part.items, by_item) for part in checklist.parts),
        f"Points by this list: {reached} of {checklist.points}.",
        "## Results",
        _table(_results(project)),
        "## In this folder",
        "\n".join(f"- [{file}]({file}): {meaning}" for file, meaning in parts),
    ]
    links = [link[0] for link in (HUB.search(project.readme), WANDB.search(project.readme)) if link]
    if links:
        sections += ["## Elsewhere", "\n".join(f"- {link}" for link in links)]
    sections += [
        "## Doing it again",
        f"Code, params and `dvc.lock` are those of commit `{project.repository.commit()}`; "
        "`make repro` runs all of it.",
    ]
    return "\n\n".join(sections) + "\n"


def _part(title: str, items: list[Item], found: dict[int, Found]) -> str:
    lines = [f"**{title}**", ""]
    for item in items:
        one = found[id(item)]
        mark = "x" if one.there else " "
        lines.append(f"- [{mark}] {item.what} ({one.seen})")
    return "\n".join(lines)


def _results(project: Project) -> list[tuple[str, str]]:
    """The figures of the run, those that were measured."""
    training, evaluation = project.reports["training"], project.reports["evaluation"]
    first, last = (project.epochs[i] if project.epochs else {} for i in (0, -1))
    validation = last.get("validation_loss")
    rows: list[tuple[str, Any, str]] = [
        ("parameters", dig(training, "parameters"), ","),
        ("vocabulary, tokens", dig(project.reports["tokenizer"], "chosen.size"), ","),
        ("epochs", last.get("epoch"), "g"),
        ("tokens read", dig(training, "tokens"), ","),
        ("training, seconds", dig(training, "seconds"), ",.0f"),
        ("training loss at the first validation", first.get("train_loss"), ".4f"),
        ("training loss at the last", last.get("train_loss"), ".4f"),
        ("validation loss at the first validation", first.get("validation_loss"), ".4f"),
        ("validation loss at the last", validation, ".4f"),
        ("validation perplexity", math.exp(validation) if validation is not None else None, ".3f"),
        ("bits per byte on test text", dig(evaluation, "bits_per_byte.model"), ".3f"),
        ("the same, character 5-gram", dig(evaluation, "bits_per_byte.char_5gram"), ".3f"),
        ("minimal pairs right (chance 50%)", dig(evaluation, "minimal_pairs.accuracy"), ".1%"),
        ("facts right", dig(evaluation, "facts.accuracy"), ".1%"),
    ]
    return [(name, format(value, form)) for name, value, form in rows if value is not None]


def _table(rows: list[tuple[str, str]]) -> str:
    return "\n".join(
        [
            "| measure | value |",
            "| --- | ---: |",
            *(f"| {name} | {value} |" for name, value in rows),
        ]
    )
