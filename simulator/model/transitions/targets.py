"""What the target of a job holds when the job has ended."""

from simulator.model.bitmap import join_windows
from simulator.model.clusters import ZERO, ClusterMap, ClusterSet, map_all, map_of
from simulator.model.disk import Disk
from simulator.model.machine import Backup, Status
from simulator.model.sizes import count_copied, measure
from simulator.model.values import replace


def fill_with_zeroes(content: ClusterMap, wanted: ClusterSet, length: int) -> ClusterMap:
    """Return a map that holds explicit zeroes for each wanted cluster it held nothing for."""
    missing = wanted - content.clusters()
    if not missing:
        return content
    return map_all(length, missing, ZERO).overlay(content)


def lay_over(disk: Disk, below: Backup, record: Backup) -> Backup:
    """Return the record of a target that was written over: a full backup leaves nothing of it.

    full |AAAA0000|    through  B1: |X----X--|    gives  full |BAAA0B00|
    """
    record = replace(record, format=below.format)
    if record.complete or below.status is not Status.COMPLETED:
        return record
    read = None
    if below.read is not None and record.read is not None:
        read = below.read | record.read
    laid = replace(
        record,
        content=below.content.overlay(record.content),
        complete=below.complete,
        read=read,
        windows=join_windows((*below.windows, *record.windows)),
    )
    return measure(laid, disk.cluster_size, disk.bytes_of(record.image))


def emptied(record: Backup) -> Backup:
    """Return the record of a job that did not get to its end, which holds nothing."""
    nothing = map_of(record.length)
    return replace(
        record,
        content=nothing,
        read=nothing.clusters(),
        copied_bytes=0,
        data_bytes=0,
        zero_bytes=0,
    )


def cut_short(disk: Disk, record: Backup, copied: ClusterSet) -> Backup:
    """Return the record of a job that was stopped when it had copied some clusters.

        full |AAAB0000|    copied |XX------|    leaves |AA------|

    What a client has read so far is nowhere.
    """
    if not record.has_file:
        return emptied(record)
    read = copied if record.read is None else record.read & copied
    size = disk.bytes_of(record.image)
    left = replace(
        record,
        content=fill_with_zeroes(record.content.restrict(read), read, record.length),
        read=read,
        complete=False,
        copied_bytes=count_copied(read, disk.cluster_size, size),
    )
    return measure(left, disk.cluster_size, size)
