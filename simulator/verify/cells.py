"""Reads what a connection to an export shows as cells: own content, the view, a bitmap's bits."""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from simulator.hosts.nbd import ALLOCATION, DEPTH, ZERO_FLAG, Extent, NbdClient
from simulator.model.clusters import ZERO
from simulator.qemu.actions import held_by
from simulator.values import NamedTuple
from simulator.verify.sight import DIRTY, Cells, Run, join_runs

READ_BYTES_MAX = 4 * 1024 * 1024
"""So much data is read at a time."""

Stretch: TypeAlias = tuple[int, int]
"""Bytes, or clusters: the first one, and the first one outside."""

Status: TypeAlias = dict[str, list[Extent]]
"""The extents of a disk, by what was asked about them."""


class Shape(NamedTuple):
    """How a disk is divided.

    Attributes:
        length: Number of clusters.
        cluster_size: Bytes.
    """

    length: int
    cluster_size: int


def read_bits(extents: Iterable[Extent], granularity: int) -> Cells:
    """Return the granules that a bitmap names."""
    runs = (
        Run(e.offset // granularity, -(-(e.offset + e.length) // granularity), DIRTY)
        for e in extents
        if e.status
    )
    return join_runs(Run(first, end - first, held) for first, end, held in runs)


async def read_own(client: NbdClient, shape: Shape, status: Status) -> Cells:
    """Return what an image holds itself: nothing, explicit zeroes, or data."""
    allocated, size = allocated_in(status, shape), shape.cluster_size
    data = _overlap(allocated, _whole(_data(status), size))
    return fill(await _read_clusters(client, data, size), allocated)


def allocated_in(status: Status, shape: Shape) -> list[Stretch]:
    """Return the clusters that an image holds itself."""
    own = [(e.offset, e.offset + e.length) for e in status[DEPTH] if e.status == 1]
    return _whole(own, shape.cluster_size)


def fill(runs: Iterable[Run], allocated: list[Stretch]) -> Cells:
    """Return what allocated clusters hold: what ascending runs say, and zeroes otherwise.

    >>> fill([Run(0, 4, 65)], [(2, 6)])
    (Run(first=2, length=2, held=65), Run(first=4, length=2, held=0))
    """
    said = tuple(runs)
    places = [(run.first, run.first + run.length) for run in said]
    held = list(_meet(places, allocated))
    cells = [Run(start, end - start, said[number].held) for number, (start, end) in held]
    empty = _without(allocated, [stretch for _, stretch in held])
    cells += [Run(start, end - start, ZERO) for start, end in empty]
    return join_runs(sorted(cells, key=lambda run: run.first))


async def read_view(client: NbdClient, shape: Shape, status: Status | None = None) -> Cells:
    """Return what a reader sees, in which zeroes and nothing are alike: neither is in it."""
    data = _whole(_data(status or await client.status()), shape.cluster_size)
    return join_runs(
        run for run in await _read_clusters(client, data, shape.cluster_size) if run.held != ZERO
    )


def _data(status: Status) -> list[Stretch]:
    """Return the stretches that may hold something else than zeroes."""
    return [(e.offset, e.offset + e.length) for e in status[ALLOCATION] if not e.status & ZERO_FLAG]


async def _read_clusters(client: NbdClient, clusters: list[Stretch], size: int) -> list[Run]:
    """Return what the bytes of some clusters stand for."""
    runs: list[Run] = []
    step = max(1, READ_BYTES_MAX // size)
    for first, end in clusters:
        for start in range(first, end, step):
            stop = min(start + step, end)
            data = await client.read(start * size, min(stop * size, client.size) - start * size)
            for cluster in range(start, stop):
                place = (cluster - start) * size
                runs.append(Run(cluster, 1, held_by(data[place : place + size])))
    return runs


def _whole(stretches: Iterable[Stretch], size: int) -> list[Stretch]:
    """Return the clusters that stretches of bytes touch."""
    joined: list[Stretch] = []
    for first, end in ((start // size, -(-stop // size)) for start, stop in stretches):
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((first, end))
    return joined


def _overlap(some: list[Stretch], others: list[Stretch]) -> list[Stretch]:
    """Return what two ascending lists of stretches have in common.

    >>> _overlap([(0, 4), (6, 9)], [(2, 8)])
    [(2, 4), (6, 8)]
    """
    return [stretch for _, stretch in _meet(some, others)]


def _meet(some: list[Stretch], others: list[Stretch]) -> Iterator[tuple[int, Stretch]]:
    """Yield what two ascending lists have in common, each with which of the first it lies in."""
    one, other = 0, 0
    while one < len(some) and other < len(others):
        start = max(some[one][0], others[other][0])
        end = min(some[one][1], others[other][1])
        if start < end:
            yield one, (start, end)
        if some[one][1] <= others[other][1]:
            one += 1
        else:
            other += 1


def _without(some: list[Stretch], others: list[Stretch]) -> list[Stretch]:
    """Return ascending stretches without what lies in others.

    >>> _without([(0, 9)], [(2, 3), (5, 6)])
    [(0, 2), (3, 5), (6, 9)]
    """
    if not some:
        return []
    last = max(some[-1][1], others[-1][1] if others else 0)
    bounds = [0, *(bound for stretch in others for bound in stretch), last]
    gaps = [(a, b) for a, b in zip(bounds[::2], bounds[1::2], strict=True) if a < b]
    return _overlap(some, gaps)
