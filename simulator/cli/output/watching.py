"""Does something again whenever a file is edited."""

import contextlib
import sys
import time
from collections.abc import Callable
from typing import NoReturn

from simulator.cli.reading import found_scenarios
from simulator.diagnostics import counted, printable

SECONDS = 0.4
"""Between two looks at the files."""


def watch_files(
    words: list[str] | None, model: str | None, look: Callable[[list[str]], None]
) -> NoReturn:
    """Look at files, and again at each that is edited, until somebody ends it.

    A file that is new in a folder or pattern is looked at as well; all are when the model's file is
    edited.

    Args:
        look: Looks at files, and may end with a status, which does not count here.
    """
    from simulator.pipeline.live import file_version

    known: dict[str, object] = {}
    meant: object = None
    while True:
        paths = _paths(words, known)
        now = {path: file_version(path) for path in paths}
        written = file_version(model) if model is not None and model.endswith(".py") else None
        edited = [path for path in paths if now[path] != known.get(path) or written != meant]
        gone = [path for path in known if path not in now]
        known, meant = dict(now), written
        if edited:
            with contextlib.suppress(SystemExit):
                look(edited)
        for path in gone:
            print(f"{printable(path)} is gone", file=sys.stderr)
        if edited or gone:
            many = counted(len(paths), "scenario")
            print(f"watching {many}; Ctrl-C ends it", file=sys.stderr, flush=True)
        time.sleep(SECONDS)


def _paths(words: list[str] | None, known: dict[str, object]) -> list[str]:
    """Return the files that words lead to; where there are none left, the loop goes on."""
    try:
        return [each.path for each in found_scenarios(words)]
    except SystemExit:
        if not known:
            raise
        return []
