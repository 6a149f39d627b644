"""The film view: the states at all instants, side by side in bands.

A row stands at the same height in each instant of a band, and a cluster at the same place in each
row. What changed since the instant before has an edge of its own.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from simulator.diagnostics import Finding, Severity, shown
from simulator.model.machine import Backup
from simulator.render.drawing import (
    Box,
    Drawing,
    Line,
    Shape,
    Text,
    fit,
    moved,
    stack,
    title_lines,
    wrap,
)
from simulator.render.layout import scales_of
from simulator.render.rows import ROWS_MAX
from simulator.render.story import made_at, tell_scales, title_of
from simulator.render.told import RANK, by_frame, failed_writes, marks_of
from simulator.render.views.strips import (
    LABEL_GAP,
    SMALL,
    Cells,
    Row,
    backup_row,
    cells_for,
    draw_cells,
    draw_label,
    failed_row,
    guest_row,
    image_rows,
    labels_width,
    restore_row,
)
from simulator.render.views.told import (
    Sample,
    box_sample,
    cell_samples,
    draw_findings,
    draw_legend,
    draw_marks,
    line_sample,
    marks_in,
)
from simulator.timeline import Frame, Timeline
from simulator.values import NamedTuple

BAND_WIDTH = 1100.0
ROW_WIDTH = 300.0
"""Room for the cells of one instant, if there are few enough of them."""

LETTER_WIDTH = 8.5
"""Least width of a cell, so that its letter can be read."""

COLUMN_MIN = 92.0
COLUMN_GAP = 28.0
ARROW = 9.0
"""How far left of the cells the arrows between images run."""

ROW_GAP = 4.0
STEP_LINES_MAX = 8


class State(NamedTuple):
    """One instant.

    Attributes:
        rows: Of images, bitmaps and guest, by what they are the same by.
        made: Backups and restored disks.
        changed: Cells of each row that are not as they were at the instant before.
        fresh: The rows that were not there then, or not so.
        findings: Those of the instant, and of the guest's steps before it.
        marks: Which cells they are about, by the label of the row.
    """

    frame: Frame
    rows: dict[tuple[str, ...], Row]
    made: tuple[Row, ...]
    changed: dict[tuple[str, ...], tuple[int, ...]]
    fresh: frozenset[tuple[str, ...]]
    steps: str
    findings: tuple[Finding, ...]
    marks: Mapping[str, Mapping[int, Severity]]


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
    named = _names(states)
    labels = labels_width(list(named.values())) + LABEL_GAP + ARROW
    width = max(COLUMN_MIN, count * cells.width)
    per_band = max(1, int((BAND_WIDTH - labels) / (width + COLUMN_GAP)))
    bands = [
        _Band(states[n : n + per_band], order, named, cells, labels, width, whole)
        for n in range(0, len(states), per_band)
    ]
    parts = [_title(timeline, states), *(_draw_band(band) for band in bands)]
    if findings:
        parts.append(draw_findings(timeline, findings, BAND_WIDTH * 0.8))
    return stack(parts, title=timeline.script.title)


def states_of(timeline: Timeline, findings: Sequence[Finding]) -> Iterator[State]:
    """Yield every instant with what changed there."""
    before: dict[tuple[str, ...], Row] = {}
    scales = scales_of(timeline)
    found = by_frame(timeline, findings)
    for number, frame in enumerate(timeline.frames):
        rows = {row.key: row for row in _rows(frame, scales)}
        changed = {key: _changes(before.get(key), row) for key, row in rows.items() if number}
        made = tuple(_made(timeline, frame, scales))
        here = found[number]
        yield State(
            frame=frame,
            rows=rows,
            made=made,
            changed=changed,
            fresh=frozenset(key for key, row in rows.items() if before.get(key) != row),
            steps=title_of(timeline, frame),
            findings=here,
            marks=marks_of(here, [row.label for row in (*rows.values(), *made)]),
        )
        before = rows


def _made(timeline: Timeline, frame: Frame, scales: Mapping[str, int]) -> Iterator[Row]:
    """Yield what the guest could not write, and the copies that an instant made."""
    for entry, request in failed_writes(timeline, frame):
        yield failed_row(entry, request, scales)
    for each, remark in made_at(timeline, frame):
        if isinstance(each, Backup):
            yield backup_row(each, remark, scales[each.disk], zeroes=timeline.draws_zeroes)
        else:
            yield restore_row(each, remark, scales[each.disk])


def _rows(frame: Frame, scales: Mapping[str, int]) -> Iterator[Row]:
    disks = frame.machine.disks
    there: set[str] = set()
    for disk in disks:
        for image, bitmaps in image_rows(disk, scales[disk.name]):
            if image.key[2] in there:
                continue  # Another disk lies on it as well.
            there.add(image.key[2])
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


def _names(states: Sequence[State]) -> dict[tuple[str, ...], Row]:
    """Return a row for each label: one that has a namesake at any instant tells its image."""
    known = {key: row for state in states for key, row in state.rows.items()}
    names = Counter((key[1], key[3]) for key in known if key[0] == "bitmap")
    return {
        key: row._replace(label=shown(f"{key[2]}.{key[3]}"))
        if key[0] == "bitmap" and names[key[1], key[3]] > 1
        else row
        for key, row in known.items()
    }


class _Band(NamedTuple):
    """Instants side by side.

    Attributes:
        order: The rows of all instants.
        named: A row of each, with its label.
        labels: Room for labels.
        width: Of one instant.
        whole: Whether it leaves no row out.
    """

    states: Sequence[State]
    order: Sequence[tuple[str, ...]]
    named: Mapping[tuple[str, ...], Row]
    cells: Cells
    labels: float
    width: float
    whole: bool

    def x(self, column: int) -> float:
        """Return where an instant begins."""
        return self.labels + column * (self.width + COLUMN_GAP)


def _title(timeline: Timeline, states: Sequence[State]) -> Drawing:
    lines = title_lines(timeline.script.title, BAND_WIDTH * 0.8)
    shapes: list[Shape] = [*lines]
    told = [f"model {timeline.under}"]
    told += tell_scales(timeline)
    y = 14.0 + 18 * len(lines)
    for line in told:
        shapes.append(Text(0, y, fit(line, BAND_WIDTH, SMALL), SMALL, "faint"))
        y += 14
    legend = draw_legend(list(_samples(states)), BAND_WIDTH * 0.8)
    shapes += moved(legend.shapes, 0, y - 8)
    right = max(shape.extent[2] for shape in shapes if isinstance(shape, Text))
    return Drawing(right, y + legend.height - 8, tuple(shapes))


def _samples(states: Sequence[State]) -> Iterator[Sample]:
    """Yield what the marks mean, those that occur."""
    rows = [row for state in states for row in (*state.rows.values(), *state.made)]
    yield from cell_samples(rows)
    if any(len(disk.chain) > 1 for state in states for disk in state.frame.machine.disks):
        yield line_sample("lies on", "ink", 1.25, arrow=True, plain="->")
    if len(states) > 1:
        yield box_sample("changed since the instant before", None, edge="changed", plain="^")
    found = {
        severity
        for state in states
        for row in (*state.rows.values(), *state.made)
        for severity in marks_in(row, state.marks).values()
    }
    for severity in sorted(found, key=lambda each: -RANK[each]):
        yield box_sample(f"what the {severity} is about", None, edge=severity.value, plain="!")


def _draw_band(band: _Band) -> Drawing:
    """Return instants side by side: their names, their rows, and what they made."""
    steps = [wrap(state.steps, band.width, SMALL) if state.steps else [] for state in band.states]
    codes = any(state.findings for state in band.states)
    head = 25.0 + 13 * min(STEP_LINES_MAX, max(map(len, steps))) + (13 if codes else 0)
    shapes, tops, y = _draw_labels(band, head)
    bottom = y
    for column, state in enumerate(band.states):
        x = band.x(column)
        shapes += _draw_head(state, steps[column], x, band.width, codes=codes)
        for key, row in ((key, row) for key, row in state.rows.items() if key in tops):
            changed = state.changed.get(key, ())
            shapes += draw_cells(row, x, tops[key], band.cells, changed=changed)
            shapes += draw_marks(marks_in(row, state.marks), row, x, tops[key], band.cells)
        shapes += _arrows(state, x, tops, band)
        made, end = _draw_made(state, x, y + 6, band)
        shapes += made
        bottom = max(bottom, end)
    width = band.x(len(band.states) - 1) + band.width
    return Drawing(width, bottom + 4, tuple(shapes))


def _draw_labels(band: _Band, y: float) -> tuple[list[Shape], dict[tuple[str, ...], float], float]:
    """Return the labels of the rows, where each row begins, and where all of them end."""
    shapes: list[Shape] = []
    tops: dict[tuple[str, ...], float] = {}
    here, left = _here(band)
    room = band.labels - LABEL_GAP - ARROW
    for key in here:
        row = band.named[key]._replace(strong=key[0] != "bitmap")
        y += 8 if row.strong and tops else 0
        tops[key] = y
        shapes.append(draw_label(row, room, y, room, band.cells))
        y += band.cells.height_of(row) + ROW_GAP
    if left:
        shapes.append(Text(0, y + 8, f"({left:,} rows as before)", SMALL, "faint"))
        y += 14
    return shapes, tops, y


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


def _arrows(
    state: State, x: float, tops: Mapping[tuple[str, ...], float], band: _Band
) -> Iterator[Shape]:
    """Yield an arrow from each overlay to its backing image, left of their cells."""
    half = band.cells.height / 2
    placed = {key[2]: tops.get(key) for key in state.rows if key[0] == "image"}
    disks = state.frame.machine.disks
    pairs = ((b.name, a.name) for disk in disks for b, a in pairwise(disk.chain))
    for below, above in dict.fromkeys(pairs):
        start, end = placed[above], placed[below]
        if start is None or end is None:
            continue
        side = half / 3 if start > end else -half / 3
        points = (
            (x - 3, start + half - side),
            (x - ARROW, start + half - side),
            (x - ARROW, end + half + side),
            (x - 3, end + half + side),
        )
        yield Line(points, "ink", 1.25, arrow=True)


def _draw_head(
    state: State, steps: Sequence[str], x: float, width: float, *, codes: bool
) -> Iterator[Shape]:
    """Yield an instant's name, the codes of its findings, and what is done there.

    Args:
        codes: Whether there is room for them.
    """
    label = state.frame.label or "afterwards"
    yield Text(x, 13, fit(label, width, 13), 13, bold=True)
    if state.findings:
        worst = max((each.severity for each in state.findings), key=lambda each: RANK[each])
        told = "; ".join(f"{each.code} {each.message}" for each in state.findings)
        yield Box(x, 17.5, 10, 10, fill=worst.value, title=told, plain="!")
        yield Text(x + 5, 26, "!", 9, anchor="middle", bold=True, on=worst.value)
        names = ", ".join(dict.fromkeys(each.code for each in state.findings))
        yield Text(x + 15, 26, fit(names, width - 15, SMALL), SMALL, worst.value, title=told)
    top = 40 if codes else 27
    for number, line in enumerate(steps[:STEP_LINES_MAX]):
        cut = number == STEP_LINES_MAX - 1 and len(steps) > STEP_LINES_MAX
        told = f"and {len(steps) - number:,} more lines" if cut else line
        title = state.steps if cut else ""
        yield Text(x, top + 13 * number, fit(told, width, SMALL), SMALL, "faint", title=title)


def _draw_made(state: State, x: float, y: float, band: _Band) -> tuple[list[Shape], float]:
    """Return the rows of what an instant made, each below its name, and where they end."""
    shapes: list[Shape] = []
    for row in state.made:
        told = fit(row.label, band.width, SMALL)
        title = row.label if told != row.label else row.remark
        shapes.append(Text(x, y + 10, told, SMALL, title=title))
        shapes += draw_cells(row, x, y + 14, band.cells)
        shapes += draw_marks(marks_in(row, state.marks), row, x, y + 14, band.cells)
        y += 14 + band.cells.height + 5
    return shapes, y
