"""Jobs: what a backup job copies, what it does to its bitmap, and how jobs of all kinds end.

Source: QEMU 7.2; ``facts/QEMU.md``, sections 6 and 7.
"""

from simulator.model.bitmap import DirtyBitmap, Window, join_windows
from simulator.model.clusters import ClusterSet, map_of, set_of
from simulator.model.disk import Disk
from simulator.model.machine import (
    BACKUP_OF,
    Backup,
    BackupJob,
    CommitJob,
    Job,
    Kind,
    Machine,
    MirrorJob,
    Status,
    Transfer,
)
from simulator.model.operations import ChangeJob, EndJob, Refusal, RunBackup, Sync
from simulator.model.operations.jobs import Copied, ReadMeanwhile
from simulator.model.series import added, mapped, put, without
from simulator.model.sizes import (
    count_copied,
    measure,
    measure_granules,
)
from simulator.model.transitions.access import is_writable
from simulator.model.transitions.backups.clients import read_by_client
from simulator.model.transitions.backups.starting import backing_of, refuse_backup
from simulator.model.transitions.bitmaps import find_sources
from simulator.model.transitions.chains import end_chain_job
from simulator.model.transitions.chains.forks import refuse_above_written
from simulator.model.transitions.chains.images import no_node
from simulator.model.transitions.copies.targets import (
    copy_units,
    cut_short,
    discarded,
    fill_with_zeroes,
    leave,
    to_copy,
    written_whole,
)
from simulator.model.values import replace


def run_backup(machine: Machine, run: RunBackup) -> Machine | Refusal:
    """Start a job, and end it at once unless it lasts; it may discard what it has copied.

        S1: |AABB----|    through  B1: |-X------|    leaves  S1: |A0BB----|  B1: |-X------|

    What is discarded is marked as if the guest had. Source: QEMU 10.0.13, ``discard-source``.
    """
    if not run.discards:
        return _run(machine, run)
    started = _run(machine, run._replace(lasting=True))
    disk = machine.disk_of(run.image)
    if isinstance(started, Refusal) or disk is None:
        return started
    if not is_writable(machine, run.image):
        return Refusal("Could not replace node: Block node is read-only")
    job = started.jobs[-1]
    assert isinstance(job, BackupJob), "it has just been started"
    left = started.with_disk(discarded(started.disk(disk.name), run.image, to_copy(job.backup)))
    return left if run.lasting else _end(left, job, Status.COMPLETED)


def _run(machine: Machine, run: RunBackup) -> Machine | Refusal:
    """Start a job, and end it at once unless it lasts.

        S1: |AAAA----| <- S2: |D--BBDD-|    through  B3: |X----XX-|    gives  |D----DD-|

    A cluster of the bitmap that reads as zeroes becomes explicit zeroes in the backup.
    """
    disk = machine.disk_of(run.image)
    if disk is None:
        return no_node(run.image)
    run = as_taken(disk, run)
    before = machine.backup_of(run.target, disk.name)
    found = read_by_client(machine, disk, run) if run.outside else _bitmap(machine, disk, run)
    if isinstance(found, Refusal):
        return found
    bitmap = found
    record = _record(machine, disk, run, bitmap)
    kept = machine.backups
    if before is not None:
        kept = without(kept, before)
    if not run.lasting and not run.reuse and (run.temporary or bitmap is None):
        # Nothing but the backup is left of it.
        return replace(machine, backups=added(kept, written_whole(record)))
    job = _job(disk, run, record, before)
    if not run.lasting:
        left, made = leave(disk, job, Status.COMPLETED)
        return replace(machine, disks=machine.disks_with(left), backups=added(kept, made))
    if bitmap is not None and run.bitmap is not None:
        disk = disk.with_bitmap(bitmap.occupy())
    return replace(
        machine,
        disks=machine.disks_with(disk),
        jobs=(*machine.jobs, job),
        backups=added(kept, replace(record, status=Status.RUNNING)),
    )


def _bitmap(machine: Machine, disk: Disk, run: RunBackup) -> DirtyBitmap | Refusal | None:
    """Return the bitmap that a job uses, or that its client is told, or why it does not start."""
    bitmap = disk.bitmap(run.image, run.bitmap) if run.bitmap is not None else None
    before = machine.backup_of(run.target, disk.name)
    refusal = refuse_backup(machine, disk, run, bitmap, before)
    if refusal is not None:
        return refusal
    sources = find_sources(machine, disk.bytes_of(run.image), run.sources or ())
    if isinstance(sources, Refusal):
        return sources
    if (written := refuse_above_written(machine, disk, run.image)) is not None:
        return written
    merges = run.temporary or (run.pulled and run.sources is not None)
    return _merged(disk, run, sources) if merges else bitmap


def as_taken(disk: Disk, run: RunBackup) -> RunBackup:
    """Return a job as QEMU takes it: ``drive-backup`` of the top of a base image copies all."""
    if run.drive is None or run.sync is not Sync.TOP or run.image != disk.chain[0].name:
        return run
    asked = run.asked._replace(sync="full") if run.asked is not None else None
    return run._replace(sync=Sync.FULL, kind=Kind.FULL, asked=asked)


def _job(disk: Disk, run: RunBackup, record: Backup, before: Backup | None) -> BackupJob:
    """Return the job that makes a backup.

    Args:
        before: What the target holds, where there is one.
    """
    return BackupJob(
        name=run.job or run.target,
        disk=disk.name,
        backup=record,
        node=run.image,
        bitmap=run.bitmap,
        mode=run.mode,
        temporary=run.temporary,
        scratch=map_of(record.length) if run.sync is Sync.NONE else None,
        scratch_max=run.scratch,
        group=run.group,
        below=before if run.reuse or run.pulled else None,
        guarding=run.image == disk.active.name,
        overwritten=set_of(record.length) if not run.pulled else None,
        drive=run.drive is not None,
        unit=run.unit,
        breaks=run.breaks,
        preserves=run.preserves,
    )


def end_job(machine: Machine, end: EndJob) -> Machine | Refusal:
    """End the jobs of a name: one for each disk that takes part.

    In a group, one that does not complete cancels the others, and a command that finalizes one
    finalizes all.
    """
    jobs = [job for job in machine.jobs if end.job in (job.name, _target(job))]
    copies = [b for b in machine.backups_named(end.job) if b.kind is Kind.COPY]
    if not jobs and copies and (end.read is not None or isinstance(end.copied, ClusterSet)):
        return _end_copy(machine, end)
    if end.command is not None:
        jobs = [job for job in jobs if job.name == end.job]
    if not jobs:
        return Refusal(end.unknown)
    refusal = _refuse_end(machine, jobs[0], end)
    if refusal is not None:
        return refusal
    grouped = {t for job in jobs if isinstance(job, BackupJob) for t in job.group}
    for job in jobs:
        machine = _end(machine, job, end.status, end.copied, forced=end.forced)
    together = Status.CANCELLED if end.status is not Status.COMPLETED else end.status
    if together is Status.CANCELLED or end.command is not None:
        for job in [each for each in machine.jobs if _target(each) in grouped]:
            machine = _end(machine, job, together)
    return machine


def change_job(machine: Machine, change: ChangeJob) -> Machine | Refusal:
    """Let a copy that is ready write along with the guest; nothing of its content changes."""
    job = next((each for each in machine.jobs if each.name == change.job), None)
    if job is None:
        return Refusal(f"Block job '{change.job}' not found")
    state = _state_of(job, machine.disk(job.disk))
    if state == "pending":
        return Refusal(f"Job '{job.name}' in state 'pending' cannot accept command verb 'change'")
    if not isinstance(job, MirrorJob):
        return Refusal("Job type does not support change")
    if job.blocking and not change.blocking:
        return Refusal("Change to copy mode 'background' is not implemented")
    jobs = tuple(
        replace(job, blocking=change.blocking) if each is job else each for each in machine.jobs
    )
    return replace(machine, jobs=jobs)


TAKES = {
    "running": ("cancel",),
    "pending": ("finalize", "cancel"),
    "ready": ("complete", "cancel"),
}
"""The commands that a job takes in each of its states. Source: QEMU 7.2, all jobs and commands."""


def _refuse_end(machine: Machine, job: Job, end: EndJob) -> Refusal | None:
    """Return QEMU's words where a job is in no state to end in the way that it is told to.

    A job that has copied all is pending, until somebody says how it ends. One that follows the
    guest is ready; one that keeps old data for a reader runs on.
    """
    if end.command is None:
        return None
    verb = end.command.rpartition("-")[2]
    state = _state_of(job, machine.disk(job.disk))
    if verb in TAKES[state]:
        return None
    return Refusal(f"Job '{job.name}' in state '{state}' cannot accept command verb '{verb}'")


def _state_of(job: Job, disk: Disk) -> str:
    if isinstance(job, BackupJob):
        return "pending" if job.scratch is None else "running"
    follows = isinstance(job, MirrorJob) or (
        isinstance(job, CommitJob) and job.top == disk.active.name
    )
    return "ready" if follows else "pending"


def _end_copy(machine: Machine, end: EndJob) -> Machine:
    """Leave of a plain copy of a file what it had copied, as that was when it did."""

    def ended(backup: Backup) -> Backup:
        if backup.name != end.job or backup.kind is not Kind.COPY:
            return backup
        disk = machine.disk(backup.disk)
        left = _read_meanwhile(disk, backup, end.read) if end.read is not None else backup
        if not isinstance(end.copied, ClusterSet):
            return left
        left = cut_short(disk, left, end.copied)
        return replace(left, status=Status.FAILED, partly=left.short and bool(left.content))

    return replace(machine, backups=mapped(machine.backups, ended))


def _read_meanwhile(disk: Disk, copy: Backup, read: ReadMeanwhile) -> Backup:
    """Return a copy of an image that was written while it was copied.

    S1: |AAAAAAAA|    written |BB----BB|, when two clusters were copied    S1.bak: |AAAAAABB|
    """
    left = replace(
        copy,
        content=read.content,
        read=read.content.clusters(),
        copied_bytes=len(read.content) * disk.cluster_size,
        torn=read.torn,
    )
    return measure(left, disk.cluster_size, copy.bytes_in(disk.cluster_size))


def end_all(machine: Machine, status: Status) -> Machine:
    """End every job that runs, as when the process ends.

    One that dies leaves a target that nobody has flushed.
    """
    if status is Status.FAILED:
        machine = replace(machine, jobs=tuple(map(_unflushed, machine.jobs)))
    for job in machine.jobs:
        machine = _end(machine, job, status)
    return machine


def _unflushed(job: Job) -> Job:
    """Return a job that has copied nothing, as far as anybody will find."""
    if not isinstance(job, BackupJob) or job.copied is not None:
        return job
    return replace(job, copied=set_of(job.backup.length))


def _target(job: Job) -> str | None:
    """Return the target of a backup job; None for other jobs."""
    return job.backup.name if isinstance(job, BackupJob) else None


def _record(
    machine: Machine,
    disk: Disk,
    run: RunBackup,
    bitmap: DirtyBitmap | None,
) -> Backup:
    """Return the backup that a job makes of the state at its start."""
    view, moment, image = disk.view_of(run.image), disk.moment_of(run.image), disk.image(run.image)
    assert image is not None, "the view of this image was read"
    record = Backup(
        name=run.target,
        disk=disk.name,
        image=run.image,
        kind=run.kind,
        content=view,
        length=image.length,
        lacks=image.lacks,
        complete=True,
        moment=moment,
        at=machine.at,
        since=run.since,
        bitmaps=run.bitmaps,
        onto=run.onto,
        part=run.part,
        copied_bytes=count_copied(None, disk.cluster_size, disk.bytes_of(run.image)),
        transfer=Transfer.PULL if run.pulled else Transfer.PUSH,
        has_file=not run.pulled,
        backing=backing_of(disk, run),
    )
    partial = _read(disk, run, bitmap)
    if partial is not None:
        record = _narrow(disk, run, record, *partial)
    return _measured(disk, run, record, bitmap)


def _measured(disk: Disk, run: RunBackup, record: Backup, bitmap: DirtyBitmap | None) -> Backup:
    """Return a record with its bytes: a job counts what it covers, a client what it reads."""
    size = disk.bytes_of(run.image)
    if not run.pulled:
        return measure(record, disk.cluster_size, size)
    if record.read is not None and bitmap is not None:
        dirty = bitmap.dirty.below(-(-size // bitmap.granularity))
        return measure_granules(record, disk.cluster_size, size, dirty, bitmap.granularity)
    record = measure(record, disk.cluster_size, size)
    return replace(record, copied_bytes=record.data_bytes)


def _narrow(
    disk: Disk, run: RunBackup, full: Backup, read: ClusterSet, windows: tuple[Window, ...]
) -> Backup:
    """Return a record of just some clusters."""
    if run.kind is Kind.NONE:
        # At its end the target holds what the guest overwrote by then, and no more.
        content = map_of(full.length)
    else:
        content = fill_with_zeroes(full.content.restrict(read), read, full.length)
    return replace(
        full,
        content=content,
        complete=False,
        read=read,
        windows=tuple(window.close(full.moment) for window in windows),
        copied_bytes=count_copied(read, disk.cluster_size, disk.bytes_of(run.image)),
    )


def _read(
    disk: Disk,
    run: RunBackup,
    bitmap: DirtyBitmap | None,
) -> tuple[ClusterSet, tuple[Window, ...]] | None:
    """Return the clusters that a job or its client reads, and the history that they stand for.

    None where all of them are read.
    """
    image = disk.image(run.image)
    assert image is not None, "the job was accepted, so its image is there"
    if run.sync is Sync.TOP:
        # A raw image has every cluster, whether it was written or not.
        raw = image.format == "raw"
        own = set_of(image.length, range(image.length)) if raw else image.content.clusters()
        return copy_units(disk, own, image.length, run.unit), (Window(start=image.since),)
    if run.sync is Sync.BITMAP:
        assert bitmap is not None, "without its bitmap the job was refused"
        return copy_units(disk, disk.clusters_of(bitmap), image.length, run.unit), bitmap.windows
    if run.kind is Kind.NONE:
        return set_of(image.length), ()
    if run.pulled and bitmap is not None:
        return disk.clusters_of(bitmap).below(image.length), bitmap.windows
    return None


def _merged(disk: Disk, run: RunBackup, sources: tuple[DirtyBitmap, ...]) -> DirtyBitmap:
    """Return a bitmap of its own for a job, which holds what others hold at the job's start.

    B2: |---XXX--|, B3: |X----XX-|  give  backup-S2_3.bak: |X--XXXX-|
    """
    granularity = disk.granularity_of(run.image)
    length = -(-disk.bytes_of(run.image) // granularity)
    merged = DirtyBitmap(
        node=run.image,
        name=run.bitmap or run.target,
        granularity=granularity,
        length=length,
        dirty=set_of(length),
        recording=False,
        persistent=False,
    )
    if len({granularity, *(source.granularity for source in sources)}) > 1:
        for source in sources:
            merged = merged.merge(source, disk.moment)
        return merged
    dirty = merged.dirty
    windows: list[Window] = []
    for source in sources:
        dirty = dirty | source.dirty
        windows += source.windows_until(disk.moment)
    return replace(merged, dirty=dirty, windows=join_windows(tuple(windows)))


def _end(
    machine: Machine,
    job: Job,
    status: Status,
    copied: Copied | None = None,
    *,
    forced: bool = False,
) -> Machine:
    """Return the machine when a job has ended."""
    if isinstance(job, BackupJob):
        return _end_backup(machine, job, status, copied)
    return end_chain_job(machine, job, status, copied, forced=forced)


def _end_backup(machine: Machine, job: BackupJob, status: Status, copied: Copied | None) -> Machine:
    """Return the machine when a backup job that ran for a while has ended."""
    disk, made = leave(machine.disk(job.disk), job, status, copied)
    record = machine.backup_of(made.name, made.disk)
    runs = record is not None and record.status is Status.RUNNING
    return replace(
        machine,
        disks=machine.disks_with(disk),
        jobs=tuple(each for each in machine.jobs if each is not job),
        backups=put(machine.backups, BACKUP_OF, made) if runs else machine.backups,
    )
