"""Reads what guests write by themselves, window by window: nobody can see a single write."""

from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Any

from simulator.model.clusters import (
    SMALL_MAX,
    WORKLOAD_FIRST,
    ZERO,
    ClusterMap,
    ClusterSet,
    map_of,
    set_of,
)
from simulator.model.disk import Disk
from simulator.model.machine import Machine
from simulator.model.operations import GuestDiscard, GuestOperation, GuestWrite
from simulator.model.sizes import COPY_UNIT
from simulator.timeline import Script
from simulator.values import NamedTuple


def readers_of(script: Script) -> list["Reader"]:
    """Return a reader for each disk that workloads write to."""
    if not script.feeds and not script.guests:
        return []
    from simulator.workload.drawing import Stream, Window, draw

    streams: dict[str, list[Stream]] = {}
    for guest in script.guests:
        streams.setdefault(guest.disk, []).append(draw(guest, script.seed))
    for feed in script.feeds:
        window = Window(feed.ticks, feed.clusters)
        streams.setdefault(feed.disk, []).append(Stream([window]))
    return [Reader(disk, each) for disk, each in streams.items()]


class Part(NamedTuple):
    """Changes that are made together, or of which none can be made.

    Attributes:
        window: When each happens, what it changes, and which write it is a part of.
        first: The version that the first of them has.
        end: The tick up to which they reach; None for that of who reads.
    """

    operations: tuple[GuestOperation, ...]
    window: Any
    first: int
    end: int | None = None


def put_together(parts: Sequence[Part]) -> Any:
    """Return the changes of some parts of one stretch, as one window."""
    from simulator.workload import drawing

    return drawing.put_together([part.window for part in parts])


class Reader:
    """A place in what is written to one disk.

    Attributes:
        disk: Its name.
        last_tick: When the last change happened that was read; 0 before any.
    """

    def __init__(self, disk: str, streams: Sequence[Any]) -> None:
        self.disk = disk
        self.last_tick = 0
        self._streams = streams
        self._read = 0

    def skip(self, until: int | None) -> None:
        """Leave out what is written up to and including a tick: there is no disk to write to."""
        self._take(until)

    def read(self, until: int | None, machine: Machine) -> Iterator[Part]:
        """Yield what is written up to and including a tick.

        It is one part, unless a scratch space has no room for some of it: then what comes before
        the first such change, that one, the others like it, and what is written all the same.

        Args:
            until: None for all that is left.
        """
        disk = machine.disk(self.disk)
        first = self._read
        window = self._take(until)
        for each, end in _parted(window, disk, machine):
            if len(each.ticks):
                version = WORKLOAD_FIRST + first
                yield Part(tuple(_operations(disk, each, version)), each, version, end)
                first += len(each.ticks)

    def _take(self, until: int | None) -> Any:
        from simulator.workload.drawing import merge

        window = merge([stream.take(until) for stream in self._streams])
        self._read += len(window.ticks)
        if len(window.ticks):
            self.last_tick = int(window.ticks[-1])
        return window


def _parted(window: Any, disk: Disk, machine: Machine) -> Iterator[tuple[Any, int | None]]:
    """Yield the parts of a stretch, each with the tick up to which it reaches."""
    passed = _passed(window, disk, machine)
    if passed is None or passed.all():
        yield window, None
        return
    number = int(passed.argmin())
    tick = int(window.ticks[number])
    yield window.slice(0, number), tick
    yield window.slice(number, number + 1), tick
    rest, left = window.slice(number + 1, len(passed)), passed[number + 1 :]
    yield rest.pick(~left), None
    yield rest.pick(left), None


def _passed(window: Any, disk: Disk, machine: Machine) -> Any:
    """Return which changes find room in all scratch spaces; None where none is bounded.

    What is trimmed goes by them.
    """
    jobs = [job for job in machine.backup_jobs if job.disk == disk.name and job.guarding]
    scratches = [(job.scratch, None if job.breaks else job.scratch_max) for job in jobs]
    if not len(window.ticks) or all(room is None for _, room in scratches):
        return None
    import numpy as np

    from simulator.workload.drawing import TRIMS
    from simulator.workload.room import find_room

    unit = max(1, COPY_UNIT // disk.cluster_size)
    passed = np.ones(len(window.ticks), dtype=bool)
    for scratch, most in scratches:
        if scratch is None or most is None:
            continue
        asks = passed if window.kinds is None else passed & (window.kinds < TRIMS)
        kept = np.asarray(scratch.clusters().listed(), dtype=np.int64)
        room = most // disk.cluster_size - len(kept)
        passed = passed.copy()
        passed[asks] = find_room(window.clusters[asks], kept, unit, disk.length, room)
    return passed


def operations_of(disk: Disk, part: Part, which: Sequence[bool]) -> Iterator[GuestOperation]:
    """Yield what some of a part's changes are to the model; each keeps its version."""
    if all(which):
        yield from part.operations
    elif any(which):
        import numpy as np

        yield from _operations(disk, part.window, part.first, np.asarray(which))


def _operations(
    disk: Disk, window: Any, first: int, which: Any | None = None
) -> Iterator[GuestOperation]:
    """Yield what changes are to the model, of which the first one has a version.

    A write of data comes before what is trimmed; a cluster that is trimmed first and written then
    is just written.

    Args:
        which: Those that count; None for all.
    """
    if window.kinds is None:
        data = _written(disk.length, window.clusters, first, None, which)
        yield GuestWrite(disk=disk.name, data=data, writes=len(window.ticks))
    else:
        yield from _mixed(disk.name, disk.length, window, first, which)


def _written(
    length: int, clusters: Any, first: int, zeroes: Any | None, which: Any | None = None
) -> ClusterMap:
    """Return what single-cluster writes leave behind.

    Args:
        first: Version of the first write; the others follow one by one.
        zeroes: Which of the writes are of zeroes; None for none.
        which: Those that count; None for all.
    """
    if length > SMALL_MAX:
        from simulator.model.clusters.large import LargeMap

        return LargeMap.of_writes(clusters, first, zeroes, which)
    none = zeroes if zeroes is not None else repeat(False)
    every = which if which is not None else repeat(True)
    versions = {
        int(cluster): ZERO if zero else first + number
        for number, (cluster, zero, counts) in enumerate(zip(clusters, none, every, strict=False))
        if counts
    }
    return map_of(length, versions)


def _mixed(
    disk: str, length: int, window: Any, first: int, which: Any | None
) -> Iterator[GuestOperation]:
    from simulator.workload.drawing import TOUCHES, TRIMS, ZEROES, last_of_each

    trims = window.kinds >= TRIMS
    writes = window.clusters[~trims]
    if len(writes):
        counts = which[~trims] if which is not None else None
        data = _written(length, writes, first, window.kinds[~trims] == ZEROES, counts)
        yield GuestWrite(disk=disk, data=data, writes=len(writes))
    if which is not None:
        window, trims = window.pick(which), trims[which]
    if not trims.any():
        return
    # What is written after it was trimmed stays, and a part that is trimmed only dirties.
    whole = window.kinds != TOUCHES
    clusters, kinds = last_of_each(window.clusters[whole], window.kinds[whole])
    yield GuestDiscard(
        disk=disk,
        clusters=_set(length, window.clusters[trims]),
        whole=_set(length, clusters[kinds == TRIMS]),
        writes=int(trims.sum()),
    )


def _set(length: int, clusters: Any) -> ClusterSet:
    if length > SMALL_MAX:
        from simulator.model.clusters.arrays import LargeSet

        return LargeSet.of(clusters)
    return set_of(length, clusters.tolist())
