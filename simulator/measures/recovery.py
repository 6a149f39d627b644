"""How long it takes to come back: the bytes of the cheapest chain, at the rate of a restore."""

from fractions import Fraction

from simulator.measures.loss import Loss
from simulator.model.operations import StackBackups
from simulator.schedule.durations import SECOND
from simulator.timeline import Timeline
from simulator.values import NamedTuple


class ReadBack(NamedTuple):
    """How fast backups are read back.

    Attributes:
        rate: Bytes a second; None where nothing bounds it.
        latency: Ticks before the first byte.
    """

    rate: Fraction | None
    latency: int

    def time(self, size: int) -> Fraction:
        """Return the ticks that some bytes take."""
        moved = Fraction(size * SECOND) / self.rate if self.rate is not None else Fraction(0)
        return self.latency + moved


def read_back_of(timeline: Timeline) -> ReadBack | None:
    """Return how fast a restore is that has its resources for itself; None where none takes time.

    Of several restores the last one says so.
    """
    bandwidths = {r.name: r.bandwidth for r in timeline.script.resources}
    found: ReadBack | None = None
    for entry, _ in timeline.asked(StackBackups):
        moving = entry.statement.moving if entry.statement is not None else None
        if moving is not None:
            rates = [moving.rate, *(bandwidths[name] for name in moving.through)]
            found = ReadBack(min((r for r in rates if r is not None), default=None), moving.latency)
    return found


class Recovery(NamedTuple):
    """What it takes to bring the machine back to the newest instant.

    Attributes:
        size, time: Bytes of the cheapest chains at the end of the run, and the ticks that they
            take; None where nothing can be restored, or no restore takes time.
        worst_size, worst_time, worst_at: The same where it takes longest, and since which tick.
    """

    size: int | None = None
    time: Fraction | None = None
    worst_size: int | None = None
    worst_time: Fraction | None = None
    worst_at: int | None = None


def recovery_of(loss: Loss, read_back: ReadBack | None) -> Recovery:
    """Return what it takes to come back, now and at worst."""
    there = [point for point in loss.points if point.instant is not None]
    if not there:
        return Recovery()
    worst = max(there, key=lambda point: point.size)
    last = loss.points[-1]
    size = last.size if last.instant is not None else None
    if read_back is None:
        return Recovery(size, None, worst.size, None, worst.tick)
    time = read_back.time(size) if size is not None else None
    return Recovery(size, time, worst.size, read_back.time(worst.size), worst.tick)
