"""A drawing as text: the same boxes, lines and labels, on a grid of characters.

Places in the drawing become columns and rows by their order: what is left of something stays left
of it, with as little room between as the words need. A row of cells is ``|AAAA----|``, as in every
figure.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from simulator.diagnostics import printable
from simulator.render.drawing import ELLIPSIS, Area, Box, Drawing, Line, Shape, Text, columns_of
from simulator.render.grid import FINE, HEAD, UNIT, Cells, Columns, Grid, Heap, Item, Rows, Stretch

MARK_MAX = 15.0
"""A box no larger than that is a mark of one character."""

BAR_MAX = 20.0
"""A box no higher than that is a bar; a higher one is a frame."""

STEP = 12.0
"""So high is one character of an area."""

FILLS = {
    "info": "=",
    "rule": ".",
    "dirty4": "#",
    "dirty1": "_",
    "busy": "~",
    "broken": "!",
    "error": "x",
    "warning": "?",
    "backup": "%",
    "zero": "-",
    "mixed": "@",
    "ink": "o",
    "changed": "^",
}
"""What bars and marks of a role are filled with; of any other role, with blanks."""


def write_text(drawing: Drawing) -> str:
    """Return a drawing as lines of text, with a final newline; 7-bit, but for names."""
    shapes = [shape for shape in drawing.shapes if shape.plain != ""]
    cells = list(_cells(shapes))
    found = (_item(shape) for shape in shapes)
    items = [*(each.item for each in cells), *(item for item in found if item is not None)]
    boxes = (_stretch(shape) for shape in shapes)
    stretches = [each for each in boxes if each is not None]
    lines = [shape for shape in shapes if isinstance(shape, Line)]
    carets = list(_carets(shapes))
    heaps = [_heap(shape) for shape in shapes if isinstance(shape, Area)]
    levels = (level for heap in heaps for level in heap.levels)
    rows = Rows([*_words([*items, *carets], stretches), *levels], _turns(lines))
    ends = [*_edges(stretches, rows), *_sides(heaps), *_ways(lines, rows)]
    columns = Columns(cells, [*items, *ends], lines, rows, FINE if heaps else UNIT)
    grid = Grid(columns, rows)
    for heap in heaps:
        grid.fill(heap)
    for line in sorted(lines, key=lambda line: line.role != "rule"):
        grid.draw(line)
    for stretch in stretches:
        grid.frame(stretch)
    for caret in carets:
        grid.write_at(columns.over(caret.x), caret)
    frames = [each for each in stretches if each.y < each.bottom]
    for item in items:
        grid.write(item, next((each for each in frames if item.centred and each.holds(item)), None))
    return grid.text


def _cells(shapes: Sequence[Shape]) -> Iterator[Cells]:
    """Yield the rows of cells: boxes with letters, side by side."""
    boxes = [shape for shape in shapes if isinstance(shape, Box) and _is_cell(shape)]
    boxes.sort(key=lambda box: (box.y, box.x))
    row: list[Box] = []
    for box in boxes:
        if row and (box.y != row[0].y or abs(row[-1].x + row[-1].width - box.x) > 0.01):
            yield _row_of(row)
            row = []
        row.append(box)
    if row:
        yield _row_of(row)


def _row_of(boxes: Sequence[Box]) -> Cells:
    first = boxes[0]
    letters = "".join(box.letters for box in boxes)
    width = first.width / len(first.letters)
    return Cells(first.x, first.y + first.height / 2, width, letters, boxes[-1].plain or "")


def _is_cell(box: Box) -> bool:
    return bool(box.letters) and not box.points


def _item(shape: Shape) -> Item | None:
    """Return a line of text, a mark, or carets; None for anything else."""
    if isinstance(shape, Text):
        if shape.on is not None and shape.anchor == "middle":
            return None  # It stands in a cell, whose row has it, or on a mark.
        told = shape.text if shape.plain is None else shape.plain
        text = printable(told).replace(ELLIPSIS, "...")
        if shape.bold and shape.role == "warning":
            text = f"*{text}*"
        width = columns_of(text)
        before = {"start": 0, "middle": width // 2, "end": width}[shape.anchor]
        y = shape.y - 0.35 * shape.size
        return Item(shape.x, y, before, text, shape.on is not None, shape.anchor == "middle")
    if not isinstance(shape, Box) or _is_cell(shape):
        return None
    if shape.letters or max(shape.width, shape.height) > MARK_MAX:
        return None
    role = shape.fill or shape.edge
    if role in (None, "paper", "band"):
        return None
    mark = FILLS.get(role, "*") if shape.plain is None else shape.plain
    return Item(shape.x, shape.y + shape.height / 2, 0, mark)


def _carets(shapes: Iterable[Shape]) -> Iterator[Item]:
    """Yield the carets below cells that changed, and the marks below those of findings."""
    for shape in shapes:
        if isinstance(shape, Box) and shape.points:
            yield Item(shape.x, shape.y + shape.height + 2, 0, shape.letters)


def _stretch(shape: Shape) -> Stretch | None:
    """Return a bar or a frame; None for anything else."""
    if not isinstance(shape, Box) or shape.edge is None or shape.letters:
        return None
    if max(shape.width, shape.height) <= MARK_MAX:
        return None
    end = shape.x + shape.width
    if shape.height > BAR_MAX:
        return Stretch(shape.x, end, shape.y, shape.y + shape.height, " ")
    y = shape.y + shape.height / 2
    # No letter, which would run into the words on it.
    if shape.plain is not None:
        return Stretch(shape.x, end, y, y, shape.plain)
    fill = "/" if shape.fill == "error" else FILLS.get(shape.fill or "", " ")
    return Stretch(shape.x, end, y, y, fill)


def _heap(area: Area) -> Heap:
    fill = FILLS.get(area.fill, "#") if area.plain is None else area.plain
    height = area.base - min(y for _, y in area.top)
    levels = [area.base - STEP * (n + 0.5) for n in range(max(1, round(height / STEP)))]
    return Heap(area.top[0][0], area.top[-1][0], tuple(levels), fill, area.highest)


def _sides(heaps: Iterable[Heap]) -> Iterator[Item]:
    """Yield the places at which areas begin and end, which need no room."""
    for heap in heaps:
        for x in (heap.x, heap.end):
            yield Item(x, heap.levels[0], 0, "", glued=True)


def _words(items: Iterable[Item], stretches: Iterable[Stretch]) -> Iterator[float]:
    """Yield the heights at which something is written."""
    yield from (item.y for item in items)
    for stretch in stretches:
        yield from (stretch.y, stretch.bottom)


def _turns(lines: Iterable[Line]) -> Iterator[float]:
    """Yield the heights at which lines run or end, with room for the heads of arrows."""
    for line in lines:
        segments = list(pairwise(line.points))
        yield from (y0 for (_, y0), (_, y1) in segments if y0 == y1)
        if line.role == "rule" and not line.arrow:
            continue
        (x0, y0), (x1, y1) = segments[0]
        if x0 == x1:
            yield y0 + (HEAD if y0 < y1 else -HEAD) / 2
        (x0, y0), (x1, y1) = segments[-1]
        if x0 == x1:
            yield y1 - (HEAD if y0 < y1 else -HEAD) / (1 if line.arrow else 2)


def _edges(stretches: Iterable[Stretch], rows: Rows) -> Iterator[Item]:
    """Yield the edges of bars and frames, in each row that they cross; bars may touch."""
    for stretch in stretches:
        bar = stretch.y == stretch.bottom
        for row in range(rows.of(stretch.y), rows.of(stretch.bottom) + 1):
            yield Item(stretch.x, rows.heights[row], 0, "|", glued=bar)
            yield Item(stretch.end, rows.heights[row], 0, "|", glued=bar)


def _ways(lines: Iterable[Line], rows: Rows) -> Iterator[Item]:
    """Yield what lines need for themselves: their ends, and where they turn, what runs between."""
    for line in lines:
        for (x0, y0), (x1, y1) in pairwise(line.points):
            if y0 == y1:
                yield Item(min(x0, x1), y0, 0, "-", glued=True)
                yield Item(max(x0, x1), y0, 1, "--", glued=True)
            elif x0 == x1 and len(line.points) > 2:
                for row in rows.between(min(y0, y1), max(y0, y1)):
                    yield Item(x0, rows.heights[row], 0, "|")
