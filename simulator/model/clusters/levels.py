"""Levels of a map of clusters: what one window of writes left, as packed entries.

An entry is one integer, ``cluster << 30 | version``: sorting entries sorts clusters, and the newest
write of a cluster comes last.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from threading import local
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from simulator.model.clusters.arrays import FEW_IN, Integers, LargeSet, sorting_of
from simulator.model.clusters.interfaces import (
    CLUSTERS_MAX,
    VERSIONS_MAX,
    WORKLOAD_FIRST,
    ZERO,
    Version,
    letter_of,
)
from simulator.values import NamedTuple

Packed: TypeAlias = npt.NDArray[np.uint64]
Flags: TypeAlias = npt.NDArray[np.bool_]

VERSION_BITS = np.uint64(30)
VERSION_MASK = np.uint64(VERSIONS_MAX - 1)
MIXED = letter_of(WORKLOAD_FIRST)
TALLY_MAX = 64
"""A stretch of so many clusters an entry, or of fewer, is counted by a table."""

TABLE_MAX = 1 << 23
"""So many clusters, and writes, at most: then the last write of each is found by a table."""

SAMPLE, ONCE = 1024, 0.9
"""So many writes tell whether clusters are written again: fewer than this share are others."""

DENSE_MAX = 8
"""A stretch of so many clusters an entry, or of fewer, is made flat by a table."""

LOOKS_MAX = 64
"""So many clusters of a level are looked at before two maps are compared in full."""

_KEPT = local()

NOTHING = -1
"""Stands in an array of versions where a map holds nothing."""

assert CLUSTERS_MAX * VERSIONS_MAX == 1 << 64, "a packed entry fills 64 bits"


class Level:
    """The newest writes of one window, as packed entries in ascending order."""

    def __init__(self, packed: Packed) -> None:
        self.packed = packed
        self._letters: tuple[int, Mapping[int, str]] | None = None

    @cached_property
    def clusters(self) -> LargeSet:
        """The clusters written, as a set that every bitmap of the window shares."""
        return LargeSet((self.packed >> VERSION_BITS).astype(np.int64))

    @property
    def versions(self) -> Integers:
        """The version of each cluster, in the order of the clusters."""
        return (self.packed & VERSION_MASK).astype(np.int64)

    @property
    def few(self) -> Packed:
        """A few entries, from all over it."""
        return self.packed[:: len(self.packed) // LOOKS_MAX + 1]

    @property
    def first(self) -> int:
        """The lowest cluster."""
        return int(self.packed[0] >> VERSION_BITS)

    @property
    def last(self) -> int:
        """The highest cluster."""
        return int(self.packed[-1] >> VERSION_BITS)

    @cached_property
    def newest(self) -> tuple[Version, int]:
        """The highest version, and a cluster that holds it."""
        place = int((self.packed & VERSION_MASK).argmax())
        entry = int(self.packed[place])
        return entry & (VERSIONS_MAX - 1), entry >> int(VERSION_BITS)

    @cached_property
    def oldest(self) -> Version:
        """The lowest version."""
        return int((self.packed & VERSION_MASK).min())

    @cached_property
    def data_count(self) -> int:
        """The number of clusters that hold data; explicit zeroes are none."""
        return int(np.count_nonzero(self.packed & VERSION_MASK))

    def holds(self, cluster: int) -> bool:
        """Whether it has an entry for a cluster."""
        place = int(self.packed.searchsorted(np.uint64(cluster) << VERSION_BITS))
        return place < len(self.packed) and int(self.packed[place] >> VERSION_BITS) == cluster

    def letters(self, scale: int) -> Mapping[int, str]:
        """Return what each cell of a figure holds that it touches, ascending."""
        if self._letters is None or self._letters[0] != scale:
            plain = len(self.packed) > 0 and self.oldest >= WORKLOAD_FIRST
            drawn = _touched(self.packed, scale) if plain else letters_in(self.packed, scale)
            self._letters = scale, MappingProxyType(drawn)
        return self._letters[1]

    def within(self, first: int, end: int) -> Packed:
        """Return the entries of the clusters in a range."""
        bounds = np.array([first, end], dtype=np.uint64) << VERSION_BITS
        begun, ended = self.packed.searchsorted(bounds).tolist()
        return self.packed[begun : ended if end < CLUSTERS_MAX else None]


def _touched(packed: Packed, scale: int) -> dict[int, str]:
    """Return the cells of a figure that the entries of a workload touch."""
    first, last = (int(entry >> VERSION_BITS) // scale for entry in packed[[0, -1]])
    begins = np.arange(first, last + 1, dtype=np.uint64) * np.uint64(scale) << VERSION_BITS
    places = packed.searchsorted(begins)
    touched = np.flatnonzero(np.diff(places, append=len(packed))) + first
    return dict.fromkeys(touched.tolist(), MIXED)


def letters_in(packed: Packed, scale: int) -> dict[int, str]:
    """Return what each cell of a figure holds that some entries touch, ascending."""
    if not len(packed):
        return {}
    cells = (packed >> VERSION_BITS) // np.uint64(scale)
    versions = np.minimum(packed & VERSION_MASK, np.uint64(WORKLOAD_FIRST))
    starts = np.flatnonzero(np.concatenate(([True], cells[1:] != cells[:-1])))
    least, most = np.minimum.reduceat(versions, starts), np.maximum.reduceat(versions, starts)
    held = np.where(least == most, least, np.uint64(WORKLOAD_FIRST))
    return dict(zip(cells[starts].tolist(), map(letter_of, held.tolist()), strict=True))


def pack(clusters: Integers, versions: Integers) -> Level:
    """Return the level of some writes, of which the highest version of a cluster is the newest."""
    packed = clusters.astype(np.uint64)
    packed <<= VERSION_BITS
    packed |= versions.view(np.uint64)
    packed.sort()
    return Level(_newest_of(packed))


def pack_in_time(
    clusters: Integers, first: Version, zeroes: Flags | None = None, which: Flags | None = None
) -> Level:
    """Return the level of some writes in the order of time, the versions of which go one by one.

    Args:
        clusters: The cluster of each write.
        first: Version of the first write.
        zeroes: Which of the writes are of zeroes; None for none.
        which: Those that count; None for all.
    """
    if which is None:
        level = _pack_all(clusters, first)
    else:
        level = pack(clusters[which], np.flatnonzero(which) + first)
    if zeroes is not None and len(level.packed):
        # Which write is the newest is told by its version, so zeroes get theirs last.
        level.packed[zeroes[level.versions - first]] &= ~VERSION_MASK
    return level


def _pack_all(clusters: Integers, first: Version) -> Level:
    last = _last_of_each(clusters)
    if last is None:
        return pack(clusters, np.arange(first, first + len(clusters), dtype=np.int64))
    packed = clusters.take(last)
    packed <<= int(VERSION_BITS)
    last += first
    packed |= last
    packed.sort()
    return Level(packed.view(np.uint64))


def _last_of_each(clusters: Integers) -> Integers | None:
    """Return the numbers of the writes that are the last ones of their clusters.

    Where clusters are written again and again, few are left to be sorted.

    Returns:
        None where to sort all of them is quicker.
    """
    count = len(clusters)
    sample = clusters[:SAMPLE].tolist()
    if count < 2 * SAMPLE or len({*sample}) > SAMPLE * ONCE:
        return None
    end = int(clusters.max()) + 1
    if end > TABLE_MAX or count > TABLE_MAX:
        return None
    table, numbers = _table_of(end), _numbers_of(count)
    table[clusters] = numbers
    later = table.take(clusters)
    later -= numbers
    # Of the values for one place NumPy does not promise which one stays.
    return np.flatnonzero(later == 0) if int(later.min()) == 0 else None


def _table_of(size: int) -> npt.NDArray[np.int32]:
    """Return a table in which anything may stand, of so many places at least.

    Each thread keeps its own: memory that is new costs more than what is done with it.
    """
    table: npt.NDArray[np.int32] | None = getattr(_KEPT, "table", None)
    if table is None or len(table) < size:
        table = _KEPT.table = np.empty(size, dtype=np.int32)
    return table


def _numbers_of(count: int) -> npt.NDArray[np.int32]:
    """Return the numbers from 0 on, so many of them; they are kept for the same reason."""
    numbers: npt.NDArray[np.int32] | None = getattr(_KEPT, "numbers", None)
    if numbers is None or len(numbers) < count:
        numbers = _KEPT.numbers = np.arange(count, dtype=np.int32)
    return numbers[:count]


def _newest_of(packed: Packed) -> Packed:
    """Return the last entry of each cluster."""
    if len(packed) < 2:
        return packed
    last = np.empty(len(packed), dtype=bool)
    last[-1] = True
    cluster = packed >> VERSION_BITS
    np.not_equal(cluster[1:], cluster[:-1], out=last[:-1])
    return packed[last]


class Tally(NamedTuple):
    """Which clusters of a stretch of the disk hold data, as a table that is used up.

    Attributes:
        first: The stretch's first cluster.
        held: Whether each one does.
    """

    first: int
    held: npt.NDArray[np.bool_]

    @property
    def total(self) -> int:
        """How many of them do."""
        return int(np.count_nonzero(self.held))

    @property
    def clusters(self) -> Integers:
        """Which of them do, ascending."""
        held = np.flatnonzero(self.held)
        held += self.first
        return held


def tally(levels: Sequence[Level], known: Tally | None) -> Tally | None:
    """Return which clusters some levels hold; None with zeroes, or far too large a stretch.

    Args:
        levels: At least one, none of them empty.
        known: What those below them hold.
    """
    if any(level.oldest == ZERO for level in levels):
        return None
    first = min(level.first for level in levels)
    end = max(level.last for level in levels) + 1
    entries = sum(len(level.packed) for level in levels)
    if known is not None:
        first, end = min(first, known.first), max(end, known.first + len(known.held))
        entries += len(known.held) // TALLY_MAX
    if end - first > TALLY_MAX * entries:
        return None
    if known is not None and end - first == len(known.held):
        held = known.held
    else:
        held = np.zeros(end - first, dtype=bool)
        if known is not None:
            held[known.first - first :][: len(known.held)] = known.held
    for level in levels:
        held[level.clusters.array - first] = True
    return Tally(first, held)


def flatten(levels: Sequence[Level]) -> Level:
    """Return one level that holds what the newest of many holds, cluster by cluster.

    Args:
        levels: At least one, oldest first, none of them empty.
    """
    if len(levels) == 1:
        return levels[0]
    first = min(level.first for level in levels)
    span = max(level.last for level in levels) + 1 - first
    if span <= DENSE_MAX * sum(len(level.packed) for level in levels):
        return _flatten_dense(levels, first, span)
    upper = sum(len(level.packed) for level in levels[1:])
    if len(levels[0].packed) > FEW_IN * upper:
        return merge(levels[0], flatten(levels[1:]))
    newest = len(levels[-1].packed)
    if newest > FEW_IN * (len(levels[0].packed) + upper - newest):
        return merge(flatten(levels[:-1]), levels[-1])
    packed = np.concatenate([level.packed for level in levels])
    kind = sorting_of([level.packed for level in levels])
    if all(lower.newest[0] < upper.oldest for lower, upper in pairwise(levels)):
        packed.sort(kind=kind)
        return Level(_newest_of(packed))
    assert len(packed) <= VERSIONS_MAX, "there are no more changes than versions"
    # By cluster, then by place: of equal clusters the one from the newest level comes last,
    # whatever its version. Letters and zeroes are small numbers even when they are the newest.
    order = packed & ~VERSION_MASK
    order |= np.arange(len(packed), dtype=np.uint64)
    order.sort(kind=kind)
    return Level(packed[_newest_of(order) & VERSION_MASK])


def _flatten_dense(levels: Sequence[Level], first: int, span: int) -> Level:
    """Return the same by a table of a stretch of the disk, where much of it was written."""
    table = np.zeros(span, dtype=np.uint32)
    for level in levels:
        places = level.packed >> VERSION_BITS
        places -= np.uint64(first)
        versions = (level.packed & VERSION_MASK).astype(np.uint32)
        versions += np.uint32(1)
        table[places.view(np.int64)] = versions
    held = np.flatnonzero(table != 0)
    packed = held.astype(np.uint64)
    packed += np.uint64(first)
    packed <<= VERSION_BITS
    kept = table[held]
    kept -= np.uint32(1)
    packed |= kept
    return Level(packed)


def merge(lower: Level, upper: Level) -> Level:
    """Return one level that holds what the upper of two holds, and what the lower has beside it.

    The entries of the shorter one are put into their places in the longer one.
    """
    if not len(lower.packed):
        return upper
    below = len(lower.packed) < len(upper.packed)
    few, packed = (lower.packed, upper.packed) if below else (upper.packed, lower.packed)
    places = packed.searchsorted(few & ~VERSION_MASK)
    there = packed[np.minimum(places, len(packed) - 1)] >> VERSION_BITS
    known = there == few >> VERSION_BITS
    if not below:
        packed = packed.copy()
        packed[places[known]] = few[known]
    added = few[~known]
    if not len(added):
        return upper if below else Level(packed)
    joined = np.empty(len(packed) + len(added), dtype=np.uint64)
    between = places[~known] + np.arange(len(added))
    kept = np.ones(len(joined), dtype=bool)
    kept[between] = False
    joined[between] = added
    joined[kept] = packed
    return Level(joined)


def probe(level: Level, wanted: Packed, left: Integers, found: Integers) -> Integers:
    """Write what a level holds into *found*, and return the places that are left to find.

    Args:
        wanted: Clusters where entries have them, ascending.
    """
    packed = level.packed
    if not len(packed):
        return left
    sought = wanted[left]
    entries = packed[np.minimum(packed.searchsorted(sought), len(packed) - 1)]
    hit = entries & ~VERSION_MASK == sought
    found[left[hit]] = (entries[hit] & VERSION_MASK).astype(np.int64)
    missed: Integers = left[~hit]
    return missed
