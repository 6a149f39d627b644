"""Commands that show a scenario: ``draw``, ``serve``, ``report`` and ``restores``."""

import contextlib
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.ends import (
    FAILING,
    colour_of,
    give_up,
    give_up_without,
    refuse_input,
    told_unwritable,
)
from simulator.cli.program.options import Format, HostOption, ModelOption, WholeOption
from simulator.cli.progress import waiting
from simulator.cli.reading import find_under, played
from simulator.diagnostics import printable

if TYPE_CHECKING:
    from simulator.pipeline import Run
    from simulator.render.restores import Restores

PictureOption = Annotated[
    Path,
    typer.Option(
        "--output", "-o", help="File to write: svg, png, pdf, gif, txt or html; - prints text."
    ),
]

AtOption = Annotated[
    str | None, typer.Option("--at", help="The instant of a chain; the last one if left out.")
]


def draw(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A scenario; - reads stdin.")],
    output: PictureOption,
    view: Annotated[
        str, typer.Option("--view", help="film, chain, time, load, restore or tree.")
    ] = "film",
    at: AtOption = None,
    theme: Annotated[str, typer.Option("--theme", help="light or dark.")] = "light",
    animate: Annotated[
        bool, typer.Option("--animate", help="An svg that shows one instant after another.")
    ] = False,
    whole: WholeOption = False,
    model: ModelOption = None,
    host: HostOption = None,
) -> None:
    """Draw a scenario: as a film of its instants, or as another view of it."""
    from simulator.render.palette import Theme
    from simulator.render.pictures import PictureError, View, check_suffix, word_of

    try:
        printed = str(output) == "-"
        page = not printed and check_suffix(output) == ".html"
        word_of(View, view), word_of(Theme, theme)
        if page and (at or animate or view != "film"):
            give_up("a page has every instant, in both themes: give just -o, -m and --all")
        if not printed:
            refuse_input(output, file, model)
        run = played(file, model, host)
        with waiting(f"drawing {file}"):
            # A page needs no film beside it, which takes long where there are many instants.
            picture = run.draw("time" if page else view, at=at, theme=theme, whole=whole)
        if printed and animate:
            give_up("text shows one picture; only .svg and .gif are animated")
        if not printed:
            with told_unwritable(output), waiting(f"writing {output}"):
                picture.save(output, animate=animate)
    except ModuleNotFoundError as error:
        give_up_without(f"the view {view}", error)
    except PictureError as error:
        give_up(str(error))
    print(picture.text() if printed else f"{printable(str(output))} written\n", end="")


def serve(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A scenario.")],
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="0 for any that is free.")
    ] = 0,
    show: Annotated[
        bool, typer.Option("--open/--no-open", help="Whether to open it in a browser.")
    ] = True,
    model: ModelOption = None,
    host: HostOption = None,
) -> None:
    """Show a scenario as a page that follows the file while it is edited; for this machine only."""
    import webbrowser

    from simulator.pipeline.live import file_version, live_page
    from simulator.render.server import make_server

    if not Path(file).is_file():
        give_up(f"cannot serve {file}: there is no such file")
    chosen = find_under(model, host)
    meant = chosen.model_for(file), chosen.host
    try:
        server = make_server(lambda: live_page(file, *meant), lambda: file_version(file), port)
    except OSError as error:
        give_up(f"cannot listen on port {port}: {(error.strerror or str(error)).lower()}")
    address = f"http://127.0.0.1:{server.server_address[1]}/"
    print(f"{address} shows {printable(file)}; Ctrl-C ends it", flush=True)
    if show:
        webbrowser.open(address)
    with contextlib.suppress(KeyboardInterrupt), server:
        server.serve_forever()


class ReportFormat(StrEnum):
    """How a report is written."""

    TEXT = "text"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"


def report(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A scenario; - reads stdin.")],
    format: Annotated[
        ReportFormat,
        typer.Option(
            "--format", "-f", help="For a terminal, a program, a spreadsheet (jobs), a review."
        ),
    ] = ReportFormat.TEXT,
    model: ModelOption = None,
    host: HostOption = None,
) -> None:
    """Tell how long jobs take, what they move and store, and what would be lost at any time."""
    run = played(file, model, host)
    with waiting(f"measuring {file}"):
        text = run.report(format.value, colour=colour_of())
    print(text, end="")
    if run.failing:
        raise SystemExit(FAILING)


def restores(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A scenario; - reads stdin.")],
    require: Annotated[
        str | None,
        typer.Option(
            metavar="GOAL",
            help="End with 1 where these instants cannot be restored: T3,T5, or all, or 3d.",
        ),
    ] = None,
    keep: Annotated[
        str | None,
        typer.Option(metavar="GOAL", help="Tell which backups may go if these instants must stay."),
    ] = None,
    without: Annotated[
        str | None,
        typer.Option(metavar="NAME,...", help="Ask as if these backups were lost."),
    ] = None,
    format: Annotated[
        Format, typer.Option("--format", "-f", help="A table, or data.")
    ] = Format.TEXT,
    model: ModelOption = None,
    host: HostOption = None,
) -> None:
    """Tell which instants the backups give back, by which chain, and what may not be lost."""
    if require is not None and keep is not None:
        give_up("--require and --keep ask different things: give one of them")
    run = played(file, model, host)
    found = run.restores()
    if without is not None:
        found = _without(found, [name.strip() for name in without.split(",") if name.strip()])
    if keep is not None:
        _print_kept(run, found, keep, data=format is Format.JSON)
        return
    missing = found.missing(_goal(run, found, require)) if require is not None else None
    if format is Format.JSON:
        print(found.json(missing=missing), end="")
    else:
        required = (f"required: {label} cannot be restored\n" for label in missing or ())
        print(found.text(), *required, sep="", end="")
    if missing:
        raise SystemExit(FAILING)


def _without(found: "Restores", lost: list[str]) -> "Restores":
    for name in lost:
        if name not in found.names:
            give_up(f"no backup {name} is left", name, found.names)
    return found.without(lost)


def _print_kept(run: "Run", found: "Restores", keep: str, *, data: bool) -> None:
    """Print which backups may go; end with status 1 where some instant cannot be restored."""
    labels = _goal(run, found, keep)
    if keep == "all":
        labels = found.restorable
    missing = found.missing(labels)
    if missing:
        print(f"error: {', '.join(missing)} cannot be restored from what is left", file=sys.stderr)
        print("  = help: backup-timeline restores FILE lists what can be", file=sys.stderr)
        raise SystemExit(FAILING)
    kept = found.keep(labels)
    print(kept.json() if data else kept.text(), end="")


def _goal(run: "Run", found: "Restores", goal: str) -> tuple[str, ...]:
    """Return the instants that an option names, or end with status 2."""
    from simulator.pipeline import UnknownInstant

    try:
        return run.instants_meant(goal)
    except UnknownInstant as error:
        give_up(str(error), error.word, found.instants)
    except ValueError as error:
        give_up(str(error))
