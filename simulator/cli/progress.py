"""Says on a terminal what a command is at, where that takes long. The only door to rich."""

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from simulator.diagnostics import printable

SECONDS = 2.0
"""What ends sooner is not spoken of."""


@contextlib.contextmanager
def waiting(what: str, *, after: float = SECONDS) -> Iterator[None]:
    """Show what is done meanwhile and for how long, on the terminal of the errors, if it is one.

    Nothing is shown in a pipe, and nothing stays. Nobody may print while it is shown.

    Args:
        what: A few words: ``playing mail.yaml``.
        after: Seconds before it is shown.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield
        return
    with _shown_after(after, Shown(printable(what))):
        yield


class Track:
    """How far a command has come with many files, as a bar.

    Between two files the bar is away, so that what was found can be printed.
    """

    def __init__(self, total: int) -> None:
        """Begin.

        Args:
            total: How many files there are.
        """
        self._total = total
        self._done = 0
        self._begun = time.monotonic()

    @contextlib.contextmanager
    def file(self, what: str) -> Iterator[None]:
        """Show the bar while something is done with the next file, once all of it takes long."""
        after = max(SECONDS_BETWEEN, SECONDS - (time.monotonic() - self._begun))
        shown = Shown(printable(what), self._done, self._total)
        self._done += 1
        if sys.stderr is None or not sys.stderr.isatty():
            yield
            return
        with _shown_after(after, shown):
            yield


SECONDS_BETWEEN = 0.3
"""A file that takes less brings no bar back."""


@contextlib.contextmanager
def _shown_after(seconds: float, shown: "Shown") -> Iterator[None]:
    timer = threading.Timer(seconds, shown.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        shown.stop()


class Shown:
    """A line that tells what is done, once it has been started and until it is stopped.

    With a total of more than one it has a bar.
    """

    def __init__(self, what: str, done: int = 0, total: int = 1) -> None:
        self._what, self._done, self._total = what, done, total
        self._lock = threading.Lock()
        self._over = False
        self._line: Any = None
        self._task: Any = None

    def start(self) -> None:
        """Show it, unless it is over already."""
        from rich.console import Console
        from rich.markup import escape
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            ProgressColumn,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
        )

        columns: list[ProgressColumn] = [SpinnerColumn(), TextColumn("{task.description}")]
        many = self._total > 1
        if many:
            columns += [BarColumn(), MofNCompleteColumn()]
        columns.append(TimeElapsedColumn())
        with self._lock:
            if self._over:
                return
            self._line = Progress(*columns, console=Console(stderr=True), transient=True)
            total = self._total if many else None
            self._task = self._line.add_task(escape(self._what), total=total, completed=self._done)
            self._line.start()

    def say(self, what: str) -> None:
        """Show something else from now on."""
        with self._lock:
            self._what = what
            if self._line is not None and not self._over:
                self._line.update(self._task, description=what)

    def stop(self) -> None:
        """Take it away."""
        with self._lock:
            self._over = True
            if self._line is not None:
                self._line.stop()
