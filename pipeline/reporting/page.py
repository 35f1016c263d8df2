"""The report as one HTML file: figures inside, no network, no script; light, dark, phone, print."""

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from pipeline.reporting.blocks import Card, Listing, Section
from pipeline.reporting.figures import as_svg

TEMPLATE = Path(__file__).with_name("page.html")


def render(
    title: str,
    lead: str,
    cards: Sequence[Card],
    sections: Sequence[Section],
    params: Listing | None = None,
) -> str:
    """The whole page. All but the figures is escaped, since texts of a corpus hold anything.

    Args:
        params: params.yaml, shown at the end; figures link to the lines that made them.
    """
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    drawn = {
        name: Markup(as_svg(figure, name))
        for section in sections
        for name, figure in section.figures.items()
    }
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        title=title,
        lead=lead,
        cards=cards,
        sections=sections,
        drawn=drawn,
        params=params,
        footer="Made by tugantel: dvc repro. The figures are also in reports/figures.",
    )
