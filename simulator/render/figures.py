"""The figures of a timeline's instants, one after another.

Where a disk has many rows, those that are as they were at the instant before are left out, and a
note stands in their place.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby, zip_longest
from typing import TypeAlias

from simulator.model.machine import Machine
from simulator.notation import Note, Strip, write_grid, write_strip
from simulator.render.layout import scales_of, without_end
from simulator.render.rows import (
    DISKS_MAX,
    ROWS_MAX,
    DiskRows,
    Rows,
    by_base,
    count_by_node,
    shared_images,
    shown_of,
    tell_bitmaps,
    tell_disks,
    tell_images,
)
from simulator.timeline import Timeline

Row: TypeAlias = tuple[Strip | Note | None, ...]


class Figures:
    """Writes the figure of one state after another."""

    def __init__(self, timeline: Timeline, *, whole: bool = False) -> None:
        """Begin before the first state.

        Args:
            whole: Whether every row is written, however many there are.
        """
        self._rows = Rows(scales_of(timeline))
        self.whole = whole

    def write(self, machine: Machine) -> str:
        """Return the figures of all disks of the next state, with no final newline."""
        return self.write_rows(self.rows_of(machine))

    def rows_of(self, machine: Machine) -> list[DiskRows]:
        """Return the rows of all disks of the next state."""
        return self._rows.of(machine)

    def write_rows(self, drawn: Sequence[DiskRows]) -> str:
        """Return rows as text, with no final newline."""
        folds = len(drawn) > DISKS_MAX and not self.whole
        shown = [rows for rows in drawn if not (folds and rows.same)]
        named = {rows.disk.name: rows for rows in shown}
        folded = {name for name, rows in named.items() if rows.height > ROWS_MAX}
        groups = by_base([rows.disk for rows in shown], folded)
        blocks = [self._disks([named[disk.name] for disk in group]) for group in groups]
        if len(shown) < len(drawn):
            blocks.append(tell_disks(len(drawn) - len(shown)))
        return "\n\n".join(blocks)

    def _disks(self, branches: Sequence[DiskRows]) -> str:
        """Return the figure of a disk, with the others that lie on an image of it."""
        first = branches[0]
        if first.guest is None:
            return f"{first.disk.name} {first.disk.absence}"
        grid = self._grid(first, above=0)
        forks: dict[int, int] = {}
        heads = [0]
        for number, rows in enumerate(branches[1:], start=1):
            common = [shared_images(other.disk, rows.disk) for other in branches[:number]]
            place, (first_row, *others) = max(common), self._grid(rows, above=max(common))
            head = heads[common.index(place)]
            if len(grid[head]) == place:
                grid[head] += first_row[place:]  # It lies on the active image of another disk.
                grid += others
                heads.append(head)
                continue
            heads.append(len(grid))
            forks[len(grid)] = place
            grid += [first_row, *others]
        guests = [write_strip(rows.guest) for rows in branches if rows.guest is not None]
        return "\n".join([write_grid(grid, forks), *guests])

    def _grid(self, rows: DiskRows, *, above: int) -> list[Row]:
        """Return the rows of a disk's images; of the lowest ones, only their places."""
        columns = list(_columns(rows, whole=self.whole))
        columns[:above] = [[None]] * above
        return [without_end(row) for row in zip_longest(*columns)]


def _columns(rows: DiskRows, *, whole: bool) -> Iterator[list[Strip | Note | None]]:
    """Yield each image with its bitmaps below it; what is left out together is one column."""
    shown = shown_of(rows, whole=whole)
    total = count_by_node(rows.disk)
    below: dict[str, list[Strip]] = {}
    for place in sorted(shown.bitmaps):
        below.setdefault(rows.disk.bitmaps[place].node, []).append(rows.bitmaps[place])
    for there, group in groupby(range(len(rows.images)), shown.images.__contains__):
        places = list(group)
        if not there:
            yield [Note(tell_images([rows.disk.chain[place].name for place in places]))]
            continue
        for place in places:
            name = rows.disk.chain[place].name
            stack = below.get(name, [])
            hidden = total[name] - len(stack)
            note = [Note(tell_bitmaps(hidden))] if hidden else []
            yield [rows.images[place], *note, *stack]
