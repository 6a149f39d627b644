"""What the guest writes and discards, and the bits that it sets."""

from operator import is_
from typing import TypeAlias

from simulator.model.bitmap import DirtyBitmap
from simulator.model.clusters import ZERO, ClusterMap, ClusterSet, map_all, set_of
from simulator.model.disk import Disk
from simulator.model.machine import CommitJob, Machine, Power
from simulator.model.operations import (
    Extent,
    GuestDiscard,
    GuestWrite,
    Refusal,
)
from simulator.model.series import Part, Series, by_parts, known_of
from simulator.model.transitions.backups.overwriting import meet_write
from simulator.model.transitions.chains.images import data_in, lies_above, reaching
from simulator.model.transitions.copies.granules import granularity_of, torn
from simulator.model.values import replace


def _guest_disk(machine: Machine, name: str | None) -> Disk | Refusal:
    """Return the disk that a guest step means, if a guest is there to write to it."""
    disk = machine.disks[0] if name is None else machine.disk(name)
    if not disk.chain:
        return Refusal(f"disk {disk.name} {disk.absence}")
    if machine.power is not Power.RUNNING:
        return Refusal("no guest is running: the machine is off")
    if machine.ending:
        return Refusal("no guest is running: it has powered off")
    return disk


def _past_end(disk: Disk, touched: ClusterSet) -> Refusal | None:
    """Return QEMU's words for a guest step that does not lie within the disk."""
    if touched.last < disk.length:
        return None
    first = next(iter(touched - touched.below(disk.length))) * disk.cluster_size
    return Refusal(
        f"operation past EOF; From: {first}, Len: {disk.cluster_size}, Size: {disk.size}"
    )


def write(machine: Machine, write: GuestWrite) -> Machine | Refusal:
    """Store the data in the active image and mark it in the bitmaps that record there.

        before  S2: |---BBB--|    write |D----DD-|    after  S2: |D--BBDD-|
                B3: |--------|+                              B3: |X----XX-|+

    A frozen bitmap keeps its bits: it describes a window that has closed.
    """
    disk = _guest_disk(machine, write.disk)
    if isinstance(disk, Refusal) or not write.data:
        return machine if isinstance(disk, Disk) else disk
    touched = write.data.clusters()
    met = _past_end(disk, touched) or meet_write(machine, disk, write.data)
    if isinstance(met, Refusal):
        return met
    return met.with_disk(
        _change(met, disk, write.data, touched, write.extent, moments=write.writes)
    )


def discard(machine: Machine, discard: GuestDiscard) -> Machine | Refusal:
    """Turn whole clusters into explicit zeroes, and mark all that the discard touches.

        before  S1: |AAAA----| <- S2: |---B----|    discard |--XX----|
        after   S1: |AAAA----| <- S2: |--00----|

    A cluster never written stays unallocated in a base image; in an overlay it becomes zeroes,
    which hide the backing data. A part of a cluster keeps its content, and is dirty all the same.
    The filter of a job that lies between the guest and its disk drops discards: nothing changes,
    and no bit is set. Source: QEMU 7.2, ``facts/QEMU.md`` section 5.
    """
    disk = _guest_disk(machine, discard.disk)
    if isinstance(disk, Refusal) or not discard.clusters:
        return machine if isinstance(disk, Disk) else disk
    past = _past_end(disk, discard.clusters)
    if past is not None:
        return past
    if any(lies_above(job, disk) for job in machine.jobs_on(disk.name)):
        return machine
    whole = _whole_clusters(disk, discard)
    if len(disk.chain) == 1:
        whole = disk.active.content.restrict(whole).clusters()
    zeroes = map_all(disk.length, whole, ZERO)
    return machine.with_disk(
        _change(machine, disk, zeroes, discard.clusters, discard.extent, moments=discard.writes)
    )


def _change(
    machine: Machine,
    disk: Disk,
    data: ClusterMap,
    touched: ClusterSet,
    extent: Extent | None,
    *,
    moments: int,
) -> Disk:
    """Return a disk after the guest changed it.

    While its active image is being committed, the base follows it, with its bitmaps.
    """
    active = disk.active.name
    followers = {
        job.base: job
        for job in machine.jobs_on(disk.name)
        if isinstance(job, CommitJob) and job.top == active
    }
    skipping = {base for base, job in followers.items() if job.skips}
    data_of = {base: _not_skipped(disk, base, data) for base in skipping}
    chain = tuple(
        replace(image, content=image.content.overlay(data_of.get(image.name, data)))
        if image.name == active or image.name in followers
        else image
        for image in disk.chain
    )
    bitmaps = _marked(disk, frozenset({active, *followers} - skipping), touched, extent)
    for base, written in data_of.items():
        less = replace(disk, bitmaps=bitmaps)
        bitmaps = _marked(less, frozenset({base}), written.clusters() & touched, None)
    return replace(disk, bitmaps=bitmaps, chain=chain, moment=disk.moment + moments)


def _not_skipped(disk: Disk, base: str, data: ClusterMap) -> ClusterMap:
    """Return what reaches a base that read as zeroes."""
    image = disk.image(base)
    assert image is not None, "nobody drops an image that a job works on"
    reached = reaching(disk, data, data_in(image.content, disk.length))
    below = disk.chain.index(image) + 1
    return data.restrict(reached | torn(disk, granularity_of(disk), below, data))


Shape: TypeAlias = tuple[str, int, int]
"""What bitmaps have in common that a guest step marks alike: node, granularity, length."""


def _marked(
    disk: Disk, nodes: frozenset[str], touched: ClusterSet, extent: Extent | None
) -> Series[DirtyBitmap]:
    """Return the bitmaps, those on some nodes with the granules that a guest step touches.

    Of a thousand checkpoints the old ones hold those already. So a part remembers with what it has
    been marked, and who records in it.
    """
    granules: dict[Shape, ClusterSet] = {}

    def granules_of(shape: Shape) -> ClusterSet:
        if shape not in granules:
            granules[shape] = _touched_granules(disk, shape, touched, extent)
        return granules[shape]

    if type(disk.bitmaps) is tuple:
        return tuple(
            each.mark(granules_of((each.node, each.granularity, each.length)))
            if each.recording and each.node in nodes
            else each
            for each in disk.bitmaps
        )

    def mark(bitmaps: tuple[DirtyBitmap, ...]) -> tuple[DirtyBitmap, ...]:
        recorders = known_of(bitmaps, _recorders)
        if not recorders:
            return bitmaps
        held = known_of(bitmaps, _held)
        now: dict[Shape, ClusterSet] = {}
        for shape in recorders:
            if shape[0] in nodes:
                known = held.get(shape)
                together = granules_of(shape) if known is None else known | granules_of(shape)
                if together is not known:
                    now[shape] = together
        if not now:
            return bitmaps
        marked = [*bitmaps]
        for shape in now:
            for place in recorders[shape]:
                marked[place] = bitmaps[place].mark(granules_of(shape))
        if not isinstance(bitmaps, Part):
            return tuple(marked)
        part = bitmaps if all(map(is_, marked, bitmaps)) else bitmaps.alike(marked)
        part.known.update({_recorders: recorders, _held: held | now})
        return part

    return by_parts(disk.bitmaps, mark)


def _recorders(bitmaps: tuple[DirtyBitmap, ...]) -> dict[Shape, list[int]]:
    """Return the places of those that record, by what they have in common."""
    places: dict[Shape, list[int]] = {}
    for place, bitmap in enumerate(bitmaps):
        if bitmap.recording:
            shape = bitmap.node, bitmap.granularity, bitmap.length
            places.setdefault(shape, []).append(place)
    return places


def _held(bitmaps: tuple[DirtyBitmap, ...]) -> dict[Shape, ClusterSet]:
    """Return granules that all those that record hold: what they have been marked with."""
    return {}


def _whole_clusters(disk: Disk, discard: GuestDiscard) -> ClusterSet:
    """Return the clusters that a discard covers from end to end."""
    if discard.whole is not None:
        return discard.whole
    if discard.extent is None:
        return discard.clusters
    first = -(-discard.extent.offset // disk.cluster_size)
    stop = discard.extent.offset + discard.extent.length
    end = disk.length if stop == disk.size else stop // disk.cluster_size
    return set_of(disk.length, range(first, end))


def _touched_granules(
    disk: Disk, shape: Shape, clusters: ClusterSet, extent: Extent | None
) -> ClusterSet:
    """Return the granules of bitmaps that a guest step touches.

    Args:
        clusters: All clusters that the step touches.
        extent: The bytes it touches, where that is less than those clusters.
    """
    _, granularity, length = shape
    if extent is None:
        return disk.granules_of(granularity, clusters, length)
    end = -(-(extent.offset + extent.length) // granularity)
    return set_of(length, range(extent.offset // granularity, end))
