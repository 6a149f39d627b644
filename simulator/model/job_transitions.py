"""Backup jobs: what they copy, what they do to their bitmap, and how they end.

Source: QEMU 7.2; ``facts/QEMU.md``, section 6.
"""

from dataclasses import replace

from simulator.model.bitmap import DirtyBitmap, Window
from simulator.model.bitmap_transitions import refuse_use
from simulator.model.clusters import ZERO, ClusterMap, ClusterSet, map_all, map_of, set_of
from simulator.model.disk import Disk
from simulator.model.machine import Backup, Job, Machine, Status
from simulator.model.operations import BitmapMode, EndBackup, Refusal, RunBackup, Sync

COPY_UNIT = 64 * 1024
"""Bytes that a backup job copies at least."""


def run_backup(machine: Machine, run: RunBackup) -> Machine | Refusal:
    """Start a job, and end it at once unless it lasts.

        S1: |AAAA----| <- S2: |D--BBDD-|    through  B3: |X----XX-|    gives  |D----DD-|

    A cluster of the bitmap that reads as zeroes becomes explicit zeroes in the backup.
    """
    disk = machine.disk(run.disk)
    bitmap = disk.bitmap(run.image, run.bitmap) if run.bitmap is not None else None
    refusal = _refuse(disk, run, bitmap)
    if refusal is not None:
        return refusal
    job = Job(
        backup=_record(machine, disk, run, bitmap),
        node=run.image,
        bitmap=run.bitmap,
        mode=run.mode,
    )
    if bitmap is not None:
        disk = disk.with_bitmap(bitmap.occupy())
    kept = tuple(b for b in machine.backups if (b.name, b.disk) != (run.target, run.disk))
    started = replace(machine.with_disk(disk), jobs=(*machine.jobs, job), backups=kept)
    return started if run.lasting else _end(started, job, Status.COMPLETED)


def end_backup(machine: Machine, end: EndBackup) -> Machine | Refusal:
    """End the jobs of a target, one for each disk that takes part."""
    jobs = [job for job in machine.jobs if job.backup.name == end.target]
    if not jobs:
        return Refusal(f"Job '{end.target}' not found")
    for job in jobs:
        machine = _end(machine, job, end.status)
    return machine


def end_all(machine: Machine, status: Status) -> Machine:
    """End every job that runs, as when the process ends."""
    for job in machine.jobs:
        machine = _end(machine, job, status)
    return machine


def _refuse(disk: Disk, run: RunBackup, bitmap: DirtyBitmap | None) -> Refusal | None:
    if run.bitmap is None:
        return None
    if bitmap is None:
        return Refusal(f"Bitmap '{run.bitmap}' could not be found")
    return refuse_use(disk, bitmap, changed=run.mode is not BitmapMode.NEVER)


def _record(machine: Machine, disk: Disk, run: RunBackup, bitmap: DirtyBitmap | None) -> Backup:
    """Return the backup that a job makes of the state at its start."""
    view, moment = disk.view_of(run.image), disk.moment_of(run.image)
    record = Backup(
        name=run.target,
        disk=disk.name,
        image=run.image,
        kind=run.kind,
        content=view,
        complete=True,
        moment=moment,
        at=machine.at,
        since=run.since,
        bitmaps=run.bitmaps,
        onto=run.onto,
        part=run.part,
        copied_bytes=disk.size,
    )
    if run.sync is Sync.FULL:
        return record
    if run.sync is Sync.TOP:
        image = disk.image(run.image)
        assert image is not None, "the view of this image was read"
        content, read = image.content, image.content.clusters()
        windows: tuple[Window, ...] = (Window(start=image.since, end=moment),)
    else:
        assert bitmap is not None, "without its bitmap the job was refused"
        read = _copy_units(disk, disk.clusters_of(bitmap))
        content = fill_with_zeroes(view.restrict(read), read, disk.length)
        windows = tuple(window.close(moment) for window in bitmap.windows)
    return replace(
        record,
        content=content,
        complete=False,
        read=read,
        windows=windows,
        copied_bytes=len(read) * disk.cluster_size,
    )


def _copy_units(disk: Disk, clusters: ClusterSet) -> ClusterSet:
    """Return the clusters that a job copies for these: it copies whole units of 64 KiB.

    Source: QEMU 7.2; the unit is the larger of 64 KiB and the target's cluster size, and a target
    is made with clusters of 64 KiB.
    """
    if disk.cluster_size >= COPY_UNIT:
        return clusters
    ratio = COPY_UNIT // disk.cluster_size
    units = clusters.rescale(1, ratio, -(-disk.length // ratio))
    return units.rescale(ratio, 1, disk.length)


def fill_with_zeroes(content: ClusterMap, wanted: ClusterSet, length: int) -> ClusterMap:
    """Return a map that holds explicit zeroes for each wanted cluster it held nothing for."""
    missing = wanted - content.clusters()
    if not missing:
        return content
    return map_all(length, missing, ZERO).overlay(content)


def _end(machine: Machine, job: Job, status: Status) -> Machine:
    """Return the machine when a job has ended; only a completed one leaves data.

        B2 at the start |---XXX--|, written meanwhile |X-------|

        mode         completed     failed        cancelled
        never        |X--XXX--|    |X--XXX--|    |X--XXX--|
        on-success   |X-------|    |X--XXX--|    |X--XXX--|
        always       |X-------|    |X--XXX--|    |X-------|

    Source: ``facts/QEMU.md``, section 6.3.
    """
    disk = machine.disk(job.backup.disk)
    if job.bitmap is not None:
        bitmap = disk.bitmap(job.node, job.bitmap)
        assert bitmap is not None, f"{job.bitmap} is busy, so nobody removed it"
        disk = disk.with_bitmap(_release(disk, job, bitmap, status))
    record = replace(job.backup, status=status)
    if status is not Status.COMPLETED:
        nothing = map_of(disk.length)
        record = replace(record, content=nothing, read=nothing.clusters(), copied_bytes=0)
    return replace(
        machine.with_disk(disk),
        jobs=tuple(each for each in machine.jobs if each is not job),
        backups=(*machine.backups, record),
    )


def _release(disk: Disk, job: Job, bitmap: DirtyBitmap, status: Status) -> DirtyBitmap:
    """Return a job's bitmap as the job leaves it."""
    cleared = (job.mode != BitmapMode.NEVER and status is Status.COMPLETED) or (
        job.mode == BitmapMode.ALWAYS and status is Status.CANCELLED
    )
    if cleared:
        begun = (Window(start=job.backup.moment),) if bitmap.recording else ()
        return bitmap.release(set_of(bitmap.length), begun)
    kept = bitmap.dirty
    if job.mode == BitmapMode.ALWAYS and job.backup.read is None:
        # A full job that must keep track of what it did not copy: that is everything.
        kept = set_of(bitmap.length, range(bitmap.length))
    return bitmap.release(kept, bitmap.windows)
