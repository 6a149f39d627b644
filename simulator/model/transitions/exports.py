"""Exports of nodes: who reads a state from outside, and the bitmaps that are busy meanwhile.

Source: QEMU 7.2; ``facts/QEMU.md``, sections 2.1 and 7; 13.7 for nodes that are let go.
"""

from collections.abc import Iterable
from typing import assert_never

from simulator.model.bitmap import DirtyBitmap
from simulator.model.disk import Disk
from simulator.model.machine import BackupJob, CommitJob, Export, Machine, MirrorJob, PullJob
from simulator.model.operations import (
    BitmapKey,
    ExportNode,
    ExportOperation,
    Fault,
    Refusal,
    SetActive,
    UnexportNode,
)
from simulator.model.transitions.access import is_writable
from simulator.model.transitions.bitmaps import refuse_use
from simulator.model.transitions.chains.images import (
    conflict,
    in_hand,
    lies_above,
    no_node,
    passed_over,
    torn_by,
    works_on,
)
from simulator.model.values import replace


def apply(machine: Machine, operation: ExportOperation) -> Machine | Refusal:
    """Return the machine after a command on an export, or why QEMU refuses it."""
    match operation:
        case ExportNode():
            return _export_node(machine, operation)
        case UnexportNode():
            return _unexport_node(machine, operation)
        case SetActive():
            return _set_active(machine, operation)
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
    A pull lets nobody write those that it reads.
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
        if isinstance(job, PullJob):
            reads = works_on(job, disk) - {job.into}
            if export.writable and export.node in reads:
                kept_by = passed_over(job, export.node)
                return conflict(export.node, "write", in_hand(export.node), kept_by)
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


_COPY_STAYS = "the target of a copy that runs cannot be let go here"
_LOST = (
    "QEMU lets go of its stored bitmaps all the same: nothing records what the guest writes next, "
    "and after a restart or a crash they are there again without it"
)
_FATAL = "QEMU dies of it: one of its bitmaps is exported"


def _set_active(machine: Machine, told: SetActive) -> Machine | Refusal:
    """Return the machine as it was: whatever the language has is in use, so QEMU refuses.

    The active image has the guest above it, or the filter of a job; one below it has its overlay,
    and the target of a backup its job.
    """
    if told.node is None:
        failed = "Failed to inactivate all nodes: Operation not permitted"
        return machine if told.active else Refusal(failed, cause=_harm(machine, machine.disks))
    disk = machine.disk_of(told.node)
    jobs = {
        job.backup.name if isinstance(job, BackupJob) else job.into
        for job in machine.jobs
        if isinstance(job, BackupJob | MirrorJob)
    }
    if disk is None and told.node not in jobs:
        return Refusal(f"Failed to find node with node-name='{told.node}'")
    if told.active:
        return machine
    if any(isinstance(job, MirrorJob) and job.into == told.node for job in machine.jobs):
        return Refusal(_COPY_STAYS, cause="QEMU does, and dies with the guest's next write")
    if disk is None or told.node != disk.active.name or _is_guarded(machine, disk):
        return Refusal("Node has active parent node")
    failed = "Failed to inactivate node: Operation not permitted"
    return Refusal(failed, cause=_harm(machine, (disk,)))


def _harm(machine: Machine, disks: Iterable[Disk]) -> str:
    """Return what QEMU does although it refuses; empty where all stays as it was."""
    stored = [
        bitmap
        for disk in disks
        if disk.chain and not _is_guarded(machine, disk)
        for bitmap in disk.bitmaps_on(disk.active.name)
        if bitmap.persistent and not bitmap.inconsistent
    ]
    if any(bitmap.exported for bitmap in stored):
        return _FATAL
    return _LOST if stored else ""


def _is_guarded(machine: Machine, disk: Disk) -> bool:
    """Whether a job lies between the guest and its disk."""
    return any(lies_above(job, disk) for job in machine.jobs_on(disk.name))
