"""What a plain copy holds of an image that is written while it is copied.

It reads each cluster when it comes to it: what is written ahead of it is in the copy, what is
written behind it is not. Source: ``cp``, ``qemu-img convert -U``; ``docs/time.md``.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import compress
from math import ceil
from typing import Any, cast

from simulator.engine.feed import Part, operations_of
from simulator.engine.under_way import UnderWay
from simulator.engine.waits import MANY, MARGIN, Under, floating
from simulator.flows.course import ROUNDED
from simulator.flows.traffic import Traffic
from simulator.model.clusters import (
    CLUSTERS_MAX,
    ZERO,
    ClusterMap,
    ClusterSet,
    map_all,
    set_of,
)
from simulator.model.disk import Disk
from simulator.model.machine import Backup, CommitJob, Machine, PullJob
from simulator.model.operations import GuestWrite
from simulator.model.operations.jobs import ReadMeanwhile
from simulator.model.transitions.chains.commits import stop_commit
from simulator.model.transitions.chains.images import lies_above
from simulator.model.transitions.chains.pulls import stop_pull
from simulator.moves import Key, key_of


class Reading:
    """A plain copy under way.

    Attributes:
        made: The record of it: what its image held when it was started.
        content: What it will hold if nobody writes any more.
        seen: What its image held as a whole, one after the other.
        carried: How many clusters it has met of those that other jobs move into its image, by the
            jobs' numbers.
    """

    def __init__(self, made: Backup) -> None:
        self.made = made
        self.content = made.content
        self.seen = [made.content]
        self.carried: dict[int, int] = {}

    def lay(self, upper: ClusterMap) -> None:
        """Take in what is written ahead of it."""
        self.content = self.content.overlay(upper.below(self.made.length))

    def left(self) -> ReadMeanwhile | None:
        """Return what it holds at its end; None for what its image held at its start."""
        content = self.content
        if content is self.made.content or _alike(content, self.made.content):
            return None
        return ReadMeanwhile(content, torn=not any(_alike(content, each) for each in self.seen))


class Copies:
    """The plain copies under way, and what they read."""

    def __init__(self, traffic: Traffic, under: Mapping[int, UnderWay]) -> None:
        """Begin without any.

        Args:
            under: All jobs under way, by their numbers in the traffic.
        """
        self._traffic, self._under = traffic, under
        self._readings: dict[int, Reading] = {}

    def begin(self, number: int, made: Backup, machine: Machine, tick: int) -> None:
        """Let a copy begin.

        Args:
            machine: With the copy, which has all that is on its way into its image.
        """
        self._readings[number] = reading = Reading(made)
        now = self._image_now(machine, reading, tick)
        reading.content = now if now is not None else made.content

    def end(self, number: int, machine: Machine) -> ReadMeanwhile | None:
        """Return what a copy holds when it ends, and forget it.

        Returns:
            None for what its image held at its start, or where its record is gone.
        """
        reading = self._readings.pop(number, None)
        if reading is None:
            return None
        made = reading.made
        there = machine.backup_of(made.name, made.disk) is made
        return reading.left() if there else None

    def meet(self, machine: Machine, disk: str, parts: Iterable[Part], now: int | None) -> None:
        """Take in what a guest has written.

        Args:
            machine: As it is afterwards.
            now: When all of it was written; None for the ticks of the changes.
        """
        for number, reading in self._readings.items():
            state = machine.disk(disk)
            if (reading.made.disk, reading.made.image) != (disk, state.active.name):
                continue
            drops = any(lies_above(job, state) for job in machine.jobs_on(disk))
            for part in parts:
                ticks = part.window.ticks if now is None else [now] * len(part.window.ticks)
                which = ahead(self._way(number), ticks, part.window.clusters)
                for operation in operations_of(state, part, which):
                    if isinstance(operation, GuestWrite):
                        reading.lay(operation.data)
                    elif not drops and operation.whole is not None:
                        reading.lay(_zeroes(state, operation.whole, reading.content))

    def turn(self, before: Machine, after: Machine, tick: int) -> None:
        """Take in what a step has made of images, and that it may have ended jobs."""
        for number, reading in self._readings.items():
            disk, name, length = reading.made.disk, reading.made.image, reading.made.length
            old, new = (each.disk(disk).image(name) for each in (before, after))
            if old is None or new is None:
                continue
            if new.content is old.content and _into(before, name) == _into(after, name):
                continue
            reading.seen.append(new.content.below(length))
            now = self._image_now(after, reading, tick)
            assert now is not None, "the image is there"
            border = min(border_of(self._way(number), tick), length)
            rest = now.below(length)
            rest = rest.restrict(rest.clusters() - rest.clusters().below(border))
            reading.content = reading.content.below(border).overlay(rest)

    def carry(self, machine: Machine, tick: int) -> None:
        """Take in what jobs have moved into images until a tick."""
        for number, reading in self._readings.items():
            for job, under in self._writers(machine, reading):
                assert job.copying is not None, "it can be stopped"
                first, end = reading.carried.get(under.number, 0), self._moved(under, tick)
                reading.carried[under.number] = end
                way = self._way(under.number)
                if first >= end or way is None:
                    continue
                which = moved_by(way, first, end, self._way(number))
                clusters = compress(way.course.covered[first:end], which)
                met = set_of(reading.made.length, clusters)
                reading.lay(job.copying.data.restrict(met))

    def passed(self, number: int, tick: int, content: ClusterMap) -> ClusterSet:
        """Return the clusters of its content that a copy has read at a tick."""
        border, held = border_of(self._way(number), tick), content.clusters()
        return held.below(min(border, held.last + 1))

    def _way(self, number: int) -> Under | None:
        found = self._traffic.under(number)
        return Under(*found) if found is not None else None

    def _writers(
        self, machine: Machine, reading: Reading
    ) -> Iterator[tuple[CommitJob | PullJob, UnderWay]]:
        """Yield the jobs that take time to move data into a copy's image, and are not through."""
        under = {job.key: job for job in self._under.values() if job.kind in ("commit", "pull")}
        for job in machine.jobs_on(reading.made.disk) if under else ():
            if not isinstance(job, CommitJob | PullJob) or job.copying is None:
                continue
            found = under.get(key_of(job))
            # What the guest wrote behind it is moved in no order of the whole.
            moves = found is not None and found.done is None and found.passed == (0, 0)
            if found is not None and moves and job.copying.image.name == reading.made.image:
                yield job, found

    def _moved(self, job: UnderWay, tick: int) -> int:
        return len(job.course.moved(self._traffic.place(job.number, tick)))

    def _image_now(self, machine: Machine, reading: Reading, tick: int) -> ClusterMap | None:
        """Return what a copy's image holds, and not what is on its way; None if it is gone."""
        disk = machine.disk(reading.made.disk)
        for job, under in self._writers(machine, reading):
            moved = reading.carried[under.number] = self._moved(under, tick)
            done = set_of(disk.length, map(int, under.course.covered[:moved]))
            if isinstance(job, CommitJob):
                disk = stop_commit(disk, job, done)
            else:
                disk = stop_pull(disk, job, done)
        image = disk.image(reading.made.image)
        return image.content.below(reading.made.length) if image is not None else None


def _into(machine: Machine, image: str) -> list[Key]:
    """Return the jobs that move data into an image."""
    jobs = (job for job in machine.jobs if isinstance(job, CommitJob | PullJob))
    return [key_of(job) for job in jobs if job.copying and job.copying.image.name == image]


def _alike(one: ClusterMap, other: ClusterMap) -> bool:
    """Whether two copies of an image are the same, with what lies below them or without."""
    return one.reads_like(other) and not one.clusters() - other.clusters()


def _zeroes(disk: Disk, clusters: ClusterSet, held: ClusterMap) -> ClusterMap:
    """Return what an active image holds where the guest has trimmed it.

    In a base image a cluster that was never written stays so.
    """
    whole = held.clusters() & clusters if len(disk.chain) == 1 else clusters
    return map_all(disk.length, whole, ZERO)


def border_of(under: Under | None, tick: int) -> int:
    """Return the first cluster that a copy has still to read at a tick.

    What holds nothing is passed with what comes before it.
    """
    if under is None or (tick <= under.tick and not under.place):
        return 0
    course = under.course
    passed = len(course.moved(course.advance(under.place, tick - under.tick, under.speeds)))
    return int(course.covered[passed]) if passed < len(course.covered) else CLUSTERS_MAX


def ahead(
    under: Under | None,
    ticks: Sequence[Any],
    clusters: Sequence[int],
    exactly: Callable[[int], int] | None = None,
) -> Sequence[bool]:
    """Return which changes of clusters come before a copy has read them.

    Args:
        ticks: When each happens; about then, where *exactly* returns the tick of one of them.
    """
    tick_of = exactly or (lambda number: int(ticks[number]))
    if under is None:
        return [True] * len(clusters)
    if len(clusters) <= MANY:
        there = enumerate(map(int, clusters))
        return [cluster >= border_of(under, tick_of(number)) for number, cluster in there]
    import numpy as np

    course, where = under.course, np.asarray(clusters)
    before = np.searchsorted(np.asarray(course.covered), where, side="right")
    reached = np.minimum(before * course.cluster_size, course.size) - float(under.place)
    late = floating(under.speeds, reached, reached) - (np.asarray(ticks) - under.tick)
    found = late > 0
    for number in np.flatnonzero(np.abs(late) <= MARGIN).tolist():
        found[number] = where[number] >= border_of(under, tick_of(number))
    return cast(Sequence[bool], found)


def moved_by(under: Under, first: int, end: int, copy: Under | None) -> Sequence[bool]:
    """Return which clusters a job has moved before a copy had read them.

    Args:
        first, end: Their numbers on the job's course.
    """
    course = under.course
    clusters = course.covered[first:end]

    def exactly(number: int) -> int:
        reached = min((first + number + 1) * course.cluster_size, course.size) - ROUNDED
        return under.tick + max(0, ceil(course.time_between(under.place, reached, under.speeds)))

    if end - first <= MANY:
        return ahead(copy, [0] * len(clusters), clusters, exactly)
    import numpy as np

    size = course.cluster_size
    data = np.searchsorted(np.asarray(course.data), np.asarray(clusters), side="right") * size
    both = np.minimum(np.arange(first + 1, end + 1) * size, course.size)
    done = float(course.data_before(under.place))
    late = floating(under.speeds, data - done, both - float(under.place))
    return ahead(copy, under.tick + late, clusters, exactly)
