"""The events of a YAML file: the only door to PyYAML.

libyaml's parser is used where PyYAML has it; its own, in Python, does as well, and is slower.
"""

import re
from collections.abc import Callable
from typing import Any

from yaml import BaseLoader, MarkedYAMLError, YAMLError
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)
from yaml.reader import ReaderError

from simulator.diagnostics import Problem, lines_of
from simulator.scenario.yaml12.places import Mark, place_at, span_of

try:
    from yaml import CBaseLoader
except ImportError:
    Events: Any = BaseLoader
else:
    Events = CBaseLoader

__all__ = [
    "AliasEvent",
    "MappingEndEvent",
    "MappingStartEvent",
    "Parser",
    "ScalarEvent",
    "SequenceEndEvent",
    "StreamEndEvent",
    "YAMLError",
    "syntax_problem",
]


_BARE = r"(?:^|\n)[ ]*- (\w+)[ ]*\r?\n[ ]*\w+$"
"""A verb alone in its line, up to the key in the next one."""


class Parser:
    """The events of a file, one after the other, with the end of what was read last."""

    def __init__(self, text: str) -> None:
        self._text = text
        # YAML 1.2 takes these three for content, libyaml for the end of a line.
        parser = Events(re.sub("[\x85\u2028\u2029]", " ", text))
        self._next: Callable[[], Any] = parser.get_event
        self._end: Any = Mark(0, 0, 0)

    def _root(self) -> Any:
        """Return the event that begins the only document, or None where there is none."""
        self._next()
        event: Any = self._next()
        if not isinstance(event, DocumentStartEvent):
            return None
        return self._next()

    def _end_scalar(self, event: Any) -> Any:
        """Return where a scalar ends; one with no text ends behind the colon, in both parsers."""
        end = event.end_mark
        if event.start_mark.index < end.index:
            return end
        index = len(self._text[: end.index].rstrip())
        line, column = place_at(self._text, index)[:2]
        return Mark(index, line - 1, column - 1)

    def _end_block_scalar(self, event: Any) -> Mark:
        """Return where the text of a literal or folded scalar ends, without the lines after it."""
        start, end = event.start_mark, event.end_mark
        written = self._text[start.index : end.index].rstrip()
        lines = lines_of(written)
        column = len(lines[-1]) + (start.column if len(lines) == 1 else 0)
        return Mark(start.index + len(written), start.line + len(lines) - 1, column)


_FORBIDDEN = "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufeff\uff00-\ufffd\U00010000-\U0010ffff]"


def syntax_problem(text: str, error: YAMLError) -> Problem:
    """Return what the parser complains of, in a user's words."""
    if isinstance(error, ReaderError):
        # Compiled here, since that takes milliseconds.
        match = re.search(_FORBIDDEN, text)
        index = match.start() if match else 0
        character = ord(text[index]) if text else 0
        return Problem(
            message=f"the file holds the character U+{character:04X}",
            span=span_of(place_at(text, index)),
            expected="text without control characters",
            help="remove it, or write it as an escape in double quotes",
        )
    assert isinstance(error, MarkedYAMLError), f"libyaml knows no other errors: {error!r}"
    mark: Any = error.problem_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    where = f" {error.context}" if error.context else ""
    begun: Any = error.context_mark
    if where and begun and (begun.line, begun.column) < (line - 1, column - 1):
        where += f" that begins on line {begun.line + 1}, column {begun.column + 1}"
    return Problem(
        message=f"not YAML: {error.problem}{where}",
        span=span_of((line, column, line, column + 1)),
        help=_syntax_help(text, mark.index if mark else 0, str(error.problem)),
    )


def _syntax_help(text: str, index: int, told: str) -> str:
    """Return what probably went wrong, for the mistakes that pictures and tabs invite."""
    before = text[:index].rpartition("\n")[2]
    here = text[index : index + 1]
    if "\t" in (here, before[-1:]):
        return "indent with blanks, not with tabs"
    if here == "|" or before.rstrip("-").endswith("|"):
        return "put a picture with bars in quotes, or leave the bars out"
    if here and here in "@`%":
        return "put the text in quotes"
    if "mapping values" in told:
        bare = re.search(_BARE, text[:index])
        if bare is not None:
            return f"write `{bare[1]}:` where more belongs to it"
        return "put a text with a colon in quotes"
    if "sequence entries" in told:
        return 'put a picture of one "-" in quotes'
    return ""
