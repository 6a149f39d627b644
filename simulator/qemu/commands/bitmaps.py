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
from simulator.qemu.commands.nodes import reopen_image
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


def remove_bitmap(work: Work, machine: Machine, remove: RemoveBitmap) -> None:
    """Remove a bitmap: when its job is done, or from an image opened for writing first."""
    command = on_bitmap(work.names, "block-dirty-bitmap-remove", remove.node, remove.name)
    if (remove.node, remove.name) in work.in_use:
        work.after.append(command)
        return
    disk = machine.disk_of(remove.node)
    bitmap = disk.bitmap(remove.node, remove.name) if disk is not None else None
    stored = bitmap is not None and bitmap.kept is Kept.STORED
    if not remove.reopen or disk is None or not stored or remove.node == disk.active.name:
        work.together.append(command)
        return
    work.do(
        reopen_image(work.names, disk.chain, remove.node, read_only=False),
        command,
        reopen_image(work.names, disk.chain, remove.node, read_only=True),
    )


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
