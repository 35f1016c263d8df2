"""What a page of the report is built from: sections of text, figures, tables and quotes.

Figures of unknown or missing measurements are shown as a dash, never guessed; texts of a corpus are
made safe to print, for they may hold anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from matplotlib.figure import Figure

DASH = "–"
EXAMPLE_CHARACTERS = 400


@dataclass(frozen=True)
class Table:
    """A table; cells of every column but the first are figures, unless it is `prose`.

    `params` says by which key of params.yaml the row of a name was made.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    prose: bool = False
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Quotes:
    """Texts shown as they are, under a line that is folded out."""

    title: str
    texts: Sequence[str]
    open: bool = False


@dataclass(frozen=True)
class Listing:
    """A file as it is: its lines, and by which line a link finds each key of it."""

    lines: Sequence[str]
    places: Mapping[str, int]

    def place(self, key: str) -> int | None:
        """The line where a dotted key stands, or what it is part of; None where there is none."""
        while key not in self.places and "." in key:
            key = key.rpartition(".")[0]
        return self.places.get(key)


@dataclass
class Section:
    """One part of the page: paragraphs, then figures (by the name of their PNG), tables, quotes.

    `made` are the keys of params.yaml that its stages read, `before` those of the stages that came
    before them.
    """

    key: str
    title: str
    paragraphs: list[str] = field(default_factory=list)
    figures: dict[str, Figure] = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)
    quotes: list[Quotes] = field(default_factory=list)
    made: Sequence[str] = ()
    before: Sequence[str] = ()

    def draw(self, name: str, figure: Figure | None) -> None:
        """Add a figure where there is one."""
        if figure is not None:
            self.figures[name] = figure

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return not (self.paragraphs or self.figures or self.tables or self.quotes)


@dataclass(frozen=True)
class Card:
    """A headline figure and what it is to be seen against."""

    label: str
    value: str
    beside: str = ""
    section: str = ""  # the key of the section that says more


def number(value: Any, form: str = ",") -> str:
    """A figure in the given format; a dash for None.

    >>> number(1234567), number(0.25, ".0%"), number(None)
    ('1,234,567', '25%', '–')
    """
    return DASH if value is None else format(value, form)


def interval(bounds: Any, form: str) -> str:
    """A pair of bounds as `low – high`; nothing where there is none."""
    if not isinstance(bounds, Sequence) or len(bounds) != 2 or None in bounds:
        return ""
    return f"{bounds[0]:{form}} – {bounds[1]:{form}}"


def megabytes(size: Any) -> str:
    """Bytes as MB (10⁶ bytes) with two digits."""
    return number(size / 1e6 if is_number(size) else None, ",.2f")


def shown(text: str, limit: int = EXAMPLE_CHARACTERS) -> str:
    """A text that may hold anything, made safe to print: cut, controls visible, valid Unicode."""
    cut = text if len(text) <= limit else text[:limit] + " …"
    visible = "".join(
        chr(0x2400 + ord(c))
        if ord(c) < 32 and c not in "\n\t"
        else "\u2421"
        if ord(c) == 127
        else c
        for c in cut
    )
    return visible.encode("utf-8", "replace").decode("utf-8")


def is_number(value: Any) -> bool:
    """Whether something that was read from JSON is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)
