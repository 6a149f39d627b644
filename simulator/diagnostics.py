"""Findings and problems: what is worth telling a person, and the place in the file it is about."""

import re
import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import lru_cache

from simulator.values import NamedTuple, dataclass

REFUSED = "refused"
"""The word by which a statement expects any finding that carries the host's no."""


class Severity(StrEnum):
    """How bad a finding is. Only an error makes a command end with status 1."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Span(NamedTuple):
    """A stretch of a scenario file.

    Attributes:
        line, column: Where it starts, counted from 1, in characters.
        end_line, end_column: Where it ends; the end column is the first one outside.
    """

    line: int
    column: int
    end_line: int
    end_column: int


_LINE_END = re.compile(r"\r\n|\r|\n")


def printable(text: str) -> str:
    """Return a text as one line that a terminal shows as it is: all else is escaped.

    >>> printable("S1\\x1b[31m\\n")
    'S1\\\\x1b[31m\\\\x0a'
    """
    return text if text.isprintable() else "".join(map(_escaped, text))


def shown(name: str) -> str:
    """Return a name as figures show it: on one line, and without bars, which begin cells.

    >>> shown("x\\nguest sees: |ZZ|")
    'x\\\\x0aguest sees: \\\\x7cZZ\\\\x7c'
    """
    return printable(name).replace("|", "\\x7c")


def counted(number: int, word: str) -> str:
    """Return how many there are of something.

    >>> counted(1, "scenario"), counted(1200, "scenario")
    ('1 scenario', '1,200 scenarios')
    """
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def how_to_install(*names: str) -> str:
    """Return a command that puts libraries beside this program, as far as can be seen from here."""
    from importlib.util import find_spec
    from shlex import quote

    python, wanted = quote(sys.executable), " ".join(names)
    if find_spec("pip") is not None:
        return f"{python} -m pip install {wanted}"
    return f"uv pip install --python {python} {wanted}"


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    number = ord(character)
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"


def lines_of(text: str) -> list[str]:
    """Return the lines of a file as YAML and spans count them, without their ends; at least one.

    A line ends at CR, LF or both; U+0085 and U+2028 are content.
    """
    return _LINE_END.split(text)


def line_starts(text: str) -> list[int]:
    """Return where each line begins, as :func:`lines_of` counts them."""
    return [0, *(end.end() for end in _LINE_END.finditer(text))]


def line_of(text: str, number: int) -> str | None:
    """Return a line by its number, from 1; None where there are fewer."""
    starts = _known_starts(text)
    if number > len(starts):
        return None
    end = starts[number] if number < len(starts) else len(text)
    return text[starts[number - 1] : end].rstrip("\r\n")


@lru_cache(maxsize=8)
def _known_starts(text: str) -> tuple[int, ...]:
    """Return where each line begins of a text that many findings may be about."""
    return tuple(line_starts(text))


def replace_characters(text: str, changes: Iterable[tuple[int, int, int, str]]) -> str:
    """Return a text with stretches of its lines replaced, and every other character as it was.

    Args:
        text: Any.
        changes: Each a line as :func:`lines_of` counts them, from 1; the columns where it starts
            and ends, from 0; and what stands there from now on. No two may overlap.
    """
    starts = line_starts(text)
    parts, rest = [], len(text)
    for line, start, end, new in sorted(changes, reverse=True):
        begun = starts[line - 1]
        parts += [text[begun + end : rest], new]
        rest = begun + start
    return "".join((text[:rest], *reversed(parts)))


class Related(NamedTuple):
    """Another place that a finding is about: the step that made, lost or refused a thing.

    Attributes:
        message: What happened there, in lower case, with no stop.
        span: Its place; None where a timeline has no file.
        at: When it was: ``at T2``, ``between T2 and T3``; empty where a finding says no time.
        instant: Label of its instant; None for a guest step between two instants.
    """

    message: str
    span: Span | None = None
    at: str = ""
    instant: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A diagnostic under its code: what is wrong, where, the evidence, and what to do instead.

    Attributes:
        code, rule: Such as ``BT201`` and ``stale-bitmap``.
        message: What, in lower case, with no stop.
        span: The statement that is to blame; None where a timeline has no file.
        label: Why here, printed beside the carets.
        notes: Evidence, one line each, already aligned; a line that starts with a blank belongs
            to the figure above it.
        help: What to do, as an imperative.
        related: The steps that led to it, in the order in which they are to be read.
        at: Label of the instant; None for a guest step between two instants.
        entry: Number of the timeline's entry that it is about.
        refused: The host's own words, where it turned the request down.
        also: Codes of other rules whose sentence holds here: one mistake is one finding.
        turns: Whether it is about all turns of a schedule's step: none of them has it alone.
        host: The releases on which it is so, where others do otherwise: ``qemu`` and ``libvirt``.
        changes: The changes of the record that make it so there.
        expected: Whether the statement said that it expects this finding.
        allowed: The reason given in the scenario for accepting the finding.
    """

    code: str
    rule: str
    severity: Severity
    message: str
    span: Span | None = None
    label: str = ""
    notes: tuple[str, ...] = ()
    help: str = ""
    related: tuple[Related, ...] = ()
    at: str | None = None
    entry: int | None = None
    refused: str | None = None
    also: tuple[str, ...] = ()
    turns: bool = False
    host: tuple[tuple[str, str], ...] = ()
    changes: tuple[str, ...] = ()
    expected: bool = False
    allowed: str | None = None

    @property
    def failing(self) -> bool:
        """Whether a command that met this finding ends with status 1."""
        return self.severity is Severity.ERROR and not self.expected and self.allowed is None


class Code(NamedTuple):
    """What stands behind a code that is not a rule's.

    Attributes:
        code, name: Such as ``LT101`` and ``figure-differs``.
        found: What it finds, in a sentence.
        advice: What to do about it, in a sentence or two.
    """

    code: str
    name: str
    severity: Severity
    found: str
    advice: str


class Problem(NamedTuple):
    """Input that cannot be used: what was found, what was expected, the nearest known word.

    Attributes:
        message: What was found, in lower case, with no stop.
        span: Its place; None where there is no file to point into.
        expected: What would have been right.
        help: Usually the nearest known word.
    """

    message: str
    span: Span | None = None
    expected: str = ""
    help: str = ""


class InputError(Exception):
    """A file that cannot be used, with every problem found in it, in the order of the file.

    Attributes:
        path: The file as the user named it.
        source: Its text, as far as it could be read.
        problems: At least one.
    """

    def __init__(self, path: str, source: str, problems: Sequence[Problem]) -> None:
        assert problems, "an InputError tells at least one problem"
        # What is raised within an event is made anew of these arguments.
        super().__init__(path, source, problems)
        self.path = path
        self.source = source
        self.problems = tuple(
            sorted(problems, key=lambda p: (p.span.line, p.span.column) if p.span else (0, 0))
        )

    def __str__(self) -> str:
        return f"{self.path}: {self.problems[0].message}"
