"""How many bytes of a copy hold data, and how many read as zeroes and are only told to be so."""

from simulator.model.clusters import ClusterMap, ClusterSet, map_of, rescale
from simulator.model.machine import Backup, Transfer
from simulator.model.values import replace

COPY_UNIT = 64 * 1024
"""Bytes that a backup job copies at least."""


def bytes_of(units: ClusterSet, unit: int, size: int) -> int:
    """Return the bytes of some clusters or granules of a disk, of which the last may be cut short.

    Args:
        unit: Bytes of one.
        size: Bytes of the disk.
    """
    beyond = (units.last + 1) * unit - size if units else 0
    return len(units) * unit - max(beyond, 0)


def measure(backup: Backup, cluster_size: int, size: int) -> Backup:
    """Return a backup with the bytes of what it holds.

        full |DAABBDD-|    448 KiB of data, 64 KiB of zeroes

    A job that pushes data copies whole units: one cluster of data makes a unit data.
    Source: QEMU 7.2, ``block/block-copy.c``; seen in ``qemu-img map`` of its targets.

    Args:
        size: Bytes of the image that it was taken of.
    """
    unit = COPY_UNIT if backup.transfer is Transfer.PUSH else cluster_size
    data = _data_bytes(backup.content, backup.length, cluster_size, size, unit)
    covered = size
    if not backup.complete:
        read = backup.content.clusters() if backup.read is None else backup.read
        covered = bytes_of(read, cluster_size, size)
    return replace(backup, data_bytes=data, zero_bytes=covered - data)


def _data_bytes(content: ClusterMap, length: int, cluster_size: int, size: int, unit: int) -> int:
    """Return the bytes of the units that hold data; a unit is a cluster at least."""
    if unit <= cluster_size and size == length * cluster_size:
        return content.data_count * cluster_size
    data = _data(content, length)
    if unit <= cluster_size:
        return bytes_of(data, cluster_size, size)
    ratio = unit // cluster_size
    return bytes_of(rescale(data, 1, ratio, -(-length // ratio)), unit, size)


def measure_granules(
    backup: Backup, cluster_size: int, size: int, granules: ClusterSet, granularity: int
) -> Backup:
    """Return a backup with the bytes that a client reads who is told dirty granules.

    A granule may be less than a cluster: of 2 MiB it reads the 64 KiB that were written to.
    """
    read = bytes_of(granules, granularity, size)
    data = _data(backup.content, backup.length)
    if granularity >= cluster_size:
        held = bytes_of(data, cluster_size, size)
    else:
        ratio = cluster_size // granularity
        touched = rescale(data, ratio, 1, -(-size // granularity))
        held = bytes_of(granules & touched, granularity, size)
    return replace(backup, data_bytes=held, zero_bytes=read - held, copied_bytes=read)


def _data(content: ClusterMap, length: int) -> ClusterSet:
    """Return the clusters that hold data."""
    return content.differing(map_of(length))


def write_size(size: int) -> str:
    """Return a size in the largest unit that needs no fraction.

    >>> [write_size(size) for size in (65536, 1000, 2 << 40)]
    ['64 KiB', '1000 bytes', '2 TiB']
    """
    power = 0
    while size and size % 1024 == 0 and power < 5:
        size, power = size // 1024, power + 1
    return f"{size} {('bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB')[power]}"
