"""Commands that play scenarios: ``run`` shows all of it, ``check`` what is wrong."""

import gc
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.ends import FAILING, UNUSABLE, colour_of, refuse_in_ci
from simulator.cli.progress import waiting
from simulator.cli.reading import Files, HostOption, ModelOption, RunFormat, WholeOption, find_under

if TYPE_CHECKING:
    from simulator.pipeline import Run


def run(
    files: Files,
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

    _play_all(files, model, host, show, between="\n" if format is RunFormat.TEXT else "")


def check(
    files: Files,
    model: ModelOption = None,
    host: HostOption = None,
    update: Annotated[
        bool, typer.Option("--update", help="First rewrite expected figures to what comes out.")
    ] = False,
) -> None:
    """Play scenarios and print only the findings; for CI."""
    if update:
        from simulator.cli.figures import edited_scenario, rewrite_file

        refuse_in_ci("--update")
        for path in files:
            edited = edited_scenario(path, model, host)
            if edited is not None:
                rewrite_file(path, *edited)

    def show(each: "Run") -> "Iterable[str]":
        with waiting(f"judging {each.timeline.script.path}"):
            return [each.findings_text(colour=colour_of())]

    _play_all(files, model, host, show)


def _play_all(
    files: list[str],
    model: str | None,
    host: str | None,
    show: "Callable[[Run], Iterable[str]]",
    *,
    between: str = "\n",
) -> None:
    """Play every file, show each piece by piece, and end with the worst status of them.

    Args:
        between: What stands between two of them.
    """
    from simulator import pipeline
    from simulator.render.report import write_input_error

    # What has been loaded by now stays, so the collector need not look at it, file by file;
    # nor often at what a run makes, which has no circles.
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
    gc.enable()
    chosen = find_under(model, host)
    status = 0
    gap = ""
    for path in files:
        try:
            with waiting(f"playing {path}"):
                played = chosen.run(pipeline.load(path))
        except pipeline.InputError as error:
            print(write_input_error(error, colour=colour_of(sys.stderr)), file=sys.stderr)
            status = UNUSABLE
            continue
        print(end=gap)
        for piece in show(played):
            print(piece, end="")
        gap = between
        if played.failing:
            status = max(status, FAILING)
    if status:
        raise typer.Exit(status)
