"""Figures of the small runs beside the main one, and of what stages cost. See `figures`."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from pipeline.reporting.figures import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PURPLE,
    VERMILION,
    bars,
    new_axes,
    readable,
    short_number,
    styled,
)

STYLES = [
    (colour, line)
    for line in ("-", "--", ":")
    for colour in (BLUE, ORANGE, GREEN, VERMILION, PURPLE, INK, GREY)
]


def losses_of(variant: Mapping[str, Any]) -> list[tuple[float, float]]:
    """(tokens read, training loss) of a rung of the ladder, its first seed; nothing for one that
    counts."""
    losses = variant.get("losses") or []
    if not losses or not variant.get("tokens"):
        return []
    a_step = variant["tokens"] / losses[-1][0]
    return [(step * a_step, loss) for step, loss in losses]


@styled
def variant_losses(variants: Sequence[Mapping[str, Any]] | None) -> Figure | None:
    """Training loss over the tokens read, a line for each variant; dashes tell lines apart that
    colours do not."""
    curves = {row["name"]: losses_of(row) for row in variants or []}
    curves = {name: points for name, points in curves.items() if points}
    if not curves:
        return None
    figure, axes = new_axes("Loss of the variants", "tokens read", "loss, nats a token")
    figure.set_figheight(3.1 + 0.22 * -(-len(curves) // 3))
    for (name, points), (colour, line) in zip(curves.items(), STYLES * 9, strict=False):
        axes.plot(
            *zip(*points, strict=True), line, color=colour, linewidth=1.3, label=readable(name)
        )
    axes.xaxis.set_major_formatter(short_number)
    figure.legend(loc="outside lower left", ncols=3, fontsize=9)
    return figure


@styled
def seconds_by_stage(seconds: Mapping[str, float]) -> Figure | None:
    """How long each stage took, in the order in which they ran, the first on top."""
    if not seconds:
        return None
    names = list(seconds)[::-1]
    figure, axes = new_axes("Where the time went", "seconds by the clock", "", len(names))
    values = [seconds[name] for name in names]
    bars(axes, [readable(name) for name in names], values, [GREEN] * len(names), "{:,.1f}")
    axes.xaxis.set_major_formatter(short_number)
    return figure
