"""What a clean close, a start and a crash do to images and bitmaps, of a machine or of one disk.

Source: QEMU 7.2; ``facts/QEMU.md``, section 3.
"""

from typing import assert_never

from simulator.model.bitmap import Kept
from simulator.model.disk import Disk
from simulator.model.machine import Machine, Power, Status
from simulator.model.operations import (
    AttachDisk,
    CloseImages,
    DetachDisk,
    EndGuest,
    Fault,
    FreezeGuest,
    KillProcess,
    MoveDisks,
    OpenImages,
    PowerOperation,
    Refusal,
    ThawGuest,
    UndefineMachine,
)
from simulator.model.series import series
from simulator.model.transitions import jobs
from simulator.model.transitions.chains.mirrors import moved
from simulator.model.transitions.files import forget_removed
from simulator.model.values import replace


def apply(machine: Machine, operation: PowerOperation) -> Machine | Refusal:
    """Return the machine after its process has ended or started."""
    match operation:
        case CloseImages():
            return _close_images(machine)
        case EndGuest():
            return replace(machine, ending=True, frozen=False)
        case OpenImages():
            return _open_images(machine)
        case KillProcess():
            return _kill_process(machine)
        case DetachDisk():
            return _detach(machine, machine.disk(operation.disk))
        case AttachDisk():
            return _attach(machine, machine.disk(operation.disk))
        case MoveDisks():
            return _move_disks(machine, operation)
        case UndefineMachine():
            return replace(machine, transient=True)
        case FreezeGuest():
            return _freeze(machine)
        case ThawGuest():
            return machine if operation.after else replace(machine, frozen=False)
        case _:
            assert_never(operation)


def _close_images(machine: Machine) -> Machine | Refusal:
    """Store persistent bitmaps; a later start loads what was stored.

    Transient bitmaps are gone, and so is a persistent one that was added to a read-only image. One
    of a read-only image that was switched on or off is as it was stored.
    Jobs that run are cancelled.
    """
    if machine.power is not Power.RUNNING:
        return Refusal("the machine is off already")
    closed = jobs.end_all(machine, Status.CANCELLED)
    for disk in closed.disks:
        closed = closed.with_disk(_closed(disk))
    return _without_exports(_stopped(closed, Power.OFF))


def _stopped(machine: Machine, power: Power) -> Machine:
    """Return a machine without a process; the host forgets a transient one, and its metadata.

    What starts later is a machine that is defined anew. Source: ``facts/LIBVIRT.md``, R14.
    """
    machine = forget_removed(machine)
    if machine.transient:
        machine = replace(machine, checkpoints=(), tip=None, snapshots=(), transient=False)
    return replace(machine, power=power, frozen=False, ending=False)


def _closed(disk: Disk) -> Disk:
    """Return a disk whose images are closed cleanly."""
    written = {image.name for image in disk.chain if image.left_open or image is disk.active}
    stored = series(
        bitmap.load() if bitmap.kept is Kept.STORED else bitmap.store(disk.next_batch(bitmap.node))
        for bitmap in disk.bitmaps
        if bitmap.persistent and (bitmap.kept is not Kept.MEMORY or bitmap.node in written)
    )
    return replace(_all_shut(disk), bitmaps=stored)


def _all_shut(disk: Disk) -> Disk:
    """Return a disk no image of which is open any more."""
    if not any(image.left_open for image in disk.chain):
        return disk
    return replace(disk, chain=tuple(replace(image, left_open=False) for image in disk.chain))


def _open_images(machine: Machine) -> Machine | Refusal:
    """Open the active image for writing: what is stored in it is flagged as in use."""
    if machine.power is Power.RUNNING:
        return Refusal("the machine is running already")
    opened = machine
    for image in (image for disk in machine.disks for image in disk.chain):
        if image.removed:
            return Refusal(f"Could not open '{image.name}': No such file or directory")
    for disk in machine.disks:
        opened = opened.with_disk(_opened(disk))
    return replace(opened, power=Power.RUNNING)


def _opened(disk: Disk) -> Disk:
    """Return a disk whose images are open."""
    active = disk.active.name if disk.chain else None
    bitmaps = series(
        replace(b, kept=Kept.IN_USE if b.node == active else Kept.STORED) for b in disk.bitmaps
    )
    return replace(disk, bitmaps=bitmaps)


def _detach(machine: Machine, disk: Disk) -> Machine | Refusal:
    """Take a disk off the machine: its images are closed as at a shutdown, and out of reach.

    Source: QEMU 7.2, whose words to a disk in use are those of ``blockdev-del``.
    """
    if not disk.chain:
        return Refusal(f"disk {disk.name} {disk.absence}")
    if machine.jobs_on(disk.name) or any(disk.image(e.node) is not None for e in machine.exports):
        return Refusal(f"Node {disk.active.name} is in use")
    closed = _closed(disk) if machine.power is Power.RUNNING else disk
    return machine.with_disk(replace(disk, chain=(), bitmaps=(), detached=closed))


def _attach(machine: Machine, disk: Disk) -> Machine | Refusal:
    """Give a disk back: what was stored is loaded, and recording goes on; nothing was missed."""
    if disk.chain:
        return Refusal(f"disk {disk.name} is attached already")
    if disk.detached is None:
        return machine
    opened = _opened(disk.detached) if machine.power is Power.RUNNING else disk.detached
    return machine.with_disk(opened)


def _move_disks(machine: Machine, move: MoveDisks) -> Machine | Refusal:
    """Let the process of another host go on, which has copied all disks: nothing is stored yet."""
    if machine.power is not Power.RUNNING:
        return Refusal("the machine is off", fault=Fault.OFF)
    assert not machine.jobs, "an API model refuses to migrate a machine with jobs"
    machine = _without_exports(machine)
    for disk in machine.disks:
        if disk.chain:
            machine = machine.with_disk(moved(machine, disk, move.bitmaps))
    return machine


def _kill_process(machine: Machine) -> Machine | Refusal:
    """Lose what was only in memory, and break what was open for writing.

        S1: |AAAA----| <- S2: |---BBB--|    S1 is read-only, so B1 was stored with the snapshot;
        B1: |XXXX----|    B2: |---XXX--|+   B2 is gone if it was made in this session, and
                                            inconsistent if it was loaded from the file.

    A commit that runs has its base open for writing, too. Source: ``facts/QEMU.md``, section 3.
    """
    if machine.power is not Power.RUNNING:
        return Refusal("no process is running: the machine is off", fault=Fault.OFF)
    killed = jobs.end_all(machine, Status.FAILED)
    for disk in killed.disks:
        open_then = {
            (bitmap.node, bitmap.name)
            for bitmap in machine.disk(disk.name).bitmaps
            if bitmap.kept is Kept.IN_USE
        }
        left = series(
            bitmap.spoil() if (bitmap.node, bitmap.name) in open_then else bitmap.load()
            for bitmap in disk.bitmaps
            if bitmap.kept is not Kept.MEMORY
        )
        killed = killed.with_disk(replace(_all_shut(disk), bitmaps=left))
    return _without_exports(_stopped(killed, Power.CRASHED))


def _freeze(machine: Machine) -> Machine | Refusal:
    """Let a guest that runs be quiet. Its agent takes no such command while it is."""
    if machine.power is not Power.RUNNING:
        return Refusal("no guest is running: the machine is off", fault=Fault.OFF)
    if machine.ending:
        return Refusal("no guest is running: it has powered off", fault=Fault.OFF)
    if machine.frozen:
        return Refusal("the guest's file systems are frozen already")
    return replace(machine, frozen=True)


def _without_exports(machine: Machine) -> Machine:
    """Return a machine whose exports are gone with its process."""
    if not machine.exports:
        return machine
    for disk in machine.disks:
        free = series(replace(bitmap, exported=False) for bitmap in disk.bitmaps)
        machine = machine.with_disk(replace(disk, bitmaps=free))
    return replace(machine, exports=())
