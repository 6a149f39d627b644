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
from simulator.model.operations import GuestDiscard, GuestOperation, GuestWrite
from simulator.timeline import Script


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


class Reader:
    """A place in what is written to one disk.

    Attributes:
        disk: Its name.
        last_tick: When the last change happened that was read; 0 before any.
        seen: When, and to which clusters, the changes were that were read last.
    """

    def __init__(self, disk: str, streams: Sequence[Any]) -> None:
        self.disk = disk
        self.last_tick = 0
        self.seen: tuple[Sequence[int], Sequence[int]] = (), ()
        self._streams = streams
        self._read = 0

    def skip(self, until: int | None) -> None:
        """Leave out what is written up to and including a tick: there is no disk to write to."""
        self._take(until)

    def read(self, until: int | None, length: int) -> tuple[GuestOperation, ...]:
        """Return what is written up to and including a tick.

        A write of data comes before what is trimmed; a cluster that is trimmed first and written
        then is just written.

        Args:
            until: None for all that is left.
            length: Number of clusters of the disk.
        """
        version = WORKLOAD_FIRST + self._read
        window = self._take(until)
        self.seen = window.ticks, window.clusters
        if not len(window.ticks):
            return ()
        if window.kinds is None:
            data = _written(length, window.clusters, version, None)
            return (GuestWrite(disk=self.disk, data=data, writes=len(window.ticks)),)
        return tuple(_mixed(self.disk, length, window, version))

    def _take(self, until: int | None) -> Any:
        from simulator.workload.drawing import merge

        window = merge([stream.take(until) for stream in self._streams])
        self._read += len(window.ticks)
        if len(window.ticks):
            self.last_tick = int(window.ticks[-1])
        return window


def _written(length: int, clusters: Any, first: int, zeroes: Any | None) -> ClusterMap:
    """Return what single-cluster writes leave behind.

    Args:
        first: Version of the first write; the others follow one by one.
        zeroes: Which of the writes are of zeroes; None for none.
    """
    if length > SMALL_MAX:
        from simulator.model.clusters.large import LargeMap

        return LargeMap.of_writes(clusters, first, zeroes)
    none = zeroes if zeroes is not None else repeat(False)
    versions = {
        int(cluster): ZERO if zero else first + number
        for number, (cluster, zero) in enumerate(zip(clusters, none, strict=False))
    }
    return map_of(length, versions)


def _mixed(disk: str, length: int, window: Any, first: int) -> Iterator[GuestOperation]:
    from simulator.workload.drawing import TOUCHES, TRIMS, ZEROES, last_of_each

    trims = window.kinds >= TRIMS
    writes = window.clusters[~trims]
    if len(writes):
        data = _written(length, writes, first, window.kinds[~trims] == ZEROES)
        yield GuestWrite(disk=disk, data=data, writes=len(writes))
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
