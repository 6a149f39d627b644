"""What each operation does to a machine. Pure: a transition returns a new machine or a refusal."""

from collections.abc import Iterable
from dataclasses import replace
from typing import assert_never

from simulator.model import (
    bitmap_transitions,
    chain_transitions,
    job_transitions,
    outside_transitions,
    power_transitions,
)
from simulator.model.bitmap import DirtyBitmap
from simulator.model.clusters import ZERO, ClusterSet, map_all, map_of, set_of
from simulator.model.disk import Disk, Image
from simulator.model.machine import Machine, Power
from simulator.model.operations import (
    AddBitmap,
    AddOverlay,
    ClearBitmap,
    CloseImages,
    CommitImages,
    CopyImage,
    CreateImage,
    DisableBitmap,
    DropBackup,
    EnableBitmap,
    EndBackup,
    Extent,
    ForgetCheckpoint,
    GuestDiscard,
    GuestWrite,
    KillProcess,
    MergeBitmaps,
    OpenImages,
    Operation,
    PullImages,
    RecordCheckpoint,
    Refusal,
    RemoveBitmap,
    RunBackup,
    StackBackups,
)


def apply_all(machine: Machine, operations: Iterable[Operation]) -> Machine | Refusal:
    """Return the machine after operations that happen together, or why the host refuses one.

    All or nothing: a refused operation leaves no trace of those before it. The name of a bitmap
    that is removed stays taken until the end. Source: QEMU 7.2; ``facts/QEMU.md`` section 6.4.
    """
    removed: set[tuple[str, str]] = set()
    for operation in operations:
        if isinstance(operation, RemoveBitmap):
            removed.add((operation.node, operation.name))
        if isinstance(operation, AddBitmap) and (operation.node, operation.name) in removed:
            return Refusal(f"Bitmap already exists: {operation.name}")
        outcome = apply(machine, operation)
        if isinstance(outcome, Refusal):
            return outcome
        machine = outcome
    return machine


def apply(machine: Machine, operation: Operation) -> Machine | Refusal:
    """Return the machine after an operation, or why the host refuses it.

    A refusal is data, since scenarios that a host would turn down are worth drawing too.
    A broken invariant of ours is not: it raises.
    """
    match operation:
        case GuestWrite():
            return _guest_write(machine, operation)
        case GuestDiscard():
            return _guest_discard(machine, operation)
        case CreateImage():
            return _create_image(machine, operation)
        case AddOverlay():
            return _add_overlay(machine, operation)
        case (
            AddBitmap()
            | RemoveBitmap()
            | ClearBitmap()
            | EnableBitmap()
            | DisableBitmap()
            | MergeBitmaps()
        ):
            return bitmap_transitions.apply(machine, operation)
        case RunBackup():
            return job_transitions.run_backup(machine, operation)
        case EndBackup():
            return job_transitions.end_backup(machine, operation)
        case CommitImages():
            return chain_transitions.commit_images(machine, operation)
        case PullImages():
            return chain_transitions.pull_images(machine, operation)
        case CopyImage() | DropBackup() | StackBackups() | RecordCheckpoint() | ForgetCheckpoint():
            return outside_transitions.apply(machine, operation)
        case CloseImages() | OpenImages() | KillProcess():
            return power_transitions.apply(machine, operation)
        case _:
            assert_never(operation)


def _guest_disk(machine: Machine, name: str | None) -> Disk | Refusal:
    """Return the disk that a guest step means, if a guest is there to write to it."""
    disk = machine.disks[0] if name is None else machine.disk(name)
    if not disk.chain:
        return Refusal(f"disk {disk.name} has no image yet")
    if machine.power is not Power.RUNNING:
        return Refusal("no guest is running: the machine is off")
    return disk


def _guest_write(machine: Machine, write: GuestWrite) -> Machine | Refusal:
    """Store the data in the active image and mark it in the bitmaps that record there.

        before  S2: |---BBB--|    write |D----DD-|    after  S2: |D--BBDD-|
                B3: |--------|+                              B3: |X----XX-|+

    A frozen bitmap keeps its bits: it describes a window that has closed.
    """
    disk = _guest_disk(machine, write.disk)
    if isinstance(disk, Refusal) or not write.data:
        return machine if isinstance(disk, Disk) else disk
    active = replace(disk.active, content=disk.active.content.overlay(write.data))
    marked = _mark(disk, write.data.clusters(), write.extent)
    return machine.with_disk(
        replace(marked, chain=(*disk.chain[:-1], active), moment=disk.moment + write.writes)
    )


def _guest_discard(machine: Machine, discard: GuestDiscard) -> Machine | Refusal:
    """Turn whole clusters into explicit zeroes, and mark all that the discard touches.

        before  S1: |AAAA----| <- S2: |---B----|    discard |--XX----|
        after   S1: |AAAA----| <- S2: |--00----|

    A cluster never written stays unallocated in a base image; in an overlay it becomes zeroes,
    which hide the backing data. A part of a cluster keeps its content, and is dirty all the same.
    While a backup job runs, its filter drops discards: nothing changes, and no bit is set.
    Source: QEMU 7.2, ``facts/QEMU.md`` section 5.
    """
    disk = _guest_disk(machine, discard.disk)
    if isinstance(disk, Refusal) or not discard.clusters:
        return machine if isinstance(disk, Disk) else disk
    if any(job.backup.disk == disk.name for job in machine.jobs):
        return machine
    whole = _whole_clusters(disk, discard)
    if len(disk.chain) == 1:
        whole = whole & disk.active.content.clusters()
    zeroes = map_all(disk.length, whole, ZERO)
    active = replace(disk.active, content=disk.active.content.overlay(zeroes))
    marked = _mark(disk, discard.clusters, discard.extent)
    return machine.with_disk(
        replace(marked, chain=(*disk.chain[:-1], active), moment=disk.moment + 1)
    )


def _whole_clusters(disk: Disk, discard: GuestDiscard) -> ClusterSet:
    """Return the clusters that a discard covers from end to end."""
    if discard.extent is None:
        return discard.clusters
    first = -(-discard.extent.offset // disk.cluster_size)
    end = (discard.extent.offset + discard.extent.length) // disk.cluster_size
    return set_of(disk.length, range(first, end))


def _mark(disk: Disk, clusters: ClusterSet, extent: Extent | None) -> Disk:
    """Return the disk with a guest step marked in the bitmaps that record it."""
    bitmaps = tuple(
        bitmap.mark(touched_granules(disk, bitmap.granularity, clusters, extent))
        if bitmap.node == disk.active.name
        else bitmap
        for bitmap in disk.bitmaps
    )
    return replace(disk, bitmaps=bitmaps)


def touched_granules(
    disk: Disk, granularity: int, clusters: ClusterSet, extent: Extent | None
) -> ClusterSet:
    """Return the granules that a guest step touches.

    Args:
        granularity: Bytes for one bit.
        clusters: All clusters that the step touches.
        extent: The bytes it touches, where that is less than those clusters.
    """
    if extent is None:
        return disk.granules_of(granularity, clusters)
    end = -(-(extent.offset + extent.length) // granularity)
    return set_of(-(-disk.size // granularity), range(extent.offset // granularity, end))


def _create_image(machine: Machine, create: CreateImage) -> Machine | Refusal:
    """Start a disk's chain.

    after  S1: |--------|
    """
    disk = machine.disk(create.disk)
    if disk.chain:
        return Refusal(f"disk {disk.name} already has the image {disk.active.name}")
    if machine.disk_of(create.image) is not None:
        return Refusal(f"Duplicate nodes with node-name='{create.image}'")
    base = Image(name=create.image, content=map_of(disk.length), format=create.format)
    return machine.with_disk(replace(disk, chain=(base,)))


def _add_overlay(machine: Machine, snapshot: AddOverlay) -> Machine | Refusal:
    """Make the active image read-only and put an empty one on top of it.

        before  S1: |AAAA----|     after  S1: |AAAA----| <- S2: |--------|
                B1: |XXXX----|+           B1: |XXXX----|+

    Bitmaps stay on the old image, where nobody writes any more. They are stored at that moment,
    so a later crash does them no harm. Source: QEMU.md sections 2.2 and 4.1.
    """
    disk = machine.disk(snapshot.disk)
    if not disk.chain:
        return Refusal(f"disk {disk.name} has no image yet")
    if machine.disk_of(snapshot.overlay) is not None:
        return Refusal(f"Duplicate nodes with node-name='{snapshot.overlay}'")
    old = disk.active.name
    bitmaps = tuple(
        _retire(bitmap.close_window(disk.moment)) if bitmap.node == old else bitmap
        for bitmap in disk.bitmaps
    )
    overlay = Image(name=snapshot.overlay, content=map_of(disk.length), since=disk.moment)
    return machine.with_disk(replace(disk, chain=(*disk.chain, overlay), bitmaps=bitmaps))


def _retire(bitmap: DirtyBitmap) -> DirtyBitmap:
    """Return a bitmap of an image that becomes read-only: stored then, if it is persistent."""
    return bitmap.store() if bitmap.persistent else bitmap
