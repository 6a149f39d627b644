"""The arguments and options that several commands have."""

from enum import StrEnum
from typing import Annotated

import typer

Files = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="FILE...", help="Scenarios, folders of them, or patterns; - reads stdin."
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", "-m", help="API model to run under, or a proposal's file."),
]

HostOption = Annotated[
    str | None,
    typer.Option(
        "--host", metavar="HOST", help="Releases to run on, such as qemu=11.1,libvirt=12.8."
    ),
]

WholeOption = Annotated[
    bool, typer.Option("--all", help="Also rows that did not change, where there are many.")
]


class Format(StrEnum):
    """Words for people, or data."""

    TEXT = "text"
    JSON = "json"


class RunFormat(StrEnum):
    """What ``run`` prints."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"
