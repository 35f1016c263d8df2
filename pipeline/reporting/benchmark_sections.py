"""The sections about the benchmark: what the model knows beside its rivals, and what it writes."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.publishing.results import dig
from pipeline.reporting import figures
from pipeline.reporting.blocks import Quotes, Section, Table, interval, megabytes, number, shown
from pipeline.reporting.figures import readable
from pipeline.reporting.rivals import NGRAMS as RIVALS

SMALL = ("bigram", "lstm")  # variants of the ladder that stand beside the model
SHOWN = 9  # samples on the page


def benchmark(report: Any, experiments: Any = None) -> Section:
    """The model beside chance, the majority answer, n-grams and small models."""
    section = Section("benchmark", "Benchmark")
    if not isinstance(report, dict):
        return section
    size = dig(report, "test.bytes")
    if size is not None:
        section.paragraphs.append(
            f"Measured on {number(dig(report, 'test.documents'))} test documents "
            f"({megabytes(size)} MB) that the training text does not hold; "
            f"{number(dig(report, 'test.contaminated_documents'))} that overlap with it were left "
            "out. Intervals are 95 % bootstraps over the items."
        )
    section.paragraphs += _attested(report)
    bits = report.get("bits_per_byte")
    section.draw("bits_per_byte", figures.bits_per_byte(bits))
    if bits:
        section.tables.append(_bits(report, bits, experiments))
    section.tables += _texts(report)
    rows = _scores(report)
    if rows:
        headings = ("", "model", "95% interval", "chance", "majority", *RIVALS.values())
        section.tables.append(Table(headings, rows))
    section.tables += _few_shot(report)
    for name, group in _sets(report, "minimal_pairs").items():
        heading = "phenomenon" if name == "" else f"phenomenon ({name})"
        section.tables += _groups(dig(group, "by_phenomenon"), heading, "pairs")
    for name, group in _sets(report, "facts").items():
        heading = "relation" if name == "" else f"relation ({name})"
        section.tables += _groups(dig(group, "by_relation"), heading, "held_out")
    section.tables += _parts(report)
    return section


def _attested(report: Mapping[str, Any]) -> list[str]:
    """What no text says no model can know: how many facts the training text tells."""
    said = []
    for name, group in _sets(report, "facts").items():
        told, facts = group.get("attested_facts"), group.get("facts")
        if told is None or not facts or told == facts:
            continue
        said.append(
            f"Of the {number(facts)} facts of {name or 'the benchmark'} the training text tells "
            f"{number(told)}: what no text says no model can know, and on the others chance is "
            "what to expect."
        )
    return said


def _bits(report: Mapping[str, Any], bits: Mapping[str, Any], experiments: Any) -> Table:
    low_high = interval(report.get("bits_per_byte_interval"), ".3f")
    rows: list[tuple[str, ...]] = [
        (readable(name), number(value, ".3f"), low_high if name == "model" else "")
        for name, value in bits.items()
    ]
    for variant in (experiments or {}).get("variants") or []:
        if variant.get("name") in SMALL:
            value = number(variant.get("bits_per_byte"), ".3f")
            rows.append((f"{variant['name']} (small budget, validation text)", value, ""))
    return Table(("bits per byte", "test", "95% interval"), rows)


def _texts(report: Mapping[str, Any]) -> list[Table]:
    """The texts that params name, and second halves of their lines given the first."""
    rows = []
    for name, scores in (report.get("texts") or {}).items():
        for label, part, between in (
            (name, scores.get("bits_per_byte"), scores.get("interval")),
            (
                f"{name}, second halves",
                dig(scores, "second_half.bits_per_byte"),
                dig(scores, "second_half.interval"),
            ),
        ):
            values = [number(dig(part, key), ".3f") for key in (*RIVALS, "xz")]
            model = number(dig(part, "model"), ".3f")
            rows.append((label, model, interval(between, ".3f"), *values))
    headings = ("bits per byte of a text", "model", "95% interval", *RIVALS.values(), "xz")
    return [Table(headings, rows)] if rows else []


def _sets(report: Mapping[str, Any], test: str) -> dict[str, Mapping[str, Any]]:
    """The sets of a test by name; a report that has none gives its headline under no name."""
    group = report.get(test)
    if not isinstance(group, dict):
        return {}
    return group.get("sets") or {"": group}


PAIR_SCORES = (
    ("minimal pairs", "accuracy", "interval"),
    ("minimal pairs, per byte", "accuracy_per_byte", "interval_per_byte"),
)
FACT_SCORES = (
    ("facts, wording never seen", "accuracy", "interval"),
    ("facts that the text tells", "accuracy_attested", "interval_attested"),
    ("facts that it does not tell", "accuracy_unattested", "interval_unattested"),
    ("facts, mean of relations", "macro", ""),
    ("same answer to all wordings", "consistency", "consistency_interval"),
    ("same answer to two wordings", "pairwise_consistency", ""),
    ("right and the same", "accurate_and_consistent", "both_interval"),
)
CHOICE_SCORES = (
    ("choices", "accuracy", "interval"),
    ("choices, per byte", "accuracy_per_byte", "interval_per_byte"),
)


def _scores(report: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Rows of (name, model, interval, chance, majority, rivals), those that were measured."""
    rows = []
    pairs, facts = _sets(report, "minimal_pairs"), _sets(report, "facts")
    for scores, sets in ((PAIR_SCORES, pairs), (FACT_SCORES, facts)):
        for name, group in sets.items():
            of = f" ({name})" if len(sets) > 1 else ""
            rows += [
                row
                for label, key, between in scores
                if (row := _score(label + of, group, key, between, sets is pairs))
            ]
    for name, group in (report.get("choices") or {}).items():
        for label, key, between in CHOICE_SCORES:
            called = label.replace("choices", name if name == "cloze" else f"choices ({name})")
            if row := _score(called, group, key, between, False):
                rows.append(row)
    return rows


def _score(
    label: str, group: Mapping[str, Any], key: str, between: str, of_two: bool
) -> tuple[str, ...] | None:
    if key == "macro":
        value = dig(group, "macro.accuracy")
        beside = [dig(group, f"macro.{rival}") for rival in ("chance", "majority", *RIVALS)]
    else:
        value = group.get(key)
        # The rivals' accuracy stands under their bare name, other measures under name_measure.
        measure = key if key in ("accuracy_attested", "accuracy_unattested") else None
        measure = measure or key.removeprefix("accuracy").lstrip("_")
        names = [f"{rival}_{measure}".rstrip("_") for rival in ("chance", "majority", *RIVALS)]
        names[0] = names[0].replace("chance_accuracy", "chance")
        if measure == "per_byte":  # guessing is as good, by bits or by bits per byte
            names[:2] = "chance", "majority"
        beside = [group.get(name) for name in names]
    if value is None:
        return None
    if of_two:
        beside[0] = 0.5
    low_high = interval(group.get(between), ".0%")
    return label, number(value, ".1%"), low_high, *(number(one, ".1%") for one in beside)


def _few_shot(report: Mapping[str, Any]) -> list[Table]:
    """Accuracy with so many examples before a question."""
    found = report.get("few_shot") or {}
    rows = []
    for name, of_shots in found.items():
        for shots, scores in of_shots.items():
            if scores.get("accuracy") is None:
                continue
            rows.append(
                (
                    name.replace("/", ", "),
                    shots,
                    number(scores.get("questions")),
                    number(scores["accuracy"], ".1%"),
                    interval(scores.get("interval"), ".0%"),
                    number(scores.get("chance"), ".1%"),
                )
            )
    headings = ("with examples before it", "examples", "asked", "model", "95% interval", "chance")
    return [Table(headings, rows)] if rows else []


def _groups(groups: Any, name: str, count: str) -> list[Table]:
    """A table of the groups of a test, if it has any."""
    rows = [
        (
            readable(group),
            number(dig(scores, count)),
            number(dig(scores, "accuracy"), ".1%"),
            interval(dig(scores, "interval"), ".0%"),
            *(number(dig(scores, rival), ".1%") for rival in RIVALS),
        )
        for group, scores in (groups or {}).items()
    ]
    headings = (name, "asked", "model", "95% interval", *RIVALS.values())
    return [Table(headings, rows)] if rows else []


def _parts(report: Mapping[str, Any]) -> list[Table]:
    """Bits per byte by length and by source, where there is more than one of either."""
    tables = []
    lengths = report.get("bits_per_byte_by_length") or []
    if len(lengths) > 1:
        rows = [
            (
                f"{row['from_bytes']:,} to {row['to_bytes']:,}"
                if row["to_bytes"]
                else f"from {row['from_bytes']:,}",
                number(row["documents"]),
                number(dig(row, "bits_per_byte.model"), ".3f"),
                *(number(dig(row, f"bits_per_byte.{rival}"), ".3f") for rival in RIVALS),
            )
            for row in lengths
        ]
        headings = ("bytes of a document", "documents", "model", *RIVALS.values())
        tables.append(Table(headings, rows))
    sources = report.get("bits_per_byte_by_source") or {}
    if len(sources) > 1:
        found = [(name, number(value, ".3f")) for name, value in sources.items()]
        tables.append(Table(("source", "bits per byte"), found))
    return tables


WRITING = (
    ("texts", "samples", ","),
    ("identified as the language", "identified", ".0%"),
    ("words of the training text", "known_words", ".1%"),
    ("words of training or test text", "real_words", ".1%"),
    ("runs of four words said before", "repeated", ".1%"),
    ("different words, of all texts", "distinct_1", ".1%"),
    ("different triples, of all texts", "distinct_3", ".1%"),
    ("words a text", "words", ".0f"),
    ("ends with a sentence", "ends", ".0%"),
    ("longest run copied, words", "longest_copied_run_of_all", ","),
    ("copied more than 8 words", "copied_over_8", ".0%"),
    ("copied more than 16 words", "copied_over_16", ".0%"),
    ("copied more than 32 words", "copied_over_32", ".0%"),
)


def samples(report: Any) -> Section:
    """What the model writes by itself, judged beside what people wrote, and some of it to read."""
    section = Section("samples", "Samples")
    columns = {
        f"temperature {name}": group
        for name, group in (dig(report, "writing.by_temperature") or {}).items()
    }
    people = dig(report, "writing.held_out")
    if len(columns) > 1 and dig(report, "writing.model"):
        columns["all"] = report["writing"]["model"]
    if columns and people:
        section.paragraphs.append(
            "Judged by machine, beside as many test texts by people, cut to like lengths. Runs of "
            "words that training text holds too are counted as copied; people repeat set phrases "
            "as well."
        )
        columns["people"] = people
        rows = [
            (label, *(number(group.get(key), form) for group in columns.values()))
            for label, key, form in WRITING
            if any(group.get(key) is not None for group in columns.values())
        ]
        section.tables.append(Table(("", *columns), rows))
    for sample in _some(dig(report, "samples") or []):
        prompt = sample.get("prompt") or ""
        title = f"After “{shown(prompt)}”" if prompt else "From nothing"
        notes = []
        if sample.get("temperature") is not None:
            notes.append(f"temperature {sample['temperature']:g}")
        if sample.get("identified") is False:
            notes.append("not taken for the language")
        if sample.get("known_words") is not None:
            notes.append(f"{sample['known_words']:.0%} of its words known")
        if sample.get("longest_copied_run") is not None:
            notes.append(f"longest run copied from training: {sample['longest_copied_run']} words")
        about = f" ({'; '.join(notes)})" if notes else ""
        text = shown(sample.get("text") or "", 2000)
        section.quotes.append(Quotes(title + about, [text], open=True))
    return section


def _some(found: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """At most `SHOWN`, spread evenly: they come by temperature."""
    step = max(1, -(-len(found) // SHOWN))
    return list(found[::step])
