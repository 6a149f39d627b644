"""Where the values of a file stand: paths of keys, lines and columns."""

from typing import Any, TypeAlias

from simulator.diagnostics import Span, lines_of
from simulator.values import dataclass

Path: TypeAlias = tuple[str | int, ...]
"""The keys and indices that lead from the root of a file to a value."""

Place: TypeAlias = tuple[int, int, int, int]
"""Line, column, end line and end column as in a span, without the cost of making one."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A position of the parser; line and column from 0. libyaml's own marks look the same."""

    index: int
    line: int
    column: int


def span_of(place: Place) -> Span:
    """Return a place as a span."""
    line, column, end_line, end_column = place
    return Span(line=line, column=column, end_line=end_line, end_column=end_column)


def place_at(text: str, index: int) -> Place:
    """Return the place of one character by its offset in a file."""
    before = lines_of(text[:index])
    line, column = len(before), len(before[-1]) + 1
    return line, column, line, column + 1


def place_between(start: Any, end: Any) -> Place:
    """Return the place between two marks of the parser."""
    return start.line + 1, start.column + 1, end.line + 1, end.column + 1
