"""Reads a guest's workload, window by window, from two arrays."""

from simulator.model.clusters import SMALL_MAX, WORKLOAD_FIRST, map_of
from simulator.model.operations import GuestWrite
from simulator.timeline import Feed


class Reader:
    """A place in a feed. Reading on gives what the guest wrote in between, as one operation."""

    def __init__(self, feed: Feed) -> None:
        self.disk = feed.disk
        self._feed = feed
        self._place = 0

    @property
    def last_tick(self) -> int:
        """When the last write happens; 0 without one."""
        return int(self._feed.ticks[-1]) if len(self._feed.ticks) else 0

    def read_until(self, tick: int | None, length: int) -> GuestWrite | None:
        """Return the writes up to and including a tick, or None where there are none.

        Args:
            tick: None for all that is left.
            length: Number of clusters of the disk.
        """
        first, ticks = self._place, self._feed.ticks
        end = len(ticks) if tick is None else int(ticks.searchsorted(tick, side="right"))
        if end <= first:
            return None
        self._place = end
        clusters = self._feed.clusters[first:end]
        version = WORKLOAD_FIRST + first
        if length > SMALL_MAX:
            from simulator.model.clusters.large import LargeMap

            return GuestWrite(
                disk=self.disk,
                data=LargeMap.of_writes(clusters, version),
                writes=end - first,
            )
        versions = {int(c): version + n for n, c in enumerate(clusters)}
        return GuestWrite(disk=self.disk, data=map_of(length, versions), writes=end - first)
