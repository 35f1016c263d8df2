"""The sections about text: the corpus and what was dropped, its words, the tokenizer."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.publishing.results import dig
from pipeline.reporting import figures
from pipeline.reporting.blocks import (
    DASH,
    Quotes,
    Section,
    Table,
    is_number,
    megabytes,
    number,
    shown,
)
from pipeline.reporting.figures import readable

WORD_MEASURES = (
    ("words", "tokens", ","),
    ("different words", "types", ","),
    ("of these seen once", "seen_once_share", ".1%"),
    ("words a document", "tokens_per_document", ".1f"),
    ("characters a document, mean", "characters_per_document.mean", ",.0f"),
    ("characters a document, median", "characters_per_document.median", ",.0f"),
    ("slope of Zipf's line", "zipf_slope", ".2f"),
    ("exponent of Heaps' law", "heaps.beta", ".2f"),
    ("factor of Heaps' law", "heaps.K", ",.1f"),
    ("letters outside the alphabet", "letters_outside_share", ".2%"),
)
PERSONAL = {"email": "e-mail addresses", "phone": "telephone numbers", "ip": "IP addresses"}


def corpus(
    cleaning: Any,
    dropped_examples: Any,
    sources: Sequence[Mapping[str, Any]],
    statistics: Any = None,
) -> Section:
    """Where the text comes from, what was dropped and why."""
    section = Section("corpus", "Corpus")
    if sources:
        rows: list[tuple[str, ...]] = [
            (
                str(source.get("name", DASH)),
                str(source.get("licence", "unknown")),
                number(source.get("documents")),
                megabytes(source.get("bytes")),
            )
            for source in sources
        ]
        section.tables.append(Table(("source", "licence", "documents", "MB"), rows))
    if not isinstance(cleaning, dict):
        return section
    raw, kept = dig(cleaning, "documents.raw"), dig(cleaning, "documents.kept")
    if raw and kept is not None:
        sizes = [megabytes(dig(cleaning, f"bytes.{x}")) for x in ("kept", "raw")]
        section.paragraphs.append(
            f"Cleaning kept {kept:,} of {raw:,} documents "
            f"({kept / raw:.1%}; {sizes[0]} of {sizes[1]} MB)."
        )
    if dig(cleaning, "identifier.name") is not None:
        name = cleaning["identifier"]["name"]
        said = f"Language identifier: {'made on the spot' if name == 'made' else name}"
        precision, recall = (dig(cleaning, f"identifier.{x}") for x in ("precision", "recall"))
        if precision is not None:
            said += (
                f", on held-out lines precision {precision:.3f} and recall {number(recall, '.3f')}"
            )
        section.paragraphs.append(said + ".")
    precision, recall = (dig(cleaning, f"dirt.{x}") for x in ("precision", "recall"))
    if precision is not None:
        section.paragraphs.append(
            f"All dirt of this corpus is known: of what was dropped {precision:.2%} was dirt "
            f"(precision), of the dirt {number(recall, '.2%')} was dropped (recall)."
        )
    dropped = cleaning.get("dropped") or {}
    section.draw("funnel", figures.funnel("What cleaning dropped", dropped, "documents"))
    paragraphs = cleaning.get("dropped_paragraphs") or {}
    title = "What it cut out of documents that stayed"
    section.draw("funnel_paragraphs", figures.funnel(title, paragraphs, "paragraphs"))
    if steps := _funnel(cleaning):
        section.tables.append(Table(("cleaning", "dropped", "MB", "documents left"), steps))
    languages = _languages(statistics)
    if languages.rows:
        section.tables.append(languages)
    personal = [(name, count) for name, count in (cleaning.get("personal") or {}).items() if count]
    if personal:
        listed = ", ".join(f"{PERSONAL.get(key, key)} ({number(count)})" for key, count in personal)
        section.paragraphs.append(f"Personal data that was hidden: {listed}.")
    splits = cleaning.get("splits") or {}
    if splits:
        rows = [
            (name, number(dig(split, "documents")), megabytes(dig(split, "bytes")))
            for name, split in splits.items()
        ]
        section.tables.append(Table(("split", "documents", "MB"), rows))
    for reason, examples in (dropped_examples or {}).items():
        if not examples:
            continue
        counts = [
            f"{number(found[reason])} {unit if found[reason] != 1 else unit[:-1]}"
            for found, unit in ((dropped, "documents"), (paragraphs, "paragraphs"))
            if found.get(reason)
        ]
        section.quotes.append(
            Quotes(
                f"Dropped as {readable(reason)} ({' and '.join(counts) or '0'}): examples",
                [_example(example) for example in examples],
            )
        )
    return section


def words(statistics: Any) -> Section:
    """The words before and after cleaning."""
    section = Section("words", "Words before and after cleaning")
    before, after = dig(statistics, "before"), dig(statistics, "after")
    if not isinstance(before, dict) or not isinstance(after, dict):
        return section
    sampled = dig(statistics, "sampled")
    if sampled is not None and sampled < 1:
        section.paragraphs.append(f"Counted on a sample of {sampled:.1%} of the text.")
    rows: list[tuple[str, ...]] = [
        (label, number(dig(before, path), form), number(dig(after, path), form))
        for label, path, form in WORD_MEASURES
        if dig(before, path) is not None or dig(after, path) is not None
    ]
    if rows:
        section.tables.append(Table(("", "before", "after"), rows))
    for name, part in (("Before", before), ("After", after)):
        letters = list((part.get("letters_outside") or {}).items())[:12]
        if letters:
            listed = ", ".join(f"{shown(letter)} ({number(count)})" for letter, count in letters)
            section.paragraphs.append(f"{name}, letters outside the alphabet: {listed}.")
    sides = {"before": before, "after": after}
    ranks = {name: part.get("rank_frequency") for name, part in sides.items()}
    growth = {name: dig(part, "heaps.curve") for name, part in sides.items()}
    bins = {name: dig(part, "characters_per_document.histogram") for name, part in sides.items()}
    figure = figures.power_laws("Words by rank (Zipf)", "rank", "occurrences", ranks)
    section.draw("words", figure)
    title = "Growth of the vocabulary (Heaps)"
    section.draw("heaps", figures.power_laws(title, "words", "different words", growth))
    section.draw("lengths", figures.lengths(bins))
    section.tables += [t for t in (_by_source(statistics), _common(before, after)) if t.rows]
    if longest := _counted(after, "longest")[:8]:
        listed = ", ".join(longest)
        section.paragraphs.append(f"The longest words that occur several times: {listed}.")
    return section


def _funnel(cleaning: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """What each step took away, in the order of the steps, and what it left."""
    left, kept = dig(cleaning, "documents.raw"), dig(cleaning, "documents.kept")
    dropped = {
        reason: count
        for reason, count in (cleaning.get("dropped") or {}).items()
        if is_number(count) and count
    }
    if left is None or kept is None or not dropped:
        return []
    rows = [("read", "", megabytes(dig(cleaning, "bytes.raw")), number(left))]
    for reason, count in dropped.items():
        left -= count
        size = megabytes(dig(cleaning, f"dropped_bytes.{reason}"))
        rows.append((readable(reason), number(count), size, number(left)))
    return [*rows, ("kept", "", megabytes(dig(cleaning, "bytes.kept")), number(kept))]


def _languages(statistics: Any) -> Table:
    """Text that was dropped as being in another language."""
    rows = [
        (name, megabytes(dig(found, "bytes")), number(dig(found, "share"), ".2%"))
        for name, found in (dig(statistics, "languages") or {}).items()
    ]
    return Table(("dropped as another language", "MB", "of the text"), rows)


def _by_source(statistics: Any) -> Table:
    """What cleaning left of every source, where there are several."""
    sources = dig(statistics, "by_source") or {}
    rows = []
    for name, sides in sources.items() if len(sources) > 1 else ():
        before, after = dig(sides, "before") or {}, dig(sides, "after") or {}
        documents, words = after.get("documents"), after.get("tokens")
        rows.append(
            (
                name,
                _kept(documents, before.get("documents")),
                _kept(words, before.get("tokens")),
                *(
                    number(dig(after, path), form)
                    for path, form in (
                        ("types", ","),
                        ("seen_once_share", ".0%"),
                        ("zipf_slope", ".2f"),
                        ("heaps.beta", ".2f"),
                        ("letters_outside_share", ".2%"),
                    )
                ),
            )
        )
    headings = ("source, after cleaning", "documents", "words", "different words", "seen once",
                "Zipf", "Heaps", "letters outside")  # fmt: skip
    return Table(headings, rows)


def _kept(after: Any, before: Any) -> str:
    """A count after cleaning and its share of the count before."""
    share = f" ({after / before:.0%})" if after is not None and before else ""
    return number(after) + share


def _common(before: Mapping[str, Any], after: Mapping[str, Any]) -> Table:
    """The commonest words."""
    columns = [_counted(part, "top") for part in (before, after)]
    rows = [
        (str(place + 1), *(column[place] if place < len(column) else DASH for column in columns))
        for place in range(min(15, max(map(len, columns))))
    ]
    return Table(("rank", "before", "after"), rows)


def _counted(part: Mapping[str, Any], key: str) -> list[str]:
    """Words with their counts, in order."""
    return [
        f"{shown(str(found['word']), 40)} ({found['count']:,})" for found in part.get(key) or []
    ]


def _example(example: Any) -> str:
    if isinstance(example, Mapping):
        detail = example.get("detail")
        text = shown(str(example.get("text", "")))
        return f"{text}   [{shown(str(detail), 80)}]" if detail else text
    return shown(str(example))
