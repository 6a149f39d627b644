"""Where the keys of a TOML file stand, which the standard library does not tell."""

import re
import tomllib
from collections.abc import Iterator

from simulator.diagnostics import Span, lines_of

_HEADER = re.compile(r"\s*\[(?!\[)\s*(?P<name>[^\[\]#]+?)\s*\]\s*(#.*)?$")
_PART = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)"""
_KEY = re.compile(rf"\s*(?P<key>{_PART}(?:\s*\.\s*{_PART})*)\s*=")

Path = tuple[str, ...]


def find_places(text: str) -> dict[Path, Span]:
    """Return where each table and each key begins, by the names that lead to it.

    >>> find_places('[a]\\nb = 1\\n')[("a", "b")]
    Span(line=2, column=1, end_line=2, end_column=2)
    """
    found: dict[Path, Span] = {}
    table: Path = ()
    for number, line in _statements(lines_of(text)):
        header, key = _HEADER.match(line), _KEY.match(line)
        match = header or key
        if match is None:
            continue
        group = "name" if header else "key"
        names = _names(match[group])
        if header:
            table = names
        start, end = match.start(group) + 1, match.end(group) + 1
        path = names if header else (*table, *names)
        for length in range(1, len(path) + 1):
            found.setdefault(path[:length], Span(number, start, number, end))
        if header:
            found[path] = Span(number, start, number, end)
    return found


def _names(dotted: str) -> Path:
    """Return the names of a dotted key."""
    try:
        value = tomllib.loads(f"{dotted} = 0")
    except tomllib.TOMLDecodeError:
        return (dotted,)
    names: list[str] = []
    while isinstance(value, dict):
        ((name, value),) = value.items()
        names.append(name)
    return tuple(names)


def _statements(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Yield the first line of each statement; a value may go on over several."""
    number = 0
    while number < len(lines):
        line = lines[number]
        yield number + 1, line
        number += 1
        if not _KEY.match(line):
            continue
        whole = line
        while number < len(lines) and not _is_whole(whole):
            whole += f"\n{lines[number]}"
            number += 1


def _is_whole(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def place_of(places: dict[Path, Span], path: Path) -> Span | None:
    """Return where a key stands, or what it is in, where it is within a line."""
    for length in range(len(path), 0, -1):
        if path[:length] in places:
            return places[path[:length]]
    return None


def place_of_error(error: tomllib.TOMLDecodeError) -> Span | None:
    """Return where a file is no TOML, as the message has it."""
    found = re.search(r"at line (\d+), column (\d+)", str(error))
    if found is None:
        return None
    line, column = int(found[1]), int(found[2])
    return Span(line, column, line, column + 1)
