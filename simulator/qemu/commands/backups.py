"""Backups, pushed and pulled, and how their jobs end. Pure."""

from typing import Any

from simulator.model.disk import Disk
from simulator.model.machine import Backup, BackupJob, Kind, Machine, Status, Transfer
from simulator.model.operations import (
    AddBitmap,
    Asked,
    EndJob,
    MergeBitmaps,
    Refusal,
    RunBackup,
    Sync,
)
from simulator.model.transitions import apply
from simulator.model.transitions.jobs import as_taken
from simulator.moves import key_of
from simulator.qemu.actions import (
    CLIENT,
    Action,
    AwaitGone,
    AwaitJobs,
    Command,
    JobEnd,
    MakeImage,
    PullData,
    ReadFile,
    RunTool,
)
from simulator.qemu.commands.bitmaps import gather_change, on_bitmap
from simulator.qemu.commands.jobs import end_chain_job
from simulator.qemu.commands.nodes import filter_node
from simulator.qemu.commands.outside import REFUSED
from simulator.qemu.commands.work import Work
from simulator.qemu.names import Names
from simulator.qemu.stops import Stop

PULLED = "pulled"
"""The bitmap beside a scratch image that tells a client what to read."""


def run_backup(work: Work, machine: Machine, run: RunBackup) -> None:
    """Add a backup of one disk, with all that its job needs and leaves."""
    names = work.names
    disk = machine.disk_of(run.image)
    assert disk is not None, "the job was accepted, so its image is there"
    key = (run.target, disk.name)
    if run.outside:
        work.do(*read_files(names, machine, disk, run))
        return
    target, file = names.targets[key], names.copies[key]
    if run.temporary and run.bitmap is not None:
        gather_change(work, AddBitmap(run.image, run.bitmap, persistent=False, recording=False))
        gather_change(work, MergeBitmaps(run.image, run.bitmap, run.sources or ()))
    if run.bitmap is not None:
        if (run.image, run.bitmap) in work.in_use:
            work.flush()
        work.in_use.add((run.image, run.bitmap))
    stop = work.stops.get(key)
    # Only a node can be one whose writes fail; to that QEMU does what it is told.
    drive = run.drive is not None and stop is None
    run = run if drive else as_taken(disk, run)
    if not drive:
        _open_target(work, machine, disk, run, stop)
    job = job_id(names, run.job or run.target, run.target, target)
    if run.group:
        work.properties = {"completion-mode": "grouped"}
    path, above = file if drive else None, _filter(disk, run, target)
    work.together.append(backup_command(names, run, target, stop, file=path, above=above))
    removed: list[Action] = []
    if run.temporary and run.bitmap is not None:
        removed.append(on_bitmap(names, "block-dirty-bitmap-remove", run.image, run.bitmap))
    if run.sync is Sync.NONE:
        if run.pulled:
            work.after.append(export_scratch(target, told=run.sources is not None))
        if not run.lasting:
            work.after += _end_open_job(work, machine, disk, run, key)
    elif run.lasting:
        work.after.append(AwaitJobs((job,), _halt(work, run, disk)))
    else:
        work.jobs.append(job)
        work.after += [*close_target(target, drive=drive), *removed]


def _filter(disk: Disk, run: RunBackup, target: str) -> str | None:
    """Return the node that a job puts above an image that others lie on, as it is named for those
    who open them again; None where nobody does."""
    if run.asked is not None or not run.lasting or run.image == disk.active.name:
        return None
    return filter_node(target)


def _open_target(
    work: Work, machine: Machine, disk: Disk, run: RunBackup, stop: Stop | None
) -> None:
    """Make the image that a job writes, or open the one that is there."""
    key = (run.target, disk.name)
    target, file = work.names.targets[key], work.names.copies[key]
    if run.pulled:
        work.before += make_scratch(work.names, disk, run.image, key)
        _tell_bitmap(work, target, run)
    elif run.reuse and (before := written_over(machine, disk, run.target)) is not None:
        work.before.append(open_target(file, target, format=before.format, stop=stop))
    else:
        work.before += make_target(disk, disk.bytes_of(run.image), file, target, stop)


def _halt(work: Work, run: RunBackup, disk: Disk) -> JobEnd:
    """Return where a job waits that lasts: with others of its group, it waits for them as well."""
    if (run.target, disk.name) in work.stops:
        return JobEnd.PAUSED
    stopped = {name for name, _ in work.stops}
    return JobEnd.PENDING if stopped.isdisjoint(run.group) else JobEnd.WAITING


def _tell_bitmap(work: Work, target: str, run: RunBackup) -> None:
    """Merge the bitmaps of a pull into one beside its scratch image, at the job's start."""
    if run.sources is None:
        return
    names = work.names
    added = {"node": target, "name": PULLED, "disabled": True}
    sources = [{"node": names.node(n), "name": b} for n, b in run.sources]
    merged = {"node": target, "target": PULLED, "bitmaps": sources}
    work.together += [
        Command("block-dirty-bitmap-add", added),
        Command("block-dirty-bitmap-merge", merged),
    ]


def _end_open_job(
    work: Work, machine: Machine, disk: Disk, run: RunBackup, key: tuple[str, str]
) -> list[Action]:
    """Return the end of a job that never ends by itself: a client has read all it wants."""
    target = work.names.targets[key]
    ended: list[Action] = []
    if run.pulled:
        size = disk.bytes_of(run.image)
        over = written_over(machine, disk, run.target) if run.reuse else None
        ended += pull_data(work.names, disk, size, key, told=run.sources is not None, over=over)
    job = job_id(work.names, run.job or run.target, run.target, target)
    drive = run.drive is not None
    return [*ended, *cancel_open_job(target, job, exported=run.pulled, drive=drive)]


def end_job(work: Work, machine: Machine, end: EndJob) -> None:
    """Finalize or cancel jobs that wait for it, having copied everything, or let them fail."""
    outcome = apply(machine, end)
    assert not isinstance(outcome, Refusal), "the end was accepted before"
    left = {id(job) for job in outcome.jobs}
    ended = [job for job in machine.jobs if id(job) not in left]
    # One that fails takes the others of its group along.
    for job in sorted(ended, key=lambda each: key_of(each) not in work.stops):
        if isinstance(job, BackupJob):
            _end_backup(work, machine, job, outcome)
        else:
            end_chain_job(work, machine, job, end)


def _end_backup(work: Work, machine: Machine, job: BackupJob, outcome: Machine) -> None:
    names, backup = work.names, job.backup
    key = (backup.name, backup.disk)
    target = names.targets[key]
    id = job_id(names, job.name, backup.name, target)
    made = next(b for b in outcome.backups_named(backup.name) if b.disk == backup.disk)
    completed = made.status is Status.COMPLETED
    pulled = backup.transfer is Transfer.PULL
    if pulled or backup.kind is Kind.NONE:
        disk = machine.disk(backup.disk)
        if pulled and completed:
            told = backup.read is not None
            size = backup.bytes_in(disk.cluster_size)
            work.do(*pull_data(names, disk, size, key, told=told, over=over_of(job)))
        work.do(*cancel_open_job(target, id, exported=pulled, drive=job.drive))
        return
    # In a group, the end of one is the end of all: QEMU finalizes or cancels them together.
    stop = work.stops.get(key)
    stopped = [name for name in job.group if any(name == other for other, _ in work.stops)]
    command = Command("job-finalize" if completed else "job-cancel", {"id": id})
    if stop is not None and stop.fails:
        command = Command("job-resume", {"id": id})
    if not job.group or backup.name == (stopped or job.group)[0]:
        work.do(command)
    end = JobEnd.COMPLETED if completed else JobEnd.CANCELLED
    work.do(
        AwaitJobs((id,), JobEnd.FAILED if stop is not None and stop.fails else end),
        *close_target(target, drive=job.drive and stop is None),
    )
    if job.temporary and job.bitmap is not None:
        work.do(on_bitmap(names, "block-dirty-bitmap-remove", job.node, job.bitmap))


def close_target(target: str, *, drive: bool) -> list[Command]:
    """Return what closes the target of a job that is over; QEMU does so with its own."""
    return [] if drive else [Command("blockdev-del", {"node-name": target})]


def make_target(
    disk: Disk, size: int, file: str, target: str, stop: Stop | None = None
) -> list[Action]:
    """Return what makes an empty image to back a disk up into, and opens it."""
    made = MakeImage(file, "qcow2", size, disk.cluster_size)
    return [made, open_target(file, target, stop=stop)]


def backup_command(
    names: Names,
    run: RunBackup,
    target: str,
    stop: Stop | None = None,
    *,
    file: str | None = None,
    above: str | None = None,
) -> Command:
    """Return the command that starts a backup job.

    One that lasts, or that never ends by itself, waits to be told how to end. One that is to be
    stopped copies in the order of the disk, unit by unit.

    Args:
        target: Its node.
        file: In place of that the file that QEMU is to open.
        above: The node that it puts above the image; None where nobody has to know it.
    """
    told = run.asked or Asked(run.sync.value, run.mode.value if run.bitmap is not None else None)
    options: dict[str, Any] = {
        "job-id": job_id(names, run.job or run.target, run.target, target),
        "device": names.node(run.image),
        "target": target if file is None else file,
        "sync": told.sync,
        "bitmap": run.bitmap,
        "bitmap-mode": told.mode,
        "filter-node-name": above,
    }
    options = {key: value for key, value in options.items() if value is not None}
    if run.lasting or run.sync is Sync.NONE:
        options["auto-finalize"] = False
    if stop is not None:
        options["on-target-error"] = "enospc"
        options["x-perf"] = {"max-workers": 1, "max-chunk": stop.unit}
    if file is not None:
        return Command("drive-backup", {**options, "mode": run.drive, "format": "qcow2"})
    return Command("blockdev-backup", options)


def job_id(names: Names, job: str, backup: str, target: str) -> str:
    """Return the id of a backup's job: the user's own name for it, or else the target's node.

    Args:
        job: What the user calls the job; the backup's name, if nothing else.
        backup: The backup's name.
        target: Its node.
    """
    return target if job == backup else names.job(job)


def open_target(
    file: str,
    target: str,
    *,
    format: str = "qcow2",
    backing: str | None = None,
    stop: Stop | None = None,
) -> Command:
    """Return the command that opens an image to back a disk up into.

    Args:
        stop: What is wrong with it.
    """
    options: dict[str, Any] = {
        "driver": format,
        "node-name": target,
        "discard": "unmap",
        "file": {"driver": "file", "filename": file},
    }
    if format == "qcow2":
        options["backing"] = backing
    if stop is not None:
        del options["node-name"]
        faulty = {"driver": "blkdebug", "node-name": target, "image": options}
        options = {**faulty, "inject-error": stop.errors}
    return Command("blockdev-add", options)


def make_scratch(names: Names, disk: Disk, image: str, key: tuple[str, str]) -> list[Action]:
    """Return what makes the scratch image of a pull, on top of the image that is read."""
    file, below = names.scratches[key], disk.image(image)
    assert below is not None, "the job was accepted, so its image is there"
    return [
        MakeImage(
            file,
            "qcow2",
            disk.bytes_of(image),
            disk.cluster_size,
            backing=names.files[image],
            backing_format=below.format,
        ),
        open_target(file, names.targets[key], backing=names.node(image)),
    ]


def export_scratch(target: str, *, told: bool) -> Command:
    """Return the command that lets a client read the state at a pull's start."""
    options: dict[str, Any] = {"type": "nbd", "id": target, "node-name": target, "name": target}
    if told:
        options["bitmaps"] = [PULLED]
    return Command("block-export-add", options)


def pull_data(
    names: Names,
    disk: Disk,
    size: int,
    key: tuple[str, str],
    *,
    told: bool,
    over: Backup | None = None,
) -> list[Action]:
    """Return what a client does with an export: it reads, and writes a file of its own.

    Args:
        told: Whether it reads what a bitmap tells.
        over: What its file holds already, where it is not made anew.
    """
    bitmap = PULLED if told else None
    pull = PullData(names.targets[key], names.copies[key], disk.cluster_size, bitmap)
    return [*client_file(disk, size, pull.file, over), pull._replace(over=format_of(over))]


def format_of(over: Backup | None) -> str | None:
    """Return the format of a file that is written over; None where there is none."""
    return over.format if over is not None else None


def over_of(job: BackupJob) -> Backup | None:
    """Return what the file of a client holds that writes just what changed; None for a new file."""
    written = job.backup.read is not None and job.below is not None and job.below.has_file
    return job.below if written else None


def client_file(disk: Disk, size: int, file: str, over: Backup | None) -> list[MakeImage | RunTool]:
    """Return what makes the file that a client writes as long as what it reads."""
    if over is None:
        return [MakeImage(file, "qcow2", size, disk.cluster_size)]
    if over.bytes_in(disk.cluster_size) == size:
        return []
    words = ("qemu-img", "resize", "-q", "-f", over.format, "--shrink", file, str(size))
    return [RunTool(words)]


def read_files(
    names: Names, machine: Machine, disk: Disk, run: RunBackup
) -> list[MakeImage | RunTool | ReadFile]:
    """Return what a client does that asks no host: it reads an image file, and writes its own."""
    key = (run.target, disk.name)
    file = names.copies.get(key, REFUSED)
    over = written_over(machine, disk, run.target) if run.reuse else None
    image = disk.image(run.image)
    assert image is not None, "the image was named, so it is there"
    named = run.sources[0][1] if run.sources is not None else None
    pull = PullData(CLIENT, file, disk.cluster_size, named, format_of(over))
    read = ReadFile(names.files[run.image], image.format, pull)
    return [*client_file(disk, disk.bytes_of(run.image), file, over), read]


def cancel_open_job(target: str, job: str, *, exported: bool, drive: bool = False) -> list[Action]:
    """Return what ends a job that never ends by itself, and closes its target."""
    ended: list[Action] = []
    if exported:
        ended += [Command("block-export-del", {"id": target, "mode": "hard"}), AwaitGone(target)]
    return [
        *ended,
        Command("job-cancel", {"id": job}),
        AwaitJobs((job,), JobEnd.CANCELLED),
        *close_target(target, drive=drive),
    ]


def written_over(machine: Machine, disk: Disk, target: str) -> Backup | None:
    """Return the backup of this target that is there already, if it left a file."""
    made = machine.backups_named(target)
    return next((b for b in made if b.disk == disk.name and b.has_file), None)
