"""Granules: what a mirror, or a commit of the active image, copies together.

One that holds no data is skipped as long as all of it lies alike. Where it does not, it is read and
written as a whole: zeroes, as data. Source: QEMU 11.1.3; ``facts/QEMU.md`` section 13.1.
"""

from collections.abc import Iterator

from simulator.model.clusters import ClusterMap, ClusterSet, set_of
from simulator.model.disk import Disk
from simulator.model.transitions.copies.targets import in_units
from simulator.model.values import replace


def granularity_of(disk: Disk) -> int:
    """Return the bytes that a job copies together, where nobody says."""
    return min(max(disk.cluster_size, 4096), 65536)


def together(disk: Disk, granularity: int, clusters: ClusterSet) -> ClusterSet:
    """Return the clusters that are copied for some: a job copies whole granules of its own."""
    return in_units(clusters, granularity // disk.cluster_size, disk.length)


def uneven(disk: Disk, granularity: int, below: int) -> ClusterSet:
    """Return the clusters that are copied as data though some of them are zeroes, the rest holes.

        S1: |-0----00|, two clusters a granule    gives  |XX------|

    So it is, too, where one lies in two images, an image ends within it, or the disk does.

    Args:
        below: Images at the bottom of the chain whose own clusters are not copied.
    """
    mixed = once = copied = set_of(disk.length)
    for place, clusters, whole in _pieces(disk, granularity):
        granules = together(disk, granularity, clusters)
        mixed = mixed | (granules if not whole else once & granules)
        once = once | granules
        if place >= below:
            copied = copied | granules
    return mixed & copied


def torn(disk: Disk, granularity: int, below: int, data: ClusterMap) -> ClusterSet:
    """Return what a job that follows the guest copies so of something that the guest writes."""
    *others, active = disk.chain
    after = replace(disk, chain=(*others, replace(active, content=active.content.overlay(data))))
    return uneven(after, granularity, below) & together(disk, granularity, data.clusters())


def _pieces(disk: Disk, granularity: int) -> Iterator[tuple[int, ClusterSet, bool]]:
    """Yield clusters that lie alike: in which image, by its place, and whether they end evenly.

    The holes that are left have the place -1.
    """
    length = disk.length
    left = set_of(length, range(length))
    if disk.size % granularity:
        yield -1, set_of(length, range(length - 1, length)), False
    for place, image in reversed([*enumerate(disk.chain)]):
        own = image.content.clusters()
        if image.format == "raw":
            own = set_of(length, range(min(image.length, length)))
        yield place, own & left, True
        left = left - own
        if place == len(disk.chain) - 1:
            continue
        end = min(image.length, length)
        if disk.bytes_of(image.name) % granularity and end < length:
            yield place, set_of(length, range(end - 1, end)) & (left | own), False
        beyond = set_of(length, range(end, length)) & left
        yield place, beyond, True
        left = left - beyond
    yield -1, left, True
