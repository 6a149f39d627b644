"""The grid of characters that a drawing becomes: which row and column each place of it is."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

from simulator.render.drawing import Line, columns_of
from simulator.values import NamedTuple

NEAR = 4.5
"""What lies no further apart than that stands in the same row."""

BLANK = 29.5
"""So far apart, two rows have a blank one between them."""

HEAD = 6.0
"""Room for the head of an arrow, and half of that for the end of another line."""

UNIT, FINE = 18.0, 9.0
"""Where there are no cells, a column stands for no more than that: a true scale is kept. Areas have
the finer one."""


class Item(NamedTuple):
    """Something that stands in one row.

    Attributes:
        x: A place of the drawing.
        before: How many of its columns lie left of that place.
        text: What is written; a wide character takes two columns.
        glued: Whether it may stand right beside its neighbours.
        centred: Whether it stands in the middle of a frame around it.
    """

    x: float
    y: float
    before: int
    text: str
    glued: bool = False
    centred: bool = False

    @property
    def after(self) -> int:
        """How many of its columns lie right of its place, that one included."""
        return columns_of(self.text) - self.before


class Stretch(NamedTuple):
    """A box from one place to another: a bar in one row, or a frame around several.

    Attributes:
        bottom: The height of its lower edge; *y* for a bar.
        fill: What a bar is filled with.
    """

    x: float
    end: float
    y: float
    bottom: float
    fill: str

    def holds(self, item: Item) -> bool:
        """Whether something is written in it."""
        return self.x < item.x < self.end and self.y < item.y < self.bottom


class Heap(NamedTuple):
    """An area that stands on a level.

    Attributes:
        levels: Heights of the rows that it may reach, from below.
        fill: What it is filled with.
        highest: Gives how high it is at most between two places.
    """

    x: float
    end: float
    levels: tuple[float, ...]
    fill: str
    highest: Callable[[float, float], float]


class Cells(NamedTuple):
    """A row of cells.

    Attributes:
        x: Where the first one begins.
        width: Of one cell.
        letters: One for each.
        behind: What stands behind them.
    """

    x: float
    y: float
    width: float
    letters: str
    behind: str = ""

    @property
    def end(self) -> float:
        """Where the last one ends."""
        return self.x + self.width * len(self.letters)

    @property
    def item(self) -> Item:
        """The row with its bars."""
        return Item(self.x, self.y, 1, f"|{self.letters}|{self.behind}")


class Rows:
    """Which row each height of a drawing is.

    Attributes:
        heights: Of the rows, blank ones too.
    """

    def __init__(self, words: Iterable[float], lines: Iterable[float]) -> None:
        """Find the rows.

        Args:
            words: Heights of what has a row of its own.
            lines: Heights of ends of lines, which have one only where no words are near.
        """
        heights = _apart(words)

        def free(height: float) -> bool:
            place = bisect_left(heights, height - NEAR)
            return place == len(heights) or heights[place] > height + NEAR

        self.heights: list[float] = []
        for height in sorted([*heights, *_apart(filter(free, lines))]):
            if self.heights and height - self.heights[-1] > BLANK:
                self.heights.append((height + self.heights[-1]) / 2)
            self.heights.append(height)

    def of(self, height: float) -> int:
        """Return the row that is nearest to a height."""
        place = bisect_left(self.heights, height)
        around = range(max(0, place - 1), min(len(self.heights), place + 1))
        return min(around, key=lambda row: abs(self.heights[row] - height))

    def between(self, top: float, bottom: float) -> range:
        """Return the rows of a stretch of height."""
        return range(bisect_left(self.heights, top), bisect_right(self.heights, bottom))


def _apart(heights: Iterable[float]) -> list[float]:
    """Return heights in order, without those that are near the one before."""
    found: list[float] = []
    for height in sorted(heights):
        if not found or height - found[-1] > NEAR:
            found.append(height)
    return found


class Columns:
    """Which column each place of a drawing is: as far left as what stands before it lets it."""

    def __init__(
        self,
        cells: Sequence[Cells],
        items: Sequence[Item],
        lines: Sequence[Line],
        rows: Rows,
        unit: float = UNIT,
    ) -> None:
        longest: dict[float, Cells] = {}
        for each in cells:
            if each.x not in longest or longest[each.x].end < each.end:
                longest[each.x] = each
        self._cells = [longest[x] for x in sorted(longest)]
        self._starts = [each.x for each in self._cells]
        self._columns: dict[float, int] = {}
        self._known: list[tuple[float, float]] = []
        ends = {x for line in lines for x, _ in line.points}
        places = {item.x for item in items} | {x for x in ends if self._cell(x) is None}
        self._settle(sorted(places), items, rows, 0.0 if cells else 1 / unit)

    def _settle(
        self, places: Sequence[float], items: Sequence[Item], rows: Rows, scale: float
    ) -> None:
        """Find the column of each place, from left to right.

        Args:
            scale: Columns for a unit of the drawing, at least.
        """
        needs: dict[float, list[tuple[float, int]]] = {}
        for item in items:
            needs.setdefault(item.x, []).append((item.x, item.before))
        for one, other, apart in _neighbours(items, rows):
            needs.setdefault(other, []).append((one, apart))
        column, last = 0.0, places[0] if places else 0.0
        for place in places:
            column += scale * (place - last)
            for start, apart in needs.get(place, ()):
                column = max(column, apart + (self._columns[start] if start < place else 0))
            self._columns[place], last = int(column), place

    def of(self, x: float) -> int:
        """Return the column of what is written at a place."""
        return self._columns[x]

    def place(self, column: float) -> float:
        """Return a place that a column stands for."""
        if not self._known:
            self._known = sorted((at, x) for x, at in self._columns.items())
        after = bisect_right(self._known, (column, float("inf")))
        (low, start), (high, end) = (
            self._known[max(0, after - 1)],
            self._known[min(after, len(self._known) - 1)],
        )
        return start + (end - start) * (column - low) / (high - low) if high > low else start

    def over(self, x: float) -> int:
        """Return the column of a line or a caret, which belongs to the cell that it lies over."""
        row = self._cell(x)
        if row is None:
            return self._columns[x]
        return self._columns[row.x] + int((x - row.x) / row.width + 0.01)

    def _cell(self, x: float) -> Cells | None:
        """Return the row of cells over which a place lies."""
        place = bisect_right(self._starts, x) - 1
        if place < 0 or x >= self._cells[place].end:
            return None
        return self._cells[place]


def _neighbours(items: Sequence[Item], rows: Rows) -> Iterator[tuple[float, float, int]]:
    """Yield what stands side by side: both places, and how many columns lie between them."""
    ordered = sorted(items, key=lambda item: (rows.of(item.y), item.x, not item.glued))
    for one, other in pairwise(ordered):
        if rows.of(one.y) == rows.of(other.y) and one.x < other.x:
            yield one.x, other.x, one.after + other.before + _gap(one, other)


def _gap(one: Item, other: Item) -> int:
    """Return how many blanks must be between two neighbours."""
    if one.glued and other.glued:
        return 0
    led = one.after == 0 or len(one.text) == 1
    return 1 if one.glued or other.glued or led else 2


class Grid:
    """Characters in rows and columns."""

    def __init__(self, columns: Columns, rows: Rows) -> None:
        self._columns = columns
        self._rows = rows
        self._lines: list[list[str]] = [[] for _ in rows.heights]

    @property
    def text(self) -> str:
        """All lines, with a final newline."""
        return "\n".join("".join(line).rstrip() for line in self._lines) + "\n"

    def write(self, item: Item, frame: Stretch | None = None) -> None:
        """Put a text where it belongs, or into the middle of a frame."""
        column = self._columns.of(item.x) - item.before
        if frame is not None:
            ends = self._columns.of(frame.x) + self._columns.of(frame.end)
            column = (ends + 1 - columns_of(item.text)) // 2
        self.write_at(column, item)

    def write_at(self, column: int, item: Item) -> None:
        """Put a text into its row, from a column on."""
        for character in item.text:
            self._put(self._rows.of(item.y), column, character)
            column += 1
            if columns_of(character) > 1:
                self._put(self._rows.of(item.y), column, "")
                column += 1

    def frame(self, stretch: Stretch) -> None:
        """Draw a bar, or a frame."""
        left, right = self._columns.of(stretch.x), self._columns.of(stretch.end)
        top, bottom = self._rows.of(stretch.y), self._rows.of(stretch.bottom)
        for row in range(top, bottom + 1):
            corner, inner = ("+", "-") if top < bottom and row in (top, bottom) else ("|", None)
            for column in range(left + 1, right):
                self._put(row, column, inner or stretch.fill)
            self._put(row, left, corner)
            self._put(row, right, corner)

    def fill(self, heap: Heap) -> None:
        """Fill an area: each column as high as it is at most over what the column stands for."""
        unit = heap.levels[0] - heap.levels[1] if len(heap.levels) > 1 else 1.0
        for column in range(self._columns.of(heap.x), self._columns.of(heap.end)):
            start, end = self._columns.place(column), self._columns.place(column + 1)
            height = heap.highest(max(heap.x, start), min(heap.end, end))
            reached = max(1, round(height / unit)) if height > 0 else 0
            for level in heap.levels[:reached]:
                self._put(self._rows.of(level), column, heap.fill)

    def draw(self, line: Line) -> None:
        """Draw a line, with its arrow."""
        segments = list(pairwise(line.points))
        thin = line.role == "rule"
        for (x0, y0), (x1, y1) in segments:
            left, right = sorted((self._columns.over(x0), self._columns.over(x1)))
            if y0 == y1:
                for column in range(left, right + 1):
                    self._cross(self._rows.of(y0), column, "." if thin else "-")
            elif x0 != x1:
                self._put(self._rows.of((y0 + y1) / 2), left, "x")
            else:
                for row in self._rows.between(min(y0, y1), max(y0, y1)):
                    self._cross(row, right, ":" if thin else "|")
        for x, y in line.points[1:-1]:
            self._put(self._rows.of(y), self._columns.over(x), ":" if thin else "+")
        if line.arrow:
            self._head(*segments[-1])

    def _head(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Draw the head of an arrow."""
        (x0, y0), (x1, y1) = start, end
        if y0 == y1:
            self._put(self._rows.of(y1), self._columns.over(x1), ">" if x0 < x1 else "<")
        else:
            row = self._rows.of(y1 + (HEAD if y1 < y0 else -HEAD))
            self._put(row, self._columns.over(x1), "^" if y1 < y0 else "v")

    def _cross(self, row: int, column: int, character: str) -> None:
        """Draw a part of a line; where two cross is a plus."""
        line = self._lines[row]
        before = line[column] if column < len(line) else " "
        kinds = "-.", "|:"
        across = any(before in one and character in other for one, other in (kinds, kinds[::-1]))
        self._put(row, column, "+" if before == "+" or across else character)

    def _put(self, row: int, column: int, character: str) -> None:
        line = self._lines[row]
        line += " " * (column + 1 - len(line))
        line[column] = character
