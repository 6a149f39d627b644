"""What the guest does to a disk."""

from collections.abc import Iterable
from typing import TypeAlias

from simulator.model.clusters import ClusterMap, ClusterSet
from simulator.values import NamedTuple


class Extent(NamedTuple):
    """The bytes that a guest step touches, where that is less than whole clusters.

    Attributes:
        offset, length: Bytes from the start of the disk.
    """

    offset: int
    length: int


class GuestWrite(NamedTuple):
    """The guest writes data, or explicit zeroes.

    Attributes:
        disk: Name of the disk; None for the machine's only one.
        data: The version that each touched cluster holds afterwards.
        extent: The bytes touched; None for whole clusters.
        writes: How many writes this stands for; a workload's window is one operation.
    """

    disk: str | None
    data: ClusterMap
    extent: Extent | None = None
    writes: int = 1


class GuestDiscard(NamedTuple):
    """The guest gives clusters back (trim); the node has ``discard=unmap``.

    Attributes:
        clusters: Those that it touches.
        extent: The bytes touched; None for whole clusters.
        whole: Of a workload's window, the clusters that are left trimmed from end to end.
        writes: How many trims this stands for.
    """

    disk: str | None
    clusters: ClusterSet
    extent: Extent | None = None
    whole: ClusterSet | None = None
    writes: int = 1


GuestOperation: TypeAlias = GuestWrite | GuestDiscard


def writes_of(operation: GuestOperation) -> tuple[list[int], list[int]]:
    """Return the clusters that a step of the guest touches, and the number of each one's write.

    A step is a write for each run of neighbours that hold the same.
    """
    runs: Iterable[tuple[int, int]]
    if isinstance(operation, GuestDiscard):
        runs = operation.clusters.runs()
    else:
        runs = ((first, length) for first, length, _ in operation.data.runs())
    clusters, writes = list[int](), list[int]()
    for number, (first, length) in enumerate(runs):
        clusters += range(first, first + length)
        writes += [number] * length
    return clusters, writes


def touched_by(operation: GuestOperation) -> ClusterSet:
    """Return the clusters that the guest writes or discards."""
    if isinstance(operation, GuestDiscard):
        return operation.clusters
    return operation.data.clusters()
