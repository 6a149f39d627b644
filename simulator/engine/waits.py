"""Which of the guest's writes meet a cluster that a job has still to copy."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from simulator.flows.course import SECOND, Course, Speeds
from simulator.model.clusters import ClusterSet

MANY = 64
"""More writes than this are looked at all at once."""

IN_FLIGHT = 64 * 1024 * 1024
"""Bytes that a backup has under way to a target that is slower than it: 64 requests of 1 MiB.

Source: QEMU 7.2, ``max-workers``; ``facts/QEMU.md``, section 6.6.
"""

MARGIN = 1000.0
"""Nanoseconds within which a floating point number does not decide what comes first."""


class Under(NamedTuple):
    """A job while the guest writes.

    Attributes:
        course: What it moves.
        place: How far along that it was at a tick.
        tick: That tick; no write is before it.
        speeds: How fast it has been from then on.
        holds_back: Whether it could be faster, and keeps to a rate of its own.
    """

    course: Course
    place: Fraction
    tick: int
    speeds: Speeds
    holds_back: bool


class Waits(NamedTuple):
    """What came of some writes.

    Attributes:
        clusters: Those that had still to be copied, each once, in no order.
        writes: How many writes waited for it.
        waited: Nanoseconds that they waited, together.
    """

    clusters: Sequence[int]
    writes: int
    waited: Fraction


def waits_of(under: Under, tick: int, cluster: int) -> Fraction | None:
    """Return how long a write waits for a cluster; None where the job has nothing to copy there.

    Where a job holds itself back, the cluster is copied at once, as one of zeroes always is. To a
    target that is slower than the job, it goes behind all that is under way there.
    """
    reached = under.course.place_of(cluster)
    if reached is None or reached <= under.place:
        return None
    when = under.tick + under.course.time_between(under.place, reached, under.speeds)
    if when <= tick:
        return None
    size = under.course.cluster_size
    # The last cluster of a disk may be cut short.
    size = int(reached) % size or size
    longest = _longest(under, size) if under.course.holds_data(cluster) else Fraction(0)
    return min(when - tick, longest)


def _longest(under: Under, size: int) -> Fraction:
    """Return the nanoseconds until data of one cluster is copied, with all that is before it."""
    if under.holds_back or under.speeds.data is None:
        return Fraction(0)
    return Fraction(SECOND * (IN_FLIGHT + size)) / under.speeds.data


def look(under: Under, ticks: Sequence[int], clusters: Sequence[int], copied: ClusterSet) -> Waits:
    """Return which of some writes met a cluster that had still to be copied.

    Args:
        ticks: When each write happens, ascending.
        clusters: What it changes.
        copied: The clusters that were copied before their turn already.
    """
    if len(ticks) > MANY:
        return _look_at_many(under, ticks, clusters, copied)
    return _look_at_each(under, ticks, clusters, copied)


def _look_at_each(
    under: Under, ticks: Sequence[int], clusters: Sequence[int], copied: ClusterSet
) -> Waits:
    found: dict[int, Fraction] = {}
    for tick, cluster in zip(ticks, clusters, strict=True):
        if cluster in found or cluster in copied:
            continue
        waited = waits_of(under, int(tick), int(cluster))
        if waited is not None:
            found[int(cluster)] = waited
    waits = [waited for waited in found.values() if waited]
    return Waits([*found], len(waits), sum(waits, Fraction(0)))


def _look_at_many(
    under: Under, ticks: Sequence[int], clusters: Sequence[int], copied: ClusterSet
) -> Waits:
    """Return the same of many writes: those that floating point numbers decide, all at once."""
    import numpy as np

    course, size = under.course, under.course.cluster_size
    where, when = np.asarray(clusters), np.asarray(ticks)
    # The place at which each is copied, as far as it is covered and not yet passed.
    if isinstance(course.covered, range):
        number, there = where, where < len(course.covered)
    else:
        listed = np.asarray(course.covered)
        number = np.searchsorted(listed, where)
        there = number < len(listed)
        there[there] = listed[number[there]] == where[there]
    reached = np.minimum((number + 1) * size, course.size)
    there &= reached > int(under.place)
    where, first = np.unique(where[there], return_index=True)
    when, reached = when[there][first], reached[there][first]
    if len(copied):
        fresh = ~np.isin(where, np.asarray(copied.listed()), assume_unique=True)
        where, when, reached = where[fresh], when[fresh], reached[fresh]
    data = np.asarray(course.data)
    after = np.searchsorted(data, where, side="right")
    held = after > np.searchsorted(data, where, side="left")
    time = _floating(
        under.speeds,
        after * size - float(course.data_before(under.place)),
        reached - float(under.place),
    )
    late = time - (when - under.tick)
    longest = _longest(under, size)
    sure = (late > float(longest) * held + MARGIN) & (reached % size == 0)
    waiting = int((sure & held).sum()) if longest else 0
    near = np.flatnonzero(~sure & (late > -MARGIN))
    few = _look_at_each(under, when[near].tolist(), where[near].tolist(), copied)
    return Waits(
        [*where[sure].tolist(), *few.clusters],
        few.writes + waiting,
        few.waited + waiting * longest,
    )


def _floating(speeds: Speeds, data: Any, both: Any) -> Any:
    """Return about how many nanoseconds it takes to move some bytes."""
    taken = 0.0 * both
    if speeds.data is not None:
        taken = taken + data * (SECOND / float(speeds.data))
    if speeds.zeroes is not None:
        taken = taken + (both - data) * (SECOND / float(speeds.zeroes))
    return taken
