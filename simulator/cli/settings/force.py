"""What configuration is in force for this run of the program."""

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.settings.keys import Settings

OWN, SHARED = "backup-timeline.toml", "pyproject.toml"

CHOSEN: list[str | None] = []
"""What the command line says, if it does: a file, or None for no configuration at all."""


def find_file() -> str | None:
    """Return the nearest configuration, from this folder upwards to the root of the project."""
    if CHOSEN:
        return CHOSEN[-1]
    folder = os.getcwd()
    while True:
        own, shared = os.path.join(folder, OWN), os.path.join(folder, SHARED)
        if os.path.isfile(own):
            return own
        if os.path.isfile(shared) and _is_configured(shared):
            return shared
        above = os.path.dirname(folder)
        if above == folder or os.path.exists(os.path.join(folder, ".git")):
            return None
        folder = above


def _is_configured(path: str) -> bool:
    """Whether a project's file has a table of ours; what cannot be read has none."""
    try:
        return b"tool.backup-timeline" in Path(path).read_bytes().replace(b'"', b"")
    except OSError:
        return False


def settings() -> "Settings":
    """Return what is in force, or end with status 2 where it cannot be used."""
    from simulator.settings.keys import NONE

    path = find_file()
    return NONE if path is None else _read(os.path.relpath(path))


def choose(path: str | None, *, isolated: bool) -> None:
    """Take note of what the command line says, and forget what was read before."""
    CHOSEN[:] = [None] if isolated else [path] if path is not None else []
    _read.cache_clear()


@cache
def _read(path: str) -> "Settings":
    from simulator.cli.ends import usable
    from simulator.settings.reading import read_settings

    with usable():
        return read_settings(Path(path))
