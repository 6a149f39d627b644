"""Reads and writes the figures of the 2018 mail.

    S1: |AAAA----| <- S2: |---BBB--|
    B1: |XXXX----|    B2: |---XXX--|+

A strip is a label and cells; a trailing ``+`` marks a bitmap that records. A figure is rows of
strips, of which the first row is the backing chain, and each strip of a later row stands in the
column of the image that it belongs to. Writing a figure and reading it are inverses.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from operator import add
from typing import TypeAlias

from simulator.diagnostics import lines_of, shown
from simulator.model.clusters import ClusterMap, ClusterSet
from simulator.model.machine import Backup
from simulator.values import NamedTuple

ARROW = " <- "
"""Stands between an overlay and its backing image."""

GAP = " " * len(ARROW)
RECORDING_MARK = "+"

_JOINT = re.compile(r"\s*(?:<-\s*)?")
_STRIP = re.compile(r"(?P<label>[^|\s](?:[^|]*[^|\s])?)\s*:\s*\|(?P<cells>[^|]*)\|(?P<mark>\+?)")


class Strip(NamedTuple):
    """A labelled row of cells: one character a cluster, ``-`` for untouched or clean."""

    label: str
    cells: str
    recording: bool = False


class PlacedStrip(NamedTuple):
    """A strip and where it was read: line and column of its first character, from 0."""

    label: str
    cells: str
    recording: bool
    line: int
    column: int


CELLS_MAX = 128
"""A disk of more clusters is drawn with several clusters to a cell."""

CELLS_SCALED = 48
"""How many cells such a disk is drawn with, at most."""

MIXED = "*"
"""A cell whose clusters hold more than one version."""

GUEST = "guest sees"
"""The label of the row that shows what the guest sees."""

BROKEN = "!"
"""A cell of an inconsistent bitmap."""


class Note(NamedTuple):
    """What stands in a figure in place of rows that are left out."""

    text: str


Row: TypeAlias = tuple[Strip | None, ...]


class Figure(NamedTuple):
    """Rows of strips; column *i* belongs to image *i* of the chain, the base on the left.

    Attributes:
        rows: The chain first. No row ends with None.
    """

    rows: tuple[Row, ...]


class FigureError(ValueError):
    """A text that is no figure.

    Attributes:
        line, column: Where, counted from 0.
        expected: What would have been right.
    """

    def __init__(self, message: str, *, line: int, column: int, expected: str) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column
        self.expected = expected


def clusters_in_cell(length: int) -> int:
    """Return how many clusters of a disk of *length* one cell stands for: a power of two.

    >>> clusters_in_cell(128), clusters_in_cell(16384)
    (1, 512)
    """
    return 1 if length <= CELLS_MAX else 1 << (-(-length // CELLS_SCALED) - 1).bit_length()


def write_clusters(
    content: ClusterMap,
    length: int,
    *,
    empty: str = "-",
    scaled: bool = True,
    scale: int | None = None,
) -> str:
    """Return the cells of an image, a backup or a view.

    Args:
        length: Number of clusters of the disk.
        empty: What is drawn where the content holds nothing.
        scaled: Whether a large disk is drawn with several clusters to a cell.
        scale: How many; None for as many as the length asks for.
    """
    scale = scale or (clusters_in_cell(length) if scaled else 1)
    cells = [empty] * -(-length // scale)
    for cell, letter in content.cells(scale):
        cells[cell] = letter if cells[cell] in (empty, letter) else MIXED
    return "".join(cells)


def write_view(
    content: ClusterMap, length: int, *, scaled: bool = True, scale: int | None = None
) -> str:
    """Return the cells of what a guest sees, where zeroes and nothing read alike."""
    return write_clusters(content, length, scaled=scaled, scale=scale).replace("0", "-")


def write_backup(
    backup: Backup, *, zeroes: bool, scaled: bool = True, scale: int | None = None
) -> str:
    """Return the cells of a backup.

    Args:
        zeroes: Whether a full backup is drawn with the explicit zeroes that it really holds for
            all that reads as zero; the mail of 2018 leaves them out.
    """
    if not backup.complete:
        return write_clusters(backup.content, backup.length, scaled=scaled, scale=scale)
    cells = write_clusters(backup.content, backup.length, empty="0", scaled=scaled, scale=scale)
    return cells if zeroes else cells.replace("0", "-")


def write_bits(
    bits: ClusterSet,
    length: int,
    *,
    mark: str = "X",
    scaled: bool = True,
    scale: int | None = None,
) -> str:
    """Return the cells of a bitmap, or of any set of clusters, with another mark."""
    scale = scale or (clusters_in_cell(length) if scaled else 1)
    empty = " " if mark == "^" else "-"
    cells = [empty] * -(-length // scale)
    for cell in bits.cells(scale):
        cells[cell] = mark
    return "".join(cells)


def bar(cells: str) -> str:
    """Return cells between bars: ``|AAAA----|``."""
    return f"|{cells}|"


def write_strip(strip: Strip, *, label_width: int = 0) -> str:
    """Return one strip: its label, its cells, and the mark of a recording bitmap.

    Args:
        label_width: Characters that the label takes at least, so that bars stand below bars.
    """
    mark = RECORDING_MARK if strip.recording else ""
    return f"{strip.label}:".ljust(label_width + 1) + f" {bar(strip.cells)}{mark}"


def write_figure(figure: Figure) -> str:
    """Return a figure, one line a row, with no trailing blanks and no final newline.

    In each column the bars stand below one another, so that a cluster can be followed by eye.

    >>> s1, s2 = Strip(label="S1", cells="AA--"), Strip(label="S2", cells="--B-")
    >>> print(write_figure(Figure(((s1, s2), (None, Strip(label="B2", cells="--X-"))))))
    S1: |AA--| <- S2: |--B-|
                  B2: |--X-|
    """
    return write_grid(figure.rows)


def write_grid(
    rows: Sequence[Sequence[Strip | Note | None]], forks: Mapping[int, int] | None = None
) -> str:
    """Return a figure of which some rows are left out: notes stand in their place.

    Args:
        forks: The rows in which another branch begins, each with the column of its first image.
    """
    labels = [
        max((len(each.label) for each in column if isinstance(each, Strip)), default=0)
        for column in zip_longest(*rows)
    ]
    grid = [
        [_write_place(each, width) for each, width in zip(row, labels, strict=False)]
        for row in rows
    ]
    widths = _widths(grid)
    lines = []
    for number, texts in enumerate(grid):
        padded = [text.ljust(width) for text, width in zip(texts, widths, strict=False)]
        begins = 0 if number == 0 else (forks or {}).get(number, len(padded))
        joints = ["", *(GAP if place < begins else ARROW for place in range(1, len(padded)))]
        lines.append("".join(map(add, joints, padded)).rstrip())
    return "\n".join(lines)


def _write_place(each: Strip | Note | None, width: int) -> str:
    """Return what stands at one place of a grid."""
    text = each.text if isinstance(each, Note) else ""
    return write_strip(each, label_width=width) if isinstance(each, Strip) else text


def _widths(grid: list[list[str]]) -> list[int]:
    """Return the width of each column: of the chain, and of what has a neighbour on its right."""
    columns = zip_longest(
        *([*texts[:-1], texts[-1] if number == 0 else ""] for number, texts in enumerate(grid)),
        fillvalue="",
    )
    return [max(map(len, column)) for column in columns]


def write_rows(rows: Iterable[tuple[str, str]]) -> list[str]:
    """Return labelled texts as lines, the texts below one another.

    >>> write_rows([("guest saw at T3", "|AA|"), ("late.bak", "|BB|")])
    ['guest saw at T3: |AA|', 'late.bak:        |BB|']
    """
    listed = [(shown(label), text) for label, text in rows]
    width = max((len(label) for label, _ in listed), default=0) + 1
    return [f"{label}:".ljust(width) + f" {text}" for label, text in listed]


def read_rows(text: str) -> tuple[PlacedStrip, ...]:
    """Return every strip of a text of figures, with its place, in reading order.

    Raises:
        FigureError: A line holds something that is no strip.
    """
    strips: list[PlacedStrip] = []
    for number, line in enumerate(lines_of(text)):
        strips.extend(_read_line(line, number))
    return tuple(strips)


def _read_line(line: str, number: int) -> list[PlacedStrip]:
    strips: list[PlacedStrip] = []
    place = 0
    while True:
        joint = _JOINT.match(line, place)
        start = joint.end() if joint else place
        if start >= len(line.rstrip()):
            return strips
        match = _STRIP.match(line, start)
        if match is None:
            raise FigureError(
                f"no row of a figure: {_shorten(line[start:].strip())}",
                line=number,
                column=start,
                expected="NAME: |CELLS|",
            )
        strips.append(
            PlacedStrip(
                label=match["label"],
                cells=match["cells"],
                recording=bool(match["mark"]),
                line=number,
                column=start,
            )
        )
        place = match.end()


def _shorten(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."


def read_figure(text: str) -> Figure:
    """Return the figure of one disk.

    A strip below the chain belongs to the image that it is aligned with; one that is aligned with
    none, as in a mail that lost its blanks, belongs to the next column.

    Raises:
        FigureError: A line holds something that is no strip, or there is no line.
    """
    strips = read_rows(text)
    if not strips:
        raise FigureError("no figure", line=0, column=0, expected="NAME: |CELLS|")
    chain = strips[0].line
    offsets = {s.column: n for n, s in enumerate(s for s in strips if s.line == chain)}
    rows: dict[int, list[Strip | None]] = {}
    for strip in strips:
        row = rows.setdefault(strip.line, [])
        column = max(offsets.get(strip.column, len(row)), len(row))
        row.extend([None] * (column - len(row)))
        row.append(Strip(label=strip.label, cells=strip.cells, recording=strip.recording))
    return Figure(tuple(tuple(row) for row in rows.values()))
