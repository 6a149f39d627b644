"""A picture as a value: what stands where, and in which role. Every back end draws this.

Lengths are in units of which 72 are an inch; the origin is the upper left corner. A role says what
a colour means, and a theme which colour that is.
"""

import textwrap
import unicodedata
from itertools import pairwise
from typing import TypeAlias

from simulator.diagnostics import printable
from simulator.values import NamedTuple

ADVANCE = 0.61
"""Width of a character of a monospaced font, in parts of its size; DejaVu Sans Mono has 0.602."""

ADVANCE_WIDE = 1.02
"""Width of a character of East Asian scripts, likewise."""

ASCENT, DESCENT = 0.8, 0.24
"""How far a line of text reaches above and below its baseline, in parts of its size."""

ELLIPSIS = "…"

POINTING = ("changed", "error", "warning", "info")
"""Roles of edges that are drawn around cells, above them."""


class Box(NamedTuple):
    """A rectangle.

    Attributes:
        x, y: Its upper left corner.
        fill, edge: Roles; None for none.
        thick: Width of the edge.
        dashed: Whether the edge is dashed.
        title: What a reader who points at it is told.
        cell: The number of the cell that it is, on a page; None for any other box.
        row: The label of that cell's row.
        letters: What it is as text, one character a cell: of a run of cells, or of what points
            at them.
        plain: What it is as text, where it is small, or what a bar is filled with: None for what
            its role says, empty where another shape has it. Of a cell, what stands behind its row.
    """

    x: float
    y: float
    width: float
    height: float
    fill: str | None = None
    edge: str | None = None
    thick: float = 1.0
    dashed: bool = False
    title: str = ""
    cell: int | None = None
    row: str = ""
    letters: str = ""
    plain: str | None = None

    @property
    def points(self) -> bool:
        """Whether it is an edge around cells, which points at them."""
        return bool(self.letters) and self.edge in POINTING


class Text(NamedTuple):
    """A line of text.

    Attributes:
        x, y: Where it starts, ends, or has its middle, as *anchor* says; y is the baseline.
        on: The role of the fill that it stands on, if it is one of a cell.
        plain: What it is as text; None for the same, empty where another shape has it.
    """

    x: float
    y: float
    text: str
    size: float = 12.0
    role: str = "ink"
    anchor: str = "start"
    bold: bool = False
    on: str | None = None
    title: str = ""
    plain: str | None = None

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of what it covers."""
        width = width_of(self.text, self.size)
        left = self.x - {"start": 0.0, "middle": width / 2, "end": width}[self.anchor]
        top, bottom = self.y - ASCENT * self.size, self.y + DESCENT * self.size
        return left, top, left + width, bottom


class Line(NamedTuple):
    """A line through points, with an arrow at its end or without.

    Attributes:
        plain: What it is as text; None for a line, empty where another shape has it.
    """

    points: tuple[tuple[float, float], ...]
    role: str = "ink"
    thick: float = 1.0
    dashed: bool = False
    arrow: bool = False
    plain: str | None = None


class Area(NamedTuple):
    """What lies between a line that runs from left to right and a level below it.

    Those that are stacked all stand on one level, the highest first: later ones cover it.

    Attributes:
        top: The line; places only grow, and at a step two points have one place.
        base: The level that it stands on.
        fill, edge: Roles; no edge is drawn along the base.
        title: What a reader who points at it is told.
        plain: What it is filled with as text; None for what its role says, empty for nothing.
    """

    top: tuple[tuple[float, float], ...]
    base: float
    fill: str
    edge: str | None = None
    title: str = ""
    plain: str | None = None

    @property
    def corners(self) -> tuple[tuple[float, float], ...]:
        """The whole outline."""
        return (self.top[0][0], self.base), *self.top, (self.top[-1][0], self.base)

    def highest(self, start: float, end: float) -> float:
        """Return how high it is at most between two places."""
        ups = [self.base - y for x, y in self.top if start <= x <= end]
        for (x0, y0), (x1, y1) in pairwise(self.top):
            ups += [
                self.base - y0 - (y1 - y0) * (x - x0) / (x1 - x0)
                for x in (start, end)
                if x0 < x < x1
            ]
        return max(ups, default=0.0)


Shape: TypeAlias = Box | Text | Line | Area


class Along(NamedTuple):
    """The part of a picture in which places from left to right are times."""

    left: float
    right: float
    top: float
    bottom: float


class Drawing(NamedTuple):
    """A picture.

    Attributes:
        shapes: Later ones lie above earlier ones.
        title: What it shows, for those who cannot see it.
        along: What runs along time in it; None for nothing.
    """

    width: float
    height: float
    shapes: tuple[Shape, ...]
    title: str = ""
    along: Along | None = None

    @property
    def texts(self) -> tuple[Text, ...]:
        """All lines of text."""
        return tuple(shape for shape in self.shapes if isinstance(shape, Text))


def columns_of(text: str) -> int:
    """Return how many columns of a terminal a text takes.

    >>> columns_of("S1"), columns_of("日本")
    (2, 4)
    """
    return len(text) + sum(unicodedata.east_asian_width(character) in "WF" for character in text)


def width_of(text: str, size: float) -> float:
    """Return how wide a line of text is at most.

    >>> round(width_of("S1", 10), 1), round(width_of("日本", 10), 1)
    (12.2, 20.4)
    """
    wide = columns_of(text) - len(text)
    return size * (ADVANCE * (len(text) - wide) + ADVANCE_WIDE * wide)


def fit(text: str, width: float, size: float) -> str:
    """Return a text that is no wider than that; a longer one loses its middle.

    >>> fit("a-name-that-is-long", 50, 10)
    'a-na…ong'
    """
    shown = printable(text)
    if width_of(shown, size) <= width:
        return shown
    # No character is narrower than an advance: more of them never fit, however long the text is.
    most = min(len(shown), int(width / (ADVANCE * size)) + 1)
    head, tail = (most + 1) // 2, most // 2
    while head + tail > 1:
        head, tail = (head - 1, tail) if head > tail else (head, tail - 1)
        cut = f"{shown[:head]}{ELLIPSIS}{shown[len(shown) - tail :]}"
        if width_of(cut, size) <= width:
            return cut
    return ELLIPSIS


def wrap(text: str, width: float, size: float) -> list[str]:
    """Return a text as lines that are no wider than that."""
    columns = max(8, int(width / (ADVANCE * size)))
    lines = textwrap.wrap(text, columns, break_on_hyphens=False) or [""]
    return [fit(line, width, size) for line in lines]


def title_lines(title: str, width: float) -> tuple[Text, ...]:
    """Return the title of a picture, at its top: lines of 18 units, each no wider than that."""
    lines = wrap(title, width, 14)
    return tuple(Text(0, 14 + 18 * n, line, 14, bold=True) for n, line in enumerate(lines))


def moved(shapes: tuple[Shape, ...], x: float, y: float) -> tuple[Shape, ...]:
    """Return shapes elsewhere."""
    return tuple(_moved(shape, x, y) for shape in shapes)


def _moved(shape: Shape, x: float, y: float) -> Shape:
    match shape:
        case Line(points=points):
            return shape._replace(points=tuple((a + x, b + y) for a, b in points))
        case Area(top=top, base=base):
            return shape._replace(top=tuple((a + x, b + y) for a, b in top), base=base + y)
        case _:
            return shape._replace(x=shape.x + x, y=shape.y + y)


def stack(drawings: list[Drawing], *, gap: float = 18.0, title: str = "") -> Drawing:
    """Return drawings below one another as one."""
    shapes: list[Shape] = []
    y = 0.0
    for number, drawing in enumerate(drawings):
        y += gap if number else 0
        shapes += moved(drawing.shapes, 0, y)
        y += drawing.height
    width = max((drawing.width for drawing in drawings), default=0.0)
    return Drawing(width, y, tuple(shapes), title or (drawings[0].title if drawings else ""))


def framed(drawing: Drawing, margin: float = 14.0) -> Drawing:
    """Return a drawing with a margin around it, on paper."""
    width, height = drawing.width + 2 * margin, drawing.height + 2 * margin
    paper = Box(0, 0, width, height, fill="paper")
    return Drawing(width, height, (paper, *moved(drawing.shapes, margin, margin)), drawing.title)
