"""Says on a terminal what a command is at, where that takes long. The only door to rich."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
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
    shown = _Shown(printable(what))
    timer = threading.Timer(after, shown.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        shown.stop()


@contextlib.contextmanager
def counting(what: str, *, after: float = SECONDS) -> Iterator[Callable[[Any], None]]:
    """Show how far an exploration has come, as :func:`waiting` shows what is done meanwhile.

    Gives what is to be told each time: how many states there are, how deep it is, and how many
    states the next step starts from.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda told: None
        return
    shown, begun = _Shown(printable(what)), time.monotonic()
    timer = threading.Timer(after, shown.start)
    timer.daemon = True
    timer.start()

    def report(told: Any) -> None:
        rate = told.states / max(time.monotonic() - begun, 0.001)
        shown.say(
            f"{what}: step {told.depth + 1}, {told.states:,} states, {told.frontier:,} to go on "
            f"from, {rate:,.0f} states/s"
        )

    try:
        yield report
    finally:
        timer.cancel()
        shown.stop()


class _Shown:
    """A line that tells what is done, once it has been started and until it is stopped."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._lock = threading.Lock()
        self._over = False
        self._line: Any = None
        self._task: Any = None

    def start(self) -> None:
        """Show it, unless it is over already."""
        from rich.console import Console
        from rich.markup import escape
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
        with self._lock:
            if self._over:
                return
            self._line = Progress(*columns, console=Console(stderr=True), transient=True)
            self._task = self._line.add_task(escape(self._what), total=None)
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
