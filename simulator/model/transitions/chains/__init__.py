"""What becomes of images and bitmaps when a chain grows, shrinks, is resized or goes back in time.

Source: QEMU 7.2; ``facts/QEMU.md``, sections 4.1 to 4.6.
"""

from typing import assert_never

from simulator.model.disk import Disk
from simulator.model.machine import (
    ChainJob,
    CommitJob,
    Machine,
    MirrorJob,
    PullJob,
    Status,
)
from simulator.model.operations import (
    AddOverlay,
    ChainOperation,
    CommitImages,
    DropSnapshot,
    LoadSnapshot,
    MirrorDisk,
    PullImages,
    Refusal,
    ResizeImage,
    RevertImages,
    SaveSnapshot,
    StoreBitmaps,
)
from simulator.model.operations.jobs import Copied
from simulator.model.series import mapped
from simulator.model.transitions.beside import left_beside
from simulator.model.transitions.chains.carrying import retire
from simulator.model.transitions.chains.commits import commit_images, drop_merged, stop_commit
from simulator.model.transitions.chains.forks import without_merged
from simulator.model.transitions.chains.images import seen_anew
from simulator.model.transitions.chains.internal import drop_snapshot, load_snapshot, save_snapshot
from simulator.model.transitions.chains.mirrors import mirror_disk, pivoted
from simulator.model.transitions.chains.overlays import (
    add_overlay,
    revert_images,
    store_bitmaps,
)
from simulator.model.transitions.chains.pulls import drop_pulled, pull_images, stop_pull
from simulator.model.transitions.chains.resizing import resize_image
from simulator.model.values import replace


def apply(machine: Machine, operation: ChainOperation) -> Machine | Refusal:
    """Return the machine after an operation on a chain, or why QEMU refuses it."""
    match operation:
        case AddOverlay():
            return add_overlay(machine, operation)
        case StoreBitmaps():
            return store_bitmaps(machine, operation)
        case ResizeImage():
            return resize_image(machine, operation)
        case RevertImages():
            return revert_images(machine, operation)
        case SaveSnapshot():
            return save_snapshot(machine, operation)
        case DropSnapshot():
            return drop_snapshot(machine, operation)
        case LoadSnapshot():
            return load_snapshot(machine, operation)
        case CommitImages():
            return commit_images(machine, operation)
        case PullImages():
            return pull_images(machine, operation)
        case MirrorDisk():
            return mirror_disk(machine, operation)
        case _:
            assert_never(operation)


def end_chain_job(
    machine: Machine,
    job: ChainJob,
    status: Status,
    copied: Copied | None = None,
    *,
    forced: bool = False,
) -> Machine:
    """Return the machine when a job on a chain has ended; only a completed one drops images.

    What it copied stays where it is. The base of an image in the middle is read-only again, with
    its bitmaps stored; that of the active one stays open for writing, but where a newer release
    is told to stop by force.

    Args:
        copied: What one that is stopped had copied; None for all.
        forced: As in :class:`~simulator.model.operations.EndJob`.
    """
    disk = machine.disk(job.disk)
    left = replace(machine, jobs=tuple(each for each in machine.jobs if each is not job))
    if isinstance(job, MirrorJob):
        if status is not Status.COMPLETED:
            return left
        return left.with_disk(left_beside(machine, disk, pivoted(disk, job)))
    if status is Status.COMPLETED and isinstance(job, CommitJob):
        disk, left = drop_merged(disk, job), without_merged(left, job)
    elif status is Status.COMPLETED and isinstance(job, PullJob):
        disk = drop_pulled(disk, job)
    elif job.copying is not None and status is not Status.COMPLETED:
        told = copied if copied is not None else job.copying.done
        disk = _stop(disk, job, told) if told is not None else disk
    disk = left_beside(machine, machine.disk(job.disk), disk)
    written = job.base if isinstance(job, CommitJob) else job.into
    closes = forced and machine.semantics.force_closes_base
    stays_open = isinstance(job, CommitJob) and job.top == disk.active.name and not closes
    if stays_open and status is not Status.COMPLETED:
        disk = disk.opened(written, left_open=True)
    kept = job.copying.image if isinstance(job, PullJob) and job.copying is not None else None
    if isinstance(job, CommitJob):
        kept = disk.image(job.base)
    open_before = kept is not None and kept.left_open
    if not stays_open and not open_before and written != disk.active.name:
        before = disk
        bitmaps = mapped(before.bitmaps, lambda b: retire(before, b) if b.node == written else b)
        disk = replace(disk, bitmaps=bitmaps)
    return left.with_disk(disk)


def _stop(disk: Disk, job: CommitJob | PullJob, copied: Copied) -> Disk:
    """Return a disk as a job leaves it that had copied a part."""
    if isinstance(job, CommitJob):
        return seen_anew(disk, stop_commit(disk, job, copied))
    return seen_anew(disk, stop_pull(disk, job, copied))
