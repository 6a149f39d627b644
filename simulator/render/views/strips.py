"""Rows of cells: what images, bitmaps, backups and the guest's view are drawn as."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, pairwise

from simulator.diagnostics import shown
from simulator.model.bitmap import DirtyBitmap
from simulator.model.clusters import ClusterSet
from simulator.model.disk import Disk, Image
from simulator.model.machine import Backup, Restored
from simulator.model.operations import GuestDiscard, GuestWrite
from simulator.notation import (
    BROKEN,
    GUEST,
    RECORDING_MARK,
    write_backup,
    write_bits,
    write_clusters,
    write_view,
)
from simulator.render.drawing import ASCENT, DESCENT, Box, Shape, Text, fit, width_of
from simulator.render.palette import SHADES, role_of
from simulator.render.rows import Shown, tell_bitmaps, tell_images
from simulator.timeline import Entry
from simulator.values import NamedTuple

FAILED = "failed write"
"""The label of a row that shows what the guest could not write."""

LABEL_SIZE = 12.0
SMALL = 10.0
LABEL_WIDTH_MAX = 190.0
LABEL_GAP = 10.0
REMARK_MAX = 420.0


class Row(NamedTuple):
    """One row: a label, its cells, and what is said beside it.

    Attributes:
        kind: ``image``, ``bitmap``, ``guest``, ``failed``, ``backup``, ``restore``, or ``note``.
        key: What the row is the same by in another instant.
        cells: One character a cell.
        shades: How much of each cell of a scaled bitmap is dirty, 0 to 4; empty for none.
        remark: A few words behind it.
        strong: Whether its label is bold: the active image, a bitmap that records.
        titles: What a reader who points at a cell is told; empty for none.
        scaled: Whether a cell is a range of clusters: cells that are alike are drawn as one.
    """

    kind: str
    key: tuple[str, ...]
    label: str
    cells: str
    shades: tuple[int, ...] = ()
    remark: str = ""
    strong: bool = False
    titles: tuple[str, ...] = ()
    scaled: bool = False


class Cells(NamedTuple):
    """How large cells are.

    Attributes:
        width, height: Of a cell of an image.
        small: Height of a cell of a bitmap.
        letters: Size of the letters in the cells; 0 for none, where there is no room.
    """

    width: float
    height: float
    small: float
    letters: float

    def height_of(self, row: Row) -> float:
        """Return the height of a row's cells."""
        return self.small if row.kind in ("bitmap", "note") else self.height


def cells_for(count: int, *, width_max: float = 760.0) -> Cells:
    """Return how large cells are, so that a row of them has room."""
    width = max(5.0, min(24.0, width_max / max(count, 1)))
    letters = min(13.0, (width - 2) / 0.62)
    return Cells(
        width=width,
        height=max(14.0, min(24.0, width * 1.25)),
        small=max(11.0, min(18.0, width)),
        letters=letters if letters >= 5 else 0.0,
    )


def image_rows(
    disk: Disk, scale: int, rows: Shown | None = None
) -> Iterator[tuple[Row, tuple[Row, ...]]]:
    """Yield the row of each image, the base first, with the rows of its bitmaps.

    Args:
        scale: How many clusters a cell stands for.
        rows: Which are drawn; a note stands in place of the others. None for all.
    """
    names = Counter(bitmap.name for bitmap in disk.bitmaps)
    drawn = (lambda place: place in rows.images) if rows is not None else (lambda place: True)
    for there, group in groupby(range(len(disk.chain)), drawn):
        places = list(group)
        if not there:
            hidden = [disk.chain[place].name for place in places]
            yield _note(disk, hidden, tell_images(hidden)), ()
            continue
        for place in places:
            image = disk.chain[place]
            below = [
                bitmap
                for number, bitmap in enumerate(disk.bitmaps)
                if bitmap.node == image.name and (rows is None or number in rows.bitmaps)
            ]
            left = sum(bitmap.node == image.name for bitmap in disk.bitmaps) - len(below)
            notes = (_note(disk, [], tell_bitmaps(left)),) if left else ()
            told = (_bitmap_row(disk, bitmap, scale, names) for bitmap in below)
            yield _image_row(disk, image, scale), (*notes, *told)


def _image_row(disk: Disk, image: Image, scale: int) -> Row:
    active = image is disk.active
    told = [
        "active" if active else "read-only",
        image.format if image.format != "qcow2" else "",
        f"{image.length:,} clusters" if image.length != disk.length else "",
        tell_snapshots(image),
    ]
    return Row(
        kind="image",
        key=("image", disk.name, image.name),
        label=shown(image.name),
        cells=write_clusters(image.content, image.length, scale=scale),
        remark=fit(", ".join(filter(None, told)), REMARK_MAX, SMALL),
        strong=active,
        scaled=scale > 1,
    )


def tell_snapshots(image: Image) -> str:
    """Return which states are kept inside an image; empty where there are none."""
    names = ", ".join(shown(each.name) for each in image.snapshots)
    return f"keeps {names} inside" if names else ""


def _note(disk: Disk, images: Sequence[str], text: str) -> Row:
    """Return what stands in place of rows that are as before."""
    return Row(kind="note", key=("note", disk.name, *images), label="", cells="", remark=text)


def _bitmap_row(disk: Disk, bitmap: DirtyBitmap, scale: int, names: Counter[str]) -> Row:
    length = disk.length_of(bitmap.node)
    count = -(-length // scale)
    dirty = disk.clusters_of(bitmap)
    cells = BROKEN * count if bitmap.inconsistent else write_bits(dirty, length, scale=scale)
    label = f"{bitmap.node}.{bitmap.name}" if names[bitmap.name] > 1 else bitmap.name
    return Row(
        kind="bitmap",
        key=("bitmap", disk.name, bitmap.node, bitmap.name),
        label=shown(label),
        cells=cells,
        shades=() if bitmap.inconsistent else shades_of(dirty, length, scale),
        remark=_state(bitmap),
        strong=bitmap.recording and not bitmap.inconsistent,
        scaled=scale > 1,
    )


def _state(bitmap: DirtyBitmap) -> str:
    """Return what a bitmap does, in words."""
    if bitmap.inconsistent:
        return "inconsistent"
    words = ["recording" if bitmap.recording else "frozen"]
    if bitmap.busy:
        words.append("busy")
    if not bitmap.persistent:
        words.append("not persistent")
    return ", ".join(words)


def shades_of(dirty: ClusterSet, length: int, scale: int) -> tuple[int, ...]:
    """Return how much of each cell is dirty, in four steps; none where a cell is a cluster."""
    if scale == 1:
        return ()
    listed = dirty.listed()
    places = [bisect_left(listed, cell * scale) for cell in range(-(-length // scale) + 1)]
    return tuple(-(-SHADES * (end - start) // scale) for start, end in pairwise(places))


def guest_row(disk: Disk, scale: int, *, alone: bool) -> Row:
    """Return the row of what the guest sees."""
    return Row(
        kind="guest",
        key=("guest", disk.name),
        label=GUEST if alone else f"{GUEST} {disk.name}",
        cells=write_view(disk.guest_view, disk.length, scale=scale),
        strong=True,
        scaled=scale > 1,
    )


def failed_row(entry: Entry, request: GuestWrite | GuestDiscard, scales: Mapping[str, int]) -> Row:
    """Return the row of what the guest could not write."""
    alone = len(entry.before.disks) == 1
    disk = entry.before.disk(request.disk or entry.before.disks[0].name)
    scale = scales[disk.name]
    if isinstance(request, GuestDiscard):
        cells = write_bits(request.clusters, disk.length, mark="0", scale=scale)
    else:
        cells = write_clusters(request.data, disk.length, scale=scale)
    told = entry.refusal.text if entry.refusal is not None else ""
    return Row(
        kind="failed",
        key=("failed", disk.name, str(entry.number)),
        label=FAILED if alone else f"{FAILED} {disk.name}",
        cells=cells,
        remark=fit(told, REMARK_MAX, SMALL),
        scaled=scale > 1,
    )


def backup_row(backup: Backup, remark: str, scale: int, *, zeroes: bool) -> Row:
    """Return the row of a backup."""
    return Row(
        kind="backup",
        key=("backup", backup.row),
        label=shown(backup.row),
        cells=write_backup(backup, zeroes=zeroes, scale=scale),
        remark=fit(remark, REMARK_MAX, SMALL),
        scaled=scale > 1,
    )


def restore_row(restored: Restored, remark: str, scale: int) -> Row:
    """Return the row of a restored disk."""
    return Row(
        kind="restore",
        key=("restore", restored.row),
        label=shown(restored.row),
        cells=write_view(restored.content, restored.length, scale=scale),
        remark=fit(remark, REMARK_MAX, SMALL),
        scaled=scale > 1,
    )


def labels_width(rows: Sequence[Row], *, size: float = LABEL_SIZE) -> float:
    """Return the room that the labels of rows need, at most so much."""
    widest = max((width_of(row.label, size) for row in rows), default=0.0)
    return min(widest, LABEL_WIDTH_MAX)


def draw_label(row: Row, x: float, y: float, width: float, cells: Cells) -> Text:
    """Return a row's label, its end at *x*.

    Args:
        y: Top of the row.
    """
    size = min(LABEL_SIZE, cells.height_of(row) / (ASCENT + DESCENT) + 2)
    told = fit(row.label, width, size)
    return Text(
        x,
        middle(y, cells.height_of(row), size),
        told,
        size=size,
        anchor="end",
        bold=row.strong,
        title=row.label if told != row.label else "",
    )


def middle(y: float, height: float, size: float) -> float:
    """Return the baseline of text that stands in the middle of a band."""
    return y + height / 2 + 0.35 * size


def draw_cells(
    row: Row, x: float, y: float, cells: Cells, *, changed: Sequence[int] = ()
) -> Iterator[Shape]:
    """Yield the cells of a row.

    Args:
        x, y: Upper left corner.
        changed: Cells that are emphasised.
    """
    height = cells.height_of(row)
    # What holds something lies above its neighbours that do not, with its whole edge.
    ordered = sorted(_runs(row, cells), key=lambda run: run.fill is not None)
    for run in ordered:
        left, width = x + run.first * cells.width, run.length * cells.width
        edge = "rule" if run.fill is None else "ink"
        last = run.first + run.length == len(row.cells)
        behind = RECORDING_MARK if last and row.kind == "bitmap" and row.strong else None
        title = row.titles[run.first] if row.titles else ""
        cell = run.first if row.titles else None
        yield Box(
            left,
            y,
            width,
            height,
            run.fill,
            edge,
            0.75,
            title=title,
            cell=cell,
            row=row.label,
            letters=row.cells[run.first : run.first + run.length],
            plain=behind,
        )
        if run.fill is not None and cells.letters:
            size = min(cells.letters, height * 0.72)
            base = middle(y, height, size)
            letter = row.cells[run.first]
            yield Text(left + width / 2, base, letter, size, anchor="middle", on=run.fill)
    if row.kind == "bitmap" and row.strong:
        end, base = x + len(row.cells) * cells.width + 3, middle(y, height, LABEL_SIZE)
        yield Text(end, base, RECORDING_MARK, LABEL_SIZE, bold=True, plain="")
    for first, count in _joined(changed, len(row.cells)):
        left, width = x + first * cells.width, count * cells.width
        yield Box(left, y, width, height, edge="changed", thick=2, letters="^" * count)


class _Run(NamedTuple):
    """Cells that are drawn as one.

    Attributes:
        fill: The role of their fill; None where they hold nothing.
    """

    first: int
    length: int
    fill: str | None


def _runs(row: Row, cells: Cells) -> Iterator[_Run]:
    """Yield the cells of a row; alike ones in one where there is no room for letters."""
    bits = row.kind == "bitmap"
    fills = [_fill(row, number, letter, bits=bits) for number, letter in enumerate(row.cells)]
    first = 0
    for number, fill in enumerate(fills):
        last = number + 1 == len(fills)
        alone = (cells.letters and not row.scaled) or row.titles
        if last or alone or fills[number + 1] != fill or row.cells[number + 1] != row.cells[number]:
            yield _Run(first, number + 1 - first, fill)
            first = number + 1


def _joined(cells: Sequence[int], length: int) -> Iterator[tuple[int, int]]:
    """Yield cells as runs: the first, and how many."""
    first = last = -2
    for cell in (*(cell for cell in cells if cell < length), length + 1):
        if cell != last + 1:
            if last >= 0:
                yield first, last + 1 - first
            first = cell
        last = cell


def _fill(row: Row, number: int, letter: str, *, bits: bool) -> str | None:
    """Return the role that fills a cell; None where it holds nothing."""
    if letter == "-":
        return None
    if bits and letter == "X":
        return f"dirty{row.shades[number] if row.shades else SHADES}"
    return role_of(letter)
