"""Finds where values of a file stand: the same events again, along paths that somebody asks for."""

from collections.abc import Iterable
from typing import Any

from simulator.scenario.yaml12.parsing import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    Parser,
    ScalarEvent,
    SequenceEndEvent,
)
from simulator.scenario.yaml12.places import Path, Place, place_between
from simulator.values import dataclass


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


def find_places(text: str, paths: Iterable[Path]) -> dict[Path, Found]:
    """Return where each path leads, or where its longest part that exists does.

    Args:
        text: A file that :func:`read_yaml` could read.
        paths: Any; what they do not lead to is passed over.
    """
    finder = _Finder(text, paths)
    finder.document()
    return finder.found


class _Finder(Parser):
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
            self._end = self._end_scalar(event)
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
            self._at[*path, 0] = Found(len(path) + 1, place_between(start, self._end), None)
        else:
            self._visit_mapping(event, path, wanted)
        place = place_between(start, self._end)
        self._at[path] = Found(len(path), place, key, text, offset, block)

    def _visit_mapping(self, start: Any, path: Path, wanted: dict[str | int, Any]) -> None:
        seen: set[str] = set()
        while not isinstance(event := self._next(), MappingEndEvent):
            mark = event.start_mark
            key = event.value if isinstance(event, ScalarEvent) else None
            self._pass_over(event)
            place = place_between(mark, self._end)
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
