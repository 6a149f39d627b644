"""What a workload writes, in the order of time, as far as somebody looks."""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from simulator.values import NamedTuple
from simulator.workload.arrivals import BLOCK, Integers, arrivals
from simulator.workload.guests import Guest
from simulator.workload.places import Places

Bytes: TypeAlias = npt.NDArray[np.uint8]

WRITES, ZEROES, TRIMS, TOUCHES = range(4)
"""What happens to a cluster: data, zeroes, all of it trimmed, or a part of it."""


class Window(NamedTuple):
    """Changes of one disk, in the order of time.

    Attributes:
        ticks: When each happens, ascending.
        clusters: The cluster that each changes.
        kinds: What each does; None where all write data.
    """

    ticks: Integers
    clusters: Integers
    kinds: Bytes | None = None

    def slice(self, first: int, end: int) -> "Window":
        """Return some of the changes."""
        kinds = self.kinds[first:end] if self.kinds is not None else None
        return Window(self.ticks[first:end], self.clusters[first:end], kinds)

    def pick(self, which: npt.NDArray[np.bool_]) -> "Window":
        """Return the changes for which something holds."""
        kinds = self.kinds[which] if self.kinds is not None else None
        return Window(self.ticks[which], self.clusters[which], kinds)


NOTHING = Window(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))


class Stream:
    """A place in what one workload writes."""

    def __init__(self, blocks: Iterable[Window]) -> None:
        self._blocks = iter(blocks)
        self._block = NOTHING
        self._place = 0

    def take(self, until: int | None) -> Window:
        """Return all changes up to and including a tick that were not taken yet.

        Args:
            until: None for all that is left.
        """
        taken: list[Window] = []
        while True:
            ticks = self._block.ticks
            left = len(ticks)
            end = left if until is None else int(ticks.searchsorted(until, side="right"))
            if end > self._place:
                taken.append(self._block.slice(self._place, end))
                self._place = end
            if end < left:
                break
            block = next(self._blocks, None)
            if block is None:
                self._block, self._place = NOTHING, 0
                break
            self._block, self._place = block, 0
        return join(taken)


def join(windows: list[Window]) -> Window:
    """Return windows that follow one another as one."""
    if len(windows) < 2:
        return windows[0] if windows else NOTHING
    mixed = any(each.kinds is not None for each in windows)
    return Window(
        np.concatenate([each.ticks for each in windows]),
        np.concatenate([each.clusters for each in windows]),
        np.concatenate([_kinds(each) for each in windows]) if mixed else None,
    )


def merge(windows: list[Window]) -> Window:
    """Return windows of one stretch of time as one; at one tick the earlier window comes first."""
    there = [each for each in windows if len(each.ticks)]
    joined = join(there)
    if len(there) < 2:
        return joined
    order = np.argsort(joined.ticks, kind="stable")
    kinds = joined.kinds[order] if joined.kinds is not None else None
    return Window(joined.ticks[order], joined.clusters[order], kinds)


def last_of_each(clusters: Integers, kinds: Bytes) -> tuple[Integers, Bytes]:
    """Return each cluster once, ascending, with what happened to it last."""
    order = np.argsort(clusters, kind="stable")
    ordered = clusters[order]
    last = np.ones(len(ordered), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=last[:-1])
    return ordered[last], kinds[order][last]


def _kinds(window: Window) -> Bytes:
    if window.kinds is not None:
        return window.kinds
    return np.full(len(window.ticks), WRITES, dtype=np.uint8)


def draw(guest: Guest, seed: int | None) -> Stream:
    """Return what a guest writes. Equal guests and seeds write the same."""
    return Stream(_blocks(guest, seed))


def _blocks(guest: Guest, seed: int | None) -> Iterator[Window]:
    key = seed or 0
    # A seed sequence takes no negative numbers: the sign is a number of its own.
    root = [abs(key), int(key < 0), guest.number]
    gaps = np.random.default_rng([*root, 0])
    where = np.random.default_rng([*root, 1])
    what = np.random.default_rng([*root, 2])
    places = Places(guest, np.random.default_rng([*root, 3]))
    done = 0
    for ticks in arrivals(guest, lambda: gaps.standard_exponential(BLOCK)):
        slots = places.draw(done, len(ticks), where)
        done += len(ticks)
        yield _window(guest, ticks, slots, _mix(guest, len(ticks), what))


def _mix(guest: Guest, writes: int, chance: np.random.Generator) -> Bytes | None:
    if not guest.zero and not guest.discard:
        return None
    drawn = chance.random(writes)
    kinds = np.full(writes, WRITES, dtype=np.uint8)
    kinds[drawn < float(guest.zero + guest.discard)] = TRIMS
    kinds[drawn < float(guest.zero)] = ZEROES
    return kinds


def _window(guest: Guest, ticks: Integers, slots: Integers, kinds: Bytes | None) -> Window:
    size, length = guest.cluster_size, guest.length
    start = slots * length
    start += guest.start
    first = start >> (size.bit_length() - 1)
    if guest.aligned and length <= size:
        if kinds is not None and length < size:
            kinds[kinds == TRIMS] = TOUCHES
        return Window(ticks, first, kinds)
    last = (start + (length - 1)) >> (size.bit_length() - 1)
    counts = last - first + 1
    every = np.repeat(np.arange(len(slots)), counts)
    begun = np.cumsum(counts) - counts
    clusters = first[every] + np.arange(len(every)) - begun[every]
    if kinds is not None:
        kinds = kinds[every]
        inside = (clusters * size >= start[every]) & (
            (clusters + 1) * size <= start[every] + length
        )
        kinds[(kinds == TRIMS) & ~inside] = TOUCHES
    return Window(ticks[every], clusters, kinds)
