"""Which of the guest's writes wait for a cluster that a job has still to copy, and how long."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import ceil
from typing import Any

from simulator.flows.course import ROUNDED, SECOND, Course, Speeds
from simulator.values import NamedTuple

MANY = 8
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
        keeps_to_rate: Whether its own rate bounds it, which zeroes count for as well.
        lets_pass: Whether what the guest overwrites does not count for that: QEMU's ``speed``.
    """

    course: Course
    place: Fraction
    tick: int
    speeds: Speeds
    keeps_to_rate: bool = False
    lets_pass: bool = False


class Waits(NamedTuple):
    """What came of some writes.

    Attributes:
        copied: Clusters that had still to be copied, and when they have been.
        until: When each of the writes can go on that wait: when the last of its clusters has been
            copied.
        waited: Nanoseconds that they wait until then, together.
    """

    copied: dict[int, int]
    until: Sequence[int]
    waited: int


def copied_at(under: Under, tick: int, cluster: int) -> int | None:
    """Return when a cluster has been copied that the guest writes to first at a tick.

    It goes behind all that is under way, unless its turn comes before that. Where nothing that it
    holds has to be moved, that is at once.

    Returns:
        None where the job has nothing to copy there any more.
    """
    reached = under.course.place_of(cluster)
    if reached is None or reached <= under.place + ROUNDED:
        return None
    late = under.course.time_between(under.place, reached - ROUNDED, under.speeds)
    when = under.tick + ceil(late)
    if when <= tick:
        return None
    size = under.course.cluster_size
    # The last cluster of a disk may be cut short.
    size = int(reached) % size or size
    moves = under.keeps_to_rate or under.course.holds_data(cluster)
    return min(when, tick + (_longest(under, size) if moves else 0))


def copied_anew(before: Under, now: Under, until: int, cluster: int) -> int:
    """Return when a cluster has been copied that guest writes wait for, at another speed.

    Args:
        before: The job as it was until then.
        now: The job as it is from then on.
        until: When the cluster would have been copied.
    """
    tick, speed, reached = now.tick, now.speeds.data, now.course.place_of(cluster)
    assert reached is not None, "it has still to be copied"
    if speed is None or not _longest(now, 0):
        return tick
    left = now.place, reached - ROUNDED
    turn = tick + ceil(now.course.time_between(*left, now.speeds))
    if tick + ceil(now.course.time_between(*left, before.speeds)) <= until:
        return turn
    # It goes behind all that was under way, of which this is left.
    assert before.speeds.data is not None, "it would have been copied at once"
    return min(turn, tick + ceil((until - tick) * before.speeds.data / speed))


def _longest(under: Under, size: int) -> int:
    """Return the nanoseconds until one cluster is copied, with all that is under way before it."""
    lets_pass = under.keeps_to_rate and under.lets_pass
    if lets_pass or under.speeds.data is None:
        return 0
    return ceil(SECOND * (IN_FLIGHT + size) / under.speeds.data)


def look(
    under: Under,
    ticks: Sequence[int],
    clusters: Sequence[int],
    copied: Mapping[int, int],
    writes: Sequence[int] | None = None,
) -> Waits:
    """Return what comes of some writes.

    Args:
        ticks: When each change of a cluster happens, ascending.
        clusters: The one that it changes.
        copied: When clusters have been copied that the guest wrote to before.
        writes: The number of the write that each is a part of, the same for neighbours only; None
            where each is one.
    """
    if len(ticks) > MANY:
        return _look_at_many(under, ticks, clusters, copied, writes)
    found: dict[int, int] = {}
    late: dict[int, tuple[int, int]] = {}
    numbers = range(len(ticks)) if writes is None else map(int, writes)
    changes = zip(map(int, ticks), map(int, clusters), numbers, strict=True)
    for tick, cluster, number in changes:
        until = copied.get(cluster, found.get(cluster))
        if until is None:
            until = copied_at(under, tick, cluster)
            if until is None:
                continue
            found[cluster] = until
        if until > tick:
            late[number] = tick, max(until, late.get(number, (tick, until))[1])
    untils = [until for _, until in late.values()]
    return Waits(found, untils, sum(untils) - sum(tick for tick, _ in late.values()))


def _look_at_many(
    under: Under,
    ticks: Sequence[int],
    clusters: Sequence[int],
    copied: Mapping[int, int],
    writes: Sequence[int] | None,
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
    there &= np.minimum((number + 1) * size, course.size) > int(under.place)
    where, when = where[there], when[there]
    unique, first, inverse = np.unique(where, return_index=True, return_inverse=True)
    until = np.full(len(unique), -1, dtype=np.int64)
    for place, cluster in enumerate(unique.tolist() if copied else ()):
        until[place] = copied.get(cluster, -1)
    fresh = np.flatnonzero(until < 0)
    _judge(under, unique, when[first], number[there][first], until, fresh)
    found = fresh[until[fresh] >= 0]
    each = until[inverse]
    late = each > when
    each, begun = each[late], when[late]
    if writes is not None and len(each):
        number = np.asarray(writes)[there][late]
        starts = np.flatnonzero(np.concatenate(([True], number[1:] != number[:-1])))
        each, begun = np.maximum.reduceat(each, starts), begun[starts]
    copies = dict(zip(unique[found].tolist(), until[found].tolist(), strict=True))
    return Waits(copies, each.tolist(), int((each - begun).sum()))


def _judge(under: Under, clusters: Any, when: Any, number: Any, until: Any, fresh: Any) -> None:
    """Note when clusters have been copied that the guest writes to for the first time.

    Args:
        clusters, when, number: Each cluster, its first write, and its place among those covered.
        until: Takes the ticks; what is copied already keeps its -1.
        fresh: Which of them to look at.
    """
    import numpy as np

    course, size = under.course, under.course.cluster_size
    where, first, data = clusters[fresh], when[fresh], np.asarray(course.data)
    reached = np.minimum((number[fresh] + 1) * size, course.size)
    after = np.searchsorted(data, where, side="right")
    held = after > np.searchsorted(data, where, side="left")
    before = float(course.data_before(under.place))
    time = floating(under.speeds, after * size - before, reached - float(under.place))
    late = time - (first - under.tick)
    longest = _longest(under, size)
    own = np.where(held | under.keeps_to_rate, longest, 0)
    sure = (late > own + MARGIN) & (reached % size == 0)
    until[fresh[sure]] = (first + own)[sure]
    for place in np.flatnonzero(~sure & (late > -MARGIN)).tolist():
        exactly = copied_at(under, int(first[place]), int(where[place]))
        until[fresh[place]] = -1 if exactly is None else exactly


def floating(speeds: Speeds, data: Any, both: Any) -> Any:
    """Return about how many nanoseconds it takes to move some bytes."""
    taken = 0.0 * both
    if speeds.data is not None:
        taken = taken + data * (SECOND / float(speeds.data))
    if speeds.zeroes is not None:
        taken = taken + (both - data) * (SECOND / float(speeds.zeroes))
    return taken
