"""The active image grows or shrinks. Source: ``facts/QEMU.md``, section 4.5."""

from simulator.model.bitmap import DirtyBitmap
from simulator.model.disk import Disk
from simulator.model.machine import (
    BackupJob,
    CommitJob,
    Job,
    Machine,
    MirrorJob,
    PullJob,
)
from simulator.model.operations import (
    Fault,
    Refusal,
    ResizeImage,
)
from simulator.model.series import mapped
from simulator.model.transitions.bitmaps import inconsistent
from simulator.model.transitions.chains.images import (
    conflict,
    grow_over,
    in_hand,
    in_use_by,
    no_node,
    works_on,
)
from simulator.model.values import replace

SECTOR = 512
"""Bytes; the size of a disk is a multiple of it."""


def resize_image(machine: Machine, resize: ResizeImage) -> Machine | Refusal:
    """Let the active image grow or shrink, with all bitmaps that lie on it.

        before  S1: |AAAA----| <- S2: |---BBB--|    to 4 clusters, and to 8 again
                B1: |XXXX----|    B2: |---XXX--|+
        after   S1: |AAAA----| <- S2: |---B0000|
                B1: |XXXX----|    B2: |---X----|+

    New bits are clean. Images below keep their size. Where one of them is longer than the active
    image was, zeroes are written into what is new, so that old data does not come to light; they
    are not marked. Source: QEMU.md section 4.5.
    """
    disk = machine.disk_of(resize.node)
    if disk is None:
        return no_node(resize.node, device=False)
    refusal = _refuse_resize(machine, disk, resize)
    if refusal is not None:
        return refusal
    active, length = disk.active, resize.length
    before = disk.bytes_of(active.name)
    size = length * disk.cluster_size - resize.lacks
    grows = size > before
    content = grow_over(disk, active.name, size) if grows else active.content.below(length)

    def resized(bitmap: DirtyBitmap) -> DirtyBitmap:
        if bitmap.node != active.name:
            return bitmap
        return bitmap.resize(-(-size // bitmap.granularity))

    image = replace(active, content=content, length=length, lacks=resize.lacks)
    return machine.with_disk(
        replace(
            disk.with_image(image),
            length=length,
            lacks=resize.lacks,
            bitmaps=mapped(disk.bitmaps, resized),
            moment=disk.moment + (size != before),
        )
    )


def _refuse_resize(machine: Machine, disk: Disk, resize: ResizeImage) -> Refusal | None:
    if resize.length < 0:
        return Refusal("Parameter 'size' expects a >0 size")
    read = [
        job
        for job in machine.jobs_on(disk.name)
        if isinstance(job, BackupJob) and job.node == resize.node and not job.guarding
    ]
    if read and read[-1].based is None:
        return _conflict(resize.node, filtered=True)
    if resize.node != disk.active.name:
        names = [image.name for image in disk.chain]
        above: Job | str = names[names.index(resize.node) + 1]
        for job in machine.jobs_on(disk.name):
            # A job comes on top of what kept the image before.
            if isinstance(job, BackupJob):
                holds = job.node == resize.node and job.based is not None
            else:
                holds = resize.node in works_on(job, disk)
            above = job if holds else above
        cause = f"{resize.node} is a backing image"
        return resize_in_use(machine, resize.node, above, cause=cause)
    busy = _refuse_resize_in_use(machine, disk, resize.node)
    if busy is not None:
        return busy
    if (resize.length * disk.cluster_size - resize.lacks) % SECTOR:
        return Refusal(f"The new size must be a multiple of {SECTOR}")
    if resize.length == 0:
        return Refusal("a disk has at least one cluster here")
    for bitmap in disk.directory(resize.node):
        if bitmap.inconsistent:
            return inconsistent(bitmap.name)
    return None


def _refuse_resize_in_use(machine: Machine, disk: Disk, node: str) -> Refusal | None:
    """Return why an active image keeps its size: a job or a client counts on it."""
    jobs = [job for job in machine.jobs_on(disk.name) if _counts_on(job, node)]
    # Of backups, the filter of the newest one lies on top.
    for job in [*(job for job in jobs if not isinstance(job, BackupJob)), *jobs[-1:]]:
        if not isinstance(job, BackupJob) or job.based is not None:
            return resize_in_use(machine, node, job, cause=f"the job {job.name} runs")
    if jobs or any(export.node == node for export in machine.exports):
        return _conflict(node, filtered=bool(jobs))
    return None


def _counts_on(job: Job, active: str) -> bool:
    """Whether a job needs the active image as it is: not where it reads or fills one below."""
    match job:
        case BackupJob():
            return job.guarding
        case PullJob():
            return job.into == active
        case CommitJob() | MirrorJob():
            return True


def resize_in_use(machine: Machine, node: str, by: Job | str, *, cause: str) -> Refusal:
    """Return QEMU's words for an image that a job holds, or the image that lies on it.

    A pull's scratch image lies on what it keeps the old data of. Older releases do not say what it
    is.
    """
    fault = None if isinstance(by, str) else Fault.JOB
    if isinstance(by, BackupJob):
        by = by.based or by.backup.name
    if not machine.semantics.resize_says_why:
        words = "Device '(null)' is in use"
    elif isinstance(by, str):
        words = f"Node '{node}' is busy: node is used as backing hd of '{by}'"
    else:
        words = in_use_by(by, node).text
    return Refusal(words, cause=cause, fault=fault)


def _conflict(node: str, *, filtered: bool) -> Refusal:
    """Return QEMU's words for a node that may not be resized.

    Args:
        filtered: Whether the filter of a backup job needs it as it is; else a client does.
    """
    filter = f"node '#block' (uses node '{node}' as 'file' child)"
    return conflict(
        node,
        "resize",
        in_hand(node),
        filter if filtered else in_hand(node),
        cause="a backup job reads it" if filtered else "a client may read an export of it",
        job=filtered,
    )
