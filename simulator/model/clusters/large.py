"""Maps of clusters for large disks: sorted NumPy arrays.

Their cost follows what was written, not the size of the disk. An entry of a map is one integer,
``cluster << 30 | version``: sorting entries sorts clusters, and the newest write of a cluster
comes last. A map keeps its levels apart, oldest first, one for each window of guest writes. So
two histories that share their beginning share its arrays, comparing them costs what came after,
and laying one map over another copies no entry.
"""

from collections.abc import Iterator, Mapping
from functools import cached_property
from operator import is_
from typing import Self

import numpy as np
import numpy.typing as npt

from simulator.model.clusters.arrays import (
    NO_CLUSTERS,
    Integers,
    LargeSet,
    enlarge,
)
from simulator.model.clusters.interfaces import (
    CLUSTERS_MAX,
    VERSIONS_MAX,
    WORKLOAD_FIRST,
    ZERO,
    ClusterMap,
    ClusterSet,
    Version,
    letter_of,
)

VERSION_BITS = 30
VERSION_MASK = VERSIONS_MAX - 1
NOTHING = -1
"""Stands in an array of versions where a map holds nothing."""

LEVELS_MAX = 4096
"""A map of more levels than this is made flat, so that a tuple of levels stays cheap to copy."""

PROBES_MAX = 16
"""A look-up searches this many levels one by one before it makes the ones below them flat."""

LOOKS_MAX = 64
"""So many clusters are looked at before two maps are compared in full."""

assert CLUSTERS_MAX * VERSIONS_MAX == 1 << 64, "a packed entry fills 64 bits"


class Level:
    """The newest writes of one window, as packed entries in ascending order."""

    def __init__(self, packed: npt.NDArray[np.uint64]) -> None:
        self.packed = packed

    @cached_property
    def clusters(self) -> LargeSet:
        """The clusters written, as a set that every bitmap of the window shares."""
        return LargeSet((self.packed >> np.uint64(VERSION_BITS)).astype(np.int64))

    @property
    def versions(self) -> Integers:
        """The version of each cluster, in the order of the clusters."""
        return (self.packed & np.uint64(VERSION_MASK)).astype(np.int64)

    def versions_at(self, places: Integers) -> Integers:
        """Return the versions of some entries."""
        return (self.packed[places] & np.uint64(VERSION_MASK)).astype(np.int64)


def pack(clusters: Integers, versions: Integers) -> Level:
    """Return the level of some writes, of which the highest version of a cluster is the newest."""
    packed = np.sort(
        clusters.astype(np.uint64) << np.uint64(VERSION_BITS) | versions.astype(np.uint64)
    )
    if len(packed) < 2:
        return Level(packed)
    last = np.empty(len(packed), dtype=bool)
    last[-1] = True
    cluster = packed >> np.uint64(VERSION_BITS)
    np.not_equal(cluster[1:], cluster[:-1], out=last[:-1])
    return Level(packed[last])


class LargeMap(ClusterMap):
    """What clusters hold, as levels of packed entries, oldest first; the newest level wins."""

    def __init__(self, levels: tuple[Level, ...]) -> None:
        self._levels = levels
        self._flat: Level | None = levels[0] if len(levels) == 1 else None

    @classmethod
    def of(cls, versions: Mapping[int, Version]) -> Self:
        """Return the map of some versions by cluster."""
        if not versions:
            return cls(())
        clusters = np.fromiter(versions.keys(), dtype=np.int64, count=len(versions))
        held = np.fromiter(versions.values(), dtype=np.int64, count=len(versions))
        return cls((pack(clusters, held),))

    @classmethod
    def range(cls, first: int, count: int, version: Version) -> Self:
        """Return a map in which *count* clusters from *first* on hold one version."""
        clusters = np.arange(first, first + count, dtype=np.uint64)
        return cls((Level(clusters << np.uint64(VERSION_BITS) | np.uint64(version)),))

    @classmethod
    def all_of(cls, clusters: ClusterSet, version: Version) -> Self:
        """Return a map in which all of some clusters hold one version."""
        array = enlarge(clusters).array
        return cls((pack(array, np.full(len(clusters), version, dtype=np.int64)),))

    @classmethod
    def of_writes(
        cls, clusters: Integers, first: Version, zeroes: npt.NDArray[np.bool_] | None = None
    ) -> Self:
        """Return what single-cluster writes leave behind.

        Args:
            clusters: The cluster of each write, in the order of time.
            first: Version of the first write; the others follow one by one.
            zeroes: Which of the writes are of zeroes; None for none.
        """
        if not len(clusters):
            return cls(())
        level = pack(clusters, np.arange(first, first + len(clusters), dtype=np.int64))
        if zeroes is not None:
            # Which write is the newest is told by its version, so zeroes get theirs last.
            level.packed[zeroes[level.versions - first]] &= ~np.uint64(VERSION_MASK)
        return cls((level,))

    def __len__(self) -> int:
        return len(self.flat.packed)

    def __bool__(self) -> bool:
        return any(len(level.packed) for level in self._levels)

    @property
    def data_count(self) -> int:
        """The number of clusters that hold data; explicit zeroes are none."""
        return int(np.count_nonzero(self.flat.packed & np.uint64(VERSION_MASK)))

    @property
    def flat(self) -> Level:
        """All levels as one."""
        if self._flat is None:
            self._flat = _flatten(self._levels)
        return self._flat

    def get(self, cluster: int) -> Version | None:
        """Return the version of a cluster, or None where the map holds nothing."""
        version = int(self.lookup(np.array([cluster], dtype=np.int64))[0])
        return None if version == NOTHING else version

    def versions_at(self, clusters: ClusterSet) -> tuple[Version, ...]:
        """Return what some clusters read as, as one value to compare."""
        wanted = np.fromiter(clusters, dtype=np.int64, count=len(clusters))
        return tuple(self.read(wanted).tolist())

    def lookup(self, wanted: Integers) -> Integers:
        """Return the version of each wanted cluster, ``NOTHING`` where the map holds none.

        Args:
            wanted: Clusters in ascending order, each once.
        """
        levels = self._levels if self._flat is None else (self._flat,)
        if len(levels) == 1 and wanted is levels[0].clusters.array:
            return levels[0].versions
        found = np.full(len(wanted), NOTHING, dtype=np.int64)
        left = np.arange(len(wanted), dtype=np.int64)
        for probe, level in enumerate(reversed(levels)):
            if not len(left):
                break
            last = probe == PROBES_MAX and probe + 1 < len(levels)
            left = _probe(self.flat if last else level, wanted, left, found)
            if last:
                break
        return found

    def clusters(self) -> LargeSet:
        """Return the clusters that the map holds something for."""
        if self._flat is not None:
            return self._flat.clusters
        united = LargeSet(NO_CLUSTERS)
        for level in self._levels:
            united = united | level.clusters
        return united

    def items(self) -> Iterator[tuple[int, Version]]:
        """Yield ``(cluster, version)`` in ascending order of clusters."""
        return zip(self.flat.clusters, self.flat.versions.tolist(), strict=True)

    def runs(self) -> Iterator[tuple[int, int, Version]]:
        """Yield ``(first, length, version)`` of each run of neighbours that hold the same."""
        if not self:
            return
        clusters, versions = self.flat.clusters.array, self.flat.versions
        breaks = (np.diff(clusters) != 1) | (np.diff(versions) != 0)
        starts = np.concatenate(([0], np.flatnonzero(breaks) + 1))
        ends = np.concatenate((starts[1:], [len(clusters)]))
        yield from zip(
            clusters[starts].tolist(),
            (ends - starts).tolist(),
            versions[starts].tolist(),
            strict=True,
        )

    def cells(self, scale: int) -> Iterator[tuple[int, str]]:
        """Yield each touched cell of a figure once, with what it holds."""
        if not self:
            return
        cells = self.flat.clusters.array // scale
        letters = np.minimum(self.flat.versions, WORKLOAD_FIRST)
        starts = np.flatnonzero(np.concatenate(([True], cells[1:] != cells[:-1])))
        least, most = np.minimum.reduceat(letters, starts), np.maximum.reduceat(letters, starts)
        held = np.where(least == most, least, WORKLOAD_FIRST)
        yield from zip(cells[starts].tolist(), map(letter_of, held.tolist()), strict=True)

    def flattened(self) -> "LargeMap":
        """Return the same map as one level."""
        return type(self)((self.flat,))

    def since(self, older: ClusterMap) -> "LargeMap | None":
        """Return the levels that were laid over an older state of this map."""
        if not isinstance(older, LargeMap):
            return None
        shared = len(older._levels)
        if shared > len(self._levels) or not all(map(is_, self._levels, older._levels)):
            return None
        return type(self)(self._levels[shared:])

    def overlay(self, upper: ClusterMap) -> "LargeMap":
        """Return this map with another one laid over it: the upper one wins."""
        if not upper:
            return self
        above = _large_map(upper)
        if not self:
            return above
        joined = type(self)(self._levels + above._levels)
        if len(joined._levels) > LEVELS_MAX:
            return type(self)((joined.flat,))
        return joined

    def below(self, end: int) -> Self:
        """Return what the map holds before a place."""
        packed = self.flat.packed
        place = np.searchsorted(self.flat.clusters.array, end)
        return self if place == len(packed) else type(self)((Level(packed[: int(place)]),))

    def over(self, lower: ClusterMap) -> ClusterMap:
        """Return another map with this one laid over it: this one wins."""
        return _large_map(lower).overlay(self)

    def restrict(self, clusters: ClusterSet) -> Self:
        """Return what the map holds for some clusters."""
        wanted = enlarge(clusters).array
        if not len(wanted) or not self._levels:
            return type(self)(())
        newest = self._levels[-1]
        if wanted is newest.clusters.array or np.array_equal(wanted, newest.clusters.array):
            return type(self)((newest,))
        versions = self.lookup(wanted)
        held = versions != NOTHING
        return type(self)((pack(wanted[held], versions[held]),))

    def differing(self, other: ClusterMap) -> LargeSet:
        """Return the clusters that read differently; zeroes and nothing read alike.

        Only levels after the common beginning can make a difference, so only theirs are read.
        """
        other = _large_map(other)
        mine, theirs = self._apart(other)
        touched = LargeMap(mine).clusters() | LargeMap(theirs).clusters()
        if not touched:
            return touched
        return LargeSet(touched.array[self.read(touched.array) != other.read(touched.array)])

    def reads_like(self, other: ClusterMap) -> bool:
        """Whether every cluster reads the same; zeroes and nothing read alike.

        Most states that differ do so where one of them was written last: a few looks there
        spare a comparison of all.
        """
        other = _large_map(other)
        mine, theirs = self._apart(other)
        for levels in (mine, theirs):
            if levels:
                newest = levels[-1].clusters.array
                few = newest[:: len(newest) // LOOKS_MAX + 1]
                if not np.array_equal(self.read(few), other.read(few)):
                    return False
        return not self.differing(other)

    def _apart(self, other: "LargeMap") -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """Return the levels of both maps after their common beginning; none if they are equal."""
        shared = 0
        for mine, theirs in zip(self._levels, other._levels, strict=False):
            if mine is not theirs:
                break
            shared += 1
        mine_left, theirs_left = self._levels[shared:], other._levels[shared:]
        alone = len(mine_left) == len(theirs_left) == 1
        if alone and np.array_equal(mine_left[0].packed, theirs_left[0].packed):
            return (), ()
        return mine_left, theirs_left

    def read(self, wanted: Integers) -> Integers:
        """Return the version that each wanted cluster reads as; ``ZERO`` where there is nothing.

        Args:
            wanted: Clusters in ascending order, each once.
        """
        versions = self.lookup(wanted)
        versions[versions == NOTHING] = ZERO
        return versions


def _large_map(content: ClusterMap) -> LargeMap:
    """Return a map as a large one; that of a disk which was smaller once is not."""
    return content if isinstance(content, LargeMap) else LargeMap.of(dict(content.items()))


def _probe(level: Level, wanted: Integers, left: Integers, found: Integers) -> Integers:
    """Write what a level holds into *found*, and return the places that are left to find."""
    clusters = level.clusters.array
    if not len(clusters):
        return left
    sought = wanted[left]
    places = np.minimum(np.searchsorted(clusters, sought), len(clusters) - 1)
    hit = clusters[places] == sought
    found[left[hit]] = level.versions_at(places[hit])
    missed: Integers = left[~hit]
    return missed


def _flatten(levels: tuple[Level, ...]) -> Level:
    """Return one level that holds what the newest of many holds, cluster by cluster."""
    if not levels:
        return Level(np.empty(0, dtype=np.uint64))
    packed = np.concatenate([level.packed for level in levels])
    assert len(packed) <= VERSIONS_MAX, "there are no more changes than versions"
    # By cluster, then by place: of equal clusters the one from the newest level comes last,
    # whatever its version. Letters and zeroes are small numbers even when they are the newest.
    order = packed & ~np.uint64(VERSION_MASK)
    order |= np.arange(len(packed), dtype=np.uint64)
    order.sort()
    clusters = order >> np.uint64(VERSION_BITS)
    last = np.ones(len(order), dtype=bool)
    np.not_equal(clusters[1:], clusters[:-1], out=last[:-1])
    return Level(packed[order[last] & np.uint64(VERSION_MASK)])
