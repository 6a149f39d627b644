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
Numbers: TypeAlias = npt.NDArray[np.int32]

WRITES, ZEROES, TRIMS, TOUCHES = range(4)
"""What happens to a cluster: data, zeroes, all of it trimmed, or a part of it."""


class Window(NamedTuple):
    """Changes of one disk, in the order of time.

    Attributes:
        ticks: When each happens, ascending.
        clusters: The cluster that each changes.
        kinds: What each does; None where all write data.
        writes: The number of the write that each is a part of, the same for neighbours only; None
            where each is one.
    """

    ticks: Integers
    clusters: Integers
    kinds: Bytes | None = None
    writes: Numbers | None = None

    def slice(self, first: int, end: int) -> "Window":
        """Return some of the changes."""
        kinds = self.kinds[first:end] if self.kinds is not None else None
        writes = self.writes[first:end] if self.writes is not None else None
        return Window(self.ticks[first:end], self.clusters[first:end], kinds, writes)

    def pick(self, which: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> "Window":
        """Return the changes for which something holds, or those of some places in their order."""
        kinds = self.kinds[which] if self.kinds is not None else None
        writes = self.writes[which] if self.writes is not None else None
        return Window(self.ticks[which], self.clusters[which], kinds, writes)


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
    return put_together(list(_numbered(windows)))


def put_together(parts: list[Window]) -> Window:
    """Return parts of one window as one: a write may lie in several of them."""
    if len(parts) == 1:
        return parts[0]
    mixed = any(each.kinds is not None for each in parts)
    writes = [each.writes for each in parts if each.writes is not None]
    return Window(
        np.concatenate([each.ticks for each in parts]),
        np.concatenate([each.clusters for each in parts]),
        np.concatenate([_kinds(each) for each in parts]) if mixed else None,
        np.concatenate(writes) if writes else None,
    )


def _numbered(windows: list[Window]) -> Iterator[Window]:
    """Yield windows whose writes have numbers of their own, if any has some."""
    if all(each.writes is None for each in windows):
        yield from windows
        return
    before = 0
    for each in windows:
        writes = each.writes
        if writes is None:
            writes = np.arange(len(each.ticks), dtype=np.int32)
        # Neighbours of one write have one number: a window counts no higher than its changes.
        first = int(writes[0]) if len(writes) else 0
        yield each._replace(writes=writes + np.int32(before - first))
        before += len(writes)


def merge(windows: list[Window]) -> Window:
    """Return windows of one stretch of time as one; at one tick the earlier window comes first."""
    there = [each for each in windows if len(each.ticks)]
    joined = join(there)
    if len(there) < 2:
        return joined
    order = np.argsort(joined.ticks, kind="stable")
    return joined.pick(order)


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
    """Return what some writes change; their slots are used up."""
    size, length = guest.cluster_size, guest.length
    bits = size.bit_length() - 1
    start = slots
    start *= length
    start += guest.start
    if guest.aligned and length <= size:
        start >>= bits
        if kinds is not None and length < size:
            kinds[kinds == TRIMS] = TOUCHES
        return Window(ticks, start, kinds)
    first = start >> bits
    last = (start + (length - 1)) >> bits
    counts = last - first + 1
    every = np.repeat(np.arange(len(slots), dtype=np.int32), counts)
    begun = np.cumsum(counts) - counts
    clusters = first[every] + np.arange(len(every)) - begun[every]
    if kinds is not None:
        kinds = kinds[every]
        inside = (clusters * size >= start[every]) & (
            (clusters + 1) * size <= start[every] + length
        )
        kinds[(kinds == TRIMS) & ~inside] = TOUCHES
    return Window(ticks[every], clusters, kinds, every)
