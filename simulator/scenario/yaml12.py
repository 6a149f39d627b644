"""YAML 1.2 as plain values, and where they stand in the file: the only door to PyYAML.

PyYAML's resolver follows YAML 1.1, where ``no`` is false and ``12:30`` is a number, and drops
duplicate keys without a word. So only its parser is used, libyaml's events, and the plain scalars
are resolved here by YAML 1.2's core rules. A file is read once for its values; a second time, and
only if there is something to complain of, for the places of what is wrong.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeAlias

from yaml import MarkedYAMLError, YAMLError
from yaml._yaml import CParser
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

from simulator.diagnostics import Problem, Span
from simulator.scenario.words import shorten

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


@dataclass(frozen=True, slots=True)
class Document:
    """What a file holds.

    Attributes:
        value: Mappings, lists, text, numbers, true, false and None.
        places: Where the keys of mappings with their values stand, by ``id`` of the mapping and
            the key, for mappings that stand in a list, as steps do; where words that were asked
            for stand in a list, by ``id`` of the list and the index.
        problems: What was wrong with the YAML itself.
        readable: Whether *value* is what the file says, but for those problems.
    """

    value: object
    places: dict[tuple[int, str | int], Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    readable: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    """Where a path led.

    Attributes:
        depth: How many parts of the path exist.
        value: The place of the value there.
        key: The place of the key that it has in its mapping; None in a list.
        text: The text of a scalar, as resolved from quotes; None for a mapping or a list.
        start: How many characters stand before *text* in its place, where it is written there
            just as it reads; None where escapes or folding change it.
        block: Whether the scalar is a literal one, with its text on the lines that follow.
    """

    depth: int
    value: Place
    key: Place | None
    text: str | None = None
    start: int | None = None
    block: bool = False


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
    reader = _Reader(text, verbatim, words)
    try:
        value = reader.document()
    except _Refused as refused:
        return Document(None, problems=[*reader.problems, refused.problem], readable=False)
    except YAMLError as error:
        problem = _syntax_problem(text, error)
        return Document(None, problems=[*reader.problems, problem], readable=False)
    return Document(value, reader.places, reader.problems)


def find_places(text: str, paths: Iterable[Path]) -> dict[Path, Found]:
    """Return where each path leads, or where its longest part that exists does.

    Args:
        text: A file that :func:`read_yaml` could read.
        paths: Any; what they do not lead to is passed over.
    """
    finder = _Finder(text, paths)
    finder.document()
    return finder.found


class _Parser:
    """libyaml's events, one after the other, with the end of what was read last."""

    def __init__(self, text: str) -> None:
        self._text = text
        # YAML 1.2 takes these three for content, libyaml for the end of a line.
        parser = CParser(re.sub("[\x85\u2028\u2029]", " ", text))
        self._next: Callable[[], Any] = parser.get_event
        self._end: Any = Mark(0, 0, 0)

    def _root(self) -> Any:
        """Return the event that begins the only document, or None where there is none."""
        self._next()
        event: Any = self._next()
        if not isinstance(event, DocumentStartEvent):
            return None
        return self._next()

    def _end_block_scalar(self, event: Any) -> Mark:
        """Return where the text of a literal or folded scalar ends, without the lines after it."""
        start, end = event.start_mark, event.end_mark
        written = self._text[start.index : end.index].rstrip()
        lines = lines_of(written)
        column = len(lines[-1]) + (start.column if len(lines) == 1 else 0)
        return Mark(start.index + len(written), start.line + len(lines) - 1, column)


class _Reader(_Parser):
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
                span=span_of(_place(event.start_mark, event.end_mark)),
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
        return self._collection(event, depth + 1, listed=False)

    def _collection(self, event: Any, depth: int, *, listed: bool) -> object:
        if depth > DEPTH_MAX:
            raise _Refused(
                Problem(
                    message=f"mappings and lists within one another, more than {DEPTH_MAX} deep",
                    span=span_of(_place(event.start_mark, event.end_mark)),
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
                and (event.value[:1] not in _ODD or resolve_plain(event.value) is event.value)
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
                place = _place(event.start_mark, event.end_mark)
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
        self._end = event.end_mark
        if plain:
            # The empty text is in every text: it goes the long way too.
            return self._resolve(text, key) if text[:1] in _ODD else text
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
                span=span_of(_place(event.start_mark, self._end)),
                expected="text",
                help=f'quote it: "{shown}"' if written else "",
            )
        )
        return _NO_KEY

    def _alias(self, event: Any) -> object:
        span = span_of(_place(event.start_mark, event.end_mark))
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
            span=span_of(_place(event.start_mark, event.end_mark)),
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


class _Finder(_Parser):
    """Walks the same events again, along the paths that somebody asks for."""

    def __init__(self, text: str, paths: Iterable[Path]) -> None:
        super().__init__(text)
        self._paths = tuple(paths)
        self._wanted: dict[str | int, Any] = {}
        for path in self._paths:
            tree = self._wanted
            for part in path:
                tree = tree.setdefault(part, {})
        self._at: dict[Path, Found] = {}

    @property
    def found(self) -> dict[Path, Found]:
        """Where each path leads."""
        return {path: self._longest(path) for path in self._paths}

    def _longest(self, path: Path) -> Found:
        for depth in range(len(path), 0, -1):
            if path[:depth] in self._at:
                return self._at[path[:depth]]
        return self._at.get((), Found(0, (1, 1, 1, 1), None))

    def document(self) -> None:
        """Walk the file."""
        event = self._root()
        if event is not None:
            self._visit(event, (), self._wanted, None)

    def _visit(
        self, event: Any, path: Path, wanted: dict[str | int, Any], key: Place | None
    ) -> None:
        start = event.start_mark
        text, offset, block = None, None, False
        if isinstance(event, ScalarEvent):
            self._end = event.end_mark
            text, offset, block = event.value, self._offset(event), event.style == "|"
            if event.style in ("|", ">"):
                self._end = self._end_block_scalar(event)
        elif isinstance(event, AliasEvent):
            self._end = event.end_mark
        elif event.__class__ is not MappingStartEvent:
            self._visit_sequence(event, path, wanted)
        elif 0 in wanted:
            # One mapping where a list may stand is the only entry of that list.
            self._visit_mapping(event, (*path, 0), wanted[0])
            self._at[*path, 0] = Found(len(path) + 1, _place(start, self._end), None)
        else:
            self._visit_mapping(event, path, wanted)
        place = _place(start, self._end)
        self._at[path] = Found(len(path), place, key, text, offset, block)

    def _visit_mapping(self, start: Any, path: Path, wanted: dict[str | int, Any]) -> None:
        seen: set[str] = set()
        while not isinstance(event := self._next(), MappingEndEvent):
            mark = event.start_mark
            key = event.value if isinstance(event, ScalarEvent) else None
            self._pass_over(event)
            place = _place(mark, self._end)
            if key in wanted and key not in seen:
                seen.add(key)
                self._visit(self._next(), (*path, key), wanted[key], place)
            else:
                self._pass_over(self._next())
        if start.flow_style:
            self._end = event.end_mark

    def _visit_sequence(self, start: Any, path: Path, wanted: dict[str | int, Any]) -> None:
        index = 0
        while not isinstance(event := self._next(), SequenceEndEvent):
            if index in wanted:
                self._visit(event, (*path, index), wanted[index], None)
            else:
                self._pass_over(event)
            index += 1
        if start.flow_style:
            self._end = event.end_mark

    def _pass_over(self, event: Any) -> None:
        """Read to the end of a value that nobody asks for."""
        if isinstance(event, ScalarEvent):
            self._end = event.end_mark
            if event.style in ("|", ">"):
                self._end = self._end_block_scalar(event)
        elif isinstance(event, AliasEvent):
            self._end = event.end_mark
        elif isinstance(event, MappingStartEvent):
            self._visit_mapping(event, (), {})
        else:
            self._visit_sequence(event, (), {})

    def _offset(self, event: Any) -> int | None:
        """Return where a scalar's text begins in its place, if it is written just as it reads."""
        written = self._text[event.start_mark.index : event.end_mark.index]
        if written == event.value:
            return 0
        if event.style in ("'", '"') and written[1:-1] == event.value:
            return 1
        return None


_NO_KEY = "\0"
"""Stands for a key that is no text. No text of a file can contain it."""

_ODD = "0123456789+-.~nNtTfF"
"""What a plain scalar begins with, if it may be something else than text."""

_WORDS: dict[str, object] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}

_NUMBER = re.compile(
    r"(?P<decimal>[-+]?[0-9]+)|0o(?P<octal>[0-7]+)|0x(?P<hexadecimal>[0-9a-fA-F]+)"
    r"|(?P<float>[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)"
)

_DIGITS_MAX = 3000
"""Longer numbers stay text: Python neither reads nor writes decimals of more than 4300 digits."""


def resolve_plain(text: str) -> object:
    """Return what a plain scalar stands for by the core rules of YAML 1.2.

    >>> [resolve_plain(text) for text in ("no", "12:30", "0o17", "010", "1e3", "~")]
    ['no', '12:30', 15, 10, 1000.0, None]
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0].isalpha():
        return text
    match = _NUMBER.fullmatch(text)
    if match is None or len(text) > _DIGITS_MAX:
        return text
    if match["decimal"]:
        return int(text)
    if match["octal"]:
        return int(match["octal"], 8)
    if match["hexadecimal"]:
        return int(match["hexadecimal"], 16)
    return float(text)


def span_of(place: Place) -> Span:
    """Return a place as a span."""
    line, column, end_line, end_column = place
    return Span(line=line, column=column, end_line=end_line, end_column=end_column)


def lines_of(text: str) -> list[str]:
    """Return the lines of a file as YAML counts them, without their ends; at least one."""
    return re.split(r"\r\n|\r|\n", text)


def place_at(text: str, index: int) -> Place:
    """Return the place of one character by its offset in a file."""
    before = lines_of(text[:index])
    line, column = len(before), len(before[-1]) + 1
    return line, column, line, column + 1


def _place(start: Any, end: Any) -> Place:
    return start.line + 1, start.column + 1, end.line + 1, end.column + 1


_FORBIDDEN = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufeff\uff00-\ufffd\U00010000-\U0010ffff]"
)


def _syntax_problem(text: str, error: YAMLError) -> Problem:
    if isinstance(error, ReaderError):
        match = _FORBIDDEN.search(text)
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
        return "put a text with a colon in quotes"
    if "sequence entries" in told:
        return 'put a picture of one "-" in quotes'
    return ""
