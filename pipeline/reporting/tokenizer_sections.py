"""What the report says of the sweep over tokenizers: a section of the report, and a page of its
own that says all of it."""

from collections.abc import Mapping
from typing import Any

from pipeline.publishing.results import dig
from pipeline.reporting import tokenizer_figures as figures
from pipeline.reporting.blocks import DASH, Card, Section, Table, number, shown
from pipeline.reporting.figures import readable

MEASURES: dict[str, tuple[str, str]] = {
    "bytes_per_token": ("bytes a token", ".2f"),
    "characters_per_token": ("characters a token", ".2f"),
    "fertility": ("tokens a word", ".2f"),
    "words_whole": ("words kept whole", ".1%"),
    "renyi_efficiency": ("Rényi efficiency", ".3f"),
    "vocabulary_used": ("vocabulary used", ".1%"),
    "invalid_utf8_share": ("no valid UTF-8", ".2%"),
    "vocabulary_parameters_share": ("share of the parameters", ".1%"),
    "never_share": ("never seen", ".1%"),
    "rare_share": ("seen < 10 times", ".1%"),
    "under_100_share": ("seen < 100 times", ".1%"),
    "rare_text_share": ("text of those < 10", ".2%"),
    "under_100_text_share": ("text of those < 100", ".1%"),
}
SHORT = ("bytes_per_token", "fertility", "words_whole", "renyi_efficiency", "vocabulary_used",
         "rare_share")  # fmt: skip
MEANING = (
    "Bytes and characters a token: how much held-out text one token stands for. Tokens a word: "
    "fertility. Words kept whole: share of the words, less punctuation, that are one token. Rényi "
    "efficiency: how evenly tokens are used (order 2.5; 1: all alike). Vocabulary used: share of "
    "the tokens that occur in held-out text. No valid UTF-8: share of the tokens of that text that "
    "are parts of a letter. Share of the parameters: what the vocabulary takes of the model to "
    "come. Seen: how often tokens occur in the text that the tokenizer was trained on, or in an "
    "even part of it, at most 8 MB; what is hardly seen is hardly trained. Never seen are bytes "
    "that no letter of the text has, and steps on the way to longer tokens."
)
FREQUENCIES = (
    "Tokens by rank: the most frequent has rank 1. On these axes a law of Zipf, by which the "
    "second is half as frequent as the first and the tenth a tenth, is a straight line; a curve "
    "that drops at its end has tokens that hardly occur. The tail: of 100 tokens, how many were "
    "seen fewer than N times in the training text, and how much of that text they make up. A tail "
    "that holds much of the vocabulary and little of the text says that the vocabulary is too "
    "large for it."
)
METHOD = (
    "Every tokenizer is tried on a small model (2 layers of 96), twice: when all models read the "
    "same text, and when each reads as much as the model to come would at the same cost, since a "
    "large vocabulary makes text shorter but every token dearer. Several seeds tell differences "
    "from chance; who is clearly behind after the first gets no second. The smallest vocabulary "
    "within the spread of the best is taken: twice the standard error of a difference of two "
    "means, at least 0.5 % of the best."
)


def tokenizer(report: Any) -> Section:
    """The section of the report: what was chosen, why, and the main measures."""
    section = Section("tokenizer", "Tokenizer")
    if not isinstance(report, dict):
        return section
    chosen, sweep = report.get("chosen") or {}, report.get("sweep") or []
    if chosen.get("why"):
        section.paragraphs.append(f"Chosen: {_chosen(chosen)}. {chosen['why']}")
        section.paragraphs.append("All that was measured is on a page of its own: tokenizer.html.")
    section.draw("tokenizer_judged", figures.judged(sweep, chosen))
    two = {key: MEASURES[key] for key in ("bytes_per_token", "rare_share")}
    section.draw("tokenizer_main", figures.measures(sweep, two, chosen))
    if sweep:
        section.tables.append(_table(sweep, chosen, SHORT, judged=True))
    return section


def tokenizer_page(
    report: Any, described: Mapping[str, Any], seconds: Any
) -> tuple[list[Card], list[Section]]:
    """A page that can be handed in: what was tried, how it came out, the choice and why.

    Args:
        described: for each tokenizer by name its curves and tokens to look at.
        seconds: how long it took; None if that is not known.
    """
    if not isinstance(report, dict):
        return [], []
    chosen, sweep = report.get("chosen") or {}, report.get("sweep") or []
    kinds = dict.fromkeys(readable(row["kind"]) for row in sweep)
    best: Mapping[str, Any] = next((row for row in sweep if _same(row, chosen)), {})
    cards = [
        Card("tokens in the vocabulary", number(chosen.get("size")), readable(chosen["kind"])),
        Card("tried", number(len(sweep)), ", ".join(kinds)),
        Card("bytes a token", number(best.get("bytes_per_token"), ".2f"), "on held-out text"),
        Card("bits per byte", number(best.get("proxy_bits_per_byte"), ".3f"), "of a small model"),
    ]  # fmt: skip
    choice = Section("choice", "The choice")
    choice.paragraphs += [f"{_chosen(chosen)}. {chosen.get('why', '')}", METHOD]
    choice.draw("judged", figures.judged(sweep, chosen))
    choice.tables.append(_judged(sweep, chosen))
    measured = Section("measures", "What was measured", [MEANING])
    measured.draw("measures", figures.measures(_with_speed(sweep, seconds), _all(seconds), chosen))
    measured.tables.append(_table(sweep, chosen, tuple(MEASURES)[:8], judged=False))
    measured.tables.append(_table(sweep, chosen, tuple(MEASURES)[8:], judged=False))
    if seconds:
        measured.tables.append(_speeds(seconds))
    described = {_title(name): one for name, one in described.items()}
    frequencies = Section("frequencies", "Frequent and rare tokens", [FREQUENCIES])
    frequencies.draw("ranks", figures.ranks(described))
    frequencies.draw("tail", figures.tail(described, "vocabulary"))
    frequencies.draw("tail_text", figures.tail(described, "text"))
    tokens = Section(
        "tokens",
        "Tokens to look at",
        [
            "With how often each occurs in the training text; ␣ is a space. The rarest are those "
            "of more than one character."
        ],
    )
    for name, one in described.items():
        rows = [
            (_listed(long), _listed(rare))
            for long, rare in zip(one["longest"], one["rarest"], strict=False)
        ]
        tokens.tables.append(Table((f"{name}: longest", "rarest"), rows, prose=True))
    return cards, [
        section for section in (choice, measured, frequencies, tokens) if not section.empty
    ]


def _title(name: str) -> str:
    """The name of a tokenizer's folder as words."""
    kind, _, size = name.rpartition("-")
    return f"{readable(kind)} {int(size):,}" if size.isdigit() else name


def _listed(token: Mapping[str, Any]) -> str:
    return f"{shown(str(token['token']), 60)} ({token['count']:,})"


def _chosen(chosen: Mapping[str, Any]) -> str:
    return f"{readable(str(chosen.get('kind')))}, {number(chosen.get('size'))} tokens"


def _same(row: Mapping[str, Any], chosen: Mapping[str, Any]) -> bool:
    return (row["kind"], row["size"]) == (chosen.get("kind"), chosen.get("size"))


def _name(row: Mapping[str, Any], chosen: Mapping[str, Any], several: bool) -> str:
    kind = f"{readable(row['kind'])} " if several else ""
    ready = " (ready)" if row.get("ready") else ""
    return f"{kind}{row['size']:,}{ready}" + (" ✓" if _same(row, chosen) else "")


def _table(sweep: Any, chosen: Mapping[str, Any], keys: tuple[str, ...], judged: bool) -> Table:
    several = len({row["kind"] for row in sweep}) > 1
    columns = [(key, *MEASURES[key]) for key in keys]
    if judged:
        columns.append(("proxy_bits_per_byte", "bits per byte", ".3f"))
    columns = [column for column in columns if any(row.get(column[0]) is not None for row in sweep)]
    rows = [
        (
            _name(row, chosen, several),
            *(number(row.get(key), form) for key, _, form in columns),
        )
        for row in sweep
    ]
    return Table(("tokenizer" if several else "size", *(label for _, label, _ in columns)), rows)


def _judged(sweep: Any, chosen: Mapping[str, Any]) -> Table:
    """Bits per byte with both budgets, as mean and range over the seeds."""
    several = len({row["kind"] for row in sweep}) > 1
    rows = []
    for row in sweep:
        cells = []
        for budget in ("bytes", "compute"):
            found = dig(row, f"proxies.{budget}")
            cells += (
                [
                    f"{found['mean']:.3f}",
                    _range(found["seeds"]),
                    f"{found['megabytes']:.2f}",
                ]
                if found
                else [DASH] * 3
            )
        rows.append((_name(row, chosen, several), *cells))
    headings = ("tokenizer" if several else "size", "same text: bits per byte", "range", "MB read",
                "same cost: bits per byte", "range", "MB read")  # fmt: skip
    return Table(headings, rows)


def _range(seeds: list[float]) -> str:
    if len(seeds) == 1:
        return "1 seed"
    return f"{min(seeds):.3f} – {max(seeds):.3f} ({len(seeds)} seeds)"


def _with_speed(sweep: Any, seconds: Any) -> list[dict[str, Any]]:
    speeds = {
        (one.get("kind"), one["size"]): one.get("encode_megabytes_per_second")
        for one in dig(seconds, "seconds.sizes") or []
    }
    return [row | {"speed": speeds.get((row["kind"], row["size"]))} for row in sweep]


def _all(seconds: Any) -> dict[str, tuple[str, str]]:
    return MEASURES | {"speed": ("MB a second encoded", ".2f")}


def _speeds(seconds: Any) -> Table:
    rows = [
        (
            f"{readable(str(one.get('kind', '')))} {one['size']:,}",
            number(one.get("encode_megabytes_per_second"), ".2f"),
            number(one.get("proxy"), ",.0f"),
        )
        for one in dig(seconds, "seconds.sizes") or []
    ]
    return Table(("what it took", "MB a second encoded", "seconds of small models"), rows)
