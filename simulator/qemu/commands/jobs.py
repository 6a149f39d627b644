"""Commits, pulls and copies of a disk: their start, their end, and the bitmaps they carry. Pure."""

import itertools
from typing import Any

from simulator.model.disk import Disk
from simulator.model.machine import ChainJob, CommitJob, Machine, MirrorJob, PullJob, Status
from simulator.model.operations import (
    AddBitmap,
    ChangeJob,
    CommitImages,
    EndJob,
    MergeBitmaps,
    MirrorDisk,
    PullImages,
    Refusal,
)
from simulator.model.transitions import apply
from simulator.model.transitions.chains.carrying import carried_bitmaps, merges_whole
from simulator.model.values import replace
from simulator.qemu.actions import AwaitJobs, Command, DropGuest, JobEnd, MakeImage
from simulator.qemu.commands.bitmaps import change_bitmap
from simulator.qemu.commands.nodes import (
    close_image,
    disk_of,
    export_to_guest,
    open_image,
    reopen_image,
    unshared,
)
from simulator.qemu.commands.work import Work
from simulator.qemu.names import Names


def commit_images(work: Work, machine: Machine, commit: CommitImages) -> None:
    """Add a commit: until it waits, or to its end."""
    names = work.names
    disk = machine.disk_of(commit.device)
    assert disk is not None, "the commit was accepted, so its images are there"
    job = CommitJob(
        name=commit.job or f"commit-{commit.base or disk.chain[0].name}",
        disk=disk.name,
        top=commit.top or disk.active.name,
        base=commit.base or disk.chain[0].name,
        carry=commit.carry,
    )
    name = names.job(job.name)
    pivots = job.top == disk.active.name
    options: dict[str, Any] = {
        "job-id": name,
        "device": names.node(disk.active.name),
        "top-node": names.node(job.top),
        "base-node": names.node(job.base),
    }
    if not pivots and commit.lasting:
        options["auto-finalize"] = False
    work.do(Command("block-commit", options))
    if pivots:
        work.do(AwaitJobs((name,), JobEnd.READY))
    elif commit.lasting:
        work.do(AwaitJobs((name,), JobEnd.PENDING))
    if not commit.lasting:
        _finish_commit(work, disk, job, told=not pivots)


def _finish_commit(work: Work, disk: Disk, job: CommitJob, *, told: bool = False) -> None:
    """Let a commit end well: the images that were merged are closed.

    Args:
        told: Whether it ends by itself.
    """
    names = work.names
    images = [image.name for image in disk.chain]
    merged = images[images.index(job.base) + 1 : images.index(job.top) + 1]
    name, pivots = names.job(job.name), job.top == disk.active.name
    if not told:
        work.do(Command("job-complete" if pivots else "job-finalize", {"id": name}))
    work.do(AwaitJobs((name,)))
    if job.carry:
        _carry(work, disk, merged, job.base, top=job.top, pivots=pivots)
    work.do(*(close_image(names, image) for image in reversed(merged)))
    if pivots and disk.length_of(job.base) > disk.length:
        # An export keeps the size that it was made with.
        work.do(DropGuest(names.guests[disk.name]), export_to_guest(names, disk.name, job.base))


def end_chain_job(work: Work, machine: Machine, job: ChainJob, end: EndJob) -> None:
    """Add the end of a job that waits for it, or that is cancelled."""
    name, disk, status = work.names.job(job.name), machine.disk(job.disk), end.status
    if status is not Status.COMPLETED:
        cancel = Command("job-cancel", {"id": name})
        if isinstance(job, CommitJob) and job.top == disk.active.name:
            # By force, what the guest has just written may be missing.
            if end.forced:
                work.do(AwaitJobs((name,), JobEnd.SYNCED))
            else:
                cancel = Command("block-job-cancel", {"device": name})
        work.do(cancel, AwaitJobs((name,), JobEnd.CANCELLED))
        if isinstance(job, MirrorJob):
            work.do(close_image(work.names, job.into))
    elif isinstance(job, MirrorJob):
        _finish_mirror(work, machine, job)
    elif isinstance(job, CommitJob):
        _finish_commit(work, disk, job)
    else:
        work.do(Command("job-finalize", {"id": name}))
        _finish_pull(work, machine, job)


def _carry(work: Work, disk: Disk, merged: list[str], base: str, *, top: str, pivots: bool) -> None:
    """Merge the bitmaps of merged images into the base's, those it lacks added first."""
    names, image = work.names, disk.image(base)
    if image is None or image.format != "qcow2":
        return
    carried = carried_bitmaps(disk, tuple(i for i in disk.chain if i.name in merged), top)
    if not carried:
        return
    left = tuple(image for image in disk.chain if image.name not in merged)
    if not pivots:
        work.do(reopen_image(names, left, base, read_only=False))
    held = {bitmap.name for bitmap in disk.bitmaps_on(base)}
    for bitmap in carried:
        if bitmap.name not in held:
            held.add(bitmap.name)
            added = AddBitmap(base, bitmap.name, bitmap.granularity, recording=bitmap.recording)
            work.together.append(change_bitmap(names, added))
        merge = MergeBitmaps(base, bitmap.name, ((bitmap.node, bitmap.name),))
        work.together.append(change_bitmap(names, merge))
    work.flush()
    if not pivots:
        work.do(reopen_image(names, left, base, read_only=True))


def pull_images(work: Work, machine: Machine, pull: PullImages) -> None:
    """Add a pull: until it waits, or to its end."""
    names = work.names
    outcome = apply(machine, pull._replace(lasting=True))
    assert not isinstance(outcome, Refusal), "the pull was accepted before"
    if outcome.jobs is machine.jobs:
        _pull_nothing(work, pull)
        return
    job = outcome.jobs[-1]
    assert isinstance(job, PullJob), "it has just been started"
    options: dict[str, Any] = {"job-id": names.job(job.name), "device": names.node(job.into)}
    # One that is told its base meets the filters on it, and one that is told its bottom does not.
    if pull.bottom is not None:
        options["bottom"] = names.node(pull.bottom)
    elif pull.base is not None:
        options["base-node"] = names.node(pull.base)
    if pull.lasting:
        options["auto-finalize"] = False
    work.do(Command("block-stream", options))
    if pull.lasting:
        work.do(AwaitJobs((names.job(job.name),), JobEnd.PENDING))
    else:
        _finish_pull(work, machine, job)


def _pull_nothing(work: Work, pull: PullImages) -> None:
    """Add a pull whose job finds nothing to do, and ends at once."""
    names = work.names
    name = names.job(pull.job or f"stream-{pull.into}")
    told = {"base-node": pull.base, "bottom": pull.bottom}
    options = {key: names.node(node) for key, node in told.items() if node is not None}
    options = {"job-id": name, "device": names.node(pull.into), **options}
    work.do(Command("block-stream", options), AwaitJobs((name,)))


def _finish_pull(work: Work, machine: Machine, job: PullJob) -> None:
    """Let a pull end: the images that were pulled from are closed, if nobody else lies on them.

    One that a backup began on stays open, with those below it: the job's own bitmap lies on it, and
    QEMU 7.2 aborts where it is closed.
    """
    names, disk = work.names, machine.disk(job.disk)
    images = [image.name for image in disk.chain]
    low = images.index(job.base) + 1 if job.base is not None else 0
    pulled = images[low : images.index(job.into)]
    work.do(AwaitJobs((names.job(job.name),)))
    if job.carry:
        pivots = job.into == disk.active.name
        _carry(work, disk, pulled, job.into, top=job.into, pivots=pivots)
    if not machine.sharers(job.into, disk.name):
        pulled = unshared(machine, disk, pulled)
    held = {each.node for each in machine.backup_jobs}
    free = itertools.takewhile(lambda image: image not in held, reversed(pulled))
    work.do(*(close_image(names, image) for image in free))


def mirror_disk(work: Work, machine: Machine, mirror: MirrorDisk) -> None:
    """Add the copy of a disk: until it is ready, or to its end."""
    names, disk = work.names, disk_of(machine, mirror.node)
    outcome = apply(machine, mirror._replace(lasting=True))
    assert not isinstance(outcome, Refusal), "the copy was accepted before"
    job = outcome.jobs[-1]
    assert isinstance(job, MirrorJob), "it has just been started"
    name = names.job(job.name)
    made = MakeImage(names.files[job.into], job.format, disk.size, disk.cluster_size)
    below = disk.chain[-2] if job.shallow else None
    if below is not None:
        made = made._replace(backing=names.files[below.name], backing_format=below.format)
    work.do(
        made,
        open_image(names, job.into, job.format, backing=below.name if below else None),
        mirror_command(names, mirror if mirror.sync else mirror._replace(shallow=job.shallow)),
        AwaitJobs((name,), JobEnd.READY),
    )
    if not mirror.lasting:
        _finish_mirror(work, machine, job)


def mirror_command(names: Names, mirror: MirrorDisk) -> Command:
    """Return the command that starts the copy of a disk."""
    options = {
        "job-id": names.job(mirror.job or mirror.into),
        "device": names.node(mirror.node),
        "target": names.node(mirror.into),
        "sync": mirror.sync or ("top" if mirror.shallow else "full"),
    }
    if mirror.replaces is not None:
        options["replaces"] = names.node(mirror.replaces)
    return Command("blockdev-mirror", options)


def change_command(names: Names, change: ChangeJob) -> Command:
    """Return the command that lets a copy write along with the guest."""
    mode = "write-blocking" if change.blocking else "background"
    options = {"id": names.job(change.job), "type": "mirror", "copy-mode": mode}
    return Command("block-job-change", options)


def _finish_mirror(work: Work, machine: Machine, job: MirrorJob) -> None:
    """Pivot to the new image, merge the bitmaps of the chain into it, and close the chain."""
    names, disk = work.names, machine.disk(job.disk)
    if job.shallow:
        disk = replace(disk, chain=disk.chain[-1:])
    name = names.job(job.name)
    work.do(Command("job-complete", {"id": name}), AwaitJobs((name,)))
    for bitmap in merges_whole(disk, job.format) if job.carry else ():
        keys = tuple((node, bitmap) for node in disk.nodes_with(bitmap))
        newest = disk.bitmap(*keys[-1])
        assert newest is not None, "the node was found by this bitmap"
        added = AddBitmap(job.into, bitmap, newest.granularity)
        work.together.append(change_bitmap(names, added))
        work.together.append(change_bitmap(names, MergeBitmaps(job.into, bitmap, keys)))
    images = unshared(machine, disk, (image.name for image in disk.chain))
    work.do(*(close_image(names, image) for image in reversed(images)))
