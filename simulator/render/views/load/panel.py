"""A curve or an area along time, with what it is about on its left."""

from collections.abc import Iterator

from simulator.render.drawing import Line, Shape, Text, fit, moved
from simulator.render.text import STEP
from simulator.render.views.time.bars import LABEL_GAP
from simulator.values import NamedTuple

HEIGHT = 72.0

LIMIT = "changed"
"""The role of a line that says how much there can be."""

TOLD = 9.0
"""Size of what is told below a label."""

OUT_OF_SIGHT = 8
"""A limit that is so many times as high as what is drawn would let nothing be seen of that."""


class Panel(NamedTuple):
    """A part of the load view, from (0, 0) on to the right and down.

    Attributes:
        labels: What it is about, and below that what is told of it.
        drawn: What is drawn on the axis.
        width: Of the axis.
    """

    labels: tuple[str, ...]
    drawn: tuple[Shape, ...]
    width: float
    height: float = HEIGHT

    def shapes(self, left: float, y: float) -> Iterator[Shape]:
        """Yield it at a place; the axis begins at *left*."""
        for number, label in enumerate(self.labels):
            size = TOLD if number else 12.0
            told = fit(label, left - LABEL_GAP, size)
            title = label if told != label else ""
            role = "faint" if number else "ink"
            # In the rows that areas have as text.
            yield Text(0, y + 6 + STEP * number + 0.35 * size, told, size, role, title=title)
        yield from moved(self.drawn, left, y)
        base = y + self.height
        yield Line(((left, base), (left + self.width, base)), "rule", 0.75)


def scale_for(peak: float, limit: float | None) -> tuple[float, bool]:
    """Return what the height of a panel stands for, and whether a limit is drawn in it."""
    drawn = limit is not None and limit <= OUT_OF_SIGHT * peak
    highest = max(peak, limit) if limit is not None and drawn else peak
    return max(highest, 1e-9), drawn


def limit_line(value: float, highest: float, width: float) -> Line:
    """Return a limit as a line across a panel."""
    y = HEIGHT * (1 - value / highest)
    return Line(((0, y), (width, y)), LIMIT, 1.25, dashed=True)
