"""Which of the guest's writes meet a cluster that a job has still to copy."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from simulator.flows.course import SECOND, Course, Speeds
from simulator.model.clusters import ClusterSet

MANY = 64
"""More writes than this are looked at all at once."""

MARGIN = 1000.0
"""Nanoseconds within which a floating point number does not decide what comes first."""


class Under(NamedTuple):
    """A job while the guest writes.

    Attributes:
        course: What it moves.
        place: How far along that it was at a tick.
        tick: That tick; no write is before it.
        speeds: How fast it has been from then on.
    """

    course: Course
    place: Fraction
    tick: int
    speeds: Speeds


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

    The cluster is copied at once, at the job's speed then, unless the job is at it already.
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
    return min(when - tick, _own(under.speeds, size, data=under.course.holds_data(cluster)))


def _own(speeds: Speeds, size: int, *, data: bool) -> Fraction:
    """Return the nanoseconds that it takes to move one cluster."""
    speed = speeds.data if data else speeds.zeroes
    return Fraction(SECOND * size) / speed if speed is not None else Fraction(0)


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
    own = [_own(under.speeds, size, data=False), _own(under.speeds, size, data=True)]
    sure = (late > float(max(own)) + MARGIN) & (reached % size == 0)
    counts = [int((sure & ~held).sum()), int((sure & held).sum())]
    near = np.flatnonzero(~sure & (late > -MARGIN))
    few = _look_at_each(under, when[near].tolist(), where[near].tolist(), copied)
    return Waits(
        [*where[sure].tolist(), *few.clusters],
        few.writes + sum(n for n, each in zip(counts, own, strict=True) if each),
        few.waited + sum((n * each for n, each in zip(counts, own, strict=True)), Fraction(0)),
    )


def _floating(speeds: Speeds, data: Any, both: Any) -> Any:
    """Return about how many nanoseconds it takes to move some bytes."""
    taken = 0.0 * both
    if speeds.data is not None:
        taken = taken + data * (SECOND / float(speeds.data))
    if speeds.zeroes is not None:
        taken = taken + (both - data) * (SECOND / float(speeds.zeroes))
    return taken
