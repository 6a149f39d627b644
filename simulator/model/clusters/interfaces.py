"""What sets of clusters, and maps from cluster to version, can do, whatever stands behind them."""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Sequence
from typing import TypeAlias

Version: TypeAlias = int
"""Who wrote a cluster last: ``ZERO``, a letter by its code point, or a workload's write."""

ZERO: Version = 0
"""Explicit zeroes. They read like a cluster never written, but hide what lies below."""

DAMAGED: Version = ord("?")
"""What nobody wrote: a stored cluster that has gone bad."""

WORKLOAD_FIRST: Version = 256
"""The version of a workload's first write; smaller ones are letters."""

CLUSTERS_MAX = 1 << 34
"""The largest disk: one PiB of 64 KiB clusters. Source: 34 bits of a packed entry."""

VERSIONS_MAX = 1 << 30
"""The number of versions that a packed entry can tell apart."""

SMALL_MAX = 4096
"""The largest disk, in clusters, that is kept in Python's own integers and dicts."""


class ClusterSet(ABC):
    """Some of the clusters (or granules) of a disk. Immutable; iterates in ascending order."""

    __slots__ = ()

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def __iter__(self) -> Iterator[int]: ...

    @abstractmethod
    def __contains__(self, cluster: object) -> bool: ...

    @property
    @abstractmethod
    def last(self) -> int:
        """The highest cluster; -1 without any."""

    @abstractmethod
    def __or__(self, other: "ClusterSet") -> "ClusterSet": ...

    @abstractmethod
    def __and__(self, other: "ClusterSet") -> "ClusterSet": ...

    @abstractmethod
    def __sub__(self, other: "ClusterSet") -> "ClusterSet": ...

    @abstractmethod
    def below(self, end: int) -> "ClusterSet":
        """Return those that come before a place, as when a disk shrinks."""

    def __bool__(self) -> bool:
        return len(self) > 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ClusterSet):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash(len(self))

    def __repr__(self) -> str:
        shown = ", ".join(f"{first}+{count}" for first, count in self.runs())
        return f"{type(self).__name__}({shown})"

    def runs(self) -> Iterator[tuple[int, int]]:
        """Yield ``(first, length)`` of each run of neighbours, ascending."""
        first = length = 0
        for cluster in self:
            if length and cluster == first + length:
                length += 1
                continue
            if length:
                yield first, length
            first, length = cluster, 1
        if length:
            yield first, length

    def cells(self, scale: int) -> Iterator[int]:
        """Yield the cells of a figure that these clusters touch; one may come several times.

        Args:
            scale: How many clusters a cell stands for.
        """
        for first, count in self.runs():
            yield from range(first // scale, (first + count - 1) // scale + 1)

    def listed(self) -> Sequence[int]:
        """Return the clusters in ascending order, to be searched."""
        return [*self]

    def flattened(self) -> "ClusterSet":
        """Return the same set in the form that is read fastest."""
        return self

    def filled(self, version: Version) -> "ClusterMap | None":
        """Return a map in which all of these hold one version.

        Returns:
            None for a set whose maps are made one cluster after the other.
        """
        return None

    def since(self, older: "ClusterSet") -> "ClusterSet | None":
        """Return what an older state of this set lacks, and maybe more of this set.

        Returns:
            None where this is no later state of it, as far as can be told at once.
        """
        return None


class ClusterMap(ABC):
    """What some clusters hold: a version each. A cluster that is not in the map falls through."""

    __slots__ = ()

    @abstractmethod
    def __len__(self) -> int: ...

    @property
    @abstractmethod
    def data_count(self) -> int:
        """The number of clusters that hold data; explicit zeroes are none."""

    @abstractmethod
    def get(self, cluster: int) -> Version | None:
        """Return the version of a cluster, or None where the map holds nothing."""

    @abstractmethod
    def versions_at(self, clusters: ClusterSet) -> tuple[Version, ...]:
        """Return what some clusters read as, in ascending order, as one value to compare."""

    def mark(self) -> Hashable:
        """Return what maps that read alike have in common, told at once; others seldom have it."""
        return None

    @abstractmethod
    def clusters(self) -> ClusterSet:
        """Return the clusters that the map holds something for."""

    @abstractmethod
    def items(self) -> Iterator[tuple[int, Version]]:
        """Yield ``(cluster, version)`` in ascending order of clusters."""

    @abstractmethod
    def overlay(self, upper: "ClusterMap") -> "ClusterMap":
        """Return this map with another one laid over it: the upper one wins.

        self  |AAAA----|    upper |---BBB--|    result |AAABBB--|
        """

    def over(self, lower: "ClusterMap") -> "ClusterMap":
        """Return another map with this one laid over it: this one wins."""
        return lower.overlay(self)

    @abstractmethod
    def restrict(self, clusters: ClusterSet) -> "ClusterMap":
        """Return what the map holds for some clusters."""

    @abstractmethod
    def below(self, end: int) -> "ClusterMap":
        """Return what the map holds before a place, as when a disk shrinks."""

    @abstractmethod
    def differing(self, other: "ClusterMap") -> ClusterSet:
        """Return the clusters that read differently; zeroes and nothing read alike."""

    def reads_like(self, other: "ClusterMap") -> bool:
        """Whether every cluster reads the same; zeroes and nothing read alike."""
        return not self.differing(other)

    def __bool__(self) -> bool:
        return len(self) > 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ClusterMap):
            return NotImplemented
        return len(self) == len(other) and all(
            a == b for a, b in zip(self.items(), other.items(), strict=True)
        )

    def __hash__(self) -> int:
        return hash(len(self))

    def __repr__(self) -> str:
        shown = ", ".join(f"{first}+{count}:{version}" for first, count, version in self.runs())
        return f"{type(self).__name__}({shown})"

    def runs(self) -> Iterator[tuple[int, int, Version]]:
        """Yield ``(first, length, version)`` of each run of neighbours that hold the same."""
        first = length = 0
        held = ZERO
        for cluster, version in self.items():
            if length and cluster == first + length and version == held:
                length += 1
                continue
            if length:
                yield first, length, held
            first, length, held = cluster, 1, version
        if length:
            yield first, length, held

    def cells(self, scale: int) -> Iterator[tuple[int, str]]:
        """Yield cells of a figure with what they hold; one may come several times.

        Args:
            scale: How many clusters a cell stands for; ``*`` stands for several versions.
        """
        for first, count, version in self.runs():
            letter = letter_of(version)
            for cell in range(first // scale, (first + count - 1) // scale + 1):
                yield cell, letter

    def flattened(self) -> "ClusterMap":
        """Return the same map in the form that is read fastest."""
        return self

    def since(self, older: "ClusterMap") -> "ClusterMap | None":
        """Return what was laid over an older state of this map to make it.

        Returns:
            None where that cannot be told at once.
        """
        return None


def letter_of(version: Version) -> str:
    """Return the one character that a figure shows for a version.

    Workload writes share ``*``: a figure cannot tell a million writes apart, the run document can.
    """
    if version == ZERO:
        return "0"
    return chr(version) if version < WORKLOAD_FIRST else "*"


def tag_of(version: Version) -> str:
    """Return the name of a version in the run document: ``0``, a letter, or ``#`` and a number."""
    return letter_of(version) if version < WORKLOAD_FIRST else f"#{version - WORKLOAD_FIRST}"
