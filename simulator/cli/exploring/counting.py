"""Says on a terminal how far an exploration has come."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from simulator.cli.progress import SECONDS, Shown
from simulator.diagnostics import printable

if TYPE_CHECKING:
    from simulator.exploring.searching.search import Told


@contextlib.contextmanager
def counting(what: str, *, after: float = SECONDS) -> Iterator[Callable[["Told"], None]]:
    """Show how far an exploration has come, as :func:`waiting` shows what is done meanwhile.

    Gives what is to be told each time: how many states there are, how deep it is, and how many
    states the next step starts from.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda told: None
        return
    shown, begun = Shown(printable(what)), time.monotonic()
    timer = threading.Timer(after, shown.start)
    timer.daemon = True
    timer.start()

    def report(told: "Told") -> None:
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
