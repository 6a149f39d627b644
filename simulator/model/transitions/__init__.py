"""What each operation does to a machine. Pure: a transition returns a new machine or a refusal."""

from collections.abc import Iterable
from typing import assert_never

from simulator.model.machine import Machine, Power
from simulator.model.operations import (
    BitmapOperation,
    ChainOperation,
    ChangeJob,
    CreateImage,
    EndJob,
    ExportOperation,
    FileOperation,
    GuestDiscard,
    GuestWrite,
    Operation,
    OutsideOperation,
    PowerOperation,
    Refusal,
    RemoveBitmap,
    ResizeImage,
    RunBackup,
)
from simulator.model.transitions import (
    bitmaps,
    chains,
    exports,
    files,
    guest,
    jobs,
    outside,
    power,
)
from simulator.model.transitions.chains.forks import spread
from simulator.model.transitions.chains.overlays import create_image
from simulator.model.transitions.files.by_tool import change_bitmap


def apply_all(machine: Machine, operations: Iterable[Operation]) -> Machine | Refusal:
    """Return the machine after operations that happen together, or why the host refuses one.

    All or nothing: a refused operation leaves no trace of those before it. A bitmap that is
    removed is there until the end, and in use. Source: QEMU 7.2; ``facts/QEMU.md`` section 6.4.
    """
    removed: list[RemoveBitmap] = []
    for operation in operations:
        outcome = apply(machine, operation)
        if isinstance(outcome, Refusal):
            return outcome
        if isinstance(operation, RemoveBitmap):
            outcome = _keep_until_end(machine, operation)
            removed.append(operation)
        machine = outcome
    for operation in removed:
        machine = _without(machine, operation)
    return machine


def _keep_until_end(machine: Machine, remove: RemoveBitmap) -> Machine:
    """Return a machine on which nobody else may use a bitmap that is being removed."""
    disk = machine.disk_of(remove.node)
    bitmap = disk.bitmap(remove.node, remove.name) if disk is not None else None
    assert disk is not None and bitmap is not None, "it was found to be removable"
    return machine.with_disk(disk.with_bitmap(bitmap.occupy()))


def _without(machine: Machine, remove: RemoveBitmap) -> Machine:
    """Return a machine without a bitmap that was kept until the end."""
    disk = machine.disk_of(remove.node)
    assert disk is not None, "nobody drops an image in the same step"
    bitmap = disk.bitmap(remove.node, remove.name)
    assert bitmap is not None, "it was kept until now"
    return machine.with_disk(bitmaps.drop_bitmap(disk, bitmap, remove))


def apply(machine: Machine, operation: Operation) -> Machine | Refusal:
    """Return the machine after an operation, or why the host refuses it.

    A refusal is data, since scenarios that a host would turn down are worth drawing too.
    A broken invariant of ours is not: it raises.
    """
    outcome = _apply(machine, operation)
    if machine.forked and isinstance(outcome, Machine):
        return spread(machine, outcome)
    return outcome


def use_tool(machine: Machine, operation: BitmapOperation | ResizeImage) -> Machine | Refusal:
    """Return the machine after ``qemu-img`` did to a file what QEMU does to a node."""
    if isinstance(operation, ResizeImage):
        return files.resize_file(machine, operation)
    return change_bitmap(machine, operation)


def _apply(machine: Machine, operation: Operation) -> Machine | Refusal:
    match operation:
        case GuestWrite():
            return guest.write(machine, operation)
        case RunBackup():
            return jobs.run_backup(machine, operation)
        case GuestDiscard():
            return guest.discard(machine, operation)
        case CreateImage():
            return create_image(machine, operation)
        case EndJob():
            return jobs.end_job(machine, operation)
        case ChangeJob():
            return jobs.change_job(machine, operation)
    if isinstance(operation, BitmapOperation | ResizeImage) and machine.power is not Power.RUNNING:
        return use_tool(machine, operation)
    if isinstance(operation, BitmapOperation):
        return bitmaps.apply(machine, operation)
    if isinstance(operation, ChainOperation):
        return chains.apply(machine, operation)
    if isinstance(operation, ExportOperation):
        return exports.apply(machine, operation)
    if isinstance(operation, OutsideOperation):
        return outside.apply(machine, operation)
    if isinstance(operation, FileOperation):
        return files.apply(machine, operation)
    if isinstance(operation, PowerOperation):
        return power.apply(machine, operation)
    assert_never(operation)
