"""What lies outside the chains: copies, restored disks, and the host's notes of checkpoints."""

from typing import assert_never

from simulator.model.bitmap import Window
from simulator.model.clusters import DAMAGED, ClusterMap, map_all, map_of
from simulator.model.disk import Disk
from simulator.model.machine import (
    BACKUP_OF,
    NAME_OF,
    Backup,
    Kind,
    Machine,
    Restored,
    Status,
)
from simulator.model.notes import Checkpoint, SnapshotNote
from simulator.model.operations import (
    CopyImage,
    CorruptBackup,
    DropBackup,
    ForgetCheckpoint,
    ForgetSnapshot,
    OutsideOperation,
    RecordCheckpoint,
    RecordSnapshot,
    Refusal,
    RestoreCheckpoint,
    StackBackups,
)
from simulator.model.series import Series, added, mapped, put, without
from simulator.model.sizes import measure
from simulator.model.transitions.copies.targets import holds_something
from simulator.model.transitions.files import delete_files
from simulator.model.values import replace


def apply(machine: Machine, operation: OutsideOperation) -> Machine | Refusal:
    """Return the machine after an operation that touches no image, or why it is refused."""
    match operation:
        case CopyImage():
            return _copy_image(machine, operation)
        case DropBackup():
            return _drop_backup(machine, operation)
        case CorruptBackup():
            return _corrupt_backup(machine, operation)
        case StackBackups():
            return _stack_backups(machine, operation)
        case RecordCheckpoint():
            return _record_checkpoint(machine, operation)
        case RestoreCheckpoint():
            return _restore_checkpoint(machine, operation)
        case ForgetCheckpoint():
            return _forget_checkpoint(machine, operation)
        case RecordSnapshot():
            return _record_snapshot(machine, operation)
        case ForgetSnapshot():
            return _forget_snapshot(machine, operation)
        case _:
            assert_never(operation)


def _copy_image(machine: Machine, copy: CopyImage) -> Machine | Refusal:
    """Copy one image file: what is unallocated in it falls through.

    A copy of an image that lies below several disks is a part of the backups of each.
    """
    disk = machine.disk_of(copy.image)
    image = disk.image(copy.image) if disk is not None else None
    if disk is None or image is None or image.removed:
        return Refusal(f"there is no image {copy.image} here")
    if any(backup.status is Status.RUNNING for backup in machine.backups_named(copy.target)):
        return Refusal(f"backup {copy.target} is in use: {NOTHING_HELD[Status.RUNNING]}")
    disks = (disk, *machine.sharers(copy.image, disk.name))
    copies = (_copy_of(machine, each, copy, part=len(disks) > 1) for each in disks)
    return replace(machine, backups=added(machine.backups_but(copy.target), *copies))


def _copy_of(machine: Machine, disk: Disk, copy: CopyImage, *, part: bool) -> Backup:
    image = disk.image(copy.image)
    assert image is not None, "the disk was found by this image"
    end, below = disk.moment_of(copy.image), disk.chain_to(copy.image)[:-1]
    record = Backup(
        name=copy.target,
        disk=disk.name,
        image=copy.image,
        kind=Kind.COPY,
        content=image.content,
        length=image.length,
        lacks=image.lacks,
        complete=False,
        read=image.content.clusters(),
        windows=(Window(start=image.since, end=end),),
        moment=end,
        at=machine.at,
        copied_bytes=len(image.content) * disk.cluster_size,
        transfer=None,
        format=image.format,
        backing=below[-1].name if below else None,
        part=part,
    )
    return measure(record, disk.cluster_size, disk.bytes_of(copy.image))


def _drop_backup(machine: Machine, drop: DropBackup) -> Machine | Refusal:
    gone = machine.backups_named(drop.name)
    if not gone:
        return Refusal(f"there is no backup {drop.name} here")
    if any(backup.status is Status.RUNNING for backup in gone):
        return Refusal(f"backup {drop.name} is in use: {NOTHING_HELD[Status.RUNNING]}")
    return replace(machine, backups=without(machine.backups, *gone))


def _corrupt_backup(machine: Machine, corrupt: CorruptBackup) -> Machine | Refusal:
    """Let clusters of a stored backup hold what no guest ever wrote; it still claims the same.

    inc.bak: |--AAA---|    corrupt |--X-X---|    inc.bak: |--?A?---|
    """
    gone = [
        backup
        for backup in machine.backups_named(corrupt.name)
        if corrupt.disk in (None, backup.disk) and holds_something(backup)
    ]
    if not gone:
        return Refusal(f"there is no backup {corrupt.name} here")
    for backup in gone:
        held = corrupt.clusters if backup.complete else corrupt.clusters & backup.content.clusters()
        damage = map_all(backup.length, held.below(backup.length), DAMAGED)
        if damage:
            spoilt = replace(backup, content=backup.content.overlay(damage))
            machine = replace(machine, backups=put(machine.backups, BACKUP_OF, spoilt))
    return machine


NOTHING_HELD = {
    Status.RUNNING: "its job is still running",
    Status.FAILED: "its job failed",
    Status.CANCELLED: "its job was cancelled",
}
"""Why a backup cannot be restored, by how far it got."""


def _stack_backups(machine: Machine, stack: StackBackups) -> Machine | Refusal:
    """Lay backups over one another, for each disk that the newest one holds.

    S1.bak: |AAAA----|  below  B2.bak: |---BBB--|  reads  |AAABBB--|
    """
    named = machine.backups_by_name
    for name in stack.sources:
        if name not in named:
            return Refusal(f"there is no backup {name} here")
        for backup in named[name]:
            if not holds_something(backup):
                return Refusal(f"backup {name} is not complete: {NOTHING_HELD[backup.status]}")
    stacks = {
        disk.name: tuple(
            backup for name in stack.sources for backup in named[name] if backup.disk == disk.name
        )
        for disk in machine.disks
    }
    restored = tuple(
        Restored(
            name=stack.name,
            disk=disk,
            sources=sources,
            content=_stacked(machine.restores, sources),
            length=sources[-1].length,
            of=stack.of,
            at=machine.at,
            part=sum(map(bool, stacks.values())) > 1,
        )
        for disk, sources in stacks.items()
        if sources
    )
    return replace(machine, restores=added(machine.restores, *restored))


def _stacked(made: Series[Restored], sources: tuple[Backup, ...]) -> ClusterMap:
    """Return what a stack of backups reads as, building on one that was read before.

    What lies below a shorter backup is not seen beyond its end.
    """
    *below, newest = sources
    if newest.complete:
        return newest.content
    for restored in reversed(made):
        if restored.sources == tuple(below):
            return _cut(restored.content, restored.length, newest).overlay(newest.content)
    view, reach = map_of(newest.length), 0
    for source in sources:
        if source.complete:
            view = source.content
        else:
            view = _cut(view, reach, source).overlay(source.content)
        reach = source.length
    return view


def _cut(view: ClusterMap, length: int, above: Backup) -> ClusterMap:
    """Return as much of a view as is seen through a backup that lies on it."""
    return view.below(above.length) if above.length < length else view


def _record_checkpoint(machine: Machine, record: RecordCheckpoint) -> Machine | Refusal:
    assert machine.checkpoint(record.name) is None, "an API model refuses a name that is taken"
    checkpoint = Checkpoint(
        name=record.name,
        parent=machine.current.name if machine.current else None,
        at=machine.at,
        moments=tuple((name, machine.disk(name).moment) for name in record.disks),
    )
    return replace(machine, checkpoints=added(machine.checkpoints, checkpoint), tip=checkpoint.name)


def _restore_checkpoint(machine: Machine, restore: RestoreCheckpoint) -> Machine | Refusal:
    """Note a checkpoint again. Its moment is the one at which its oldest bitmap began.

    One that is noted already gets the new parent and the disks, and keeps its place. It is the
    current one from now on if there was none, or if that is its parent. Source: libvirt 9.0.
    """
    current = machine.current
    if current is None or restore.parent == current.name:
        machine = replace(machine, tip=restore.name)
    known = machine.checkpoint(restore.name)
    moments = dict(known.moments) if known is not None else {}
    for name in restore.disks:
        disk = machine.disk(name)
        windows = [w for b in disk.bitmaps if b.name == restore.name for w in b.windows]
        moments.setdefault(name, min((w.start for w in windows), default=disk.moment))
    told = tuple((name, moments[name]) for name in restore.disks)
    if known is not None:
        known = replace(known, parent=restore.parent, moments=told)
        return replace(machine, checkpoints=put(machine.checkpoints, NAME_OF, known))
    again = Checkpoint(name=restore.name, parent=restore.parent, moments=told)
    return replace(machine, checkpoints=added(machine.checkpoints, again))


def _forget_checkpoint(machine: Machine, forget: ForgetCheckpoint) -> Machine | Refusal:
    gone = machine.checkpoint(forget.name)
    assert gone is not None, "an API model forgets only checkpoints that it found"

    def adopted(each: Checkpoint) -> Checkpoint:
        return replace(each, parent=gone.parent) if each.parent == gone.name else each

    left = without(machine.checkpoints, gone)
    tip = gone.parent if machine.tip == gone.name else machine.tip
    return replace(machine, checkpoints=mapped(left, adopted), tip=tip)


def _record_snapshot(machine: Machine, record: RecordSnapshot) -> Machine:
    """Note a snapshot, or that the machine is back at it, with images that are new."""
    noted = [replace(each, current=False) for each in machine.snapshots]
    for place, each in enumerate(noted):
        if each.name == record.name:
            noted = [replace(other, reverted=()) for other in noted]
            noted[place] = replace(
                each, layers=record.layers, reverted=record.reverted, current=True
            )
            return delete_files(replace(machine, snapshots=tuple(noted)), record.gone)
    tip = next((each.name for each in machine.snapshots if each.current), None)
    note = SnapshotNote(
        name=record.name, at=machine.at, layers=record.layers, chains=record.chains, parent=tip
    )
    return replace(machine, snapshots=(*(each.settled() for each in noted), note))


def _forget_snapshot(machine: Machine, forget: ForgetSnapshot) -> Machine | Refusal:
    (gone,) = (each for each in machine.snapshots if each.name == forget.name)
    there = gone if forget.onward else replace(gone, layers=(), reverted=())
    under, kept = [gone.name], []
    for each in machine.snapshots:
        # One is younger than what it was put under, and the host looks at no others.
        if each.parent in under:
            under.append(each.name)
            kept.append(each.put_onto(there))
        elif each is not gone:
            kept.append(each.put_onto(replace(there, layers=(), reverted=())))
    return delete_files(replace(machine, snapshots=tuple(kept)), forget.gone)
