"""Collects everything that is wrong with a scenario, by path, and finds the places at the end."""

from collections.abc import Mapping
from typing import NoReturn

from simulator.diagnostics import InputError, Problem, Span, lines_of
from simulator.scenario.words import shorten
from simulator.scenario.yaml12 import (
    PROBLEMS_NOTED_MAX,
    Found,
    Path,
    find_places,
    span_of,
)
from simulator.values import dataclass

PROBLEMS_MAX = 100
"""So many are told; how many more there are is told in one line."""

WRITTEN = "\0written\0"
"""Stands in a text for the scalar as the file has it, so that 0x10 is not told as 16."""

FIRST = "\0first\0"
"""Stands in a text for the line and column of the first of two places."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Noted:
    """A problem before its place is known.

    Attributes:
        path: What it is about.
        problem: What is wrong, without a span.
        at_key: Whether the key is to blame rather than its value.
        offset: The character of a text that is to blame, counted from 0; None for all of it.
        width: How many characters are.
        first: The place that the text calls FIRST.
    """

    path: Path
    problem: Problem
    at_key: bool = False
    offset: int | None = None
    width: int = 1
    first: Path | None = None


class Problems:
    """What is wrong with one file.

    Attributes:
        placed: Problems whose place is known already.
        repeated: Entries whose steps happen many times; of each place in them one problem is told.
    """

    def __init__(self, path: str, text: str) -> None:
        self._path = path
        self._text = text
        self._noted: list[_Noted] = []
        self.placed: list[Problem] = []
        self.repeated: set[Path] = set()
        self._told: set[tuple[Path, bool, int | None]] = set()

    def __len__(self) -> int:
        return len(self._noted) + len(self.placed)

    def add(
        self,
        path: Path,
        message: str,
        *,
        expected: str = "",
        help: str = "",
        at_key: bool = False,
        offset: int | None = None,
        width: int = 1,
        first: Path | None = None,
    ) -> None:
        """Note a problem.

        Args:
            path: What it is about; the longest part of it that exists is pointed at.
            message, expected, help: As in a problem; WRITTEN and FIRST are filled in later.
            at_key: Whether to point at the key rather than at its value.
            offset: The character of the text to point at.
            width: How many characters from there on.
            first: Another place, told in the message as FIRST.

        Raises:
            InputError: So many are known that looking on helps nobody.
        """
        if path[:2] in self.repeated:
            place = path, at_key, offset
            if place in self._told:
                return
            self._told.add(place)
        problem = Problem(message=message, expected=expected, help=help)
        self._noted.append(
            _Noted(
                path=path, problem=problem, at_key=at_key, offset=offset, width=width, first=first
            )
        )
        if len(self) >= PROBLEMS_NOTED_MAX:
            self.tell()

    def tell(self) -> NoReturn:
        """Raise what was found.

        Raises:
            InputError: Always; the problems in the order of the file, not more than 100.
        """
        paths = {noted.path for noted in self._noted}
        paths |= {noted.first for noted in self._noted if noted.first is not None}
        found = find_places(self._text, paths) if paths else {}
        lines = lines_of(self._text.rstrip(" \t\r\n"))
        told = [*self.placed, *(_place(noted, found, lines) for noted in self._noted)]
        told = [_within(problem, lines) for problem in dict.fromkeys(told)]
        told.sort(key=lambda p: (p.span.line, p.span.column) if p.span else (0, 0))
        if len(told) > PROBLEMS_MAX:
            atleast = "at least " if len(self) >= PROBLEMS_NOTED_MAX else ""
            more = f"and {atleast}{len(told) - PROBLEMS_MAX} more problems"
            told[PROBLEMS_MAX:] = [Problem(message=more, span=told[PROBLEMS_MAX].span)]
        raise InputError(self._path, self._text, told)


def describe(value: object) -> str:
    """Return what stands in a file, in a word; a scalar as it is written there."""
    match value:
        case None:
            return "empty"
        case dict():
            return "a mapping"
        case []:
            return "an empty list"
        case list():
            return "a list"
        case str():
            return shorten(value) or "empty"
        case _:
            return WRITTEN


def _place(noted: _Noted, places: Mapping[Path, Found], lines: list[str]) -> Problem:
    """Return a problem with its place, and with what its texts leave open."""
    found = places[noted.path]
    whole = found.depth == len(noted.path)
    span = span_of(found.key if noted.at_key and whole and found.key else found.value)
    if noted.offset is not None:
        span = _characters(noted.offset, noted.width, found, lines) or span
    elif found.depth == 0:
        # Nobody needs the whole file underlined.
        span = span._replace(end_line=span.line, end_column=span.column + 1)
    first = ""
    if noted.first is not None:
        line, column, *_ = places[noted.first].value
        first = f"line {line}, column {column}"
    written = shorten(found.text) if found.text is not None else "it"
    message, expected, help_ = (
        text.replace(WRITTEN, written).replace(FIRST, first)
        for text in (noted.problem.message, noted.problem.expected, noted.problem.help)
    )
    return Problem(message=message, span=span, expected=expected, help=help_)


def _characters(offset: int, width: int, found: Found, lines: list[str]) -> Span | None:
    """Return the place of characters of a text, or None where it cannot be told."""
    line, column, *_ = found.value
    if found.start is not None:
        column += found.start + offset
    elif found.block and found.text is not None:
        # A line of a literal scalar is a line of the file, further to the right.
        before = found.text[:offset].split("\n")
        line += len(before)
        content = found.text.split("\n")[len(before) - 1]
        indent = len(lines[line - 1]) - len(content) if line <= len(lines) else 0
        column = indent + len(before[-1]) + 1
    else:
        return None
    return Span(line=line, column=column, end_line=line, end_column=column + width)


def _within(problem: Problem, lines: list[str]) -> Problem:
    """Return the problem with its span inside the file: libyaml counts a line behind the last."""
    span = problem.span
    if span is None:
        return problem
    line, column = _clamp(span.line, span.column, lines)
    end_line, end_column = _clamp(span.end_line, span.end_column, lines)
    if (end_line, end_column) < (line, column):
        end_line, end_column = line, column
    placed = Span(line=line, column=column, end_line=end_line, end_column=end_column)
    return problem._replace(span=placed)


def _clamp(line: int, column: int, lines: list[str]) -> tuple[int, int]:
    if line > len(lines):
        return len(lines), len(lines[-1]) + 1
    return line, min(column, len(lines[line - 1]) + 1)
