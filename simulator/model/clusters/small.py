"""Sets and maps of clusters for small disks: Python integers as bit sets, and dicts."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Self

from simulator.model.clusters.interfaces import ZERO, ClusterMap, ClusterSet, Version
from simulator.values import dataclass


@dataclass(frozen=True, slots=True)
class SmallSet(ClusterSet):
    """A set of clusters as the bits of one integer.

    >>> sorted(SmallSet.of([5, 3]) | SmallSet.of([4]))
    [3, 4, 5]
    """

    bits: int = 0

    @classmethod
    def of(cls, clusters: Iterable[int]) -> Self:
        """Return the set of some clusters."""
        bits = 0
        for cluster in clusters:
            bits |= 1 << cluster
        return cls(bits)

    def __len__(self) -> int:
        return self.bits.bit_count()

    def __bool__(self) -> bool:
        return self.bits != 0

    def __iter__(self) -> Iterator[int]:
        bits = self.bits
        while bits:
            low = bits & -bits
            yield low.bit_length() - 1
            bits ^= low

    def runs(self) -> Iterator[tuple[int, int]]:
        """Yield ``(first, length)`` of each run of neighbours, ascending."""
        bits, place = self.bits, 0
        while bits:
            gap = (bits & -bits).bit_length() - 1
            bits >>= gap
            length = (~bits & bits + 1).bit_length() - 1
            yield place + gap, length
            bits >>= length
            place += gap + length

    def since(self, older: ClusterSet) -> ClusterSet | None:
        """Return just what an older state of this set lacks; None where this is no later one."""
        if not isinstance(older, SmallSet) or older.bits & ~self.bits:
            return None
        return type(self)(self.bits & ~older.bits)

    def __contains__(self, cluster: object) -> bool:
        return isinstance(cluster, int) and bool(self.bits >> cluster & 1)

    @property
    def last(self) -> int:
        """The highest cluster; -1 without any."""
        return self.bits.bit_length() - 1

    def __or__(self, other: ClusterSet) -> ClusterSet:
        if not isinstance(other, SmallSet):
            return other | self
        bits = self.bits | other.bits
        return self if bits == self.bits else type(self)(bits)

    def __and__(self, other: ClusterSet) -> ClusterSet:
        if not isinstance(other, SmallSet):
            return other & self
        return type(self)(self.bits & other.bits)

    def __sub__(self, other: ClusterSet) -> ClusterSet:
        if not isinstance(other, SmallSet):
            return type(self).of(cluster for cluster in self if cluster not in other)
        return type(self)(self.bits & ~other.bits)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SmallSet):
            return ClusterSet.__eq__(self, other)
        return self.bits == other.bits

    def below(self, end: int) -> "SmallSet":
        """Return those that come before a place."""
        return type(self)(self.bits & ((1 << end) - 1))

    __hash__ = ClusterSet.__hash__

    def rescale(self, numerator: int, denominator: int, length: int) -> Self:
        """Return the units of another size that these units touch."""
        return self.of(
            unit
            for cluster in self
            for unit in range(
                cluster * numerator // denominator,
                cluster * numerator // denominator + numerator,
            )
            if unit < length
        )


class SmallMap(ClusterMap):
    """What clusters hold, as a dict that nobody changes.

    >>> base, upper = SmallMap.of({0: 65, 3: 65}), SmallMap.of({3: 66})
    >>> dict(base.overlay(upper).items())
    {0: 65, 3: 66}
    """

    __slots__ = ("_clusters", "_versions")

    def __init__(self, versions: dict[int, Version]) -> None:
        self._versions = versions
        self._clusters: SmallSet | None = None

    @classmethod
    def of(cls, versions: Mapping[int, Version]) -> Self:
        """Return the map of some versions by cluster."""
        return cls(dict(versions))

    def __len__(self) -> int:
        return len(self._versions)

    @property
    def data_count(self) -> int:
        """The number of clusters that hold data; explicit zeroes are none."""
        return sum(version != ZERO for version in self._versions.values())

    def get(self, cluster: int) -> Version | None:
        """Return the version of a cluster, or None where the map holds nothing."""
        return self._versions.get(cluster)

    def versions_at(self, clusters: ClusterSet) -> tuple[Version, ...]:
        """Return what some clusters read as, as one value to compare."""
        return tuple(self._versions.get(cluster, ZERO) for cluster in clusters)

    def clusters(self) -> SmallSet:
        """Return the clusters that the map holds something for."""
        if self._clusters is None:
            self._clusters = SmallSet.of(self._versions)
        return self._clusters

    def items(self) -> Iterator[tuple[int, Version]]:
        """Yield ``(cluster, version)`` in ascending order of clusters."""
        return iter(sorted(self._versions.items()))

    def overlay(self, upper: ClusterMap) -> ClusterMap:
        """Return this map with another one laid over it: the upper one wins."""
        if not isinstance(upper, SmallMap):
            return upper.over(self)
        return type(self)(self._versions | upper._versions) if upper._versions else self

    def restrict(self, clusters: ClusterSet) -> Self:
        """Return what the map holds for some clusters."""
        versions = self._versions
        if not versions:
            return self
        return type(self)({c: versions[c] for c in clusters if c in versions})

    def below(self, end: int) -> Self:
        """Return what the map holds before a place."""
        return type(self)({c: version for c, version in self._versions.items() if c < end})

    def differing(self, other: ClusterMap) -> ClusterSet:
        """Return the clusters that read differently; zeroes and nothing read alike."""
        if not isinstance(other, SmallMap):
            return other.differing(self)
        mine, theirs = self._versions, other._versions
        if mine == theirs:
            return SmallSet()
        return SmallSet.of(
            cluster
            for cluster in mine.keys() | theirs.keys()
            if mine.get(cluster, ZERO) != theirs.get(cluster, ZERO)
        )
