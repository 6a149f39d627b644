"""Backups as libvirt is asked for them: begun with a document, read by a client, ended. Pure."""

from collections.abc import Iterable, Iterator

from simulator.libvirt.actions import AwaitBackup, LibvirtAction, UnsupportedError, Virsh
from simulator.libvirt.files import Files, fallback
from simulator.libvirt.xml import DOMAIN, Target, backup_xml, checkpoint_xml, path_of
from simulator.model.disk import Disk
from simulator.model.machine import Backup, BackupJob, Machine, MirrorJob, Status
from simulator.model.operations import EndJob, RunBackup
from simulator.model.requests import TakeBackup
from simulator.qemu.actions import PullData
from simulator.qemu.commands.backups import (
    client_file,
    format_of,
    over_of,
    read_files,
    written_over,
)
from simulator.timeline import Entry
from simulator.values import NamedTuple


def back_up(files: Files, entry: Entry, request: TakeBackup) -> Iterator[LibvirtAction]:
    """Yield what takes a backup: it is begun, and waited for or read."""
    if request.outside:
        yield from _read_past_host(files, entry)
        return
    machine = entry.before
    for there, what in (
        (request.bitmaps, "a backup through bitmaps that the user names"),
        (request.image, "a backup of an image below the active one"),
        (request.lasting and not request.pulled, "a push backup that lasts"),
    ):
        if there:
            raise UnsupportedError(what)
    yield _begin(files, machine, request)
    if not request.pulled:
        yield AwaitBackup()
    elif not request.lasting:
        yield from _read(files, (_as_it_is(machine, request, name) for name in request.disks))


def _read_past_host(files: Files, entry: Entry) -> Iterator[LibvirtAction]:
    """Yield what a client does that asks no host."""
    machine = entry.before
    for run in entry.operations:
        if isinstance(run, RunBackup) and (disk := machine.disk_of(run.image)) is not None:
            yield from read_files(files.names, machine, disk, run)


def _begin(files: Files, machine: Machine, request: TakeBackup) -> Virsh:
    """Return what begins a backup, with a checkpoint where one is to start."""
    kept = files.names.scratches if request.pulled else files.names.copies
    several = len(request.disks) > 1
    refused = {
        name: fallback(f"{request.to}-{name}" if several else request.to) for name in request.disks
    }
    targets = [
        Target(
            disk.name,
            kept.get((request.to, disk.name), refused[disk.name]) if disk.name in refused else None,
        )
        for disk in machine.disks
    ]
    number = files.next_document()
    name = f"backup-{number}.xml"
    starts = dict(request.starts)
    told = backup_xml(targets, since=request.since, pulled=request.pulled, starts=starts)
    documents = [(name, told)]
    if request.checkpoint is not None:
        disks = [(disk.name, disk.name in request.disks) for disk in machine.disks]
        name = f"checkpoint-{number}.xml"
        documents.append((name, checkpoint_xml(request.checkpoint, disks)))
    paths = (path_of(name) for name, _ in documents)
    flags = ("--preserve-domain-on-shutdown",) if request.preserve else ()
    return Virsh(("backup-begin", DOMAIN, *paths, *flags), tuple(documents))


class _Read(NamedTuple):
    """What the client of a pull reads, and writes into a backup's file.

    Attributes:
        over: What that holds already, where it is not made anew.
    """

    disk: Disk
    name: str
    incremental: bool
    over: Backup | None


def _as_it_is(machine: Machine, request: TakeBackup, name: str) -> _Read:
    """Return what a client reads of one disk at the step that begins the backup."""
    disk = machine.disk(name)
    changed = request.since_of(name) is not None
    over = written_over(machine, disk, request.to) if changed else None
    return _Read(disk, request.to, changed, over)


def _read(files: Files, reads: Iterable[_Read]) -> Iterator[LibvirtAction]:
    """Yield what the client of a pull does: it reads every disk, and ends the job."""
    for disk, name, incremental, over in reads:
        file = files.names.copies[name, disk.name]
        bitmap = f"backup-{disk.name}" if incremental else None
        yield from client_file(disk, disk.size, file, over)
        yield PullData(disk.name, file, disk.cluster_size, bitmap, format_of(over))
    yield Virsh(("domjobabort", DOMAIN))


def finish(files: Files, entry: Entry) -> Iterator[LibvirtAction]:
    """Yield what ends the jobs that an instant ends."""
    ends = {each.job: each.status for each in entry.operations if isinstance(each, EndJob)}
    for copy in (job for job in entry.before.jobs if isinstance(job, MirrorJob)):
        if copy.name in ends:
            done = ends[copy.name] is Status.COMPLETED
            yield end_copy(copy, "--pivot" if done else "--abort")
    jobs = [job for job in entry.before.backup_jobs if _status(ends, job) is not None]
    if not jobs:
        return
    if all(_status(ends, job) is Status.COMPLETED for job in jobs):
        yield from _read(
            files,
            (
                _Read(
                    entry.before.disk(job.disk),
                    job.backup.name,
                    job.backup.since is not None,
                    over_of(job),
                )
                for job in jobs
            ),
        )
    else:
        yield Virsh(("domjobabort", DOMAIN))


def _status(ends: dict[str, Status], job: BackupJob) -> Status | None:
    """Return how a job ends, if it does now."""
    return ends.get(job.backup.name, ends.get(job.name))


def end_copy(job: MirrorJob, how: str) -> Virsh:
    """Return what ends the copy of a disk: ``--pivot`` to its new image, or ``--abort``."""
    return Virsh(("blockjob", DOMAIN, job.disk, how))
