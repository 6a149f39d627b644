"""The cells of a run document's rows, as runs: the same for eight clusters and for a pebibyte."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, TypeAlias

from simulator.notation import MIXED, clusters_in_cell

Runs: TypeAlias = tuple[tuple[int, int, str], ...]
"""First cluster, number of clusters, and what they hold; ascending, with gaps for nothing."""


def runs_of(cells: Any) -> Runs:
    """Return the runs of a row, which the document has as a string or as runs."""
    if not isinstance(cells, str):
        return tuple((first, length, what) for first, length, what in cells if what != "-")
    runs, place = [], 0
    for what, group in groupby(cells):
        length = sum(1 for _ in group)
        if what != "-":
            runs.append((place, length, what))
        place += length
    return tuple(runs)


def overlay(below: Runs, above: Runs) -> Runs:
    """Return what a reader sees of two images, one on top of the other.

    |AAAA----| below |---BBB--| reads |AAABBB--|
    """
    pieces = list(above)
    ends = [first + length for first, length, _ in above]
    for first, length, what in below:
        end = first + length
        n = bisect_right(ends, first)
        while first < end:
            start = above[n][0] if n < len(above) else end
            if start > first:
                pieces.append((first, min(start, end) - first, what))
            first = max(first, ends[n]) if n < len(above) else end
            n += 1
    return _joined(sorted(pieces))


def as_read(runs: Runs) -> Runs:
    """Return what a guest reads: explicit zeroes and nothing are the same to it."""
    return _joined(run for run in runs if run[2] != "0")


def _joined(runs: Iterable[tuple[int, int, str]]) -> Runs:
    """Return runs of which no two that touch hold the same."""
    joined: list[tuple[int, int, str]] = []
    for first, length, what in runs:
        if joined and joined[-1][2] == what and sum(joined[-1][:2]) == first:
            joined[-1] = (joined[-1][0], joined[-1][1] + length, what)
        else:
            joined.append((first, length, what))
    return tuple(joined)


def holds_more(runs: Runs, than: Runs) -> bool:
    """Whether a row holds all that another one holds, the same in each cluster."""
    return overlay(than, runs) == _joined(runs) and overlay(runs, than) == _joined(runs)


def draw(cells: Any, length: int) -> str:
    """Return a row as it is drawn: one character a cluster, or a range of them on a large disk."""
    scale = clusters_in_cell(length)
    if isinstance(cells, str) and scale == 1:
        return cells
    drawn = ["-"] * -(-length // scale)
    for first, number, what in runs_of(cells):
        for cell in range(first // scale, (first + number - 1) // scale + 1):
            drawn[cell] = what if drawn[cell] in ("-", what) else MIXED
    return "".join(drawn)


def carets(rows: Sequence[str]) -> str:
    """Return carets below the cells in which rows differ; empty where they do not."""
    width = max(map(len, rows))
    padded = [row.ljust(width) for row in rows]
    return "".join(
        "^" if len(set(cell)) > 1 else " " for cell in zip(*padded, strict=True)
    ).rstrip()
