"""Times as people read them, rounded; the report document has them exact."""

from fractions import Fraction

from simulator.schedule.durations import SECOND, write_duration
from simulator.timeline import Timeline


def write_time(ticks: int | Fraction) -> str:
    """Return a stretch of time: to the second, and below a minute with three digits.

    >>> [write_time(ticks * SECOND) for ticks in (0, Fraction(1, 8), Fraction(789, 100), 86512)]
    ['0s', '125ms', '7.89s', '1d1m52s']
    """
    if ticks >= 60 * SECOND:
        return write_duration(round(Fraction(ticks) / SECOND) * SECOND)
    for size, unit in ((SECOND, "s"), (10**6, "ms"), (10**3, "us")):
        if ticks >= size:
            return f"{float(Fraction(ticks) / size):.3g}{unit}"
    return f"{round(ticks)}ns" if ticks else "0s"


def write_moment(timeline: Timeline, tick: int) -> str:
    """Return a tick as labels have it, to the second: of what ends between two, the later one."""
    return timeline.script.write_tick(-(-tick // SECOND) * SECOND)


def write_share(part: int | Fraction, whole: int | Fraction) -> str:
    """Return a part of a whole: ``12 %``; what is little is not nothing.

    >>> [write_share(part, 1000) for part in (0, 1, 123, 1000)]
    ['0 %', '0.1 %', '12 %', '100 %']
    """
    share = float(Fraction(part) / whole * 100) if whole else 0.0
    return f"{share:.0f} %" if share >= 10 or not part else f"{share:.2g} %"
