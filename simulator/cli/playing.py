"""The command that plays scenarios and shows all of it: ``run``."""

import gc
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.ends import FAILING, UNUSABLE, colour_of, tell_input_error
from simulator.cli.progress import Track
from simulator.cli.reading import (
    Files,
    HostOption,
    ModelOption,
    RunFormat,
    WholeOption,
    find_under,
    found_scenarios,
)

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

    _play_all(files, model, host, show, between="\n" if format is RunFormat.TEXT else "")


def keep_what_is_loaded() -> None:
    """Let the collector look at what comes from now on, and not at what is loaded, file by file.

    Nor does it look often at what a run makes, which has no circles.
    """
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
    gc.enable()


def _play_all(
    files: list[str] | None,
    model: str | None,
    host: str | None,
    show: "Callable[[Run], Iterable[str]]",
    *,
    between: str,
) -> None:
    """Play every file, show each piece by piece, and end with the worst status of them.

    Args:
        between: What stands between two of them.
    """
    from simulator import pipeline

    keep_what_is_loaded()
    chosen, named = find_under(model, host), found_scenarios(files)
    status, gap, track = 0, "", Track(len(named))
    for path, _ in named:
        try:
            with track.file(f"playing {path}"):
                played = chosen.run(pipeline.load(path))
        except pipeline.InputError as error:
            tell_input_error(error)
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
