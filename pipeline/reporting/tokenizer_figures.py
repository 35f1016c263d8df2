"""Figures of the sweep over tokenizers. See `figures` for how they are drawn."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from pipeline.reporting.blocks import is_number
from pipeline.reporting.figures import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    VERMILION,
    new_axes,
    new_figure,
    readable,
    short_number,
    styled,
)

COLOURS = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, GREY, INK)
MARKERS = "osD^vP*X"
BUDGETS = {"bytes": ("same text read", BLUE, "-"), "compute": ("same cost", ORANGE, "--")}

Sweep = Sequence[Mapping[str, Any]]


@styled
def judged(sweep: Sweep, chosen: Mapping[str, Any]) -> Figure | None:
    """Bits per byte of small models over the vocabulary size, for both budgets: lines through the
    means, dots for single seeds, a ring around the chosen one."""
    rows = [row for row in sweep if row.get("proxies")]
    if not rows:
        return None
    figure, axes = new_axes(
        "Small models on each (lower is better)", "tokens in the vocabulary", "bits per byte"
    )
    for marker, (kind, ready) in zip(MARKERS, _kinds(rows), strict=False):
        mine = [row for row in rows if row["kind"] == kind]
        for budget, (label, colour, line) in BUDGETS.items():
            points = [(row["size"], row["proxies"][budget]["mean"]) for row in mine]
            name = label if len(_kinds(rows)) == 1 else f"{readable(kind)}, {label}"
            style = "" if ready else line
            axes.plot(*zip(*points, strict=True), style, marker=marker, color=colour, label=name)
            for row in mine:
                seeds = row["proxies"][budget]["seeds"]
                axes.plot([row["size"]] * len(seeds), seeds, ".", color=colour, alpha=0.5)
    budget = chosen.get("budget", "bytes")
    for row in rows:
        if _is_chosen(row, chosen):
            _ring(axes, row["size"], row["proxies"][budget]["mean"])
    _sizes(axes, rows)
    axes.legend(fontsize=9)
    return figure


@styled
def measures(
    sweep: Sweep, named: Mapping[str, tuple[str, str]], chosen: Mapping[str, Any]
) -> Figure | None:
    """One small picture for each measure, over the vocabulary size.

    Args:
        named: key of a measure to its name and format.
    """
    shown = {
        key: label
        for key, (label, _) in named.items()
        if any(is_number(row.get(key)) for row in sweep)
    }
    if not shown:
        return None
    rows = -(-len(shown) // 2)
    figure = new_figure(0.6 + 1.75 * rows)
    kinds = _kinds(sweep)
    places = figure.subplots(rows, 2, squeeze=False, sharex=True)
    for place, (key, label) in zip(places.flat, shown.items(), strict=False):
        place.set_title(label, fontsize=9, loc="left")
        for colour, marker, (kind, ready) in zip(COLOURS, MARKERS, kinds, strict=False):
            points = [
                (row["size"], row[key])
                for row in sweep
                if row["kind"] == kind and is_number(row.get(key))
            ]
            style = "" if ready else "-"
            place.plot(
                *zip(*sorted(points), strict=True),
                style,
                marker=marker,
                markersize=3.5,
                color=colour,
                label=readable(kind),
            )
        for row in sweep:
            if _is_chosen(row, chosen) and is_number(row.get(key)):
                _ring(place, row["size"], row[key])
        _sizes(place, sweep)
        place.tick_params(labelsize=9)
        if named[key][1].endswith("%"):
            place.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g}%")
    for place in places.flat[len(shown) :]:
        place.set_axis_off()
    figure.suptitle(
        "Measures over the size of the vocabulary", x=0.01, horizontalalignment="left", fontsize=11
    )
    figure.supxlabel("tokens in the vocabulary", fontsize=10)
    if len(kinds) > 1:
        handles, labels = places.flat[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower left", ncols=3, fontsize=9)
    return figure


@styled
def ranks(described: Mapping[str, Mapping[str, Any]]) -> Figure | None:
    """How often tokens occur in the training text, by rank, on two logarithmic axes."""
    found = {name: one["rank_frequency"] for name, one in described.items()}
    found = {name: points for name, points in found.items() if points}
    if not found:
        return None
    figure, axes = new_axes("Tokens by rank and frequency", "rank", "occurrences")
    for colour, (name, points) in zip(COLOURS * 9, found.items(), strict=False):
        axes.plot(*zip(*points, strict=True), color=colour, linewidth=1.2, label=name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator())
        axis.set_major_formatter(short_number)
        axis.set_minor_locator(NullLocator())
    axes.legend(fontsize=9)
    return figure


@styled
def tail(described: Mapping[str, Mapping[str, Any]], share: str) -> Figure | None:
    """Which share (`vocabulary` or `text`) is tokens that were seen fewer than N times."""
    if not described:
        return None
    title = {
        "vocabulary": "The tail: tokens that are hardly seen",
        "text": "The text that such tokens cover",
    }[share]
    figure, axes = new_axes(title, "seen fewer times than", f"share of the {share}")
    for colour, (name, one) in zip(COLOURS * 9, described.items(), strict=False):
        points = [(row["fewer_than"], row[share]) for row in one["tail"]]
        axes.plot(*zip(*points, strict=True), "o-", markersize=3, color=colour, label=name)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(short_number)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.legend(fontsize=9)
    return figure


def _kinds(sweep: Sweep) -> list[tuple[str, bool]]:
    """The kinds in their order, and whether each is a ready tokenizer."""
    return list(dict.fromkeys((row["kind"], bool(row.get("ready"))) for row in sweep))


def _is_chosen(row: Mapping[str, Any], chosen: Mapping[str, Any]) -> bool:
    return (row["kind"], row["size"]) == (chosen.get("kind"), chosen.get("size"))


def _ring(axes: Axes, x: float, y: float) -> None:
    axes.plot([x], [y], "o", markersize=11, fillstyle="none", color=INK, clip_on=False)


def _sizes(axes: Axes, sweep: Sweep) -> None:
    """A logarithmic axis whose marks are the sizes that were tried, as many as can be read."""
    sizes = sorted({row["size"] for row in sweep})
    kept = [size for index, size in enumerate(sizes) if not index or size >= 1.4 * sizes[index - 1]]
    axes.set_xscale("log", base=2)
    axes.set_xticks(kept, [f"{size:,}" for size in kept])
    axes.tick_params(axis="x", rotation=30)
    axes.minorticks_off()
