"""The report says what was measured, whatever is missing, and shows any text harmlessly."""

import copy
import json
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from typing import Any
from unittest import mock
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from pipeline.errors import UserError
from pipeline.publishing.results import REPORTS, dig, headline, read_reports
from pipeline.reporting import figures, run_figures, tokenizer_figures
from pipeline.reporting.blocks import Section, interval, number, shown
from pipeline.reporting.content import cards, sections
from pipeline.reporting.page import render
from pipeline.reporting.summary import print_summary
from pipeline.reporting.tokenizer_sections import tokenizer_page
from pipeline.reporting.traces import listing
from tests.project import ROOT


def words(tokens: int) -> dict[str, Any]:
    return {
        "documents": 100,
        "tokens": tokens,
        "types": 900,
        "characters_per_document": {
            "mean": 90.5,
            "median": None,
            "histogram": [
                {"from": 10, "to": 13, "documents": 5},
                {"from": 13, "to": 16, "documents": 9},
            ],
        },
        "seen_once_share": 0.4,
        "zipf_slope": -1.02,
        "rank_frequency": [[1, 700], [2, 300], [900, 1]],
        "heaps": {"K": 3.14, "beta": 0.66, "curve": [[10, 9], [1000, 400]]},
        "letters_outside": {"ы": 3},
        "top": [{"word": "һәм", "count": 700}, {"word": "бу", "count": 300}],
        "longest": [{"word": "җитештерүчәнлелекнең", "count": 3}],
    }


MEASURED: dict[str, Any] = {
    "cleaning": {
        "documents": {"raw": 1000, "kept": 860},
        "bytes": {"raw": 120_000, "kept": 100_000},
        "dropped": {"language": 60, "near_duplicate": 50, "markup": 30, "short": 0},
        "identifier": {"name": "made on the spot", "precision": 0.999, "recall": 0.991},
        "dirt": {"precision": 0.993, "recall": 0.989},
        "personal": {"email": 12, "phone": 7, "ip": 0},
        "splits": {
            "train": {"documents": 774, "bytes": 90_000},
            "validation": {"documents": 43, "bytes": 5000},
            "test": {"documents": 43, "bytes": 5000},
        },
    },
    "words": {
        "before": words(20_000),
        "after": words(18_000),
        "by_source": {
            name: {"before": words(12_000), "after": words(tokens)}
            for name, tokens in (("wiki", 11_000), ("web", 7000))
        },
        "languages": {"rus": {"bytes": 54_321, "share": 0.05}},
    },
    "dropped_examples": {
        "language": [{"id": "a1", "text": "Это русский текст.", "detail": "rus 0.99"}],
        "markup": [{"id": "a2", "text": "<script>alert('x')</script> & <b>", "detail": None}],
    },
    "tokenizer": {
        "chosen": {"kind": "byte_bpe", "size": 1024, "why": "It has the fewest bits per byte."},
        "sweep": [
            {
                "kind": "byte_bpe",
                "size": size,
                "bytes_per_token": 3 + size / 1000,
                "fertility": 1.8,
                "renyi_efficiency": 0.45,
                "rare_share": 0.02,
                "proxy_bits_per_byte": 1.5 + abs(size - 1024) / 10_000,
                "ready": False,
                "proxies": {
                    budget: {"mean": 1.5, "seeds": [1.49, 1.51], "megabytes": 0.4}
                    for budget in ("bytes", "compute")
                },
            }
            for size in (512, 1024, 2048)
        ],
    },
    "training": {
        "family": "modern",
        "parameters": 812_345,
        "context": 256,
        "steps": 100,
        "tokens": 409_600,
        "seconds": 160.2,
        "tokens_per_second": 2557,
        "precision": "float32",
        "epochs": [
            {
                "epoch": float(epoch),
                "train_loss": 4.0 / epoch,
                "validation_loss": 4.1 / epoch,
                "validation_bits_per_byte": 1.6 / epoch,
            }
            for epoch in (1, 2, 3)
        ],
    },
    "experiments": {
        "variants": [
            {
                "name": name,
                "parameters": 9,
                "tokens": 50,
                "seconds": 3.0,
                "bits_per_byte": bits,
                "bits_per_byte_by_seed": [bits - 0.1, bits + 0.1],
                "losses": [[1, 7.0], [2, bits]],
            }
            for name, bits in (("bigram", 2.1), ("modern", 1.2))
        ]
    },
    "evaluation": {
        "bits_per_byte": {"model": 0.8, "char_1gram": 2.6, "char_5gram": 1.2, "xz": 1.9},
        "bits_per_byte_interval": [0.78, 0.82],
        "test": {"documents": 43, "bytes": 5000},
        "minimal_pairs": {
            "accuracy": 0.91,
            "accuracy_per_byte": 0.9,
            "pairs": 200,
            "char_5gram": 0.7,
            "by_phenomenon": {"word_order": {"accuracy": 0.9, "interval": [0.8, 1.0], "pairs": 50}},
        },
        "facts": {
            "accuracy": 0.86,
            "interval": [0.81, 0.9],
            "consistency": 0.84,
            "accurate_and_consistent": 0.8,
            "chance": 0.2,
            "majority": 0.22,
            "char_5gram": 0.31,
            "chance_consistency": 0.01,
        },
        "samples": [{"prompt": "Марат", "text": "Марат базарга бара.", "temperature": 0.8}],
    },
    "export": {
        "class": "Qwen3ForCausalLM",
        "max_logit_difference": 1.2e-5,
        "documents_compared": 43,
        "ids_equal": True,
    },
}
CURVE = [{"tokens": 10.0 * i, "train_loss": 7 / (i + 1)} for i in range(50)] + [
    {"tokens": 400.0, "validation_loss": 0.3}
]


STAGES = [
    {"stage": "clean", "seconds": 9.0, "core_seconds": 18.0, "peak_megabytes": 600},
    {"stage": "pretrain", "seconds": 80.1, "core_seconds": 150.0, "peak_megabytes": None},
]
PARAMS = (ROOT / "presets/demo.yaml").read_text(encoding="utf-8")


def page(reports: dict[str, Any], curve: Any = CURVE, stages: Any = STAGES) -> str:
    sources = [{"name": "demo", "licence": "CC0 1.0", "documents": 1000, "bytes": 120_000}]
    said = sections(reports, sources, curve, {"python": "3.11"}, stages)
    return render("A model", "A lead", cards(reports), said, listing(PARAMS))


class Reader(HTMLParser):
    """Collects tags, links and ids, and checks that what is opened is closed."""

    VOID = frozenset(("meta", "link", "br", "img", "hr"))

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.targets: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name in ("href", "src", "xlink:href"):
                self.targets.append(value or "")
            if name == "id":
                self.ids.append(value or "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    return reader


@pytest.fixture(scope="module")
def text() -> str:
    return page(MEASURED)


def test_a_full_page_is_well_formed_and_needs_nothing_from_outside(text: str) -> None:
    reader = read(text)
    assert all(target.startswith("#") for target in reader.targets)
    assert {target[1:] for target in reader.targets} <= set(reader.ids)
    assert not reader.tags & {"script", "link", "iframe", "img"}
    assert "url(http" not in text and "@import" not in text
    assert len(reader.ids) == len(set(reader.ids))


def test_a_full_page_tells_the_figures(text: str) -> None:
    for said in (
        "86.0% of 1,000",
        "1,024",
        "812,345",
        "0.800",
        "-33%",
        "86.0%",
        "Qwen3ForCausalLM",
        "e-mail addresses (12), telephone numbers (7)",
        "7,000 (58%)",
        "җитештерүчәнлелекнең (3)",
        "rus",
        "5.00%",
    ):
        assert said in text, said


def test_the_funnel_goes_from_what_was_read_to_what_was_kept() -> None:
    (table,) = [
        table
        for section in sections(MEASURED, [], [], {}, [])
        for table in section.tables
        if table.headings[0] == "cleaning"
    ]
    assert [(row[0], row[1], row[3]) for row in table.rows] == [
        ("read", "", "1,000"),
        ("language", "60", "940"),
        ("near duplicate", "50", "890"),
        ("markup", "30", "860"),
        ("kept", "", "860"),
    ]


def test_texts_of_the_corpus_cannot_become_markup(text: str) -> None:
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &lt;b&gt;" in text


@pytest.mark.parametrize("missing", REPORTS)
def test_a_stage_that_did_not_run_is_left_out(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.reporting.page.as_svg", lambda figure, name: "<svg></svg>")
    read(page(MEASURED | {missing: None}))


def test_a_run_with_nothing_still_makes_a_page() -> None:
    reader = read(page(dict.fromkeys(REPORTS), curve=[], stages=[]))
    assert "figure" not in reader.tags


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(value, dict):
        for key, part in value.items():
            found += leaves(part, (*path, key))
    return found


@settings(max_examples=60, deadline=None)
@given(st.sets(st.sampled_from(leaves(MEASURED)), min_size=1, max_size=12))
def test_any_key_may_be_null(paths: set[tuple[Any, ...]]) -> None:
    """Except the ones that a row is told apart by, which every stage writes."""
    reports = copy.deepcopy(MEASURED)
    for *parents, last in sorted(paths, key=str):
        if "chosen" in (last, *parents) or last in ("parameters", "tokens", "seconds", "context"):
            continue
        place: Any = reports
        for key in parents:
            place = place[key] if place else None
        if place:
            place[last] = None
    empty = (mock.MagicMock(), mock.MagicMock())
    with (
        mock.patch.object(figures, "new_axes", lambda *_: empty),
        mock.patch.object(run_figures, "new_axes", lambda *_: empty),
        mock.patch.object(tokenizer_figures, "new_axes", lambda *_: empty),
        mock.patch.object(tokenizer_figures, "new_figure", lambda *_: mock.MagicMock()),
    ):
        said = sections(reports, [], [], {}, [])
        tokenizer_page(reports["tokenizer"], {}, None)
    assert all(isinstance(section, Section) for section in said)
    cards(reports)
    headline(reports)


@given(st.text())
def test_any_text_is_shown_as_valid_unicode_without_controls(text: str) -> None:
    found = shown(text, 50)
    found.encode()
    assert not any(ord(character) < 32 and character not in "\n\t" for character in found)
    assert len(found) <= 52


def test_lone_surrogates_of_a_json_file_do_not_break_the_page() -> None:
    examples = copy.deepcopy(MEASURED["dropped_examples"])
    reports = dict.fromkeys(REPORTS) | {"dropped_examples": examples, "cleaning": {}}
    reports["dropped_examples"]["markup"][0]["text"] = json.loads('"\\ud800 \\u0000 x"')
    assert "␀" in page(reports).encode().decode()


def test_equal_reports_make_equal_pages() -> None:
    some = dict.fromkeys(REPORTS) | {"experiments": MEASURED["experiments"]}
    assert page(some) == page(copy.deepcopy(some))


def test_figures_are_equal_byte_for_byte_and_hold_no_date(tmp_path: Path) -> None:
    for name in ("a", "b"):
        figures.loss_curve(CURVE, tmp_path / f"{name}.png")
    first = (tmp_path / "a.png").read_bytes()
    assert first == (tmp_path / "b.png").read_bytes()
    assert first.startswith(b"\x89PNG") and b"tIME" not in first


def test_svg_is_well_formed_scales_and_takes_the_colour_of_the_page() -> None:
    figure = figures.funnel("Dropped", {"a_$x$_<b>": 3, "c": 2}, "documents")
    assert figure is not None
    svg = figures.as_svg(figure, "funnel")
    root = ElementTree.fromstring(svg)
    assert "viewBox" in root.attrib and "width" not in root.attrib
    assert figures.INK not in svg and "currentColor" in svg
    assert "a $x$ &lt;b&gt;" in svg


@pytest.mark.parametrize(
    "figure",
    [
        figures.losses([]),
        figures.bits_per_byte(None),
        figures.bits_per_byte({"model": None}),
        tokenizer_figures.judged([], {}),
        tokenizer_figures.measures([], {}, {}),
        tokenizer_figures.ranks({}),
        tokenizer_figures.tail({}, "text"),
        figures.ladder([{"name": "a", "bits_per_byte": None}]),
        run_figures.variant_losses([{"name": "a", "tokens": 9, "losses": []}]),
        run_figures.seconds_by_stage({}),
        figures.funnel("Dropped", {"a": 0}, "documents"),
        figures.power_laws("Words", "rank", "occurrences", {"before": [], "after": None}),
        figures.lengths({"before": None, "after": []}),
    ],
)
def test_nothing_to_draw_is_no_figure(figure: Any) -> None:
    assert figure is None


def test_one_loss_is_enough_for_a_curve(tmp_path: Path) -> None:
    figures.loss_curve([{"step": 1, "tokens": 64, "train_loss": 6.9}], tmp_path / "one.png")
    assert (tmp_path / "one.png").exists()


def test_long_curves_are_thinned_to_their_means() -> None:
    points = [(float(i), float(i % 2)) for i in range(100_000)]
    thin = figures._thin(points)
    assert len(thin) <= figures.POINTS
    assert all(abs(y - 0.5) < 0.01 for _, y in thin)


def test_headline_holds_scalars_only_and_leaves_out_what_does_not_apply() -> None:
    full = headline(MEASURED)
    assert full["test_bits_per_byte"] == 0.8 and full["kept_share"] == 0.86
    assert full["validation_loss"] == round(4.1 / 3, 6)
    assert all(isinstance(value, int | float) for value in full.values())
    assert headline(dict.fromkeys(REPORTS)) == {}
    no_facts = copy.deepcopy(MEASURED)
    no_facts["evaluation"]["facts"] = None
    assert "facts_accuracy" not in headline(no_facts)


def test_small_helpers() -> None:
    assert number(None) == "–"
    assert interval([0.1, 0.25], ".0%") == "10% – 25%"
    assert interval(None, ".0%") == interval([None, None], ".0%") == ""
    assert dig({"a": {"b": None}}, "a.b.c") is None


def test_a_broken_report_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "training.json").write_text("{")
    with pytest.raises(UserError, match=r"training\.json is not valid JSON"):
        read_reports(tmp_path)


def summary(folder: Path) -> str:
    out = StringIO()
    print_summary(folder, Console(file=out, highlight=False))
    return out.getvalue()


def test_the_summary_fits_80_columns_and_tells_the_figures(tmp_path: Path) -> None:
    for name, report in MEASURED.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(report))
    (tmp_path / "index.html").write_text("")
    text = summary(tmp_path)
    *lines, last = text.rstrip().splitlines()
    assert max(map(len, lines)) <= 80
    assert last.startswith("report: file://") and last.endswith("index.html")
    for said in (
        "860 of 1,000",
        "1,024 tokens",
        "1.3667",
        "0.800",
        "1.200",
        "86.0%",
        "84.0%",
        "20.0%",
    ):
        assert said in text, said


def test_the_summary_of_nothing_is_empty(tmp_path: Path) -> None:
    assert summary(tmp_path) == ""


def test_the_summary_without_facts_or_pairs(tmp_path: Path) -> None:
    report = {"bits_per_byte": {"model": 1.2}, "facts": None, "minimal_pairs": {"accuracy": None}}
    (tmp_path / "evaluation.json").write_text(json.dumps(report))
    assert "benchmark" not in summary(tmp_path)


SCORES = {"accuracy": 0.623, "interval": [0.5, 0.7], "char_5gram": 0.51, "chance": 0.25}
WRITTEN = {"samples": 6, "identified": 0.83, "longest_copied_run_of_all": 21, "copied_over_8": 0.5}
FULL: dict[str, Any] = MEASURED["evaluation"] | {
    "minimal_pairs": {"accuracy": 0.9, "sets": {"mine": SCORES, "tat": SCORES}},
    "facts": {
        "accuracy": 0.8,
        "sets": {
            "tat": SCORES
            | {"facts": 148, "attested_facts": 12, "accuracy_attested": 0.719}
            | {"interval_attested": [0.6, 0.8], "chance_attested": 0.21}
            | {"macro": {"accuracy": 0.587, "chance": 0.22}}
        },
    },
    "choices": {"exam": SCORES | {"majority": 0.31}, "cloze": SCORES},
    "few_shot": {"facts/tat": {"4": {"accuracy": 0.345, "interval": None, "questions": 60}}},
    "texts": {
        "flores": {
            "bits_per_byte": {"model": 1.311, "char_5gram": 1.4, "xz": 1.9},
            "interval": [1.3, 1.35],
            "second_half": {"bits_per_byte": {"model": 1.277}, "interval": None},
        }
    },
    "bits_per_byte_by_length": [
        {"from_bytes": 0, "to_bytes": 100, "documents": 3, "bits_per_byte": {"model": 1.1}},
        {"from_bytes": 100, "to_bytes": None, "documents": 4, "bits_per_byte": {"model": 0.9}},
    ],
    "writing": {
        "by_temperature": {"0.5": WRITTEN, "1.1": WRITTEN},
        "model": WRITTEN,
        "held_out": WRITTEN,
    },
}


def test_every_part_of_the_benchmark_is_on_the_page() -> None:
    shown_page = page(MEASURED | {"evaluation": FULL})
    for said in (
        *("minimal pairs (tat)", "62.3%", "facts that the text tells", "71.9%", "58.7%"),
        *("choices (exam)", "31.0%", "34.5%", "flores", "1.311", "1.300 – 1.350"),
        *("flores, second halves", "1.277", "0 to 100", "from 100", "temperature 0.5", "83%"),
        *("longest run copied", "bigram (small budget"),
        "Of the 148 facts of tat the training text tells 12: what no text says no model can know",
    ):
        assert said in shown_page, said
