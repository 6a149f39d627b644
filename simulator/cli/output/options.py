"""Options of the commands that find something: in which formats, and what of it."""

from enum import StrEnum
from typing import Annotated, NamedTuple

import typer

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
    """What these options say."""

    format: ReportFormat | None = None
    output: list[str] | None = None
    quiet: bool = False
    statistics: bool = False
    select: list[str] | None = None
    ignore: list[str] | None = None
    exit_zero: bool = False
