"""How many bytes of a copy hold data, and how many read as zeroes and are only told to be so."""

from simulator.model.clusters import ClusterMap, ClusterSet, map_of, rescale, set_of
from simulator.model.machine import Backup, Transfer
from simulator.model.values import replace

UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")

COPY_UNIT = 64 * 1024
"""Bytes that a backup job copies at least."""

LOOK_BYTES = 1 << 20
"""Bytes that a backup job looks at at a time. Source: QEMU 7.2, ``BLOCK_COPY_MAX_BUFFER``."""


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

    Args:
        size: Bytes of the image that it was taken of.
    """
    covered = size
    if not backup.complete:
        read = backup.content.clusters() if backup.read is None else backup.read
        covered = bytes_of(read, cluster_size, size)
    pushed = backup.transfer is Transfer.PUSH
    if size % cluster_size == 0 and (cluster_size >= COPY_UNIT or not pushed):
        data = backup.content.data_count * cluster_size
    elif pushed:
        data = _copied_data(backup, cluster_size, size)
    else:
        data = bytes_of(data_of(backup.content, backup.length), cluster_size, size)
    return replace(backup, data_bytes=data, zero_bytes=covered - data)


def _copied_data(backup: Backup, cluster_size: int, size: int) -> int:
    """Return the bytes that a job copies as data: whole units, and the short one at the end.

    One cluster of data makes a unit data. A unit that is cut short is data too, unless the job
    finds it in one look with zeroes before it. It looks at 1 MiB at a time, from where data and
    zeroes meet. Source: QEMU 7.2, ``block/block-copy.c``; seen in ``qemu-img map`` of its targets.
    """
    unit = max(COPY_UNIT, cluster_size)
    last = -(-size // unit) - 1
    data = _units(data_of(backup.content, backup.length), cluster_size, size)
    if size % unit and last not in data:
        alone = last - _first_of_last_zeroes(backup, data, cluster_size, size)
        if alone >= 0 and alone % max(1, LOOK_BYTES // unit) == 0:
            data = data | set_of(last + 1, [last])
    return bytes_of(data, unit, size)


def _first_of_last_zeroes(backup: Backup, data: ClusterSet, cluster_size: int, size: int) -> int:
    """Return the first of the units of zeroes at a disk's end; one past it where none is read."""
    if backup.complete or backup.read is None:
        return data.last + 1
    units = -(-size // max(COPY_UNIT, cluster_size))
    runs = (_units(backup.read, cluster_size, size) - data).runs()
    return next((first for first, count in runs if first + count == units), units)


def count_copied(read: ClusterSet | None, cluster_size: int, size: int) -> int:
    """Return the bytes that a job counts when it has copied some clusters, or all: whole units."""
    unit = max(COPY_UNIT, cluster_size)
    if read is None:
        return -(-size // unit) * unit
    return len(_units(read, cluster_size, size)) * unit


def _units(clusters: ClusterSet, cluster_size: int, size: int) -> ClusterSet:
    """Return the units that a job copies for some clusters."""
    if cluster_size >= COPY_UNIT:
        return clusters
    return rescale(clusters, 1, COPY_UNIT // cluster_size, -(-size // COPY_UNIT))


def measure_granules(
    backup: Backup, cluster_size: int, size: int, granules: ClusterSet, granularity: int
) -> Backup:
    """Return a backup with the bytes that a client reads who is told dirty granules.

    A granule may be less than a cluster: of 2 MiB it reads the 64 KiB that were written to.
    """
    read = bytes_of(granules, granularity, size)
    data = data_of(backup.content, backup.length)
    if granularity >= cluster_size:
        held = bytes_of(data, cluster_size, size)
    else:
        ratio = cluster_size // granularity
        touched = rescale(data, ratio, 1, -(-size // granularity))
        held = bytes_of(granules & touched, granularity, size)
    return replace(backup, data_bytes=held, zero_bytes=read - held, copied_bytes=read)


def data_of(content: ClusterMap, length: int) -> ClusterSet:
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
    return f"{size} {UNITS[power]}"


def write_about(size: int) -> str:
    """Return a size in the largest unit of which it is at least one, to a tenth.

    >>> [write_about(size) for size in (65536, 1000, 228379852)]
    ['64 KiB', '1000 bytes', '217.8 MiB']
    """
    power = min(max(0, (size.bit_length() - 1) // 10), 5)
    told = f"{size / (1 << 10 * power):.1f}".removesuffix(".0")
    return f"{told} {UNITS[power]}"
