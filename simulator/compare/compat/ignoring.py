"""Differences that are accepted for a while, each with a reason and a last day. TOML."""

import datetime
import difflib
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simulator.compare.compat.kinds import KINDS, Difference
from simulator.diagnostics import InputError, Problem, Span, lines_of
from simulator.values import NamedTuple

KEYS = ("kind", "file", "at", "reason", "expires")
NEEDED = ("reason", "expires")


class Ignored(NamedTuple):
    """An entry of the file. What it does not name, it takes whatever it is.

    Attributes:
        expires: The last day on which it counts.
        span: Its place in the file.
    """

    kind: str | None
    file: str | None
    at: str | None
    reason: str
    expires: datetime.date
    span: Span

    def takes(self, each: Difference) -> bool:
        """Whether a difference is one that this entry is about."""
        return (
            self.kind in (None, each.kind)
            and self.file in (None, each.file)
            and self.at in (None, each.at)
        )


def load_ignored(path: str) -> tuple[Ignored, ...]:
    """Return the entries of a file: tables ``[[ignore]]``.

    Raises:
        InputError: It cannot be read, or an entry lacks its reason or its day, or says what nobody
            knows.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(path, "", [Problem(f"cannot read {path}: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise InputError(path, "", [Problem(f"{path} is not text in UTF-8")]) from None
    try:
        entries = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(path, text, [Problem(f"no TOML: {error}")]) from None
    starts = [n for n, line in enumerate(lines_of(text), 1) if line.strip() == "[[ignore]]"]
    problems = [
        Problem(f"unknown key {key}", expected="[[ignore]]") for key in entries if key != "ignore"
    ]
    tables = entries.get("ignore", [])
    if not isinstance(tables, list) or len(starts) != len(tables):
        problems.append(
            Problem("entries are no tables", expected="[[ignore]] on a line of its own")
        )
        raise InputError(path, text, problems)
    ignored = []
    for start, table in zip(starts, tables, strict=True):
        span = Span(start, 1, start, len("[[ignore]]") + 1)
        wrong = _problems(table, span)
        problems += wrong
        if not wrong:
            ignored.append(Ignored(**{key: table.get(key) for key in KEYS}, span=span))
    if problems:
        raise InputError(path, text, problems)
    return tuple(ignored)


def _problems(table: dict[str, Any], span: Span) -> list[Problem]:
    problems = [
        Problem(f"unknown key {key}", span, ", ".join(KEYS), _near(key, KEYS))
        for key in table
        if key not in KEYS
    ]
    problems += [
        Problem(f"the entry has no {key}", span, "why, and the last day on which it counts")
        for key in NEEDED
        if key not in table
    ]
    for key in ("kind", "file", "at", "reason"):
        if not isinstance(table.get(key, ""), str) or (key == "reason" and table.get(key) == ""):
            problems.append(Problem(f"{key} is no text", span))
    kind = table.get("kind")
    if isinstance(kind, str) and kind not in KINDS:
        problems.append(Problem(f"unknown kind {kind}", span, ", ".join(KINDS), _near(kind, KINDS)))
    day = table.get("expires")
    if day is not None and type(day) is not datetime.date:
        problems.append(Problem(f"expires is no day: {day!r}", span, "a date such as 2027-01-31"))
    return problems


def _near(word: str, known: Any) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean {near[0]}?" if near else ""


def sift(
    differences: Sequence[Difference], ignored: Sequence[Ignored], today: datetime.date
) -> tuple[list[Difference], list[tuple[Difference, str]]]:
    """Return the differences that count, and those that are ignored, each with the reason."""
    valid = [each for each in ignored if each.expires >= today]
    counted, left_out = [], []
    for each in differences:
        entry = next((entry for entry in valid if entry.takes(each)), None)
        if entry is None:
            counted.append(each)
        else:
            left_out.append((each, f"{entry.reason} (until {entry.expires})"))
    return counted, left_out


def expired(ignored: Sequence[Ignored], today: datetime.date) -> list[str]:
    """Return what is to be told of entries whose last day is over: line, day, reason."""
    return [
        f"{each.span.line}: expired on {each.expires}: {each.reason}"
        for each in ignored
        if each.expires < today
    ]
