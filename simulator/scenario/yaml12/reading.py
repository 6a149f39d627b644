"""Reads YAML 1.2 as plain values.

PyYAML's resolver follows YAML 1.1, where ``no`` is false and ``12:30`` is a number, and drops
duplicate keys without a word. So only its parser is used, and the plain scalars are resolved by
YAML 1.2's core rules.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from simulator.diagnostics import Problem
from simulator.scenario.words import shorten
from simulator.scenario.yaml12.parsing import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    Parser,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
    YAMLError,
    syntax_problem,
)
from simulator.scenario.yaml12.places import Place, place_between, span_of
from simulator.scenario.yaml12.scalars import ODD, resolve_plain
from simulator.values import dataclass

DEPTH_MAX = 64
"""Mappings and lists within one another; a scenario has about ten."""

VALUES_MAX = 1_000_000
"""Keys and values of one file, aliases expanded: some 150,000 steps."""

ALIASED_MAX = 100_000
"""Values that the aliases of one file may add. A few lines of aliases can ask for billions."""

PROBLEMS_NOTED_MAX = 1000
"""After so many problems the rest of a file is not looked at."""

TAG_LENGTH_MAX = 100
"""Characters of a tag that a message repeats."""

STEP_KEY = "else"
"""The key whose value is a step without a list around it."""

_NO_KEY = "\0"
"""Stands for a key that is no text. No text of a file can contain it."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a file holds.

    Attributes:
        value: Mappings, lists, text, numbers, true, false and None.
        places: Where the keys of mappings with their values stand, by ``id`` of the mapping and
            the key, for mappings that stand in a list or as an else, as steps do; where words that
            were asked for stand in a list, by ``id`` of the list and the index.
        problems: What was wrong with the YAML itself.
        readable: Whether *value* is what the file says, but for those problems.
    """

    value: object
    places: Mapping[tuple[int, str | int], Place]
    problems: Sequence[Problem]
    readable: bool


class _Refused(Exception):
    """A file whose reading stops here."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def read_yaml(text: str, *, verbatim: frozenset[str], words: frozenset[str]) -> Document:
    """Return what a file holds, with everything that is wrong with its YAML.

    Args:
        text: The file.
        verbatim: Keys whose plain scalars stay text, whatever YAML takes them for.
        words: Scalars whose places in lists are noted.
    """
    try:
        reader = _Reader(text, verbatim, words)
    except YAMLError as error:
        return Document(None, {}, [syntax_problem(text, error)], readable=False)
    try:
        value = reader.document()
    except _Refused as refused:
        return Document(None, {}, [*reader.problems, refused.problem], readable=False)
    except YAMLError as error:
        problem = syntax_problem(text, error)
        return Document(None, {}, [*reader.problems, problem], readable=False)
    return Document(value, reader.places, reader.problems, readable=True)


class _Reader(Parser):
    """Builds plain values from events. Recursion is bounded by the depth of the file."""

    def __init__(self, text: str, verbatim: frozenset[str], words: frozenset[str]) -> None:
        super().__init__(text)
        self._verbatim = verbatim
        self._words = words
        self._anchors: dict[str, tuple[object, int] | None] = {}
        self._count = 0
        self._aliased = 0
        self.places: dict[tuple[int, str | int], Place] = {}
        self.problems: list[Problem] = []

    def document(self) -> object:
        """Return the value of the only document; None where there is none."""
        event = self._root()
        if event is None:
            return None
        value = self._value(event, 0, "")
        self._next()
        event = self._next()
        if event.__class__ is not StreamEndEvent:
            problem = Problem(
                message="a second document begins here",
                span=span_of(place_between(event.start_mark, event.end_mark)),
                expected="one scenario a file",
                help="put it into a file of its own, or remove the line ---",
            )
            raise _Refused(problem)
        return value

    def _value(self, event: Any, depth: int, key: str) -> object:
        kind = event.__class__
        if kind is ScalarEvent:
            self._count += 1
            value = self._scalar(event, key)
            if event.anchor is not None:
                self._anchors[event.anchor] = value, 1
            return value
        if kind is AliasEvent:
            return self._alias(event)
        return self._collection(event, depth + 1, listed=key == STEP_KEY)

    def _collection(self, event: Any, depth: int, *, listed: bool) -> object:
        if depth > DEPTH_MAX:
            raise _Refused(
                Problem(
                    message=f"mappings and lists within one another, more than {DEPTH_MAX} deep",
                    span=span_of(place_between(event.start_mark, event.end_mark)),
                    expected=f"at most {DEPTH_MAX}",
                )
            )
        before = self._count
        self._count += 1
        if event.tag is not None:
            self._refuse_tag(event)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        value: object
        if event.__class__ is MappingStartEvent:
            value = self._mapping(event, depth, listed=listed)
        else:
            value = self._sequence(event, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = value, self._count - before
        if self._count > VALUES_MAX:
            self._refuse_size(event)
        return value

    def _mapping(self, event: Any, depth: int, *, listed: bool) -> dict[str, object]:
        mapping: dict[str, object] = {}
        marks: dict[str, Any] = {}
        start, get, places = event, self._next, self.places
        while (event := get()).__class__ is not MappingEndEvent:
            mark = event.start_mark
            if (
                event.__class__ is ScalarEvent
                and event.implicit[0]
                and event.anchor is None
                and (event.value[:1] not in ODD or resolve_plain(event.value) is event.value)
            ):
                key = event.value
                self._count += 1
                self._end = event.end_mark
            else:
                key = self._odd_key(event, depth)
            value = self._value(get(), depth, key)
            if key in mapping:
                self._refuse_duplicate(key, marks[key], mark)
                continue
            mapping[key] = value
            marks[key] = mark
            if listed:
                end = self._end
                places[id(mapping), key] = (
                    mark.line + 1,
                    mark.column + 1,
                    end.line + 1,
                    end.column + 1,
                )
        if start.flow_style:
            self._end = event.end_mark
        mapping.pop(_NO_KEY, None)
        return mapping

    def _sequence(self, event: Any, depth: int) -> list[object]:
        sequence: list[object] = []
        start, get = event, self._next
        while (event := get()).__class__ is not SequenceEndEvent:
            if event.__class__ is MappingStartEvent:
                sequence.append(self._collection(event, depth + 1, listed=True))
                continue
            if event.__class__ is ScalarEvent and event.value in self._words:
                place = place_between(event.start_mark, event.end_mark)
                self.places[id(sequence), len(sequence)] = place
            if self._count > VALUES_MAX:
                self._refuse_size(start)
            sequence.append(self._value(event, depth, ""))
        if start.flow_style:
            self._end = event.end_mark
        return sequence

    def _scalar(self, event: Any, key: str) -> object:
        text: str = event.value
        plain, quoted = event.implicit
        self._end = event.end_mark if text else self._end_scalar(event)
        if plain:
            # The empty text is in every text: it goes the long way too.
            return self._resolve(text, key) if text[:1] in ODD else text
        if not quoted:
            self._refuse_tag(event)
        elif event.style in ("|", ">"):
            self._end = self._end_block_scalar(event)
        return text

    def _resolve(self, text: str, key: str) -> object:
        if key in self._verbatim and text:
            return text
        return resolve_plain(text)

    def _odd_key(self, event: Any, depth: int) -> str:
        """Return a key that needs a closer look; what is no text is told and passed over."""
        value = self._value(event, depth, "")
        written: str = event.value if event.__class__ is ScalarEvent else ""
        if isinstance(value, str) and event.__class__ is ScalarEvent:
            return value
        shown = shorten(written)
        self._note(
            Problem(
                message=f"the key {shown} is not text" if written else "a key is not text",
                span=span_of(place_between(event.start_mark, self._end)),
                expected="text",
                help=f'quote it: "{shown}"' if written else "",
            )
        )
        return _NO_KEY

    def _alias(self, event: Any) -> object:
        span = span_of(place_between(event.start_mark, event.end_mark))
        self._end = event.end_mark
        name = shorten(event.anchor)
        if event.anchor not in self._anchors:
            problem = Problem(
                message=f"unknown alias *{name}",
                span=span,
                expected=f"&{name} before the value that it stands for",
            )
            raise _Refused(problem)
        anchored = self._anchors[event.anchor]
        if anchored is None:
            raise _Refused(Problem(message=f"the alias *{name} stands within itself", span=span))
        value, size = anchored
        self._count += size
        self._aliased += size
        if self._aliased > ALIASED_MAX:
            problem = Problem(
                message=f"the aliases of this file stand for more than {ALIASED_MAX:,} values",
                span=span,
                expected="fewer, or smaller ones",
            )
            raise _Refused(problem)
        return value

    def _refuse_size(self, event: Any) -> NoReturn:
        problem = Problem(
            message=f"the file holds more than {VALUES_MAX:,} values",
            span=span_of(place_between(event.start_mark, event.end_mark)),
            expected="a smaller one",
        )
        raise _Refused(problem)

    def _refuse_tag(self, event: Any) -> None:
        """Note a tag; an anchor may stand before it."""
        start = event.start_mark
        written = self._text[start.index : start.index + TAG_LENGTH_MAX]
        match = re.search(r"(?<!\S)![^\s,\[\]{}]*", written)
        tag, offset = (match[0], match.start()) if match else (event.tag, 0)
        line, column = start.line + 1, start.column + 1 + offset
        self._note(
            Problem(
                message=f"tags are not part of the language: {tag}",
                span=span_of((line, column, line, column + len(tag))),
                expected="a value without one",
            )
        )

    def _refuse_duplicate(self, key: str, first: Any, second: Any) -> None:
        if key == _NO_KEY:
            return
        line, column = second.line + 1, second.column + 1
        where = f"line {first.line + 1}, column {first.column + 1}"
        self._note(
            Problem(
                message=f"duplicate key {shorten(key)}, first on {where}",
                span=span_of((line, column, line, column + len(key))),
                expected="each key once",
            )
        )

    def _note(self, problem: Problem) -> None:
        """Note a problem; one of very many ends the reading."""
        if len(self.problems) >= PROBLEMS_NOTED_MAX:
            raise _Refused(problem)
        self.problems.append(problem)
