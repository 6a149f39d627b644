"""Rows of characters along time: each column of them stands for as much of it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from simulator.diagnostics import printable
from simulator.render.drawing import ELLIPSIS, columns_of
from simulator.render.text import FILLS
from simulator.render.views.time.bars import Bar
from simulator.values import NamedTuple

DOTS = "..."

BAR_MIN = 3
"""Of fewer columns than that there is no bar: two edges, and something between."""


class Columns(NamedTuple):
    """Which column a place of the axis is in.

    Attributes:
        left: Columns for the labels, on the left of it.
        wide: Columns of the axis.
        behind: Columns on the right of it.
        end: Where the axis ends.
        ruled: Columns of the numbers of the ruler, which are told apart where nothing else is.
    """

    left: int
    wide: int
    behind: int
    end: float
    ruled: frozenset[int] = frozenset()

    def of(self, place: float) -> int:
        """Return the column of a place."""
        return max(0, min(self.wide - 1, int(place * self.wide / self.end)))

    def span(self, bar: Bar) -> tuple[int, int]:
        """Return the first and the last column of a bar; it ends before the place of its end."""
        first = self.of(bar.start)
        return first, max(first, -int(-bar.end * self.wide // self.end) - 1)

    def has_bar(self, bar: Bar) -> bool:
        """Whether there is room for a bar with both of its edges."""
        first, last = self.span(bar)
        return last - first + 1 >= BAR_MIN

    def row(self, label: str, cells: Sequence[str], behind: str = "") -> str:
        """Return a row with its label, and what stands behind it."""
        drawn = "".join(
            ":" if cell == " " and number in self.ruled else cell
            for number, cell in enumerate(cells)
        )
        name = shorten(label, self.left)
        pad = " " * (self.left - columns_of(name))
        return f"{name}{pad} {drawn}{f' {behind}' if behind else ''}".rstrip()

    def bars(self, bars: Iterable[Bar]) -> list[str]:
        """Return bars as cells; short ones lie above long ones."""
        cells = [" "] * self.wide
        for bar in sorted(bars, key=lambda bar: bar.start - bar.end):
            first, last = self.span(bar)
            fill = sign_of(bar)
            width = last - first + 1
            if width < BAR_MIN:
                cells[first : last + 1] = [fill.strip() or bar.text[:1] or "*"] * width
                continue
            cells[first : last + 1] = ["|", *fill * (width - 2), "|"]
            if columns_of(bar.text) <= width - 2:
                put(cells, first + 1, bar.text)
        return cells

    def counts(self, label: str, places: Iterable[float]) -> Iterator[str]:
        """Yield how many places are in each column, digits below one another; behind them all."""
        found = Counter(map(self.of, places))
        height = max(len(str(count)) for count in found.values())
        told = [str(found[n] or "").rjust(height) for n in range(self.wide)]
        for level in range(height):
            cells = [each[level] for each in told]
            yield self.row("" if level else label, cells, "" if level else f"{found.total():,}")


def sign_of(bar: Bar) -> str:
    """Return what a bar is filled with."""
    return "/" if bar.role == "error" else FILLS.get(bar.role, " ")


def put(cells: list[str], column: int, text: str) -> None:
    """Write a text into cells, from a column on; a wide character takes two."""
    for character in text:
        wide = columns_of(character) > 1
        cells[column : column + 1 + wide] = [character, ""] if wide else [character]
        column += 1 + wide


def shorten(text: str, columns: int) -> str:
    """Return a text of no more columns than that; a longer one loses its middle.

    >>> shorten("backup-inc1.bak", 9)
    'bac...bak'
    """
    shown = printable(text).replace(ELLIPSIS, DOTS)
    if columns_of(shown) <= columns:
        return shown
    for keep in range(min(len(shown) - 1, columns - len(DOTS)), 0, -1):
        cut = f"{shown[: (keep + 1) // 2]}{DOTS}{shown[len(shown) - keep // 2 :]}"
        if columns_of(cut) <= columns:
            return cut
    return DOTS
