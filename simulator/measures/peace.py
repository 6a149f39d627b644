"""Stretches of time in which the guest could not write: its file systems were frozen."""

from collections.abc import Iterator

from simulator.timeline import Timeline
from simulator.values import NamedTuple


class Freeze(NamedTuple):
    """A stretch in which the guest's writes waited.

    Attributes:
        start: The tick of the freeze.
        end: The tick at which it was thawed, or at which its process ended; None where it is frozen
            still at the end of the run.
    """

    start: int
    end: int | None


def freezes_of(timeline: Timeline) -> Iterator[Freeze]:
    """Yield the freezes of the guest, in the order of time."""
    start: int | None = None
    for entry in timeline.entries:
        if entry.after.frozen and start is None:
            start = entry.tick
        elif not entry.after.frozen and start is not None:
            yield Freeze(start, entry.tick)
            start = None
    if start is not None:
        yield Freeze(start, None)
