"""A disk is copied into a new image, which takes the place of its chain."""

from simulator.model.bitmap import DirtyBitmap, Kept
from simulator.model.clusters import ZERO, ClusterMap, ClusterSet, map_all, range_of, set_of
from simulator.model.disk import Disk, Image
from simulator.model.machine import (
    BackupJob,
    Job,
    Machine,
    MirrorJob,
    PullJob,
)
from simulator.model.operations import (
    Fault,
    MirrorDisk,
    Refusal,
    Travels,
)
from simulator.model.series import series
from simulator.model.transitions.beside import left_beside, without_asides
from simulator.model.transitions.chains.carrying import merges_whole
from simulator.model.transitions.chains.images import (
    data_in,
    in_use_by,
    no_node,
    reaching,
    reads_as_zeroes,
    refuse_exported,
    seen_anew,
)
from simulator.model.transitions.copies.granules import granularity_of, together, torn, uneven
from simulator.model.transitions.copies.targets import fill_with_zeroes
from simulator.model.values import replace

SYNC_MODES = ("", "full", "top", "none")
"""What ``sync`` may say, or leave to who asks. Source: QEMU 7.2, ``blockdev-mirror``."""

BLOCK = 4096
"""Bytes of the first block of a raw file. Source: QEMU 11.1.3, ``qemu-img create``."""

ZEROES_MAX = 1 << 22
"""Clusters up to which a copied disk holds the zeroes that fill it: they cost what it is long.

Nothing lies below them, so that a reader sees no difference.
"""


def mirror_disk(machine: Machine, mirror: MirrorDisk) -> Machine | Refusal:
    """Copy a disk into a new image, which takes the place of its chain.

        before  S1: |AAAA----| <- S2: |---BBB--|    after  C1: |AAABBB00|
                B1: |XXXX----|+   B1: |---XXX--|+          B1: |XXXXXX--|+  if carried

    The job writes zeroes over the whole of the new image before it copies; newer releases write
    none where the image has none to hide. Source: libvirt 9.0 with QEMU 7.2, ``blockcopy --pivot``.
    """
    disk = machine.disk_of(mirror.node)
    if disk is None:
        return no_node(mirror.node)
    refusal = _refuse_mirror(machine, disk, mirror)
    if refusal is not None:
        return refusal
    job = MirrorJob(
        name=mirror.job or mirror.into,
        disk=disk.name,
        into=mirror.into,
        format=mirror.format,
        carry=mirror.carry,
        shallow=mirror.shallow and len(disk.chain) > 1,
        granularity=mirror.granularity or granularity_of(disk),
        blocking=mirror.blocking,
    )
    if mirror.sync == "none":
        job = replace(job, written=set_of(disk.length))
    else:
        job = _without_zeroes(machine, disk, job)
    machine = without_asides(machine, {mirror.into})
    disk = machine.disk(disk.name)
    if mirror.lasting:
        return replace(machine, jobs=(*machine.jobs, job))
    return machine.with_disk(left_beside(machine, disk, pivoted(disk, job)))


def _without_zeroes(machine: Machine, disk: Disk, job: MirrorJob) -> MirrorJob:
    """Return a job that writes no zeroes where the new image has none to hide, if it is such."""
    if not machine.semantics.zeroes_are_skipped or not _skips(disk, job):
        return job
    copied = _copied(disk, job)
    data = data_in(copied.guest_view, disk.length) | _first_block(copied, job.granularity)
    data = together(disk, job.granularity, data)
    return replace(job, data=data | uneven(disk, job.granularity, _left_below(disk, job)))


def moved(machine: Machine, disk: Disk, bitmaps: Travels) -> Disk:
    """Return a disk as another host has it that copied it: as one image of the active one's name.

        before  S1: |AAAA----| <- S2: |---BBB--|    there  S2: |AAABBB00|
                B1: |XXXX----|+   B1: |---XXX--|+          B1: |XXXXXX--|+  if merged

    Source: QEMU 7.2, ``blockdev-mirror`` to an export of the other host, and ``migrate`` with
    ``block-bitmap-mapping``; ``facts/QEMU.md`` section 8.
    """
    active = disk.active
    job = MirrorJob(
        name=active.name,
        disk=disk.name,
        into=active.name,
        format=active.format,
        carry=bitmaps is Travels.MERGED,
        granularity=granularity_of(disk),
    )
    there = pivoted(disk, _without_zeroes(machine, disk, job))
    if bitmaps is not Travels.ACTIVE:
        return there
    own = (b for b in disk.bitmaps_on(active.name) if not b.inconsistent)
    carried = series(replace(bitmap, kept=Kept.MEMORY, batch=0) for bitmap in own)
    return replace(there, bitmaps=carried)


def _refuse_mirror(machine: Machine, disk: Disk, mirror: MirrorDisk) -> Refusal | None:
    """Return why a copy does not start, in the order in which QEMU looks.

    Source: QEMU 7.2, ``blockdev-mirror`` under each kind of job and with wrong arguments.
    """
    jobs = machine.jobs_on(disk.name)
    atop = [job for job in jobs if not _lies_below(disk, job)]
    if mirror.node != disk.active.name or atop:
        return Refusal("Need a root block node", fault=Fault.JOB if atop else None)
    refusal = _refuse_target(machine, disk, mirror)
    if refusal is not None:
        return refusal
    if jobs:
        return in_use_by(jobs[0], disk.active.name)
    if mirror.job is not None and any(job.name == mirror.job for job in machine.jobs):
        return Refusal(f"Job ID '{mirror.job}' already in use")
    return refuse_exported(machine, disk)


def _lies_below(disk: Disk, job: Job) -> bool:
    """Whether a job leaves the active image alone, with no filter above it."""
    if isinstance(job, PullJob):
        return job.into != disk.active.name
    return isinstance(job, BackupJob) and not job.guarding


def _refuse_target(machine: Machine, disk: Disk, mirror: MirrorDisk) -> Refusal | None:
    """Return why QEMU takes no image to copy into, or to replace."""
    if mirror.wrong:
        return Refusal(mirror.wrong)
    into, names = mirror.into, [image.name for image in disk.chain]
    for job in machine.backup_jobs:
        if job.backup.name == into:
            return in_use_by(job, into)
    for other in (into, mirror.replaces):
        if other in names[:-1]:
            above = names[names.index(other) + 1]
            return Refusal(f"Node '{other}' is busy: node is used as backing hd of '{above}'")
    if mirror.replaces is not None and mirror.replaces != mirror.node:
        return Refusal(f"Failed to find node with node-name='{mirror.replaces}'")
    if mirror.sync not in SYNC_MODES:
        return Refusal(f"Sync mode '{mirror.sync}' not supported")
    if into == mirror.node:
        return Refusal("Can't mirror node into itself")
    taken = machine.node_taken(into)
    return Refusal(f"Duplicate nodes with node-name='{into}'") if taken else None


def pivoted(disk: Disk, job: MirrorJob) -> Disk:
    """Return a disk whose chain is one image that holds all that the guest sees.

    A shallow copy holds what the active image holds, and lies on what that lay on.
    """
    if job.written is not None:
        return _only_written(disk, job, job.written)
    below = disk.chain[:-1] if job.shallow else ()
    copied = _copied(disk, job)
    content = copied.guest_view
    if job.data is not None and job.format == "qcow2":
        zeroed = job.data - data_in(content, disk.length)
        content = content.restrict(job.data).overlay(map_all(disk.length, zeroed, ZERO))
    elif not below and disk.length <= ZEROES_MAX:
        rest = range_of(disk.length, 0, disk.length, ZERO)
        if job.data is not None:
            # Zeroes that are skipped, or copied as data: no hole in the file either way.
            rest = rest.restrict(rest.clusters() - _block(disk))
        content = rest.overlay(content)
    image = Image(
        name=job.into,
        content=content,
        length=disk.length,
        format=job.format,
        since=copied.chain[0].since,
        lacks=disk.lacks,
    )
    bitmaps: list[DirtyBitmap] = []
    for name in merges_whole(copied, job.format) if job.carry else ():
        found = [disk.bitmap(node, name) for node in reversed(copied.nodes_with(name))]
        newest, *older = [bitmap for bitmap in found if bitmap is not None]
        merged = replace(newest, node=job.into, kept=Kept.MEMORY, batch=0)
        for bitmap in older:
            merged = merged.merge(bitmap, disk.moment)
        bitmaps.append(merged)
    names = {each.name for each in below}
    kept = (bitmap for bitmap in disk.bitmaps if bitmap.node in names)
    return replace(disk, chain=(*below, image), bitmaps=series((*kept, *bitmaps)))


def _only_written(disk: Disk, job: MirrorJob, written: ClusterSet) -> Disk:
    """Return a disk whose chain is one image that holds what was written meanwhile, and no more.

    before  S1: |AAAA----|    the guest writes |-B----0-|    after  M1: |-B----0-|

    The guest has lost the rest. Source: QEMU 7.2, ``blockdev-mirror`` with ``sync: none``.
    """
    image = Image(
        name=job.into,
        content=fill_with_zeroes(disk.guest_view.restrict(written), written, disk.length),
        length=disk.length,
        format=job.format,
        since=disk.moment,
        lacks=disk.lacks,
    )
    return seen_anew(disk, replace(disk, chain=(image,), bitmaps=()))


def _copied(disk: Disk, job: MirrorJob) -> Disk:
    """Return a disk whose guest's view is what is copied."""
    return replace(disk, chain=disk.chain[-1:]) if job.shallow else disk


def _left_below(disk: Disk, job: MirrorJob) -> int:
    """Return how many images at the bottom of a chain are not copied."""
    return len(disk.chain) - 1 if job.shallow else 0


def _block(disk: Disk) -> ClusterSet:
    """Return the clusters that lie in the first block of a file."""
    return set_of(disk.length, range(min(-(-BLOCK // disk.cluster_size), disk.length)))


def _first_block(disk: Disk, granularity: int) -> ClusterSet:
    """Return the clusters of a raw base that nobody wrote and that are data all the same.

    ``qemu-img create`` leaves its first block allocated, until the guest zeroes it.
    """
    if disk.chain[0].format != "raw":
        return set_of(disk.length)
    raw, *above = disk.chain
    block = _block(disk).below(raw.length) - disk.guest_view.clusters()
    if disk.cluster_size <= granularity or not block:
        return block
    # The job goes on within the cluster, and takes the whole hole behind it along.
    held = data_in(raw.content, raw.length)
    for image in above:
        held = held | image.content.clusters()
    return set_of(disk.length, range(min(next(iter(held), disk.length), raw.length)))


def _skips(disk: Disk, job: MirrorJob) -> bool:
    """Whether the new image, with what it lies on, reads as zeroes before anything is copied."""
    return not job.shallow or reads_as_zeroes(disk, disk.chain[-2].name)


def followed(disk: Disk, job: MirrorJob, data: ClusterMap) -> MirrorJob:
    """Return the copy of a disk as it holds what the guest writes, too."""
    if job.written is not None:
        written = together(disk, job.granularity, data.clusters())
        return replace(job, written=job.written | written)
    if job.data is None:
        return job
    held = data_in(disk.guest_view, disk.length)
    reached = together(disk, job.granularity, reaching(disk, data, held & job.data))
    uneven_now = torn(disk, job.granularity, _left_below(disk, job), data)
    return replace(job, data=job.data | reached | uneven_now)
