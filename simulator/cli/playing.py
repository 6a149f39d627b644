"""Commands that play scenarios: ``run`` shows all of it, ``check`` what is wrong."""

import gc
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from simulator.cli.ends import FAILING, UNUSABLE, colour_of, refuse_in_ci, tell_input_error
from simulator.cli.output.options import Wishes, reporting
from simulator.cli.output.telling import Telling
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


@reporting()
def check(
    files: Files = None,
    model: ModelOption = None,
    host: HostOption = None,
    update: Annotated[
        bool, typer.Option("--update", help="First rewrite expected figures to what comes out.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Go on: check again whatever is edited.")
    ] = False,
    *,
    wishes: Wishes,
) -> None:
    """Play scenarios and tell only the findings; for CI."""
    named = [each.path for each in found_scenarios(files)]
    if update:
        from simulator.cli.figures import edited_scenario, rewrite_file

        refuse_in_ci("--update")
        for path in named:
            edited = edited_scenario(path, model, host)
            if edited is not None:
                rewrite_file(path, *edited)
    _keep_what_is_loaded()
    if watch:
        from simulator.cli.output.watching import watch_files

        refuse_in_ci("--watch", "goes on until somebody ends it")
        watch_files(files, model, lambda paths: _check(paths, model, host, wishes))
    _check(named, model, host, wishes)


def _check(paths: list[str], model: str | None, host: str | None, wishes: Wishes) -> NoReturn:
    """Play scenarios, tell the findings, and end with the status."""
    from simulator import pipeline
    from simulator.pipeline.reports import report_run, report_unusable

    telling = Telling(
        "check", "scenario", wishes, inputs=[*paths, model or ""], several=len(paths) > 1
    )
    chosen, track = find_under(model, host), Track(len(paths))
    for path in paths:
        try:
            with track.file(f"checking {path}"):
                found = report_run(chosen.run(pipeline.load(path)), flows=telling.flows)
        except pipeline.InputError as error:
            found = report_unusable(error)
        telling.add(found)
    telling.end()


def _keep_what_is_loaded() -> None:
    # What has been loaded by now stays, so the collector need not look at it, file by file;
    # nor often at what a run makes, which has no circles.
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

    _keep_what_is_loaded()
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
