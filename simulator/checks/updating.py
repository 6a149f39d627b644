"""Figures that are not as expected, and what would have to be written for them to be so."""

from collections.abc import Iterator

from simulator.checks.expectations import actual_rows, compare_row, span_of
from simulator.diagnostics import replace_characters
from simulator.model.machine import Machine
from simulator.model.requests import Expect, ExpectedRow
from simulator.timeline import Timeline
from simulator.values import NamedTuple


class Edit(NamedTuple):
    """A row of a figure that is to be drawn otherwise.

    Attributes:
        line: Counted from 1.
        start, end: The columns of the cells and their mark, from 0, without the bar before them.
        label: The row's.
        old, new: The cells, with the bar and the mark behind them.
    """

    line: int
    start: int
    end: int
    label: str
    old: str
    new: str


def find_edits(timeline: Timeline) -> Iterator[Edit]:
    """Yield an edit for each row of an expected figure that came out otherwise.

    A row that is not there at that point has no cells that could be written; it stays.
    """
    lines = timeline.source_lines
    for entry, expect in timeline.asked(Expect):
        assert entry.statement is not None, "it was asked for"
        for row in expect.rows:
            drawn = redraw(entry.after, row)
            span = span_of(timeline, entry.statement.span, row)
            if drawn is None or span is None:
                continue
            text = lines[span.line - 1]
            place = text.find("|", span.column - 1, span.end_column - 1)
            if place < 0:
                continue
            end = span.end_column - 1
            end += text[end : end + 1] == "+"
            yield Edit(span.line, place + 1, end, row.label, text[place + 1 : end], drawn)


def redraw(machine: Machine, row: ExpectedRow) -> str | None:
    """Return a row's cells as they are, with bar and mark; None where it is right or not there."""
    if compare_row(machine, row) is None:
        return None
    found = actual_rows(machine, row.label)
    if len(found) != 1:
        return None
    actual = found[0][1]
    return f"{actual.cells}|{'+' if row.recording and actual.recording else ''}"


def rewrite(text: str, edits: list[Edit]) -> str:
    """Return a text with its edits made, and every other byte as it was."""
    # A figure that stands for several by an alias has one place: the last of them is written.
    changes = {(e.line, e.start): (e.line, e.start, e.end, e.new) for e in edits}
    return replace_characters(text, changes.values())
