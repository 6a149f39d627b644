"""Finds the configuration that is in force, and reads it with all its mistakes."""

import difflib
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from simulator.diagnostics import InputError, Problem
from simulator.formats.selecting import UnknownCode, codes_of
from simulator.settings.keys import KEYS, PER_FILE, Key, Settings
from simulator.settings.places import find_places, place_of, place_of_error

OWN, SHARED = "backup-timeline.toml", "pyproject.toml"
"""The files: the one has the keys at its top, the other in a table."""

TABLE = ("tool", "backup-timeline")
"""The table of `SHARED`."""


def read_settings(path: Path) -> Settings:
    """Return the configuration of a file.

    Raises:
        InputError: It cannot be read, or says what nobody knows; it tells every mistake.
    """
    name = str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(name, "", [Problem(f"cannot read {name}: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise InputError(name, "", [Problem(f"{name} is not text in UTF-8")]) from None
    try:
        whole = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(
            name, text, [Problem(f"no TOML: {error}", place_of_error(error))]
        ) from None
    prefix = TABLE if path.name == SHARED else ()
    table: Any = whole
    for each in prefix:
        table = table.get(each, {}) if isinstance(table, dict) else {}
    places = find_places(text)
    problems = [
        problem._replace(span=place_of(places, (*prefix, *where)))
        for where, problem in _problems(table)
    ]
    if problems:
        raise InputError(name, text, problems)
    spans = {key: place_of(places, (*prefix, key)) for key in table}
    lines = {key: span.line for key, span in spans.items() if span is not None}
    return Settings(path, table, lines)


Placed = tuple[tuple[str, ...], Problem]
"""A mistake, and the keys that lead to it."""


def _problems(table: Any) -> Iterator[Placed]:
    """Yield the mistakes of a configuration."""
    if not isinstance(table, dict):
        yield (), Problem("the configuration is no table", expected=f"[{'.'.join(TABLE)}]")
        return
    yield from _wrong_keys((), table, KEYS)
    for key in ("models", "baselines"):
        for name, word in _table(table, key).items():
            if not KEYS["model"].is_right(word):
                yield (key, name), Problem(f"{name} is no text: {word!r}", expected="a path")
    for pattern, inner in _table(table, "per-file").items():
        if not isinstance(inner, dict):
            message = f"{pattern} is no table: {inner!r}"
            yield ("per-file", pattern), Problem(message, expected=", ".join(PER_FILE))
            continue
        yield from _wrong_keys(("per-file", pattern), inner, PER_FILE)
        yield from _wrong_codes(("per-file", pattern, "ignore"), inner.get("ignore"))
    for key in ("select", "ignore"):
        yield from _wrong_codes((key,), table.get(key))


def _table(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = table.get(key, {})
    return found if isinstance(found, dict) else {}


def _wrong_keys(
    where: tuple[str, ...], table: Mapping[str, Any], known: Mapping[str, Key]
) -> Iterator[Placed]:
    for key, value in table.items():
        if key not in known:
            near = _near(key, known)
            yield (*where, key), Problem(f"unknown key {key}", expected=", ".join(known), help=near)
        elif not known[key].is_right(value):
            message = f"{key} is not {known[key].holds}: {value!r}"
            yield (*where, key), Problem(message, expected=known[key].holds)


def _wrong_codes(where: tuple[str, ...], words: Any) -> Iterator[Placed]:
    if not KEYS["select"].is_right(words):
        return
    for word in words:
        try:
            codes_of([word])
        except UnknownCode as unknown:
            near = f"did you mean {' or '.join(unknown.near)}?" if unknown.near else ""
            yield where, Problem(str(unknown), expected="a code or a name", help=near)


def _near(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean {near[0]}?" if near else ""
