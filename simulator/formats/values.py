"""What a command found, file by file: the value that every format is written from."""

from collections.abc import Iterable, Iterator, Sequence

from simulator.diagnostics import Finding, Problem, Severity, Span
from simulator.values import NamedTuple


class Fix(NamedTuple):
    """A stretch of a line that would have to be written otherwise.

    Attributes:
        line: Counted from 1.
        start, end: Columns, from 0.
        new: What would stand there.
    """

    line: int
    start: int
    end: int
    new: str


class Step(NamedTuple):
    """A step of a timeline.

    Attributes:
        number: Its place among all of them.
        told: What it is, in a few words: ``at T2: snapshot``.
        span: Its place in the file.
    """

    number: int
    told: str
    span: Span


class Told(NamedTuple):
    """A finding with what formats tell of it.

    Attributes:
        when: ``at T2``; empty where it is about no instant.
        turn: Whether its place needs its instant, since its step happens more than once.
        steps: Those of the timeline that lead to it, its own last.
    """

    finding: Finding
    when: str = ""
    turn: bool = False
    fixes: tuple[Fix, ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def known(self) -> bool:
        """Whether the file says itself that this is to be found, or is accepted."""
        return self.finding.expected or self.finding.allowed is not None


class FileReport(NamedTuple):
    """What was found in one file.

    Attributes:
        path: As the user named it.
        source: Its text; empty for what has none.
        told: The findings, in order.
        problems: What makes it unusable.
        summary: What was looked at, in a line; empty for a file that cannot be used.
    """

    path: str
    source: str
    told: tuple[Told, ...] = ()
    problems: tuple[Problem, ...] = ()
    summary: str = ""

    @property
    def fresh(self) -> tuple[Told, ...]:
        """The findings that the file does not know of."""
        return tuple(each for each in self.told if not each.known)

    @property
    def failing(self) -> bool:
        """Whether one of them is an error that nobody expected."""
        return any(each.finding.failing for each in self.told)


class Report(NamedTuple):
    """What a command found in all files.

    Attributes:
        command: Its name.
        noun: What the files are: ``scenario``.
    """

    command: str
    noun: str
    files: Sequence[FileReport]


class Counts(NamedTuple):
    """How many there are of what was found."""

    files: int
    errors: int
    warnings: int
    infos: int
    expected: int
    allowed: int
    unusable: int


def count(files: Iterable[FileReport]) -> Counts:
    """Return how many files, findings and unusable files there are."""
    files = tuple(files)
    told = [each for file in files for each in file.told]
    fresh = [each.finding.severity for each in told if not each.known]
    return Counts(
        files=len(files),
        errors=fresh.count(Severity.ERROR),
        warnings=fresh.count(Severity.WARNING),
        infos=fresh.count(Severity.INFO),
        expected=sum(each.finding.expected for each in told),
        allowed=sum(each.finding.allowed is not None for each in told),
        unusable=sum(bool(file.problems) for file in files),
    )


def found(report: Report) -> Iterator[tuple[FileReport, Told]]:
    """Yield every finding with its file."""
    for file in report.files:
        for told in file.told:
            yield file, told


def uri_of(path: str) -> str:
    """Return a path as a reference that a service resolves, relative where the path is.

    >>> uri_of("a b/ü.yaml"), uri_of("/x/y.yaml")
    ('a%20b/%C3%BC.yaml', 'file:///x/y.yaml')
    """
    from os import fsencode
    from pathlib import PurePath
    from urllib.parse import quote

    plain = quote(fsencode(PurePath(path).as_posix()), safe="/-._~")
    return f"file://{plain}" if plain.startswith("/") else plain
