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


class Pace:
    """How fast an exploration comes to states, and how many there may be after its step.

    A step is taken to multiply the newest states as the one before it did.
    """

    def __init__(self, begun: float) -> None:
        """Begin at a time, in seconds."""
        self._begun = begun
        self._depth, self._newest, self._after = -1, 0, 0

    def tell(self, told: "Told", now: float) -> str:
        """Return how far it has come, in words."""
        if told.depth != self._depth:
            before, self._newest, self._depth = self._newest, told.frontier, told.depth
            self._after = told.states + self._newest**2 // before if before else 0
        rate = told.states / max(now - self._begun, 0.001)
        estimate = f", about {self._after:,} after it" if told.states < self._after else ""
        return (
            f"step {told.depth + 1} from {self._newest:,}, {told.states:,} states{estimate}, "
            f"{rate:,.0f} states/s"
        )


@contextlib.contextmanager
def counting(what: str, *, after: float = SECONDS) -> Iterator[Callable[["Told"], None]]:
    """Show how far an exploration has come, as :func:`waiting` shows what is done meanwhile.

    Gives what is to be told each time: how many states there are, how deep it is, and how many
    states the next step starts from.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda told: None
        return
    shown, pace = Shown(printable(what)), Pace(time.monotonic())
    timer = threading.Timer(after, shown.start)
    timer.daemon = True
    timer.start()

    def report(told: "Told") -> None:
        shown.say(f"{what}: {pace.tell(told, time.monotonic())}")

    try:
        yield report
    finally:
        timer.cancel()
        shown.stop()
