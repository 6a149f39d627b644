"""The command that plays scenarios and shows all of it: ``run``."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.ends import colour_of
from simulator.cli.program.options import Files, HostOption, ModelOption, RunFormat, WholeOption
from simulator.cli.program.plain import play_all

if TYPE_CHECKING:
    from simulator.pipeline import Run


def run(
    files: Files = None,
    model: ModelOption = None,
    host: HostOption = None,
    format: Annotated[
        RunFormat,
        typer.Option("--format", "-f", help="Figures, or the run document: whole, or as lines."),
    ] = RunFormat.TEXT,
    whole: WholeOption = False,
) -> None:
    """Play scenarios: print each instant's figure, the backups, and the findings."""

    def show(each: "Run") -> "Iterable[str]":
        if format is RunFormat.JSON:
            return each.tell_json()
        if format is RunFormat.JSONL:
            return each.tell_lines()
        return each.tell(colour=colour_of(), whole=whole)

    play_all(files, model, host, show, between="\n" if format is RunFormat.TEXT else "")
