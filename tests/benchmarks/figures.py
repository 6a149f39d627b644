"""Figures: what ours takes, what its peer takes in the same run, and the ratio that is kept."""

import gc
import resource
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median

Work = Callable[[], object]

ROUNDS = 5
"""How often each of the two is timed, unless a benchmark says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One comparison.

    Attributes:
        name: What was measured, and beside what.
        ours, peer: Seconds, or whatever the unit says.
        limit: The largest ratio of the two that is right.
        unit: ``s`` for times, which are written in milliseconds where they are short.
    """

    name: str
    ours: float
    peer: float
    limit: float
    unit: str = "s"

    @property
    def ratio(self) -> float:
        """How many times the peer's ours is."""
        return self.ours / self.peer

    @property
    def kept(self) -> bool:
        """Whether the limit is kept."""
        return self.ratio <= self.limit

    def line(self) -> str:
        """Return the figure as one line."""
        told = "" if self.kept else "  BROKEN"
        return (
            f"{self.name:<58} {self._told(self.ours):>9} {self._told(self.peer):>9}"
            f" {self.ratio:>7.3f} {self.limit:>6g}{told}"
        )

    def _told(self, value: float) -> str:
        if self.unit == "s" and value < 1:
            return f"{value * 1000:.1f} ms"
        return f"{value:.2f} {self.unit}"


HEAD = f"{'what, against what':<58} {'ours':>9} {'peer':>9} {'ratio':>7} {'limit':>6}"


def compare(
    name: str, ours: Work, peer: Work, *, limit: float, rounds: int = ROUNDS, share: float = 1
) -> Figure:
    """Time two pieces of work in turns, so that whatever else goes on slows both alike.

    Args:
        share: How much of its work the peer does, where all of it would take too long.
    """
    mine: list[float] = []
    theirs: list[float] = []
    for number in range(rounds):
        order = ((ours, mine), (peer, theirs))
        for work, times in order if number % 2 == 0 else reversed(order):
            times.append(seconds(work))
    return Figure(name=name, ours=median(mine), peer=median(theirs) / share, limit=limit)


def seconds(work: Work) -> float:
    """Return what a piece of work takes of the processors, with the processes that it waits for.

    It starts with no garbage of others around. The clock on the wall would count what else the
    machine has to do.
    """
    gc.collect()
    start = _used()
    work()
    return _used() - start


def _used() -> float:
    waited = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + waited.ru_utime + waited.ru_stime


def show(figures: Iterable[Figure]) -> bool:
    """Print each figure as soon as it is there; return whether all limits are kept."""
    kept = True
    for figure in figures:
        print(figure.line(), flush=True)
        kept = kept and figure.kept
    return kept
