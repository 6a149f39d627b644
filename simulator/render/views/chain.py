"""The chain view: the machine at one instant.

Images from the base down to the active one, each with its bitmaps below it, then what the guest
sees. A cluster stands below itself in every row, so that a line can go from what the guest sees up
to the image that it comes from: it passes only cells that hold nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import TypeAlias

from simulator.diagnostics import Finding, Severity, shown
from simulator.model.clusters import set_of
from simulator.model.disk import Disk
from simulator.model.machine import Backup
from simulator.render.drawing import (
    Box,
    Drawing,
    Line,
    Shape,
    Text,
    fit,
    stack,
    title_lines,
    width_of,
    wrap,
)
from simulator.render.layout import scales_of
from simulator.render.origins import Origins, tell_cells
from simulator.render.palette import role_of
from simulator.render.rows import Shown, by_base
from simulator.render.story import made_at, tell_power, tell_scales, title_of
from simulator.render.told import by_frame, failed_writes, marks_of
from simulator.render.views.strips import (
    LABEL_GAP,
    LABEL_SIZE,
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
    middle,
    restore_row,
)
from simulator.render.views.told import draw_findings, draw_marks, marks_in
from simulator.timeline import Frame, Timeline
from simulator.values import NamedTuple

ROW_GAP = 5.0
IMAGE_GAP = 16.0
ARROW_WIDTH = 26.0
REMARK_GAP = 18.0
WIDTH_MIN = 430.0


Marks: TypeAlias = Mapping[str, Mapping[int, Severity]]
"""Which cells of a row are pointed at, and how gravely, by the row's label."""


class Placed(NamedTuple):
    """A row and the top of its cells."""

    row: Row
    y: float


def lay_out_chain(
    timeline: Timeline,
    frame: Frame,
    findings: Sequence[Finding] = (),
    *,
    origins: Origins | None = None,
    heading: bool = True,
    rows: Mapping[str, Shown] | None = None,
    marks: Marks | None = None,
) -> Drawing:
    """Return the picture of one instant.

    Args:
        frame: One of the timeline's.
        findings: Those that are told below; the ones about other instants are left out.
        origins: What each cell tells of who wrote it; for a page.
        heading: Whether the instant's name and steps stand above it.
        rows: Which rows of each disk are drawn; None for all.
        marks: Which cells of a row are pointed at, by its label; None for what findings mark.
    """
    scales = scales_of(timeline)
    drawn = _all_rows(timeline, frame, scales, rows)
    count = max((len(row.cells) for row in drawn), default=8)
    cells = cells_for(count)
    labels = labels_width(drawn) + LABEL_GAP
    tell = _teller(timeline, frame, origins) if origins is not None else _silent
    place = _Place(cells, labels, scales, tell, rows or {}, count)
    alone = len(frame.machine.disks) == 1
    wide = ARROW_WIDTH + labels + count * cells.width + 110
    told = by_frame(timeline, findings)[timeline.frames.index(frame)] if findings else ()
    if marks is None and origins is None:
        marks = marks_of(told, [row.label for row in drawn])
    place = place._replace(marks=marks or {})
    parts = [_title(timeline, wide), _heading(timeline, frame, width=wide)] if heading else []
    folded = [name for name, drawn in (rows or {}).items() if _is_folded(frame, name, drawn)]
    groups = by_base(frame.machine.disks, folded)
    parts += [_disks(group, place, alone=alone) for group in groups]
    made = list(_made_rows(timeline, frame, scales))
    if made:
        parts.append(_rows(made, place))
    width = max(part.width for part in parts)
    if told:
        parts.append(draw_findings(timeline, told, max(width, WIDTH_MIN), at=frame.label))
    label = frame.label or "afterwards"
    return stack(parts, title=f"{timeline.script.title}: {label}")


def _is_folded(frame: Frame, disk: str, drawn: Shown) -> bool:
    """Whether images of a disk are left out."""
    return len(drawn.images) < len(frame.machine.disk(disk).chain)


def rows_at(timeline: Timeline, frame: Frame) -> tuple[Row, ...]:
    """Return all rows of an instant."""
    return tuple(_all_rows(timeline, frame, scales_of(timeline), None))


class _Place(NamedTuple):
    """Where rows are put.

    Attributes:
        labels: Room for labels, with the gap behind them.
        scales: How many clusters a cell of each disk stands for.
        tell: Gives a row the sentences that its cells tell.
        rows: Which rows of a disk are drawn; all of one that is not in it.
        cells_count: Those of the longest row.
        marks: Which cells of a row findings are about, by the row's label.
    """

    cells: Cells
    labels: float
    scales: Mapping[str, int]
    tell: Callable[[Row], Row]
    rows: Mapping[str, Shown]
    cells_count: int
    marks: Marks = MappingProxyType({})

    @property
    def left(self) -> float:
        """Where the first cell is."""
        return ARROW_WIDTH + self.labels


def _silent(row: Row) -> Row:
    return row


def _teller(timeline: Timeline, frame: Frame, origins: Origins) -> Callable[[Row], Row]:
    """Return what tells of each cell of a row who wrote it, and when."""
    made = {shown(each.row): each.disk for each, _ in made_at(timeline, frame)}
    scales = scales_of(timeline)

    def tell(row: Row) -> Row:
        name = made[row.label] if row.kind in ("backup", "restore") else row.key[1]
        disk = frame.machine.disk(name)
        of = row.key[-1] if row.kind == "image" else row.label
        return row._replace(
            titles=tell_cells(origins, disk, frame, row.kind, of, row.cells, scales[disk.name])
        )

    return tell


def _all_rows(
    timeline: Timeline,
    frame: Frame,
    scales: Mapping[str, int],
    shown: Mapping[str, Shown] | None,
) -> list[Row]:
    disks = frame.machine.disks
    drawn = shown or {}
    rows = [
        row
        for disk in disks
        for image, bitmaps in image_rows(disk, scales[disk.name], drawn.get(disk.name))
        for row in (image, *bitmaps)
    ]
    rows += [
        guest_row(disk, scales[disk.name], alone=len(disks) == 1) for disk in disks if disk.chain
    ]
    return [*rows, *_made_rows(timeline, frame, scales)]


def _made_rows(timeline: Timeline, frame: Frame, scales: Mapping[str, int]) -> Iterator[Row]:
    """Yield what the guest could not write, and the copies that an instant made."""
    for entry, request in failed_writes(timeline, frame):
        yield failed_row(entry, request, scales)
    for made, remark in made_at(timeline, frame):
        if isinstance(made, Backup):
            yield backup_row(made, remark, scales[made.disk], zeroes=timeline.draws_zeroes)
        else:
            yield restore_row(made, remark, scales[made.disk])


def _title(timeline: Timeline, width: float) -> Drawing:
    """Return the title and the model."""
    lines = title_lines(timeline.script.title, max(width, WIDTH_MIN))
    y = 18.0 * len(lines) + 12
    model = Text(0, y, fit(f"model {timeline.under}", WIDTH_MIN, SMALL), SMALL, "faint")
    right = max(text.extent[2] for text in (*lines, model))
    return Drawing(right, y + 2, (*lines, model))


def _heading(timeline: Timeline, frame: Frame, width: float) -> Drawing:
    """Return the instant's name and what is done there."""
    label = frame.label or "afterwards"
    shapes: list[Shape] = [Text(0, 13, fit(label, 200, 14), size=14, bold=True)]
    x = min(width_of(label, 14), 200) + 12
    lines = wrap(title_of(timeline, frame), max(width, WIDTH_MIN) - x, SMALL)
    for number, line in enumerate(lines):
        shapes.append(Text(x, 13 + number * 14, line, size=SMALL, role="faint"))
    scaled = tell_scales(timeline)
    if off := tell_power(frame.machine):
        scaled.append(off)
    y = 13.0 + 14 * (len(lines) - 1)
    for line in scaled:
        y += 14
        shapes.append(Text(x, y, fit(line, max(width, WIDTH_MIN) - x, SMALL), SMALL, "faint"))
    right = max(shape.extent[2] for shape in shapes if isinstance(shape, Text))
    return Drawing(right, y + 6, tuple(shapes))


def _disks(branches: Sequence[Disk], place: _Place, *, alone: bool) -> Drawing:
    """Return a disk: its chain, bitmaps, and what the guest sees; and those that lie on it."""
    first = branches[0]
    if not first.chain:
        told = fit(f"{first.name} {first.absence}", WIDTH_MIN, LABEL_SIZE)
        return Drawing(WIDTH_MIN, 16, (Text(0, 12, told, LABEL_SIZE, "faint"),))
    there: dict[str, Placed] = {}
    shapes: list[Shape] = []
    y, width = 0.0, place.left
    for disk in branches:
        y += 2 * IMAGE_GAP if there else 0
        placed, y = _place_rows(disk, there, y, place)
        guest = Placed(guest_row(disk, place.scales[disk.name], alone=alone), y)
        y += place.cells.height_of(guest.row)
        there |= {each.row.key[2]: each for each in placed if each.row.kind == "image"}
        shapes += _links(disk, placed, guest, place)
        shapes += _arrows(disk, placed, there, place, alone=len(branches) == 1)
        for row, top in (*placed, guest):
            shapes += _draw(row, top, place)
            width = max(width, _right(row, place))
    return Drawing(width, y + 2, tuple(shapes))


def _place_rows(
    disk: Disk, there: Mapping[str, Placed], y: float, place: _Place
) -> tuple[list[Placed], float]:
    """Return where the rows of a disk stand, and where its guest's does.

    Args:
        there: The images that have their place already: another disk lies on them as well.
        y: Where its first row stands.
    """
    placed: list[Placed] = []
    for image, bitmaps in image_rows(disk, place.scales[disk.name], place.rows.get(disk.name)):
        if image.kind == "image" and image.key[2] in there:
            continue
        y += IMAGE_GAP if placed else 0
        for row in (image, *bitmaps):
            placed.append(Placed(row, y))
            y += place.cells.height_of(row) + ROW_GAP
    return placed, y + IMAGE_GAP


def _rows(rows: Sequence[Row], place: _Place) -> Drawing:
    """Return rows below one another."""
    shapes: list[Shape] = []
    y, width = 0.0, place.left
    for row in rows:
        shapes += _draw(row, y, place)
        width = max(width, _right(row, place))
        y += place.cells.height_of(row) + ROW_GAP
    return Drawing(width, y, tuple(shapes))


def _draw(row: Row, y: float, place: _Place) -> Iterator[Shape]:
    """Yield a row: its label, its cells, and what is said beside it."""
    if row.label:
        yield draw_label(row, place.left - LABEL_GAP, y, place.labels - LABEL_GAP, place.cells)
    if row.kind == "bitmap":
        # What a line passes here it does not come from: it runs below the row.
        width, height = len(row.cells) * place.cells.width, place.cells.height_of(row)
        yield Box(place.left, y, width, height, fill="paper")
    yield from draw_cells(place.tell(row), place.left, y, place.cells)
    yield from draw_marks(marks_in(row, place.marks), row, place.left, y, place.cells)
    if row.remark:
        x = _end(row, place) + REMARK_GAP
        base = middle(y, place.cells.height_of(row), SMALL)
        yield Text(x, base, row.remark, SMALL, "faint", title="")


def _end(row: Row, place: _Place) -> float:
    """Return where the cells of a row end; those of a note would, if it had any."""
    return place.left + (len(row.cells) or place.cells_count) * place.cells.width


def _right(row: Row, place: _Place) -> float:
    """Return where a row ends."""
    cells = _end(row, place)
    return cells + (REMARK_GAP + width_of(row.remark, SMALL) if row.remark else 0)


def _links(disk: Disk, placed: Sequence[Placed], guest: Placed, place: _Place) -> Iterator[Shape]:
    """Yield a line from each cell that the guest sees to the images that it comes from."""
    images = {
        name: each
        for each in placed
        if each.row.kind in ("image", "note")
        for name in each.row.key[2:]
    }
    sources = _sources(disk, place.scales[disk.name])
    for cell, letter in enumerate(guest.row.cells):
        if letter == "-":
            continue
        x = place.left + (cell + 0.5) * place.cells.width
        for name in sources.get(cell, ()):
            source = images.get(name)
            if source is None:  # It stands above the rows of another disk.
                bottom, role = placed[0].y - IMAGE_GAP / 2, role_of(letter)
            else:
                bottom = source.y + place.cells.height_of(source.row)
                role = role_of(source.row.cells[cell] if source.row.cells else letter)
            # Some colours are faint on paper: an edge on both sides.
            yield Line(((x, guest.y), (x, bottom)), "faint", thick=3.75)
            yield Line(((x, guest.y), (x, bottom)), role, thick=2.5)


def _sources(disk: Disk, scale: int) -> dict[int, list[str]]:
    """Return the images through which the guest sees data in each cell, the lowest first.

    An image that ends before a cluster hides what lies below it there. What this costs follows
    what was written, not the length of the disk.
    """
    seen, reach = set_of(disk.length), disk.length
    sources: dict[int, list[str]] = {}
    for image in reversed(disk.chain):
        reach, visible = min(reach, image.length), image.content
        if seen or reach < image.length:
            visible = visible.restrict(visible.clusters().below(reach) - seen)
        for cell in {cell for cell, letter in visible.cells(scale) if letter != "0"}:
            sources.setdefault(cell, []).insert(0, image.name)
        if image is not disk.chain[0]:
            seen = seen | visible.clusters()
    return sources


def _arrows(
    disk: Disk,
    placed: Sequence[Placed],
    there: Mapping[str, Placed],
    place: _Place,
    *,
    alone: bool,
) -> Iterator[Shape]:
    """Yield an arrow from each overlay to its backing image, left of the labels.

    Args:
        there: The images that have their place, also those that another disk lies on.
        alone: Whether no other disk lies on an image of this one.
    """
    images = [each for each in placed if each.row.kind == "image"]
    names = [image.name for image in disk.chain]
    lowest = names.index(images[0].row.key[2]) if images else 0
    if lowest and names[lowest - 1] in there:
        images.insert(0, there[names[lowest - 1]])
    half = place.cells.height / 2
    room = place.labels - LABEL_GAP
    # An arrow to another disk's image passes the labels of all its rows.
    widest = max(width_of(row.label, LABEL_SIZE) for row, _ in placed) if alone else room
    right = place.left - LABEL_GAP - min(widest, room) - 6
    for below, above in pairwise(images):
        start, end = above.y + half - 3, below.y + half + 3
        points = ((right, start), (right - 14, start), (right - 14, end), (right, end))
        yield Line(points, "ink", 1.25, arrow=True)
