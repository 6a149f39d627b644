"""Maps of clusters for large disks: sorted NumPy arrays.

Their cost follows what was written, not the size of the disk. A map is a level, one for each window
of guest writes, laid over the map before it. So two histories that share their beginning share its
maps, comparing them costs what came after, and laying one map over another copies no entry.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Self

import numpy as np

from simulator.model.clusters.arrays import NO_CLUSTERS, Integers, LargeSet, enlarge
from simulator.model.clusters.interfaces import (
    CLUSTERS_MAX,
    WORKLOAD_FIRST,
    ZERO,
    ClusterMap,
    ClusterSet,
    Version,
)
from simulator.model.clusters.levels import (
    MIXED,
    NOTHING,
    VERSION_BITS,
    Flags,
    Level,
    Tally,
    flatten,
    letters_in,
    pack,
    pack_in_time,
    probe,
    tally,
)
from simulator.model.clusters.parting import is_seen, part, top_of

PROBES_MAX = 16
"""A look-up searches this many levels one by one before it looks for a map to make flat."""

STRIDE_MIN = 64
"""Of so many maps on top of one another, a look-up makes one flat; of thousands, of more."""

SCALE_MIN = 64
"""Cells of fewer clusters than this are drawn from a flat map: there may be very many."""

EMPTY = Level(np.empty(0, dtype=np.uint64))


class LargeMap(ClusterMap):
    """What clusters hold: a level of packed entries, and the map that it lies on; it wins.

    Attributes:
        depth: How many levels there are; only the empty map has an empty one, and 0.
        level: The newest of them.
        made_flat: All of them as one, where somebody asked for it.
        most: The highest version that any of them has.
    """

    __slots__ = (
        "_count",
        "_grown",
        "_letters",
        "_lower",
        "_onto",
        "_shown",
        "_tally",
        "depth",
        "level",
        "made_flat",
        "most",
    )

    def __init__(self, level: Level = EMPTY, lower: "LargeMap | None" = None) -> None:
        """Make a map of a level.

        Args:
            lower: What it lies on; None for nothing.
        """
        self.level = level
        self._lower = lower
        own = level.newest[0] if len(level.packed) else ZERO
        self.most: Version = max(own, lower.most) if lower else own
        self.depth: int = 0 if not len(level.packed) else lower.depth + 1 if lower else 1
        self.made_flat: Level | None = level if self.depth < 2 else None
        self._count: int | None = None
        self._tally: Tally | None = None
        self._shown: tuple[Version, int] | None = None
        self._letters: tuple[int, Mapping[int, str]] | None = None
        self._onto: tuple[LargeMap, LargeMap] | None = None
        self._grown: tuple[LargeMap, LargeMap] | None = None

    @classmethod
    def of(cls, versions: Mapping[int, Version]) -> Self:
        """Return the map of some versions by cluster."""
        clusters = np.fromiter(versions.keys(), dtype=np.int64, count=len(versions))
        held = np.fromiter(versions.values(), dtype=np.int64, count=len(versions))
        return cls(pack(clusters, held))

    @classmethod
    def range(cls, first: int, count: int, version: Version) -> Self:
        """Return a map in which *count* clusters from *first* on hold one version."""
        clusters = np.arange(first, first + count, dtype=np.uint64)
        return cls(Level(clusters << VERSION_BITS | np.uint64(version)))

    @classmethod
    def of_runs(cls, runs: Iterable[tuple[int, int, Version]]) -> Self:
        """Return a map of runs: the first cluster of each, how many there are, their version."""
        told = np.array([*runs], dtype=np.int64).reshape(-1, 3)
        firsts, counts, versions = told.T
        begun = np.cumsum(counts) - counts
        clusters = np.repeat(firsts - begun, counts) + np.arange(counts.sum(), dtype=np.int64)
        return cls(pack(clusters, np.repeat(versions, counts)))

    @classmethod
    def all_of(cls, clusters: ClusterSet, version: Version) -> Self:
        """Return a map in which all of some clusters hold one version."""
        array = enlarge(clusters).array
        return cls(Level(array.astype(np.uint64) << VERSION_BITS | np.uint64(version)))

    @classmethod
    def of_writes(
        cls,
        clusters: Integers,
        first: Version,
        zeroes: Flags | None = None,
        which: Flags | None = None,
    ) -> Self:
        """Return what single-cluster writes leave behind; see :func:`pack_in_time`."""
        return cls(pack_in_time(clusters, first, zeroes, which))

    def __len__(self) -> int:
        return len(self.flat.packed)

    def __bool__(self) -> bool:
        return self.depth > 0

    @property
    def data_count(self) -> int:
        """The number of clusters that hold data; explicit zeroes are none."""
        if self._count is None:
            self._count = self._counted()
        return self._count

    def _counted(self) -> int:
        """Count what holds data; the table of a map below is handed on, for it has its count."""
        pending, known = [], self
        while known.made_flat is None and known._tally is None:
            pending.append(known.level)
            known = known.lower
        if known is not self:
            if known._tally is None and known.made_flat is not None and known:
                pending.append(known.made_flat)
            table = tally(pending, known._tally)
            if table is not None:
                self._tally, known._tally = table, None
                return table.total
        return self.flat.data_count

    @property
    def flat(self) -> Level:
        """All levels as one."""
        if self.made_flat is None:
            pending, known = [], self
            while known.made_flat is None:
                pending.append(known.level)
                known = known.lower
            beginning = [known.made_flat] if known.depth else []
            self.made_flat = flatten([*beginning, *pending[::-1]])
        return self.made_flat

    @property
    def lower(self) -> "LargeMap":
        """The map that its level lies on."""
        return self._lower if self._lower is not None else NO_MAP

    def get(self, cluster: int) -> Version | None:
        """Return the version of a cluster, or None where the map holds nothing."""
        version = int(self.lookup(np.array([cluster], dtype=np.int64))[0])
        return None if version == NOTHING else version

    def versions_at(self, clusters: ClusterSet) -> tuple[Version, ...]:
        """Return what some clusters read as, as one value to compare."""
        if not clusters:
            return ()
        wanted = np.fromiter(clusters, dtype=np.int64, count=len(clusters))
        return tuple(self.read(wanted).tolist())

    def mark(self) -> Hashable:
        """Return the highest version that is seen, if it is a workload's; maps read alike have it.

        A workload gives each of its writes a version of its own.
        """
        version = self.newest[0]
        return version if version >= WORKLOAD_FIRST else None

    @property
    def newest(self) -> tuple[Version, int]:
        """The highest version that is seen, and where."""
        pending, known = [], self
        while known.depth and known._shown is None:
            pending.append(known)
            if known.level.newest[0] >= known.lower.most:
                break
            known = known.lower
        shown = known._shown or (ZERO, NOTHING)
        for each in reversed(pending):
            own = each.level.newest
            if own[0] >= min(shown[0], each.lower.most):
                shown = own
            elif each.level.holds(shown[1]):
                shown = each.flat.newest
            each._shown = shown
        return shown

    def lookup(self, wanted: Integers) -> Integers:
        """Return the version of each wanted cluster, ``NOTHING`` where the map holds none.

        Args:
            wanted: Clusters in ascending order, each once.
        """
        found = np.full(len(wanted), NOTHING, dtype=np.int64)
        left = np.arange(len(wanted), dtype=np.int64)
        sought = wanted.astype(np.uint64) << VERSION_BITS
        each, probes = self, 0
        while each.depth and len(left):
            if each.made_flat is None and probes >= PROBES_MAX and each.depth % each._stride == 0:
                left = probe(each.flat, sought, left, found)
                break
            left = probe(each.made_flat or each.level, sought, left, found)
            if each.made_flat is not None:
                break
            each, probes = each.lower, probes + 1
        return found

    @property
    def _stride(self) -> int:
        """Among maps of about this depth, every how manyth may be made flat for looking up."""
        return max(STRIDE_MIN, 1 << max(self.depth.bit_length() - 5, 0))

    def clusters(self) -> LargeSet:
        """Return the clusters that the map holds something for."""
        return self.flat.clusters

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
        if scale < SCALE_MIN:
            yield from letters_in(self.flat.packed, scale).items()
            return
        pending, known = [], self
        while known.depth and (known._letters is None or known._letters[0] != scale):
            pending.append(known)
            known = known.lower
        letters: Mapping[int, str] = known._letters[1] if known._letters is not None else {}
        for each in reversed(pending):
            letters = each._lay_letters(letters, scale)
            each._letters = scale, letters
        yield from sorted(letters.items())

    def _lay_letters(self, below: Mapping[int, str], scale: int) -> Mapping[int, str]:
        """Return what the cells of a figure hold, by what those of the map below do."""
        own = self.level.letters(scale)
        if all(below.get(cell) == letter for cell, letter in own.items()):
            return below
        letters = {**below, **own}
        for cell, letter in own.items():
            # Of one letter only, it may hide all of another that is in the cell, or a part.
            if letter != MIXED and below.get(cell, letter) != letter:
                letters |= letters_in(self.flat.within(cell * scale, (cell + 1) * scale), scale)
        return letters

    def flattened(self) -> "LargeMap":
        """Return the same map as one level."""
        return type(self)(self.flat)

    def since(self, older: ClusterMap) -> "LargeMap | None":
        """Return the levels that were laid over an older state of this map."""
        if not isinstance(older, LargeMap):
            return None
        added, state = [], self
        while state.depth > older.depth:
            added.append(state.level)
            state = state.lower
        if part(state, older).apart:
            return None
        return _stack(added)

    def overlay(self, upper: ClusterMap) -> "LargeMap":
        """Return this map with another one laid over it: the upper one wins."""
        if not upper:
            return self
        above = _large_map(upper)
        if not self:
            return above
        if above.depth == 1:
            return LargeMap(above.level, self)
        # A chain is read at each instant, and its overlay has mostly grown by one level.
        pending, laid = [], self
        while above.depth:
            if above._onto is not None and above._onto[0] is self:
                laid = above._onto[1]
                break
            pending.append(above)
            above = above.lower
        for each in reversed(pending):
            laid = LargeMap(each.level, laid)
            each._onto = self, laid
        return laid

    def below(self, end: int) -> Self:
        """Return what the map holds before a place."""
        if end >= CLUSTERS_MAX:
            return self
        packed = self.flat.packed
        place = int(packed.searchsorted(np.uint64(end) << VERSION_BITS))
        return self if place == len(packed) else type(self)(Level(packed[:place]))

    def over(self, lower: ClusterMap) -> ClusterMap:
        """Return another map with this one laid over it: this one wins."""
        return _large_map(lower).overlay(self)

    def restrict(self, clusters: ClusterSet) -> "LargeMap":
        """Return what the map holds for some clusters."""
        wanted = enlarge(clusters)
        if not wanted or not self:
            return type(self)()
        top = top_of(self, wanted)
        if top is not None:
            made = self._grown_from(top.base, top.levels)
            made.made_flat = top.flat
            if made is not self:
                self._grown = top.base, made
            return made
        versions = self.lookup(wanted.array)
        held = versions != NOTHING
        return type(self)(pack(wanted.array[held], versions[held]))

    def _grown_from(self, base: "LargeMap", levels: list[Level]) -> "LargeMap":
        """Return its newest levels, which lie on a map; those that a backup copied are one."""
        if self._grown is not None and self._grown[0] is base:
            return self._grown[1]
        return _stack(levels) if base.depth else self

    def _data(self) -> LargeSet:
        """Return the clusters that hold data."""
        if self._tally is not None:
            return LargeSet(self._tally.clusters)
        flat = self.flat
        zeroes = flat.data_count < len(flat.packed)
        return LargeSet(flat.clusters.array[flat.versions != ZERO]) if zeroes else flat.clusters

    def differing(self, other: ClusterMap) -> LargeSet:
        """Return the clusters that read differently; zeroes and nothing read alike.

        Only levels between a common beginning and a common end can make a difference.
        """
        other = _large_map(other)
        if not other.depth:
            return self._data()
        parted = part(self, other)
        if not parted.apart or parted.hidden:
            return LargeSet(NO_CLUSTERS)
        levels = [*parted.mine, *parted.theirs]
        if parted.mine and parted.theirs:
            touched = _stack(levels).clusters()
        else:
            grown = parted.my if parted.mine else parted.their
            touched = grown._grown_from(parted.base, levels).clusters()
        if parted.grown:
            for level in parted.tops:
                touched = touched - level.clusters
            return touched
        return LargeSet(touched.array[self.read(touched.array) != other.read(touched.array)])

    def reads_like(self, other: ClusterMap) -> bool:
        """Whether every cluster reads the same; zeroes and nothing read alike.

        Most states that differ do so where one of them was written last: a few looks there
        spare a comparison of all.
        """
        other = _large_map(other)
        if self.mark() != other.mark():
            return False
        parted = part(self, other)
        if not parted.apart:
            return True
        sides = (parted.mine, parted.their), (parted.theirs, parted.my)
        if any(levels and is_seen(levels[0], lacking, parted.tops) for levels, lacking in sides):
            return False
        ends = [e for levels, _ in sides for e in {*levels[:1], *levels[-1:]}]
        if not parted.grown and not all(self._reads_alike(other, level) for level in ends):
            return False
        return not self.differing(other)

    def _reads_alike(self, other: "LargeMap", level: Level) -> bool:
        """Whether two maps read the same at a few clusters of a level."""
        clusters = (level.few >> VERSION_BITS).astype(np.int64)
        return np.array_equal(self.read(clusters), other.read(clusters))

    def read(self, wanted: Integers) -> Integers:
        """Return the version that each wanted cluster reads as; ``ZERO`` where there is nothing.

        Args:
            wanted: Clusters in ascending order, each once.
        """
        versions = self.lookup(wanted)
        versions[versions == NOTHING] = ZERO
        return versions


NO_MAP = LargeMap()


def _stack(levels: list[Level]) -> LargeMap:
    """Return the map of some levels, newest first."""
    made = NO_MAP
    for level in reversed(levels):
        made = LargeMap(level, made)
    return made


def _large_map(content: ClusterMap) -> LargeMap:
    """Return a map as a large one; that of a disk which was smaller once is not."""
    return content if isinstance(content, LargeMap) else LargeMap.of(dict(content.items()))
