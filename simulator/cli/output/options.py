"""Options of the commands that find something: in which formats, and what of it."""

import functools
import inspect
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any, get_type_hints

import typer

from simulator.values import NamedTuple

FORMATS = ("text", "json", "sarif", "github", "gitlab", "junit", "markdown")
"""The formats of a report."""


class ReportFormat(StrEnum):
    """What is printed."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"
    GITLAB = "gitlab"
    JUNIT = "junit"
    MARKDOWN = "markdown"


FormatOption = Annotated[
    ReportFormat | None,
    typer.Option("--format", "-f", help="What is printed; text if nothing is said."),
]

OutputOption = Annotated[
    list[str] | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FORMAT=FILE",
        help="Also write a file, such as sarif=out.sarif; more than once for more formats.",
    ),
]

QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="Findings alone: no line a file, no totals.")
]

StatisticsOption = Annotated[
    bool, typer.Option("--statistics", help="At the end, how often each code was found.")
]

SelectOption = Annotated[
    list[str] | None,
    typer.Option(
        "--select", metavar="CODES", help="Only these: codes, beginnings of codes, or names."
    ),
]

IgnoreOption = Annotated[
    list[str] | None, typer.Option("--ignore", metavar="CODES", help="All but these.")
]

ExitZeroOption = Annotated[
    bool, typer.Option("--exit-zero", help="Status 0 whatever is found; not for unusable files.")
]


class Wishes(NamedTuple):
    """What these options say; the command line is made of it."""

    format: FormatOption = None
    output: OutputOption = None
    quiet: QuietOption = False
    statistics: StatisticsOption = False
    select: SelectOption = None
    ignore: IgnoreOption = None
    exit_zero: ExitZeroOption = False


def reporting(*own: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a command with these options of a function that takes ``wishes`` in their place.

    Args:
        own: Options that the command has itself, in a way of its own.
    """

    def make(function: Callable[..., None]) -> Callable[..., None]:
        hints = get_type_hints(Wishes, include_extras=True)
        shared = [name for name in Wishes._fields if name not in own]
        options = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=Wishes._field_defaults[name],
                annotation=hints[name],
            )
            for name in shared
        ]
        signature = inspect.signature(function)
        kept = [
            each.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for each in signature.parameters.values()
            if each.name != "wishes"
        ]

        @functools.wraps(function)
        def command(**given: Any) -> None:
            said = {name: given.pop(name) for name in shared}
            function(**given, wishes=Wishes(**said))

        taken = signature.replace(parameters=[*kept, *options])
        command.__signature__ = taken  # type: ignore[attr-defined]  # Typer reads it off
        command.__annotations__ = {each.name: each.annotation for each in (*kept, *options)}
        return command

    return make
