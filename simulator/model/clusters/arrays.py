"""Sets of clusters for large disks: sorted NumPy arrays, whose cost follows what was written."""

from collections.abc import Iterable, Iterator, Sequence, Sized
from math import log2
from typing import Literal, Self, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from simulator.model.clusters.interfaces import ClusterSet

Integers: TypeAlias = npt.NDArray[np.int64]

STATES_MAX = 4096
"""So many states of a set are looked through for an older one."""

NO_CLUSTERS: Integers = np.empty(0, dtype=np.int64)


FEW_IN = 32
"""So many times fewer clusters are put into their places among others, rather than sorted in."""


MERGES_MAX = 2
"""Where each value is merged so often on average, or less, to merge is quicker than to sort."""


def sorting_of(runs: Sequence[Sized]) -> Literal["stable", "quicksort"]:
    """Return how NumPy sorts ascending arrays that stand one behind the other.

    Its stable sort finds such runs and only merges them; the other one is told by the processor.
    """
    counts = [len(run) for run in runs if len(run)]
    whole = sum(counts)
    merges = sum(count * log2(whole / count) for count in counts)
    return "stable" if merges <= MERGES_MAX * whole else "quicksort"


def united(runs: Sequence[Integers]) -> Integers:
    """Return the values of ascending arrays in ascending order, each once."""
    values = np.concatenate(runs)
    values.sort(kind=sorting_of(runs))
    return each_once(values)


def sorted_unique(values: Integers) -> Integers:
    """Return an array in ascending order, each value once."""
    return each_once(np.sort(values))


def each_once(ordered: Integers) -> Integers:
    """Return the values of an ascending array, each once."""
    if len(ordered) < 2:
        return ordered
    keep = np.empty(len(ordered), dtype=bool)
    keep[0] = True
    np.not_equal(ordered[1:], ordered[:-1], out=keep[1:])
    return ordered[keep]


def _with(many: Integers, few: Integers) -> Integers:
    """Return the values of both of two arrays, which are ascending, each once."""
    places = many.searchsorted(few)
    fresh = many[np.minimum(places, len(many) - 1)] != few
    return np.insert(many, places[fresh], few[fresh])


def _cells_in(ordered: Integers, scale: int) -> Integers:
    """Return the cells of a figure that some clusters touch, ascending."""
    first, last = (ordered[[0, -1]] // scale).tolist() if len(ordered) else (0, -1)
    if last - first > len(ordered) // FEW_IN:
        return each_once(ordered // scale)
    begins = ordered.searchsorted(np.arange(first, last + 1, dtype=np.int64) * scale)
    return np.flatnonzero(np.diff(begins, append=len(ordered))) + first


class LargeSet(ClusterSet):
    """A set of clusters as a sorted array, united from its parts when somebody first looks.

    A bitmap that records for a hundred windows is a hundred links, each to the set before it and to
    what one window added, until it is read.
    """

    __slots__ = ("_array", "_cells", "_older", "_part")

    def __init__(
        self,
        array: Integers | None,
        older: "LargeSet | None" = None,
        part: "LargeSet | None" = None,
    ) -> None:
        """Make a set of an array, or of two sets.

        Args:
            array: The clusters in ascending order, each once; None where there are two sets.
        """
        self._array, self._older, self._part = array, older, part
        self._cells: tuple[int, tuple[int, ...]] | None = None

    @classmethod
    def of(cls, clusters: Iterable[int]) -> Self:
        """Return the set of some clusters."""
        return cls(sorted_unique(np.fromiter(clusters, dtype=np.int64)))

    @property
    def array(self) -> Integers:
        """The clusters in ascending order, each once."""
        if self._array is None:
            arrays = list(self._arrays())
            most = max(arrays, key=len)
            if len(most) > FEW_IN * (sum(map(len, arrays)) - len(most)):
                few = united([array for array in arrays if array is not most])
                self._array = _with(most, few)
            else:
                self._array = united(arrays)
        return self._array

    def _arrays(self) -> Iterator[Integers]:
        """Yield the arrays that it is made of, the newest first."""
        return (part.array for part in self.parts())

    def parts(self) -> Iterator["LargeSet"]:
        """Yield the sets that it is made of, the newest first, without uniting them."""
        left: LargeSet | None = self
        while left is not None:
            if left._array is not None:
                yield left
                return
            if left._part is not None:
                yield left._part
            left = left._older

    def take(self, united: "LargeSet") -> None:
        """Take the array of a set that was united from the same parts."""
        self._array = united.array

    def __len__(self) -> int:
        return len(self.array)

    def __bool__(self) -> bool:
        return self._array is None or len(self._array) > 0

    def __iter__(self) -> Iterator[int]:
        return iter(self.array.tolist())

    def __contains__(self, cluster: object) -> bool:
        if not isinstance(cluster, int):
            return False
        place = int(np.searchsorted(self.array, cluster))
        return place < len(self.array) and int(self.array[place]) == cluster

    @property
    def last(self) -> int:
        """The highest cluster; -1 without any."""
        return int(self.array[-1]) if len(self.array) else -1

    def __or__(self, other: ClusterSet) -> "LargeSet":
        large = other if isinstance(other, LargeSet) else LargeSet.of(other)
        if large._array is not None and not len(large._array):
            return self
        if self._array is not None and not len(self._array):
            return large
        return LargeSet(None, self, large)

    def __and__(self, other: ClusterSet) -> "LargeSet":
        common = np.intersect1d(self.array, enlarge(other).array, assume_unique=True)
        return type(self)(common)

    def __sub__(self, other: ClusterSet) -> "LargeSet":
        large = enlarge(other)
        if self.array is large.array or np.array_equal(self.array, large.array):
            return type(self)(NO_CLUSTERS)
        if not len(large.array):
            return self
        places = np.minimum(np.searchsorted(large.array, self.array), len(large.array) - 1)
        return type(self)(self.array[large.array[places] != self.array])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LargeSet):
            return ClusterSet.__eq__(self, other)
        return np.array_equal(self.array, other.array)

    def below(self, end: int) -> "LargeSet":
        """Return those that come before a place."""
        place = int(np.searchsorted(self.array, end))
        return self if place == len(self.array) else type(self)(self.array[:place])

    __hash__ = ClusterSet.__hash__

    def runs(self) -> Iterator[tuple[int, int]]:
        """Yield ``(first, length)`` of each run of neighbours, ascending."""
        array = self.array
        if not len(array):
            return
        starts = np.concatenate(([0], np.flatnonzero(np.diff(array) != 1) + 1))
        ends = np.concatenate((starts[1:], [len(array)]))
        yield from zip(array[starts].tolist(), (ends - starts).tolist(), strict=True)

    def cells(self, scale: int) -> Iterator[int]:
        """Yield the cells of a figure that these clusters touch, without uniting them first."""
        for part in self.parts():
            yield from part._own_cells(scale)

    def _own_cells(self, scale: int) -> tuple[int, ...]:
        """Return its cells; every bitmap of a window asks for those of the same set."""
        if self._cells is None or self._cells[0] != scale:
            self._cells = scale, tuple(_cells_in(self.array, scale).tolist())
        return self._cells[1]

    def listed(self) -> Sequence[int]:
        """Return the clusters in ascending order, to be searched: an array, not a list."""
        return cast("Sequence[int]", self.array)

    def flattened(self) -> "LargeSet":
        """Return the same set as one array."""
        return self if self._older is None else type(self)(self.array)

    def since(self, older: ClusterSet) -> "LargeSet | None":
        """Return what was added to an older state of this set; None where this is no later one."""
        if self._older is older and self._part is not None:
            return self._part
        added, state = LargeSet(NO_CLUSTERS), self
        for _ in range(STATES_MAX):
            if state is older:
                return added
            if state._older is None or state._part is None:
                return None
            added, state = added | state._part, state._older
        return None

    def rescale(self, numerator: int, denominator: int, length: int) -> Self:
        """Return the units of another size that these units touch."""
        if denominator > 1:
            units = each_once(self.array // denominator)
        else:
            units = (self.array[:, None] * numerator + np.arange(numerator)).ravel()
        return type(self)(units[units < length])


def enlarge(clusters: ClusterSet) -> LargeSet:
    """Return a set as a large one; that of a disk which was smaller once is not."""
    return clusters if isinstance(clusters, LargeSet) else LargeSet.of(clusters)
