"""The API as the mail of June 2018 draws it: one bitmap records, the ones before it are frozen."""

from itertools import takewhile

from simulator.apis.base import ApiModel, Plan
from simulator.apis.finding import newest_recording
from simulator.model.disk import Disk
from simulator.model.machine import Machine
from simulator.model.operations import (
    BitmapKey,
    DisableBitmap,
    EnableBitmap,
    Fault,
    ForgetCheckpoint,
    MergeBitmaps,
    Operation,
    Refusal,
    RemoveBitmap,
)
from simulator.model.requests import Snapshot
from simulator.model.transitions.bitmaps import refuse_use
from simulator.model.values import replace


class Mail2018(ApiModel):
    """Disjoint bitmaps: each covers the stretch from its checkpoint to the next.

    S1: |AAAA----| <- S2: |D--BBDD-|
    B1: |XXXX----|    B2: |---XXX--|      frozen at T3
                      B3: |X----XX-|+     records
    """

    id = "mail-2018"
    title = "as drawn in the mail of 2018: a checkpoint freezes the bitmap before it"
    source = "Eric Blake to libvir-list, 2018-06-26"
    draws_zeroes = False

    def snapshot(self, machine: Machine, request: Snapshot) -> Plan:
        """Freeze the newest bitmap, and start the next one on the overlay."""
        if request.outside:
            return super().snapshot(machine, request)
        frozen = freeze(machine, tuple(disk for disk, _ in request.images))
        plan = super().snapshot(machine, request)
        return plan if isinstance(plan, Refusal) else (*frozen, *plan)

    def checkpoint(self, machine: Machine, name: str, disks: tuple[str, ...]) -> Plan:
        """Freeze the newest bitmap, and start the next one beside it."""
        begun = super().checkpoint(machine, name, disks)
        return begun if isinstance(begun, Refusal) else (*freeze(machine, disks), *begun)

    def bitmaps_since(
        self, machine: Machine, disk: Disk, checkpoint: str
    ) -> tuple[BitmapKey, ...] | Refusal:
        """Return the checkpoint's own bitmap and those of all newer checkpoints, to be merged."""
        return bitmaps_from(machine, disk, checkpoint)

    def delete(self, machine: Machine, name: str) -> Plan:
        """Merge the checkpoint's bitmap into its parent's, which records on where it did."""
        if machine.checkpoint(name) is None:
            return Refusal(f"there is no checkpoint {name} here", fault=Fault.UNKNOWN)
        return merge_into_parent(machine, name)


def bitmaps_from(machine: Machine, disk: Disk, checkpoint: str) -> tuple[BitmapKey, ...] | Refusal:
    """Return the bitmaps of a checkpoint and of all newer ones; windows follow one another."""
    known = machine.checkpoint(checkpoint)
    if known is None or disk.name not in known.disks:
        told = f"there is no checkpoint {checkpoint} of disk {disk.name} here"
        return Refusal(told, fault=Fault.MISSING if known is not None else Fault.UNKNOWN)
    found: list[BitmapKey] = []
    later = takewhile(lambda each: each is not known, reversed(machine.checkpoints))
    names = [each.name for each in later if disk.name in each.disks]
    for name in (checkpoint, *reversed(names)):
        nodes = disk.nodes_with(name)
        if not nodes:
            return Refusal(f"Dirty bitmap '{name}' not found", fault=Fault.MISSING)
        found += [(node, name) for node in nodes]
    return tuple(found)


def merge_into_parent(machine: Machine, name: str) -> Plan:
    """Return the primitives that delete a checkpoint and lose nothing of what its bitmap holds."""
    gone = machine.checkpoint(name)
    assert gone is not None, "a model deletes only checkpoints that it found"
    operations: list[Operation] = []
    for disk in machine.disks:
        for node in disk.nodes_with(name):
            refusal = _refuse_merge(disk, name, gone.parent)
            if refusal is not None:
                return refusal
            operations += _merge_into_parent(disk, node, name, gone.parent)
    return (*operations, ForgetCheckpoint(name=name))


def freeze(machine: Machine, disks: tuple[str, ...]) -> tuple[Operation, ...]:
    """Return the primitives that freeze the bitmap that records on each disk."""
    newest = (newest_recording(machine.disk(name)) for name in disks)
    return tuple(DisableBitmap(node=b.node, name=b.name) for b in newest if b is not None)


def _refuse_merge(disk: Disk, name: str, parent: str | None) -> Refusal | None:
    """Return why a bitmap cannot go to its parent: that one lies on a read-only image."""
    nodes = disk.nodes_with(parent) if parent is not None else ()
    heir = disk.bitmap(nodes[-1], parent) if nodes and parent is not None else None
    refusal = refuse_use(disk, heir, changed=True) if heir is not None else None
    if heir is None or refusal is None or not disk.read_only(heir):
        return refusal
    return replace(
        refusal,
        cause=f"{heir.name} lies on {heir.node}, which the snapshot made read-only, "
        f"so {name} cannot be merged into it",
    )


def _merge_into_parent(disk: Disk, node: str, name: str, parent: str | None) -> list[Operation]:
    """Return the primitives that give a bitmap's bits to its parent and remove it."""
    removed = RemoveBitmap(node=node, name=name)
    nodes = disk.nodes_with(parent) if parent is not None else ()
    if parent is None or not nodes:
        return [removed]
    heir = nodes[-1]
    merged: list[Operation] = [MergeBitmaps(node=heir, name=parent, sources=((node, name),))]
    bitmap = disk.bitmap(node, name)
    if bitmap is not None and bitmap.recording:
        merged.append(EnableBitmap(node=heir, name=parent))
    return [*merged, removed]
