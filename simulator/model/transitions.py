"""What each operation does to a machine. Pure: a transition returns a new machine or a refusal."""

from collections.abc import Iterable
from dataclasses import replace
from typing import assert_never

from simulator.model import bitmap_transitions
from simulator.model.bitmap import Kept, Window
from simulator.model.clusters import ZERO, ClusterMap, ClusterSet, map_of, set_of
from simulator.model.disk import Disk, Image
from simulator.model.machine import Backup, Checkpoint, Kind, Machine, Power, Restored
from simulator.model.operations import (
    AddBitmap,
    AddOverlay,
    ClearBitmap,
    CloseImages,
    CopyImage,
    CreateImage,
    DisableBitmap,
    DropBackup,
    EnableBitmap,
    Extent,
    ForgetCheckpoint,
    GuestDiscard,
    GuestWrite,
    KillProcess,
    MergeBitmaps,
    OpenImages,
    Operation,
    RecordCheckpoint,
    Refusal,
    RemoveBitmap,
    RunBackup,
    StackBackups,
)


def apply_all(machine: Machine, operations: Iterable[Operation]) -> Machine | Refusal:
    """Return the machine after operations that happen together, or why the host refuses one.

    All or nothing: a refused operation leaves no trace of those before it.
    """
    for operation in operations:
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
            return _run_backup(machine, operation)
        case CopyImage():
            return _copy_image(machine, operation)
        case DropBackup():
            return _drop_backup(machine, operation)
        case StackBackups():
            return _stack_backups(machine, operation)
        case RecordCheckpoint():
            return _record_checkpoint(machine, operation)
        case ForgetCheckpoint():
            return _forget_checkpoint(machine, operation)
        case CloseImages():
            return _close_images(machine)
        case OpenImages():
            return _open_images(machine)
        case KillProcess():
            return _kill_process(machine)
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
    Source: QEMU 7.2, ``../shared/facts/QEMU.md`` section 5.
    """
    disk = _guest_disk(machine, discard.disk)
    if isinstance(disk, Refusal) or not discard.clusters:
        return machine if isinstance(disk, Disk) else disk
    whole = _whole_clusters(disk, discard)
    if len(disk.chain) == 1:
        whole = whole & disk.active.content.clusters()
    zeroes = map_of(disk.length, dict.fromkeys(whole, ZERO))
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
    length = -(-disk.size // granularity)
    if extent is not None:
        end = -(-(extent.offset + extent.length) // granularity)
        return set_of(length, range(extent.offset // granularity, end))
    if granularity == disk.cluster_size:
        return clusters
    if granularity > disk.cluster_size:
        return clusters.rescale(1, granularity // disk.cluster_size, length)
    return clusters.rescale(disk.cluster_size // granularity, 1, length)


def _create_image(machine: Machine, create: CreateImage) -> Machine | Refusal:
    """Start a disk's chain.

    after  S1: |--------|
    """
    disk = machine.disk(create.disk)
    if disk.chain:
        return Refusal(f"disk {disk.name} already has the image {disk.active.name}")
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
    old = disk.active.name
    bitmaps = tuple(
        replace(
            bitmap.close_window(disk.moment),
            kept=Kept.STORED if bitmap.persistent else bitmap.kept,
        )
        if bitmap.node == old
        else bitmap
        for bitmap in disk.bitmaps
    )
    overlay = Image(name=snapshot.overlay, content=map_of(disk.length), since=disk.moment)
    return machine.with_disk(replace(disk, chain=(*disk.chain, overlay), bitmaps=bitmaps))


def _run_backup(machine: Machine, job: RunBackup) -> Machine | Refusal:
    """Copy clusters as the reader of an image sees them now.

        S1: |AAAA----| <- S2: |D--BBDD-|    through  B3: |X----XX-|    gives  |D----DD-|

    A cluster of the bitmap that reads as zeroes becomes explicit zeroes in the backup.
    """
    disk = machine.disk(job.disk)
    view = disk.view_of(job.image)
    moment = _read_moment(disk, job.image)
    record = Backup(
        name=job.target,
        disk=disk.name,
        image=job.image,
        kind=job.kind,
        content=view,
        complete=True,
        moment=moment,
        at=machine.at,
        since=job.since,
        bitmaps=job.bitmaps,
        onto=job.onto,
        part=job.part,
        copied_bytes=disk.size,
    )
    if job.bitmap is not None:
        bitmap = disk.bitmap(job.image, job.bitmap)
        if bitmap is None:
            return Refusal(f"Bitmap '{job.bitmap}' could not be found")
        read = disk.clusters_of(bitmap)
        record = replace(
            record,
            content=fill_with_zeroes(view.restrict(read), read, disk.length),
            complete=False,
            read=read,
            windows=tuple(_close(window, moment) for window in bitmap.windows),
            copied_bytes=len(read) * disk.cluster_size,
        )
    kept = tuple(b for b in machine.backups if (b.name, b.disk) != (job.target, disk.name))
    return replace(machine, backups=(*kept, record))


def fill_with_zeroes(content: ClusterMap, wanted: ClusterSet, length: int) -> ClusterMap:
    """Return a map that holds explicit zeroes for each wanted cluster it held nothing for."""
    missing = wanted - content.clusters()
    if not missing:
        return content
    return map_of(length, dict.fromkeys(missing, ZERO)).overlay(content)


def _close(window: Window, moment: int) -> Window:
    return replace(window, end=moment) if window.end is None else window


def _read_moment(disk: Disk, image: str) -> int:
    """Return the moment that the view of an image stands for: of a lower one, when it froze."""
    names = [each.name for each in disk.chain]
    place = names.index(image)
    return disk.moment if place + 1 == len(names) else disk.chain[place + 1].since


def _copy_image(machine: Machine, copy: CopyImage) -> Machine | Refusal:
    """Copy one image file: what is unallocated in it falls through."""
    disk = machine.disk_of(copy.image)
    if disk is None:
        return Refusal(f"there is no image {copy.image} here")
    image = disk.image(copy.image)
    assert image is not None, "the disk was found by this image"
    end = _read_moment(disk, copy.image)
    record = Backup(
        name=copy.target,
        disk=disk.name,
        image=copy.image,
        kind=Kind.COPY,
        content=image.content,
        complete=False,
        read=image.content.clusters(),
        windows=(Window(start=image.since, end=end),),
        moment=end,
        at=machine.at,
        copied_bytes=len(image.content) * disk.cluster_size,
    )
    kept = tuple(b for b in machine.backups if b.name != copy.target)
    return replace(machine, backups=(*kept, record))


def _drop_backup(machine: Machine, drop: DropBackup) -> Machine | Refusal:
    gone = machine.backups_named(drop.name)
    if not gone:
        return Refusal(f"there is no backup {drop.name} here")
    return replace(machine, backups=tuple(b for b in machine.backups if b not in gone))


def _stack_backups(machine: Machine, stack: StackBackups) -> Machine | Refusal:
    """Lay backups over one another, for each disk that the newest one holds.

    S1.bak: |AAAA----|  below  B2.bak: |---BBB--|  reads  |AAABBB--|
    """
    for name in stack.sources:
        if not machine.backups_named(name):
            return Refusal(f"there is no backup {name} here")
    stacks = {
        disk.name: tuple(
            backup
            for name in stack.sources
            for backup in machine.backups_named(name)
            if backup.disk == disk.name
        )
        for disk in machine.disks
    }
    restored = tuple(
        Restored(
            name=stack.name,
            disk=disk,
            sources=sources,
            content=_stacked(machine.restores, sources, machine.disk(disk).length),
            of=stack.of,
            at=machine.at,
            part=sum(map(bool, stacks.values())) > 1,
        )
        for disk, sources in stacks.items()
        if sources
    )
    return replace(machine, restores=(*machine.restores, *restored))


def _stacked(made: tuple[Restored, ...], sources: tuple[Backup, ...], length: int) -> ClusterMap:
    """Return what a stack of backups reads as, building on one that was read before."""
    *below, newest = sources
    if newest.complete:
        return newest.content
    for restored in reversed(made):
        if restored.sources == tuple(below):
            return restored.content.overlay(newest.content)
    view = map_of(length)
    for source in sources:
        view = source.content if source.complete else view.overlay(source.content)
    return view


def _record_checkpoint(machine: Machine, record: RecordCheckpoint) -> Machine | Refusal:
    if machine.checkpoint(record.name) is not None:
        return Refusal(f"operation failed: domain moment {record.name} already exists")
    checkpoint = Checkpoint(
        name=record.name,
        parent=machine.current.name if machine.current else None,
        at=machine.at,
        moments=tuple((name, machine.disk(name).moment) for name in record.disks),
    )
    return replace(machine, checkpoints=(*machine.checkpoints, checkpoint))


def _forget_checkpoint(machine: Machine, forget: ForgetCheckpoint) -> Machine | Refusal:
    gone = machine.checkpoint(forget.name)
    assert gone is not None, "an API model forgets only checkpoints that it found"
    kept = tuple(
        replace(each, parent=gone.parent) if each.parent == gone.name else each
        for each in machine.checkpoints
        if each is not gone
    )
    return replace(machine, checkpoints=kept)


def _close_images(machine: Machine) -> Machine | Refusal:
    """Store persistent bitmaps; transient ones are gone. A later start loads what was stored."""
    if machine.power is not Power.RUNNING:
        return Refusal("the machine is off already")
    closed = machine
    for disk in machine.disks:
        stored = tuple(replace(b, kept=Kept.STORED) for b in disk.bitmaps if b.persistent)
        closed = closed.with_disk(replace(disk, bitmaps=stored))
    return replace(closed, power=Power.OFF)


def _open_images(machine: Machine) -> Machine | Refusal:
    """Open the active image for writing: what is stored in it is flagged as in use."""
    if machine.power is Power.RUNNING:
        return Refusal("the machine is running already")
    opened = machine
    for disk in machine.disks:
        active = disk.active.name if disk.chain else None
        bitmaps = tuple(
            replace(b, kept=Kept.IN_USE) if b.node == active else b for b in disk.bitmaps
        )
        opened = opened.with_disk(replace(disk, bitmaps=bitmaps))
    return replace(opened, power=Power.RUNNING)


def _kill_process(machine: Machine) -> Machine | Refusal:
    """Lose what was only in memory, and break what was open for writing.

        S1: |AAAA----| <- S2: |---BBB--|    S1 is read-only, so B1 was stored with the snapshot;
        B1: |XXXX----|    B2: |---XXX--|+   B2 is gone if it was made in this session, and
                                            inconsistent if it was loaded from the file.

    Source: QEMU.md section 3, E5 to E7.
    """
    if machine.power is not Power.RUNNING:
        return Refusal("no process is running: the machine is off")
    killed = machine
    for disk in machine.disks:
        left = tuple(
            bitmap.spoil() if bitmap.kept is Kept.IN_USE else bitmap
            for bitmap in disk.bitmaps
            if bitmap.kept is not Kept.MEMORY
        )
        killed = killed.with_disk(replace(disk, bitmaps=left))
    return replace(killed, power=Power.CRASHED)
