"""A disk is copied into a new image, which takes the place of its chain."""

from simulator.model.bitmap import DirtyBitmap, Kept
from simulator.model.clusters import ZERO, range_of
from simulator.model.disk import Disk, Image
from simulator.model.machine import (
    Machine,
    MirrorJob,
)
from simulator.model.operations import (
    MirrorDisk,
    Refusal,
)
from simulator.model.series import series
from simulator.model.transitions.chains.carrying import merges_whole
from simulator.model.transitions.chains.images import in_use_by, no_node, refuse_exported
from simulator.model.values import replace

ZEROES_MAX = 1 << 22
"""Clusters up to which a copied disk holds the zeroes that fill it: they cost what it is long.

Nothing lies below them, so that a reader sees no difference.
"""


def mirror_disk(machine: Machine, mirror: MirrorDisk) -> Machine | Refusal:
    """Copy a disk into a new image, which takes the place of its chain.

        before  S1: |AAAA----| <- S2: |---BBB--|    after  C1: |AAABBB00|
                B1: |XXXX----|+   B1: |---XXX--|+          B1: |XXXXXX--|+  if carried

    The job writes zeroes over the whole of the new image before it copies. Source: libvirt 9.0
    with QEMU 7.2, ``blockcopy --pivot``.
    """
    disk = machine.disk_of(mirror.node)
    if disk is None:
        return no_node(mirror.node)
    if machine.node_taken(mirror.into):
        return Refusal(f"Duplicate nodes with node-name='{mirror.into}'")
    jobs = machine.jobs_on(disk.name)
    if jobs:
        return in_use_by(jobs[0], disk.active.name)
    exported = refuse_exported(machine, disk)
    if exported is not None:
        return exported
    job = MirrorJob(
        name=mirror.into,
        disk=disk.name,
        into=mirror.into,
        format=mirror.format,
        carry=mirror.carry,
        shallow=mirror.shallow and len(disk.chain) > 1,
    )
    if mirror.lasting:
        return replace(machine, jobs=(*machine.jobs, job))
    return machine.with_disk(pivoted(disk, job))


def pivoted(disk: Disk, job: MirrorJob) -> Disk:
    """Return a disk whose chain is one image that holds all that the guest sees.

    A shallow copy holds what the active image holds, and lies on what that lay on.
    """
    below = disk.chain[:-1] if job.shallow else ()
    copied = replace(disk, chain=disk.chain[-1:]) if job.shallow else disk
    content = copied.guest_view
    if not below and disk.length <= ZEROES_MAX:
        content = range_of(disk.length, 0, disk.length, ZERO).overlay(content)
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
