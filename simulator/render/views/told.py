"""What views say beside the picture: findings in words, and what the marks mean."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from simulator.diagnostics import Finding, Severity
from simulator.notation import RECORDING_MARK
from simulator.render.drawing import Box, Drawing, Line, Shape, Text, moved, width_of, wrap
from simulator.render.palette import SHADES
from simulator.render.told import when_of
from simulator.render.views.strips import SMALL, Cells, Row
from simulator.timeline import Timeline
from simulator.values import NamedTuple

FINDINGS_MAX = 40
"""So many findings are told below a picture."""

SAMPLE, SAMPLE_HEIGHT, LINE = 12.0, 11.0, 16.0
BETWEEN = 16.0


class Sample(NamedTuple):
    """A mark, and what it means.

    Attributes:
        shapes: The mark, within so many by 11 units from (0, 0) on.
        plain: The mark as text.
    """

    words: str
    shapes: tuple[Shape, ...]
    plain: str
    width: float = SAMPLE


def box_sample(
    words: str, fill: str | None, letter: str = "", *, plain: str, edge: str = "ink"
) -> Sample:
    """Return a cell or a bar as a sample."""
    thick = 0.75 if edge in ("ink", "rule") else 2.0
    box = Box(0, 0, SAMPLE, SAMPLE_HEIGHT, fill, edge, thick)
    inner = Text(SAMPLE / 2, 9, letter, 9, anchor="middle", on=fill)
    return Sample(words, (box, inner) if letter else (box,), plain)


def line_sample(
    words: str,
    role: str,
    thick: float,
    *,
    plain: str,
    dashed: bool = False,
    arrow: bool = False,
) -> Sample:
    """Return a line as a sample."""
    return Sample(words, (Line(((0, 5), (24, 5)), role, thick, dashed, arrow),), plain, 24)


def draw_legend(samples: Sequence[Sample], width: float) -> Drawing:
    """Return samples side by side, each with its words, in lines no wider than that.

    As text each line is one, so that it moves nothing else.
    """
    lines: list[list[Sample]] = []
    x = 0.0
    for sample in samples:
        if not lines or x + _room(sample) > width:
            lines.append([])
            x = 0.0
        lines[-1].append(sample)
        x += _room(sample) + BETWEEN
    drawn = [_legend_line(line, LINE * number) for number, line in enumerate(lines)]
    shapes = tuple(shape for line in drawn for shape in line)
    right = max((text.extent[2] for text in shapes if isinstance(text, Text)), default=0.0)
    return Drawing(right, LINE * len(lines), shapes)


def _room(sample: Sample) -> float:
    return sample.width + 6 + width_of(sample.words, SMALL)


def _legend_line(samples: Sequence[Sample], y: float) -> list[Shape]:
    told = "  ".join(f"{sample.plain} {sample.words}" for sample in samples)
    shapes: list[Shape] = [Text(0, y + 9, "", SMALL, plain=told)]
    x = 0.0
    for sample in samples:
        words = Text(x + sample.width + 6, y + 9, sample.words, SMALL, "faint")
        shapes += [each._replace(plain="") for each in (*moved(sample.shapes, x, y), words)]
        x += _room(sample) + BETWEEN
    return shapes


def cell_samples(rows: Sequence[Row]) -> Iterator[Sample]:
    """Yield what the cells of rows mean, those that occur."""
    held = {letter for row in rows if row.kind not in ("bitmap", "note") for letter in row.cells}
    bits = {letter for row in rows if row.kind == "bitmap" for letter in row.cells}
    if "-" in held or "-" in bits:
        yield box_sample("nothing here", None, edge="rule", plain="-")
    if "0" in held:
        yield box_sample("zeroes", "zero", "0", plain="0")
    if "X" in bits:
        yield box_sample("dirty", f"dirty{SHADES}", "X", plain="X")
    if any(row.kind == "bitmap" for row in rows):
        sign = Text(0, 9, RECORDING_MARK, 11, bold=True)
        yield Sample("records; without it frozen", (sign,), RECORDING_MARK, 8)
    if "!" in bits:
        yield box_sample("not known: inconsistent", "broken", "!", plain="!")


def draw_findings(
    timeline: Timeline, findings: Sequence[Finding], width: float, *, at: str | None = None
) -> Drawing:
    """Return what the rules found, in words.

    Args:
        at: The instant that the picture is about; the others are named.
    """
    shapes: list[Shape] = []
    y = 0.0
    for finding in findings[:FINDINGS_MAX]:
        known = "expected" if finding.expected else "allowed" if finding.allowed else ""
        when = when_of(timeline, finding)
        head = f"{finding.severity}[{finding.code}] {finding.rule}"
        head += f", {when}" if when and (finding.at is None or finding.at != at) else ""
        told = f"{head}: {finding.message}{f' ({known})' if known else ''}"
        for line in wrap(told, width, SMALL):
            y += 14
            shapes.append(Text(0, y, line, SMALL, finding.severity.value))
        y += 3
    if len(findings) > FINDINGS_MAX:
        y += 14
        more = f"and {len(findings) - FINDINGS_MAX:,} more"
        shapes.append(Text(0, y, more, SMALL, "faint"))
    right = max((text.extent[2] for text in shapes if isinstance(text, Text)), default=0.0)
    return Drawing(right, y + 4, tuple(shapes))


def marks_in(row: Row, marks: Mapping[str, Mapping[int, Severity]]) -> dict[int, Severity]:
    """Return the cells of a row to mark: of what could not be written all, else by its label."""
    if row.kind == "failed":
        return {n: Severity.ERROR for n, letter in enumerate(row.cells) if letter != "-"}
    return {cell: role for cell, role in marks.get(row.label, {}).items() if cell < len(row.cells)}


def draw_marks(
    marks: Mapping[int, Severity], row: Row, x: float, y: float, cells: Cells
) -> Iterator[Box]:
    """Yield an edge around the cells of a row that findings are about.

    Args:
        marks: The severity at each such cell.
        x, y: Upper left corner of the row.
    """
    height = cells.height_of(row)
    for key, group in groupby(enumerate(sorted(marks)), lambda each: _run(each, marks)):
        run = [cell for _, cell in group]
        left, width = x + run[0] * cells.width, len(run) * cells.width
        role, letters = key[1].value, "!" * len(run)
        yield Box(left, y, width, height, edge=role, thick=2.5, letters=letters)


def _run(numbered: tuple[int, int], marks: Mapping[int, Severity]) -> tuple[int, Severity]:
    """Return what is the same for neighbours of one severity."""
    number, cell = numbered
    return cell - number, marks[cell]
