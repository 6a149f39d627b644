"""What a backup job leaves when it has ended: in its target, and in its bitmap.

Source: QEMU 7.2; ``facts/QEMU.md``, section 6.3.
"""

from fractions import Fraction

from simulator.model.bitmap import DirtyBitmap, Window, join_windows
from simulator.model.clusters import (
    ZERO,
    ClusterMap,
    ClusterSet,
    map_all,
    map_of,
    range_of,
    rescale,
    set_of,
)
from simulator.model.disk import Disk
from simulator.model.machine import Backup, BackupJob, Kind, Status, Transfer
from simulator.model.operations import BitmapMode
from simulator.model.operations.jobs import Copied
from simulator.model.series import mapped, without
from simulator.model.sizes import COPY_UNIT, count_copied, measure
from simulator.model.values import replace


def fill_with_zeroes(content: ClusterMap, wanted: ClusterSet, length: int) -> ClusterMap:
    """Return a map that holds explicit zeroes for each wanted cluster it held nothing for."""
    missing = wanted - content.clusters()
    if not missing:
        return content
    return map_all(length, missing, ZERO).overlay(content)


def written_whole(record: Backup) -> Backup:
    """Return the record of a backup that is complete: a client leaves zeroes out of a full one."""
    if record.transfer is not Transfer.PULL:
        return record
    return replace(record, has_file=True, sparse=record.complete)


def left_alone(below: Backup, record: Backup) -> Backup:
    """Return the record of a client that did not get to its end: the file is as it was before."""
    return replace(
        emptied(record),
        content=below.content,
        length=below.length,
        lacks=below.lacks,
        complete=below.complete,
        read=below.read,
        windows=below.windows if below.usable else (),
        data_bytes=below.data_bytes,
        zero_bytes=below.zero_bytes,
        format=below.format,
        backing=below.backing,
        partly=holds_something(below),
        has_file=True,
        sparse=below.sparse,
    )


def holds_something(record: Backup) -> bool:
    """Whether there is something in a backup to restore: all that it was to hold, or a part."""
    return record.usable or record.partly


def is_left_alone(record: Backup) -> bool:
    """Whether a client was to write over a file, and did not get to it."""
    return record.short and record.has_file and record.transfer is Transfer.PULL


def lay_over(disk: Disk, below: Backup, record: Backup) -> Backup:
    """Return the record of a target that was written over: a full backup leaves nothing of it.

    What a job that failed has left there stands for no stretch. A client makes the file as long as
    what it reads.

    full |AAAA0000|    through  B1: |X----X--|    gives  full |BAAA0B00|
    """
    if record.complete and record.transfer is Transfer.PULL:
        return record
    record = replace(record, format=below.format, backing=below.backing)
    if record.complete:
        return record
    read = None
    if below.read is not None and record.read is not None:
        read = below.read | record.read
    laid = replace(
        record,
        content=_resized(disk, below, record.length).overlay(record.content),
        complete=below.complete,
        sparse=below.sparse or (below.complete and below.length < record.length),
        read=read,
        windows=join_windows((*(below.windows if below.usable else ()), *record.windows)),
    )
    return measure(laid, disk.cluster_size, record.bytes_in(disk.cluster_size))


def _resized(disk: Disk, below: Backup, length: int) -> ClusterMap:
    """Return what a file holds that a client makes so long, before it writes into it.

    The copy of an overlay names its backing image, and grows over that as the overlay would:
    see :func:`~simulator.model.transitions.chains.images.grow_over`.
    """
    image = disk.image(below.backing) if below.backing is not None else None
    end = below.bytes_in(disk.cluster_size)
    if length <= below.length or image is None or disk.bytes_of(image.name) <= end:
        return below.content.below(length)
    first = below.length - bool(below.lacks)
    return below.content.overlay(range_of(length, first, length - first, ZERO))


def emptied(record: Backup) -> Backup:
    """Return the record of a job that did not get to its end, which holds nothing."""
    nothing = map_of(record.length)
    return replace(
        record,
        content=nothing,
        short=True,
        complete=False,
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
    read = copied.below(record.length) if record.read is None else record.read & copied
    if len(read) == (record.length if record.read is None else len(record.read)):
        return record
    size = record.bytes_in(disk.cluster_size)
    left = replace(
        record,
        content=fill_with_zeroes(record.content.restrict(read), read, record.length),
        read=read,
        short=True,
        complete=False,
        copied_bytes=count_copied(read, disk.cluster_size, size),
    )
    return measure(left, disk.cluster_size, size)


def leave(
    disk: Disk, job: BackupJob, status: Status, told: Copied | None = None
) -> tuple[Disk, Backup]:
    """Return what a job leaves: its disk, and its backup.

        B2 at the start |---XXX--|, written meanwhile |X-------|, copied until then |---XX---|

        mode         completed     stopped
        never        |X--XXX--|    |X--XXX--|
        on-success   |X-------|    |X--XXX--|
        always       |X-------|    |X----X--|

    Args:
        told: What it had copied, where somebody says so: see :class:`EndJob`.
    """
    copied = copied_by(disk, job, status, told)
    bitmap = disk.bitmap(job.node, job.bitmap) if job.bitmap is not None else None
    if bitmap is not None and job.temporary:
        disk = replace(disk, bitmaps=without(disk.bitmaps, bitmap))
    elif bitmap is not None:
        disk = disk.with_bitmap(_release(disk, job, bitmap, status, copied))
    record = job.backup if status is job.backup.status else replace(job.backup, status=status)
    if job.torn is not None and record.kind is not Kind.NONE:
        record = _mixed(disk, record, job.torn)
    failed = status is Status.FAILED
    if record.kind is Kind.NONE and (not failed or (record.has_file and job.copied is None)):
        # Such a job never ends by itself, so to cancel it is its good end.
        assert job.scratch is not None, "it keeps what the guest overwrites"
        read = job.scratch.clusters()
        record = replace(
            record,
            status=status if failed else Status.COMPLETED,
            short=failed,
            content=record.content.overlay(job.scratch),
            read=read,
            copied_bytes=count_copied(read, disk.cluster_size, record.bytes_in(disk.cluster_size)),
        )
        record = measure(record, disk.cluster_size, record.bytes_in(disk.cluster_size))
    elif record.kind is Kind.NONE or (copied is not None and not record.has_file):
        record = emptied(record)
    elif copied is not None:
        record = cut_short(disk, record, copied)
        known = told is not None or job.copied is not None
        record = replace(record, partly=record.short and known and bool(record.content))
    elif status is not Status.COMPLETED and not record.has_file:
        record = emptied(record)
    if status is Status.COMPLETED:
        record = written_whole(record)
    return disk, _over(disk, job, record)


def _over(disk: Disk, job: BackupJob, record: Backup) -> Backup:
    """Return the record of a job whose target may have been there before."""
    if job.below is None or not job.below.has_file:
        return record
    if record.has_file:
        return lay_over(disk, job.below, record)
    return left_alone(job.below, record)


def _mixed(disk: Disk, record: Backup, torn: ClusterSet) -> Backup:
    """Return the record of a client that found there what the guest has written since."""
    torn = torn if record.read is None else torn & record.read
    seen = fill_with_zeroes(disk.guest_view.restrict(torn), torn, record.length)
    mixed = replace(record, content=record.content.overlay(seen))
    return measure(mixed, disk.cluster_size, record.bytes_in(disk.cluster_size))


def copied_by(disk: Disk, job: BackupJob, status: Status, told: Copied | None) -> ClusterSet | None:
    """Return the clusters that a job had copied when it was stopped; None for all."""
    if status is Status.COMPLETED or job.copied is not None:
        return job.copied if status is not Status.COMPLETED else None
    if told is None and status is Status.CANCELLED:
        return None
    length = job.backup.length
    if isinstance(told, Fraction):
        copied = share_of(to_copy(job.backup), told)
    else:
        copied = set_of(length) if told is None else told.below(length)
    if job.overwritten is not None:
        copied = copied | job.overwritten.below(length)
    return copy_units(disk, copied, length, job.unit)


def share_of(clusters: ClusterSet, share: Fraction) -> ClusterSet:
    """Return the first of some clusters, a share of them, rounded down."""
    wanted, low, high = int(share * len(clusters)), 0, clusters.last + 1
    while low < high:
        middle = (low + high + 1) // 2
        if len(clusters.below(middle)) <= wanted:
            low = middle
        else:
            high = middle - 1
    return clusters.below(low)


def to_copy(record: Backup) -> ClusterSet:
    """Return the clusters that a job has to copy."""
    return set_of(record.length, range(record.length)) if record.read is None else record.read


def discarded(disk: Disk, image: str, clusters: ClusterSet) -> Disk:
    """Return a disk that somebody below the guest discarded clusters of: bitmaps record it."""
    held = disk.image(image)
    assert held is not None, "a job read it"
    gone = clusters if held is not disk.chain[0] else held.content.restrict(clusters).clusters()
    content = held.content.overlay(map_all(held.length, gone, ZERO))

    def marked(bitmap: DirtyBitmap) -> DirtyBitmap:
        if bitmap.node != image or not bitmap.recording:
            return bitmap
        return bitmap.mark(disk.granules_of(bitmap.granularity, clusters, bitmap.length))

    left = disk.with_image(replace(held, content=content))
    moment = disk.moment + (not left.guest_view.reads_like(disk.guest_view))
    return replace(left, bitmaps=mapped(disk.bitmaps, marked), moment=moment)


def copy_units(
    disk: Disk, clusters: ClusterSet, length: int, unit: int | None = None
) -> ClusterSet:
    """Return the clusters that a job copies for these: it copies whole units of 64 KiB.

    Args:
        unit: Bytes that the job copies together, where it is told more.

    Source: QEMU 7.2; the unit is the larger of 64 KiB and the target's cluster size, and a target
    is made with clusters of 64 KiB.
    """
    return in_units(clusters, max(COPY_UNIT, unit or 0) // disk.cluster_size, length)


def in_units(clusters: ClusterSet, ratio: int, length: int) -> ClusterSet:
    """Return all clusters of the units that some lie in.

    Args:
        ratio: Clusters of a unit; one or none where it is no larger than a cluster.
        length: Clusters that there are.
    """
    if ratio <= 1:
        return clusters
    units = rescale(clusters, 1, ratio, -(-length // ratio))
    return rescale(units, ratio, 1, length)


def _release(
    disk: Disk, job: BackupJob, bitmap: DirtyBitmap, status: Status, copied: ClusterSet | None
) -> DirtyBitmap:
    """Return a job's bitmap as the job leaves it."""
    clears = BitmapMode.ALWAYS if status is not Status.COMPLETED else job.mode
    if job.mode == BitmapMode.NEVER or job.mode != clears:
        return bitmap.reclaim()
    left = to_copy(job.backup) - copied if copied is not None else set_of(job.backup.length)
    if left:
        kept = disk.granules_of(bitmap.granularity, left, bitmap.length)
        return bitmap.abdicate(kept, bitmap.windows)
    begun = Window(start=job.backup.moment)
    if not bitmap.recording:
        begun = begun.close(job.backup.moment)
    elif bitmap.node != disk.active.name:
        # An overlay was put on the image while the job ran: the guest writes it no more.
        begun = begun.close(disk.moment_of(bitmap.node))
    return bitmap.abdicate(set_of(bitmap.length), (begun,))
