"""Exports of nodes: who reads a state from outside, and the bitmaps that are busy meanwhile.

Source: QEMU 7.2; ``facts/QEMU.md``, sections 2.1 and 7.
"""

from typing import assert_never

from simulator.model.bitmap import DirtyBitmap
from simulator.model.disk import Disk
from simulator.model.machine import BackupJob, CommitJob, Export, Machine
from simulator.model.operations import (
    BitmapKey,
    ExportNode,
    ExportOperation,
    Fault,
    Refusal,
    UnexportNode,
)
from simulator.model.transitions.access import is_writable
from simulator.model.transitions.bitmaps import refuse_use
from simulator.model.transitions.chains.images import (
    conflict,
    in_hand,
    no_node,
    passed_over,
    torn_by,
)
from simulator.model.values import replace


def apply(machine: Machine, operation: ExportOperation) -> Machine | Refusal:
    """Return the machine after a command on an export, or why QEMU refuses it."""
    match operation:
        case ExportNode():
            return _export_node(machine, operation)
        case UnexportNode():
            return _unexport_node(machine, operation)
        case _:
            assert_never(operation)


def _export_node(machine: Machine, export: ExportNode) -> Machine | Refusal:
    """Let clients read a node, and be told its bitmaps: those are busy as long as it lasts."""
    if any(each.id == export.id for each in machine.exports):
        return Refusal(f"Block export id '{export.id}' is already in use")
    disk = machine.disk_of(export.node)
    targets = {job.backup.name: job.disk for job in machine.backup_jobs}
    if disk is None and export.node not in targets:
        return no_node(export.node, device=False)
    if export.writable and disk is not None and not is_writable(machine, export.node):
        return Refusal("Cannot export read-only node as writable")
    if disk is not None:
        kept = _refuse_reading(machine, disk, export)
        if kept is not None:
            return kept
    if any(each.name == export.name for each in machine.exports):
        return Refusal(f"NBD server already has export named '{export.name}'")
    keys: list[BitmapKey] = []
    for node, name in export.bitmaps:
        if node is not None and machine.disk_of(node) is None:
            return Refusal(f"Node '{node}' not found")
        bitmap = _find(machine, node or export.node, name, below=node is None)
        if bitmap is None:
            told = f"Bitmap '{name}' is not found"
            told = told if node is None else f"Dirty bitmap '{name}' not found"
            return Refusal(told, fault=Fault.MISSING)
        home = machine.disk_of(bitmap.node)
        assert home is not None, "the bitmap was found on it"
        refusal = refuse_use(home, bitmap, changed=False)
        if refusal is not None:
            return refusal
        # A bitmap that is named with its node is told whatever it records.
        records = node is None and bitmap.recording and is_writable(machine, bitmap.node)
        if records and not export.writable:
            return Refusal(f"Enabled bitmap '{name}' incompatible with readonly export")
        keys.append((bitmap.node, bitmap.name))
    opened = _with_exported(machine, keys, exported=True)
    made = Export(id=export.id, name=export.name, node=export.node, bitmaps=tuple(keys))
    return replace(opened, exports=(*machine.exports, made))


def _refuse_reading(machine: Machine, disk: Disk, export: ExportNode) -> Refusal | None:
    """Return why an image is open to nobody else: a job that runs has it for itself.

    A commit lets nobody read the images that it passes over, whose view is torn, or write its base.
    The filter of a backup lets nobody write past it. Source: QEMU 7.2.
    """
    for job in machine.jobs_on(disk.name):
        if isinstance(job, CommitJob):
            pivots = job.top == disk.active.name
            torn = torn_by(disk, job)
            read, reader = export.node, in_hand(export.node)
            if pivots and torn and export.node == job.top:
                # It is whole itself; but whoever reads it reads the image below it as well.
                read = torn[-1]
                reader = f"node '{job.top}' (uses node '{read}' as 'backing' child)"
            if read in torn:
                return conflict(read, "consistent read", reader, passed_over(job, read))
            if export.writable and not pivots and export.node == job.base:
                return conflict(job.base, "write", in_hand(job.base), in_hand(job.base))
        filtered = isinstance(job, BackupJob) and job.guarding
        if filtered and export.writable and export.node == disk.active.name:
            owner = f"node '#block' (uses node '{export.node}' as 'file' child)"
            return conflict(export.node, "write", in_hand(export.node), owner)
    return None


def _find(machine: Machine, node: str, name: str, *, below: bool) -> DirtyBitmap | None:
    """Return a bitmap of a node, or of the next image below it that has one of the name.

    Args:
        below: Whether it may be on an image below.
    """
    disk = machine.disk_of(node)
    if disk is None:
        return None
    names = [image.name for image in disk.chain]
    high = names.index(node)
    nodes = names[high::-1] if below else names[high : high + 1]
    found = (disk.bitmap(each, name) for each in nodes)
    return next((bitmap for bitmap in found if bitmap is not None), None)


def _unexport_node(machine: Machine, export: UnexportNode) -> Machine | Refusal:
    """Take an export from its clients; its bitmaps are free again."""
    gone = next((each for each in machine.exports if each.id == export.id), None)
    if gone is None:
        return Refusal(f"Export '{export.id}' is not found")
    closed = _with_exported(machine, gone.bitmaps, exported=False)
    return replace(closed, exports=tuple(each for each in machine.exports if each is not gone))


def _with_exported(
    machine: Machine, keys: list[BitmapKey] | tuple[BitmapKey, ...], *, exported: bool
) -> Machine:
    for node, name in keys:
        disk = machine.disk_of(node)
        bitmap = disk.bitmap(node, name) if disk is not None else None
        if disk is not None and bitmap is not None:
            changed: Disk = disk.with_bitmap(replace(bitmap, exported=exported))
            machine = machine.with_disk(changed)
    return machine
