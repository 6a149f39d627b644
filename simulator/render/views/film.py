"""The film view: the states at all instants, side by side in bands.

A row stands at the same height in each instant of a band, and a cluster at the same place in each
row. What changed since the instant before has an edge of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from simulator.diagnostics import Finding, Severity
from simulator.model.machine import Backup
from simulator.render.drawing import Box, Drawing, Shape, Text, fit, stack, title_lines, wrap
from simulator.render.layout import scales_of
from simulator.render.rows import ROWS_MAX
from simulator.render.story import made_at, tell_scales, title_of
from simulator.render.views.strips import (
    LABEL_GAP,
    SMALL,
    Cells,
    Row,
    backup_row,
    cells_for,
    draw_cells,
    draw_label,
    guest_row,
    image_rows,
    labels_width,
    restore_row,
)
from simulator.timeline import Frame, Timeline

BAND_WIDTH = 1100.0
ROW_WIDTH = 300.0
"""Room for the cells of one instant, if there are few enough of them."""

LETTER_WIDTH = 8.5
"""Least width of a cell, so that its letter can be read."""

COLUMN_MIN = 92.0
COLUMN_GAP = 22.0
ROW_GAP = 4.0
STEP_LINES_MAX = 3


class State(NamedTuple):
    """One instant.

    Attributes:
        rows: Of images, bitmaps and guest, by what they are the same by.
        made: Backups and restored disks.
        changed: Cells of each row that are not as they were at the instant before.
        fresh: The rows that were not there then, or not so.
        worst: The gravest severity of its findings; None where there are none.
    """

    frame: Frame
    rows: dict[tuple[str, ...], Row]
    made: tuple[Row, ...]
    changed: dict[tuple[str, ...], tuple[int, ...]]
    fresh: frozenset[tuple[str, ...]]
    steps: str
    worst: Severity | None


def lay_out_film(
    timeline: Timeline, findings: Sequence[Finding] = (), *, whole: bool = False
) -> Drawing:
    """Return the picture of all instants.

    Args:
        whole: Whether rows that did not change are drawn, however many there are.
    """
    states = list(states_of(timeline, findings))
    if not states:
        text = "no instant yet"
        return Drawing(200, 20, (Text(0, 14, text),), timeline.script.title)
    order = _order(states)
    lengths = [len(row.cells) for state in states for row in state.rows.values()]
    count = max(lengths, default=8)
    cells = cells_for(count, width_max=max(ROW_WIDTH, LETTER_WIDTH * count))
    cells = cells._replace(width=min(cells.width, 16.0), height=min(cells.height, 18.0), small=13.0)
    cells = cells._replace(letters=min(cells.letters, 10.0))
    known = {key: row for state in states for key, row in state.rows.items()}
    labels = labels_width([known[key] for key in order]) + LABEL_GAP
    width = max(COLUMN_MIN, count * cells.width)
    per_band = max(1, int((BAND_WIDTH - labels) / (width + COLUMN_GAP)))
    bands = [
        _Band(states[n : n + per_band], order, cells, labels, width, whole)
        for n in range(0, len(states), per_band)
    ]
    parts = [_title(timeline), *(_draw_band(band) for band in bands)]
    return stack(parts, title=timeline.script.title)


def states_of(timeline: Timeline, findings: Sequence[Finding]) -> Iterator[State]:
    """Yield every instant with what changed there."""
    before: dict[tuple[str, ...], Row] = {}
    rank = {Severity.ERROR: 3, Severity.WARNING: 2, Severity.INFO: 1}
    scales = scales_of(timeline)
    for number, frame in enumerate(timeline.frames):
        rows = {row.key: row for row in _rows(frame, scales)}
        changed = {key: _changes(before.get(key), row) for key, row in rows.items() if number}
        made = tuple(
            backup_row(each, remark, scales[each.disk], zeroes=timeline.draws_zeroes)
            if isinstance(each, Backup)
            else restore_row(each, remark, scales[each.disk])
            for each, remark in made_at(timeline, frame)
        )
        here = [finding.severity for finding in findings if finding.at == frame.label]
        yield State(
            frame=frame,
            rows=rows,
            made=made,
            changed=changed,
            fresh=frozenset(key for key, row in rows.items() if before.get(key) != row),
            steps=title_of(timeline, frame),
            worst=max(here, key=lambda each: rank[each], default=None),
        )
        before = rows


def _rows(frame: Frame, scales: Mapping[str, int]) -> Iterator[Row]:
    disks = frame.machine.disks
    for disk in disks:
        for image, bitmaps in image_rows(disk, scales[disk.name]):
            yield image
            yield from bitmaps
        if disk.chain:
            yield guest_row(disk, scales[disk.name], alone=len(disks) == 1)


def _changes(before: Row | None, row: Row) -> tuple[int, ...]:
    """Return the cells of a row that are not as they were; of a new row those that hold much."""
    old = before.cells if before is not None else ""
    return tuple(
        cell
        for cell, letter in enumerate(row.cells)
        if letter != (old[cell] if cell < len(old) else "-")
    )


def _order(states: Sequence[State]) -> list[tuple[str, ...]]:
    """Return all rows of all instants: by disk, images with their bitmaps, the guest last."""
    disks: dict[str, None] = {}
    images: dict[tuple[str, str], None] = {}
    bitmaps: dict[tuple[str, str], dict[tuple[str, ...], None]] = {}
    for state in states:
        for key in state.rows:
            disks.setdefault(key[1])
            if key[0] == "image":
                images.setdefault((key[1], key[2]))
            elif key[0] == "bitmap":
                bitmaps.setdefault((key[1], key[2]), {}).setdefault(key)
    order: list[tuple[str, ...]] = []
    for disk in disks:
        for owner, image in images:
            if owner == disk:
                order += [("image", disk, image), *bitmaps.get((disk, image), {})]
        order.append(("guest", disk))
    return order


class _Band(NamedTuple):
    """Instants side by side.

    Attributes:
        order: The rows of all instants.
        labels: Room for labels.
        width: Of one instant.
        whole: Whether it leaves no row out.
    """

    states: Sequence[State]
    order: Sequence[tuple[str, ...]]
    cells: Cells
    labels: float
    width: float
    whole: bool

    def x(self, column: int) -> float:
        """Return where an instant begins."""
        return self.labels + column * (self.width + COLUMN_GAP)


def _title(timeline: Timeline) -> Drawing:
    lines = title_lines(timeline.script.title, BAND_WIDTH * 0.8)
    shapes: list[Shape] = [*lines]
    told = [f"model {timeline.model}"]
    told += tell_scales(timeline)
    y = 14.0 + 18 * len(lines)
    for line in told:
        shapes.append(Text(0, y, fit(line, BAND_WIDTH, SMALL), SMALL, "faint"))
        y += 14
    shapes.append(Box(0, y - 9, 12, 10, edge="changed", thick=2))
    shapes.append(Text(18, y, "changed since the instant before", SMALL, "faint"))
    right = max(shape.extent[2] for shape in shapes if isinstance(shape, Text))
    return Drawing(right, y + 6, tuple(shapes))


def _draw_band(band: _Band) -> Drawing:
    """Return instants side by side: their names, their rows, and what they made."""
    shapes: list[Shape] = []
    here, left = _here(band)
    steps = [wrap(state.steps, band.width, SMALL) if state.steps else [] for state in band.states]
    head = 25.0 + 13 * min(STEP_LINES_MAX, max(map(len, steps)))
    tops: dict[tuple[str, ...], float] = {}
    y = head
    labels: dict[tuple[str, ...], Row] = {}
    for key in here:
        row = next(state.rows[key] for state in band.states if key in state.rows)
        y += 8 if key[0] != "bitmap" and tops else 0
        tops[key], labels[key] = y, row
        y += band.cells.height_of(row) + ROW_GAP
    if left:
        shapes.append(Text(0, y + 8, f"({left:,} rows as before)", SMALL, "faint"))
        y += 14
    shapes += (
        draw_label(
            row._replace(strong=key[0] != "bitmap"),
            band.labels - LABEL_GAP,
            tops[key],
            band.labels - LABEL_GAP,
            band.cells,
        )
        for key, row in labels.items()
    )
    bottom = y
    for column, state in enumerate(band.states):
        x = band.x(column)
        shapes += _draw_head(state, steps[column], x, band.width)
        for key, row in ((key, row) for key, row in state.rows.items() if key in tops):
            changed = state.changed.get(key, ())
            shapes += draw_cells(row, x, tops[key], band.cells, changed=changed)
        made, end = _draw_made(state, x, y + 6, band)
        shapes += made
        bottom = max(bottom, end)
    width = band.x(len(band.states) - 1) + band.width
    return Drawing(width, bottom + 4, tuple(shapes))


def _here(band: _Band) -> tuple[list[tuple[str, ...]], int]:
    """Return the rows that a band draws, and how many it leaves out.

    Where there are many, those are left out that are as before at all of its instants.
    """
    there = [key for key in band.order if any(key in state.rows for state in band.states)]
    if band.whole or len(there) <= ROWS_MAX:
        return there, 0
    disks = (disk for state in band.states for disk in state.frame.machine.disks if disk.chain)
    active = {("image", disk.name, disk.active.name) for disk in disks}
    drawn = [
        key
        for key in there
        if key[0] == "guest" or key in active or any(key in state.fresh for state in band.states)
    ]
    return drawn, len(there) - len(drawn)


def _draw_head(state: State, steps: Sequence[str], x: float, width: float) -> Iterator[Shape]:
    """Yield an instant's name, what is done there, and a mark where there are findings."""
    label = state.frame.label or "afterwards"
    if state.worst is not None:
        yield Box(x + width - 10, 4, 10, 10, fill=state.worst.value, title="see the findings")
        yield Text(x + width - 5, 12.5, "!", 9, anchor="middle", bold=True, on=state.worst.value)
    yield Text(x, 13, fit(label, width - 14, 13), 13, bold=True)
    for number, line in enumerate(steps[:STEP_LINES_MAX]):
        cut = number == STEP_LINES_MAX - 1 and len(steps) > STEP_LINES_MAX
        shown = fit(f"{line[:-1]}…" if cut else line, width, SMALL)
        yield Text(x, 27 + 13 * number, shown, SMALL, "faint", title=state.steps if cut else "")


def _draw_made(state: State, x: float, y: float, band: _Band) -> tuple[list[Shape], float]:
    """Return the rows of what an instant made, each below its name, and where they end."""
    shapes: list[Shape] = []
    for row in state.made:
        shown = fit(row.label, band.width, SMALL)
        title = row.label if shown != row.label else row.remark
        shapes.append(Text(x, y + 10, shown, SMALL, title=title))
        shapes += draw_cells(row, x, y + 14, band.cells)
        y += 14 + band.cells.height + 5
    return shapes, y
