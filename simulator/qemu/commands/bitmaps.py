"""Bitmaps as QEMU is told of them. Pure."""

from typing import Any, assert_never

from simulator.model.bitmap import Kept
from simulator.model.machine import Machine
from simulator.model.operations import (
    AddBitmap,
    ClearBitmap,
    DisableBitmap,
    EnableBitmap,
    MergeBitmaps,
    RemoveBitmap,
)
from simulator.qemu.actions import Command
from simulator.qemu.commands.nodes import filter_node, reopen_image
from simulator.qemu.commands.work import Work
from simulator.qemu.names import Names


def gather_change(
    work: Work, operation: AddBitmap | ClearBitmap | EnableBitmap | DisableBitmap | MergeBitmaps
) -> None:
    """Add a change of a bitmap; what uses that bitmap already happens before."""
    sources = operation.sources if isinstance(operation, MergeBitmaps) else ()
    if work.in_use.intersection({(operation.node, operation.name), *sources}):
        work.flush()
    work.together.append(change_bitmap(work.names, operation))


def merge_bitmaps(work: Work, machine: Machine, merge: MergeBitmaps) -> None:
    """Merge bitmaps: with what happens together, or into an image opened for writing first."""
    if not merge.reopen or not _is_closed(machine, merge.node, merge.name):
        gather_change(work, merge)
        return
    _reopened(work, machine, merge.node, change_bitmap(work.names, merge))


def remove_bitmap(work: Work, machine: Machine, remove: RemoveBitmap) -> None:
    """Remove a bitmap: when its job is done, or from an image opened for writing first."""
    command = on_bitmap(work.names, "block-dirty-bitmap-remove", remove.node, remove.name)
    if (remove.node, remove.name) in work.in_use:
        work.after.append(command)
    elif remove.reopen and _is_closed(machine, remove.node, remove.name):
        _reopened(work, machine, remove.node, command)
    else:
        work.together.append(command)


def _is_closed(machine: Machine, node: str, name: str) -> bool:
    """Whether a bitmap is stored in an image that is read-only, since others lie on it."""
    disk = machine.disk_of(node)
    bitmap = disk.bitmap(node, name) if disk is not None else None
    stored = bitmap is not None and bitmap.kept is Kept.STORED
    return stored and disk is not None and node != disk.active.name


def _reopened(work: Work, machine: Machine, node: str, command: Command) -> None:
    """Do something to an image that is opened for writing meanwhile."""
    disk = machine.disk_of(node)
    assert disk is not None, "its bitmap was found"
    # The job that began last lies lowest.
    filters = {
        job.backup.image: filter_node(work.names.targets[job.backup.name, job.disk])
        for job in reversed(machine.backup_jobs)
        if not job.guarding
    }
    opened, closed = (
        reopen_image(work.names, disk.chain, node, read_only=read_only, filters=filters)
        for read_only in (False, True)
    )
    work.do(opened, command, closed)


def on_bitmap(names: Names, execute: str, node: str, name: str) -> Command:
    """Return a command on one bitmap."""
    return Command(execute, {"node": names.node(node), "name": name})


def change_bitmap(
    names: Names,
    operation: AddBitmap | ClearBitmap | EnableBitmap | DisableBitmap | MergeBitmaps,
) -> Command:
    """Return the command that changes a bitmap."""
    match operation:
        case AddBitmap():
            return _add_bitmap(names, operation)
        case MergeBitmaps():
            sources = [{"node": names.node(n), "name": b} for n, b in operation.sources]
            return Command(
                "block-dirty-bitmap-merge",
                {
                    "node": names.node(operation.node),
                    "target": operation.name,
                    "bitmaps": sources,
                },
            )
        case ClearBitmap():
            execute = "block-dirty-bitmap-clear"
        case EnableBitmap():
            execute = "block-dirty-bitmap-enable"
        case DisableBitmap():
            execute = "block-dirty-bitmap-disable"
        case _:
            assert_never(operation)
    return on_bitmap(names, execute, operation.node, operation.name)


def _add_bitmap(names: Names, add: AddBitmap) -> Command:
    options: dict[str, Any] = {"node": names.node(add.node), "name": add.name}
    if add.granularity is not None:
        options["granularity"] = add.granularity
    if add.persistent:
        options["persistent"] = True
    if not add.recording:
        options["disabled"] = True
    return Command("block-dirty-bitmap-add", options)
