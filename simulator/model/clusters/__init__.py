"""Sets of clusters, and maps from cluster to version: the content of every image and bitmap.

Two implementations stand behind the two interfaces here. Disks of up to 4,096 clusters use Python
integers and dicts and never import NumPy; larger ones use sorted arrays, whose cost follows what
was written and not the size of the disk. A caller makes values with :func:`set_of`, :func:`map_of`
and :func:`range_of`. Values of both may meet, as where a disk grows: the result is a large one.
"""

from collections.abc import Iterable, Mapping

from simulator.model.clusters.interfaces import (
    CLUSTERS_MAX,
    DAMAGED,
    SMALL_MAX,
    VERSIONS_MAX,
    WORKLOAD_FIRST,
    ZERO,
    ClusterMap,
    ClusterSet,
    Version,
    letter_of,
    tag_of,
)
from simulator.model.clusters.small import SmallMap, SmallSet

__all__ = [
    "CLUSTERS_MAX",
    "DAMAGED",
    "SMALL_MAX",
    "VERSIONS_MAX",
    "WORKLOAD_FIRST",
    "ZERO",
    "ClusterMap",
    "ClusterSet",
    "Version",
    "letter_of",
    "map_all",
    "map_of",
    "range_of",
    "rescale",
    "set_of",
    "tag_of",
]


def set_of(length: int, clusters: Iterable[int] = ()) -> ClusterSet:
    """Return a set of clusters of a disk.

    Args:
        length: Number of clusters of the disk; it chooses the implementation.
        clusters: Each in ``range(length)``, in any order.
    """
    if length <= SMALL_MAX:
        return SmallSet.of(clusters)
    from simulator.model.clusters.arrays import LargeSet

    return LargeSet.of(clusters)


def map_of(length: int, versions: Mapping[int, Version] | None = None) -> ClusterMap:
    """Return a map from cluster to version for a disk of *length* clusters."""
    if length <= SMALL_MAX:
        return SmallMap.of(versions or {})
    from simulator.model.clusters.large import LargeMap

    return LargeMap.of(versions) if versions else LargeMap()


def range_of(length: int, first: int, count: int, version: Version) -> ClusterMap:
    """Return a map in which *count* clusters from *first* on hold one version."""
    if length <= SMALL_MAX:
        return SmallMap.of(dict.fromkeys(range(first, first + count), version))
    from simulator.model.clusters.large import LargeMap

    return LargeMap.range(first, count, version)


def map_of_runs(length: int, runs: Iterable[tuple[int, int, Version]]) -> ClusterMap:
    """Return a map of runs that do not touch the same cluster: the first, how many, the version."""
    if length <= SMALL_MAX:
        return SmallMap.of({c: v for first, n, v in runs for c in range(first, first + n)})
    from simulator.model.clusters.large import LargeMap

    return LargeMap.of_runs(runs)


def map_all(length: int, clusters: ClusterSet, version: Version) -> ClusterMap:
    """Return a map in which all of some clusters hold one version."""
    if (filled := clusters.filled(version)) is not None:
        return filled
    if length <= SMALL_MAX:
        return SmallMap.of(dict.fromkeys(clusters, version))
    from simulator.model.clusters.large import LargeMap

    return LargeMap.all_of(clusters, version)


def rescale(clusters: ClusterSet, numerator: int, denominator: int, length: int) -> ClusterSet:
    """Return the units of another size that some units touch.

    Args:
        clusters: The units; those of a disk that grew may be in a small set.
        numerator, denominator: One of them is 1: a unit becomes *numerator* smaller ones, or
            *denominator* units become one larger.
        length: Number of units of the result, which it bounds; it chooses the implementation.
    """
    if length <= SMALL_MAX and isinstance(clusters, SmallSet):
        return clusters.rescale(numerator, denominator, length)
    from simulator.model.clusters.arrays import enlarge

    units = enlarge(clusters).rescale(numerator, denominator, length)
    return units if length > SMALL_MAX else SmallSet.of(units)
