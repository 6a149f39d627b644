"""Plays scenarios and shows all of it: ``run``, as far as it knows nothing of typer."""

import gc
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from simulator.cli.ends import FAILING, UNUSABLE, colour_of, tell_input_error
from simulator.cli.progress import Track
from simulator.cli.reading import find_under, found_scenarios

if TYPE_CHECKING:
    from simulator.pipeline import Run


def plain_files(words: Sequence[str]) -> list[str]:
    """Return the files of ``run FILE...``; none where a command line has anything else."""
    command, *files = words or [""]
    plain = all(file[:1] != "-" and file.isprintable() for file in files)
    return files if command == "run" and plain else []


def keep_what_is_loaded() -> None:
    """Let the collector look at what comes from now on, and not at what is loaded, file by file.

    Nor does it look often at what a run makes, which has no circles.
    """
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
    gc.enable()


def _tell(run: "Run") -> "Iterable[str]":
    """Return a run as figures."""
    return run.tell(colour=colour_of())


def play_all(
    files: list[str] | None,
    model: str | None = None,
    host: str | None = None,
    show: "Callable[[Run], Iterable[str]]" = _tell,
    *,
    between: str = "\n",
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
        raise SystemExit(status)
