"""Cells as runs: what is where on a disk, in a length that follows what was written."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from simulator.notation import MIXED

Run: TypeAlias = tuple[int, int, str]
"""First unit, number of units, and the character that they hold. Runs ascend and never overlap."""

EMPTY = "-"
"""Stands where no run is."""

UNKNOWN = "?"
"""What could not be read."""


def join_runs(runs: Iterable[Run]) -> tuple[Run, ...]:
    """Return runs with neighbours of one character made one; where two overlap, the first holds.

    >>> join_runs([(0, 2, "A"), (1, 3, "A"), (6, 1, "0")])
    ((0, 4, 'A'), (6, 1, '0'))
    """
    joined: list[Run] = []
    end = 0
    for first, count, held in runs:
        count -= max(0, end - first)
        first = max(first, end)
        if count <= 0:
            continue
        if joined and end == first and joined[-1][2] == held:
            start, length, _ = joined[-1]
            joined[-1] = (start, length + count, held)
        else:
            joined.append((first, count, held))
        end = first + count
    return tuple(joined)


def to_units(runs: Iterable[Run], unit: int, length: int) -> tuple[Run, ...]:
    """Return the larger units that runs touch; of two runs in one unit the data holds, not zeroes.

    Args:
        runs: In smaller units.
        unit: How many of them make a larger one.
        length: Number of larger units.

    >>> to_units([(0, 1, "0"), (1, 2, "A"), (7, 1, "0")], 2, 4)
    ((0, 2, 'A'), (3, 1, '0'))
    """
    touched: list[Run] = []
    for first, count, held in runs:
        start, end = first // unit, min(-(-(first + count) // unit), length)
        if touched and held != "0":
            before, size, below = touched[-1]
            shared = before + size - start
            if shared > 0 and below == "0":
                touched[-1] = (before, size - shared, below)
        if start < end:
            touched.append((start, end - start, held))
    return join_runs(touched)


def clip(runs: Iterable[Run], length: int) -> Iterator[Run]:
    """Yield what lies below a length."""
    for first, count, held in runs:
        if first < length:
            yield first, min(count, length - first), held


def lay_over(lower: Sequence[Run], upper: Sequence[Run]) -> tuple[Run, ...]:
    """Return what a reader sees of two images: the upper one holds where it has something.

    >>> lay_over([(0, 4, "A")], [(3, 3, "B")])
    ((0, 3, 'A'), (3, 3, 'B'))
    """
    seen: list[Run] = []
    rest = iter(lower)
    below = next(rest, None)
    for first, count, held in upper:
        while below is not None and below[0] < first:
            start, length, under = below
            seen.append((start, min(length, first - start), under))
            if start + length > first:
                below = (first, start + length - first, under)
            else:
                below = next(rest, None)
        end = first + count
        while below is not None and below[0] < end:
            start, length, under = below
            below = (end, start + length - end, under) if start + length > end else next(rest, None)
        seen.append((first, count, held))
    while below is not None:
        seen.append(below)
        below = next(rest, None)
    return join_runs(seen)


def cut_out(runs: Sequence[Run], mask: Sequence[Run]) -> tuple[Run, ...]:
    """Return runs without what a mask covers.

    >>> cut_out([(0, 4, "A")], [(1, 2, "X")])
    ((0, 1, 'A'), (3, 1, 'A'))
    """
    covered = lay_over(runs, [(first, count, "") for first, count, _ in mask])
    return tuple(run for run in covered if run[2])


def keep_in(runs: Sequence[Run], mask: Sequence[Run]) -> tuple[Run, ...]:
    """Return the part of runs that a mask covers.

    >>> keep_in([(0, 4, "A")], [(1, 2, "X")])
    ((1, 2, 'A'),)
    """
    return cut_out(runs, cut_out(runs, mask))


def total(runs: Iterable[Run]) -> int:
    """Return how many units runs cover."""
    return sum(count for _, count, _ in runs)


def write_cells(runs: Iterable[Run], length: int, per_cell: int = 1) -> str:
    """Return runs as cells; a cell whose units are not all alike is marked as mixed.

    Args:
        length: Number of units.
        per_cell: How many of them a cell stands for.

    >>> write_cells([(0, 4, "A"), (4, 1, "0")], 8, 2)
    'AA*-'
    """
    cells: list[str] = [""] * -(-length // per_cell)
    covered = [0] * len(cells)
    for first, count, held in runs:
        for cell in range(first // per_cell, (first + count - 1) // per_cell + 1):
            start, end = cell * per_cell, (cell + 1) * per_cell
            covered[cell] += min(end, first + count) - max(start, first)
            cells[cell] = held if cells[cell] in ("", held) else MIXED
    for cell, held in enumerate(cells):
        if not held:
            cells[cell] = EMPTY
        elif covered[cell] < min(per_cell, length - cell * per_cell):
            cells[cell] = MIXED
    return "".join(cells)
