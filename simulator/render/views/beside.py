"""The same instants under several models, side by side: what is not the same is pointed at."""

from collections.abc import Iterator, Sequence

from simulator.diagnostics import Severity, counted
from simulator.render.drawing import Box, Drawing, Shape, Text, fit, moved, stack, title_lines, wrap
from simulator.render.story import title_of
from simulator.render.views.chain import WIDTH_MIN, Marks, lay_out_chain, rows_at
from simulator.render.views.strips import SMALL, Row
from simulator.render.views.told import box_sample, cell_samples, draw_legend
from simulator.timeline import Frame, Timeline
from simulator.values import NamedTuple

BETWEEN = 40.0
"""Between two columns."""

ALL_MAX = 12
"""Of more instants only those are drawn that are not the same."""

MARK = Severity.WARNING
"""How gravely cells are pointed at that are not the same."""


class Column(NamedTuple):
    """A scenario under one model."""

    name: str
    timeline: Timeline


class Instant(NamedTuple):
    """An instant under each model; None where it does not come so far.

    Attributes:
        marks: The cells of each column that are not the same in all.
    """

    label: str
    frames: tuple[Frame | None, ...]
    marks: tuple[Marks, ...]

    @property
    def same(self) -> bool:
        """Whether all rows are the same."""
        return None not in self.frames and not any(self.marks)


def lay_out_beside(columns: Sequence[Column]) -> Drawing:
    """Return the picture of one scenario under several models.

    Args:
        columns: Two or more, of one scenario.
    """
    instants = [*_instants(columns)]
    drawn = [each for each in instants if len(instants) <= ALL_MAX or not each.same]
    cells = {
        (place, each.label): lay_out_chain(
            column.timeline, frame, heading=False, marks=each.marks[place]
        )
        for each in drawn
        for place, (column, frame) in enumerate(zip(columns, each.frames, strict=True))
        if frame is not None
    }
    widths = [
        max([WIDTH_MIN / 2, *(d.width for (p, _), d in cells.items() if p == place)])
        for place in range(len(columns))
    ]
    width = sum(widths) + BETWEEN * (len(columns) - 1)
    parts = [_head(columns, widths, width)]
    parts += [_row(columns, each, cells, widths, width) for each in drawn]
    left = len(instants) - len(drawn)
    if left:
        told = f"{counted(left, 'instant')} that {'are' if left > 1 else 'is'} the same: not drawn"
        parts.append(Drawing(width, 14, (Text(0, 10, told, SMALL, "faint"),)))
    rows = [row for c in columns for f in c.timeline.frames for row in rows_at(c.timeline, f)]
    marked = box_sample("not the same under all", None, edge=MARK.value, plain="!")
    samples = [*cell_samples(rows), *([marked] if any(not i.same for i in drawn) else [])]
    parts.append(draw_legend(samples, width))
    title = f"{columns[0].timeline.script.title}, under {' and '.join(c.name for c in columns)}"
    return stack(parts, title=title)


def _instants(columns: Sequence[Column]) -> Iterator[Instant]:
    frames = [_by_label(column.timeline) for column in columns]
    for label in dict.fromkeys(label for each in frames for label in each):
        there = tuple(each.get(label) for each in frames)
        rows = [
            {row.label: row for row in rows_at(column.timeline, frame)} if frame else {}
            for column, frame in zip(columns, there, strict=True)
        ]
        yield Instant(label, there, tuple(_marks(own, rows) for own in rows))


def _by_label(timeline: Timeline) -> dict[str, Frame]:
    return {frame.label or "afterwards": frame for frame in timeline.frames}


def _marks(own: dict[str, Row], all_rows: Sequence[dict[str, Row]]) -> Marks:
    """Return the cells of one column that another one does not have so."""
    marks: dict[str, dict[int, Severity]] = {}
    for label, row in own.items():
        others = [rows.get(label) for rows in all_rows]
        differing = {
            cell: MARK
            for cell, held in enumerate(row.cells)
            if any(o is None or o.cells[cell : cell + 1] != held for o in others)
        }
        # What records and what is frozen hold other things later.
        if any(other is not None and other.strong != row.strong for other in others):
            differing = dict.fromkeys(range(len(row.cells)), MARK)
        if differing:
            marks[label] = differing
    return marks


def _head(columns: Sequence[Column], widths: Sequence[float], width: float) -> Drawing:
    """Return the title, and each column's model."""
    lines = title_lines(columns[0].timeline.script.title, max(width, WIDTH_MIN))
    y, x = 18.0 * len(lines) + 14, 0.0
    shapes: list[Shape] = [*lines]
    for column, wide in zip(columns, widths, strict=True):
        shapes.append(Text(x, y, fit(f"under {column.timeline.under}", wide, 12), 12, bold=True))
        x += wide + BETWEEN
    return Drawing(width, y + 2, tuple(shapes))


def _row(
    columns: Sequence[Column],
    instant: Instant,
    cells: dict[tuple[int, str], Drawing],
    widths: Sequence[float],
    width: float,
) -> Drawing:
    """Return an instant: its name and steps, and below them each column's state."""
    first = next(place for place, frame in enumerate(instant.frames) if frame is not None)
    frame = instant.frames[first]
    assert frame is not None, "some model comes so far"
    told = title_of(columns[first].timeline, frame)
    lines = wrap(told, width, SMALL) if told else []
    shapes: list[Shape] = [
        Box(0, 0, width, 0.75, fill="rule", plain=""),
        Text(0, 18, fit(instant.label, 200, 14), 14, bold=True),
    ]
    shapes += [Text(0, 34 + 14 * n, line, SMALL, "faint") for n, line in enumerate(lines)]
    y = 34.0 + 14 * len(lines)
    x, height = 0.0, 0.0
    for place, wide in enumerate(widths):
        drawing = cells.get((place, instant.label))
        if drawing is None:
            shapes.append(Text(x, y + 12, "does not come so far", SMALL, "faint"))
        else:
            shapes += moved(drawing.shapes, x, y)
            height = max(height, drawing.height)
        x += wide + BETWEEN
    return Drawing(width, y + max(height, 16), tuple(shapes))
