"""Figures of the report, drawn with matplotlib and no display.

Each function takes measurements as the stages wrote them and gives a `Figure`, or None where there
is nothing to draw. `save_png` writes one on white; `as_svg` gives one to be put into a page, whose
text and axes take the colour of the page around them, so that it reads on light and on dark.

The colours are Okabe and Ito's, which stay apart for every common kind of colour blindness
(https://jfly.uni-koeln.de/color/); lines also differ in their markers, bars carry their values.
"""

import functools
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from pipeline.files import atomic_file

BLUE, ORANGE, GREEN, VERMILION, PURPLE, GREY = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#8A8A8A",
)
WIDTH = 4.5  # inches: letters of 10 points are 11 pixels high where a phone shows it at 350
POINTS = 400  # more than the eye or a page needs of one curve
INK = "#1b1b1f"  # becomes currentColor in a page
STYLE: Any = {
    "font.size": 10,
    "font.family": "DejaVu Sans",
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GREY,
    "grid.alpha": 0.3,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "text.parse_math": False,  # a dollar in a name is a dollar
}

Made = TypeVar("Made")
Given = ParamSpec("Given")


def styled(function: Callable[Given, Made]) -> Callable[Given, Made]:
    """Draw in `STYLE` without changing matplotlib's settings for anybody else."""

    @functools.wraps(function)
    def styled(*args: Given.args, **kwargs: Given.kwargs) -> Made:
        with matplotlib.rc_context(STYLE):
            return function(*args, **kwargs)

    return styled


def loss_curve(records: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write the PNG of a run's losses; see `losses`. Without losses nothing is written."""
    figure = losses(records)
    if figure is not None:
        save_png(figure, path)


@styled
def losses(records: Iterable[Mapping[str, Any]]) -> Figure | None:
    """Training and validation loss over the tokens that were read.

    Args:
        records: mappings with `tokens` and `train_loss` or `validation_loss`, in nats a token.
    """
    rows = list(records)
    curves = {
        key: [(row["tokens"], row[key]) for row in rows if row.get(key) is not None]
        for key in ("train_loss", "validation_loss")
    }
    if not any(curves.values()):
        return None
    figure, axes = new_axes("Loss while training", "tokens read", "loss, nats a token")
    if curves["train_loss"]:
        tokens, values = zip(*_thin(curves["train_loss"]), strict=True)
        axes.plot(tokens, values, color=BLUE, linewidth=1.2, label="training")
    if curves["validation_loss"]:
        tokens, values = zip(*curves["validation_loss"], strict=True)
        label = f"validation (last {values[-1]:.3f})"
        axes.plot(tokens, values, "o-", color=VERMILION, linewidth=1.6, markersize=4, label=label)
    axes.xaxis.set_major_formatter(short_number)
    # The first steps fall from log(vocabulary); the rest of the run should not be squeezed by them.
    shown = sorted(value for curve in curves.values() for _, value in curve)
    axes.set_ylim(shown[0] * 0.95, max(shown[int(len(shown) * 0.97)] * 1.1, shown[0] * 1.1))
    axes.legend()
    return figure


def _thin(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most `POINTS` points, each the mean of a run of neighbours."""
    size = -(-len(points) // POINTS)
    groups = [points[start : start + size] for start in range(0, len(points), size)]
    return [
        (sum(x for x, _ in group) / len(group), sum(y for _, y in group) / len(group))
        for group in groups
    ]


@styled
def bits_per_byte(scores: Mapping[str, Any] | None) -> Figure | None:
    """The model's bits per byte on test text beside the n-grams'; lower is better."""
    found = {name: value for name, value in (scores or {}).items() if _is_number(value)}
    if not found:
        return None
    names = sorted(found, key=lambda name: -found[name])
    colours = [BLUE if name == "model" else GREY for name in names]
    figure, axes = new_axes(
        "Bits per byte on test text (lower is better)", "bits per byte", "", len(names)
    )
    bars(
        axes, [readable(name) for name in names], [found[name] for name in names], colours, "{:.3f}"
    )
    return figure


@styled
def ladder(variants: Sequence[Mapping[str, Any]] | None) -> Figure | None:
    """Bits per byte of every variant that had the same budget; a stroke for each seed."""
    rows = [row for row in variants or [] if _is_number(row.get("bits_per_byte"))]
    if not rows:
        return None
    rows.sort(key=lambda row: -row["bits_per_byte"])
    figure, axes = new_axes(
        "Architectures with the same budget (lower is better)", "bits per byte", "", len(rows)
    )
    best = rows[-1]["name"]
    seeds = [row.get("bits_per_byte_by_seed") or [] for row in rows]
    bars(
        axes,
        [readable(row["name"]) for row in rows],
        [row["bits_per_byte"] for row in rows],
        [BLUE if row["name"] == best else GREY for row in rows],
        "{:.3f}",
        padding=9 if any(seeds) else 3,  # a place for the strokes between bar and value
    )
    for place, values in enumerate(seeds):
        axes.plot(values, [place] * len(values), "|", color=INK, markersize=7)
    return figure


@styled
def funnel(title: str, dropped: Mapping[str, Any] | None, unit: str) -> Figure | None:
    """How many documents (or paragraphs: `unit`) each reason took away."""
    reasons = {
        name: count for name, count in (dropped or {}).items() if _is_number(count) and count
    }
    if not reasons:
        return None
    names = sorted(reasons, key=lambda name: reasons[name])
    figure, axes = new_axes(title, unit, "", len(names))
    counts = [reasons[name] for name in names]
    bars(axes, [readable(name) for name in names], counts, [ORANGE] * len(names), "{:,}")
    axes.xaxis.set_major_formatter(short_number)
    return figure


@styled
def power_laws(
    title: str, x: str, y: str, curves: Mapping[str, Sequence[tuple[float, float]] | None]
) -> Figure | None:
    """Curves on two logarithmic axes, on which a power law is a straight line.

    Args:
        curves: name to (x, y) pairs above zero, such as before and after cleaning.
    """
    found = {name: points for name, points in curves.items() if points}
    if not found:
        return None
    figure, axes = new_axes(title, x, y)
    styles = [(GREY, "--"), (BLUE, "-"), (GREEN, ":")]
    for (name, points), (colour, line) in zip(found.items(), styles, strict=False):
        axes.plot(*zip(*points, strict=True), line, color=colour, label=name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator())
        axis.set_major_formatter(short_number)
        axis.set_minor_locator(NullLocator())
    axes.legend()
    return figure


@styled
def lengths(histograms: Mapping[str, Sequence[Mapping[str, Any]] | None]) -> Figure | None:
    """How many documents have how many characters.

    Args:
        histograms: name to bins with `from`, `to` and `documents`, such as before and after
            cleaning.
    """
    found = {name: bins for name, bins in histograms.items() if bins}
    if not found:
        return None
    figure, axes = new_axes("Length of documents", "characters", "documents")
    styles = [(GREY, "--"), (BLUE, "-")]
    for (name, bins), (colour, line) in zip(found.items(), styles, strict=False):
        edges = [part["from"] for part in bins] + [bins[-1]["to"]]
        counts = [part["documents"] for part in bins]
        axes.stairs(counts, edges, color=colour, linestyle=line, linewidth=1.4, label=name)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(short_number)
    axes.yaxis.set_major_formatter(short_number)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.legend()
    return figure


@styled
def save_png(figure: Figure, path: Path) -> None:
    """Write a figure at 144 dots an inch on white, whole or not at all, with no date in it."""
    with atomic_file(path) as partial:
        figure.savefig(
            partial, format="png", dpi=144, facecolor="white", metadata={"Software": None}
        )


def as_svg(figure: Figure, name: str) -> str:
    """The `<svg>` of a figure for a page: transparent, in the page's colour and fonts.

    Args:
        name: stands before every id, so that several figures live in one page.
    """
    held = io.StringIO()
    with matplotlib.rc_context(STYLE | {"svg.hashsalt": name, "svg.id": None}):
        figure.savefig(
            held, format="svg", transparent=True, metadata={"Date": None, "Creator": None}
        )
    svg = held.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", svg)
    svg = svg.replace(INK, "currentColor").replace("'DejaVu Sans'", "inherit")
    # Its size comes from the page; the viewBox keeps the shape.
    svg = re.sub(r'(<svg\b[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    return re.sub(r'(<svg\b[^>]*?) height="[^"]*"', r"\1", svg, count=1)


def readable(name: str) -> str:
    """A key as words: char_5gram is `5-gram (characters)`.

    >>> readable("near_duplicate")
    'near duplicate'
    """
    gram = re.fullmatch(r"char_(\d)gram", name)
    if name == "word_3gram":
        return "3-gram (words)"
    return f"{gram[1]}-gram (characters)" if gram else name.replace("_", " ")


def new_figure(height: float) -> Figure:
    """An empty figure as wide as all others, `height` inches high; its parts make room."""
    return Figure(figsize=(WIDTH, height), layout="constrained")


def new_axes(title: str, x: str, y: str, bars: int | None = None) -> tuple[Figure, Axes]:
    """A figure with one pair of axes; for horizontal bars its height follows from their number."""
    figure = new_figure(3.1 if bars is None else 1.0 + 0.28 * bars)
    axes = figure.add_subplot()
    # Over the whole figure: over the axes, long names of bars would push it out at the right.
    figure.suptitle(title, x=0.01, horizontalalignment="left", fontsize=11)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    return figure, axes


def bars(
    axes: Axes,
    names: list[str],
    values: Sequence[float],
    colours: list[str],
    form: str,
    padding: float = 3,
) -> None:
    """Horizontal bars, each with its value behind it, `padding` points away."""
    drawn = axes.barh(names, values, color=colours, height=0.7)
    axes.bar_label(drawn, [form.format(value) for value in values], padding=padding)
    axes.margins(x=0.15)
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def short_number(value: float, _: object = None) -> str:
    """1500000 as 1.5M, so that labels of an axis do not run into each other."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
