"""Holds what was seen on a real QEMU against what was simulated. Pure."""

import itertools
from collections.abc import Iterator, Sequence

from simulator.model.clusters import ZERO, letter_of
from simulator.notation import GUEST, RECORDING_MARK, bar, clusters_in_cell, write_rows
from simulator.qemu.actions import Held
from simulator.values import NamedTuple
from simulator.verify.sight import BitmapSight, Cells, CopySight, DiskSight, Run, Sight

MIXTURE = "~"
"""A cell whose bytes are not all the same."""

HIDDEN = "!"
"""A cell of a bitmap that nobody may read."""

SCALED_MIXTURE = "*"
"""A cell that stands for several clusters, which hold different things."""

NOTHING: Held = -1
"""What a cluster holds that is in no run."""


class Difference(NamedTuple):
    """A row that is not the same on both sides.

    Attributes:
        row: What it is called in a figure.
        lines: Both rows below one another, with carets where they differ.
    """

    row: str
    lines: tuple[str, ...]


def compare(simulated: Sight, real: Sight, *, mixed: bool) -> Iterator[Difference]:
    """Yield the rows that differ, in the order of a figure.

    Args:
        mixed: Whether a mixture that contains the simulated data counts as the same.
    """
    alone = len(simulated.disks) == 1
    for ours, theirs in zip(simulated.disks, real.disks, strict=True):
        yield from _compare_disk(ours, theirs, alone=alone, mixed=mixed)
    for copy, found in zip(simulated.copies, real.copies, strict=True):
        yield from _compare_copy(copy, found, mixed=mixed)


def _compare_disk(
    ours: DiskSight, theirs: DiskSight, *, alone: bool, mixed: bool
) -> Iterator[Difference]:
    for image, found in zip(ours.images, theirs.images, strict=True):
        cells, actual = image.cells, found.cells
        if image.alike:
            cells, actual = _as_view(cells), _as_view(actual)
        length = max(image.length, found.length)
        differing = differences(cells, actual, length, mixed=mixed, view=image.alike)
        yield from _tell(image.name, cells, actual, length, list(differing))
        yield from _compare_lengths(image.name, image.length, found.length)
    for key in sorted({*ours.bitmaps, *theirs.bitmaps}):
        yield from _compare_bitmaps(ours, ours.bitmaps.get(key), theirs.bitmaps.get(key))
    guest = GUEST if alone else f"{GUEST} {ours.name}"
    differing = differences(ours.guest, theirs.guest, ours.length, mixed=mixed, view=True)
    yield from _tell(guest, ours.guest, theirs.guest, ours.length, list(differing))


def _compare_copy(ours: CopySight, theirs: CopySight, *, mixed: bool) -> Iterator[Difference]:
    length = max(ours.length, theirs.length)
    differing = differences(ours.cells, theirs.cells, length, mixed=mixed, view=ours.alike)
    yield from _tell(ours.row, ours.cells, theirs.cells, length, list(differing))
    yield from _compare_lengths(ours.row, ours.length, theirs.length)


def _compare_lengths(row: str, ours: int, theirs: int) -> Iterator[Difference]:
    if ours != theirs:
        lines = write_rows([("simulator", f"{ours} clusters"), ("QEMU", f"{theirs} clusters")])
        yield Difference(f"the size of {row}", tuple(lines))


def _as_view(cells: Cells) -> Cells:
    return tuple(run for run in cells if run.held != ZERO)


def _tell(
    row: str,
    ours: Cells,
    theirs: Cells,
    length: int,
    differing: list[tuple[int, int, Held, Held]],
) -> Iterator[Difference]:
    if not differing:
        return
    lines = write_rows(
        [("simulator", bar(draw(ours, length))), ("QEMU", bar(draw(theirs, length)))]
    )
    yield Difference(row, (*lines, _point_at(differing, length, lines[-1], "cluster")))


def _compare_bitmaps(
    disk: DiskSight, ours: BitmapSight | None, theirs: BitmapSight | None
) -> Iterator[Difference]:
    if ours == theirs:
        return
    either = ours or theirs
    assert either is not None, "the bitmap is known to one of them"
    clusters = {image.name: image.length for image in disk.images}[either.node]
    length = -(-clusters * disk.cluster_size // either.granularity)
    lines = write_rows(
        [("simulator", _draw_bitmap(ours, length)), ("QEMU", _draw_bitmap(theirs, length))]
    )
    if ours is not None and theirs is not None:
        if ours.cells is not None and theirs.cells is not None:
            differing = list(differences(ours.cells, theirs.cells, length))
            if differing:
                lines.append(_point_at(differing, length, lines[-1], "bit"))
        if ours.flags != theirs.flags:
            lines += write_rows([("simulator", ours.flags), ("QEMU", theirs.flags)])
    yield Difference(f"{either.node}.{either.name}", tuple(lines))


def _draw_bitmap(bitmap: BitmapSight | None, length: int) -> str:
    if bitmap is None:
        return "no such bitmap"
    mark = RECORDING_MARK if bitmap.recording else ""
    if bitmap.cells is None:
        return bar(HIDDEN * -(-length // clusters_in_cell(length))) + mark
    return bar(draw(bitmap.cells, length, bits=True)) + mark


def differences(
    ours: Sequence[Run],
    theirs: Sequence[Run],
    length: int,
    *,
    mixed: bool = False,
    view: bool = False,
) -> Iterator[tuple[int, int, Held, Held]]:
    """Yield stretches that differ: the first cell, how many, what is held on each side.

    Args:
        mixed: Whether a mixture that contains the simulated data counts as the same.
        view: Whether these are views, in which zeroes are nothing.

    >>> list(differences([Run(0, 4, 65)], [Run(0, 3, 65)], 8))
    [(3, 1, 65, -1)]
    """
    bounds = sorted(
        {0, length}
        | {bound for run in (*ours, *theirs) for bound in (run.first, run.first + run.length)}
    )
    one, other = _Cursor(ours), _Cursor(theirs)
    for first, end in itertools.pairwise(bounds):
        simulated, real = one.at(first), other.at(first)
        if simulated == real:
            continue
        byte = ZERO if view and simulated == NOTHING else simulated
        if mixed and isinstance(real, frozenset) and byte in real:
            continue
        yield first, end - first, simulated, real


class _Cursor:
    """Walks through runs, asked for ascending places."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = runs
        self._place = 0

    def at(self, cell: int) -> Held:
        """Return what a cell holds."""
        while self._place < len(self._runs):
            run = self._runs[self._place]
            if cell < run.first + run.length:
                return run.held if cell >= run.first else NOTHING
            self._place += 1
        return NOTHING


def draw(cells: Cells, length: int, *, bits: bool = False) -> str:
    """Return cells as one character each, or as many as fit.

    >>> draw((Run(0, 2, 65), Run(3, 1, frozenset({0, 65}))), 5)
    'AA-~-'
    """
    scale = clusters_in_cell(length)
    drawn = ["-"] * -(-length // scale)
    for run in cells:
        letter = "X" if bits else _letter(run.held)
        for cell in range(run.first // scale, (run.first + run.length - 1) // scale + 1):
            if 0 <= cell < len(drawn):
                drawn[cell] = letter if drawn[cell] in ("-", letter) else SCALED_MIXTURE
    return "".join(drawn)


def _letter(held: Held) -> str:
    if isinstance(held, frozenset):
        return MIXTURE
    letter = letter_of(held)
    return letter if letter.isprintable() else "?"


def _point_at(
    differing: list[tuple[int, int, Held, Held]], length: int, line: str, unit: str
) -> str:
    """Return carets below the cells that differ, and the first of them told in words."""
    scale = clusters_in_cell(length)
    marks = [" "] * -(-length // scale)
    for first, count, _, _ in differing:
        for cell in range(first // scale, (first + count - 1) // scale + 1):
            if cell < len(marks):
                marks[cell] = "^"
    first, count, ours, theirs = differing[0]
    where = f"{unit} {first}" if count == 1 else f"{unit}s {first}-{first + count - 1}"
    carets = "".join(marks).rstrip()
    said = f"{where}: {_word(ours, unit)} and not {_word(theirs, unit)}"
    return f"{' ' * (line.index('|') + 1)}{carets} {said}"


def _word(held: Held, unit: str) -> str:
    """Return what a cell holds, in words."""
    if unit == "bit":
        return "clean" if held == NOTHING else "dirty"
    if isinstance(held, frozenset):
        letters = sorted(_letter(byte) for byte in held)
        return f"a mixture of {' '.join(letters[:8])}"
    if held == NOTHING:
        return "nothing"
    return "zeroes" if held == ZERO else _letter(held)
