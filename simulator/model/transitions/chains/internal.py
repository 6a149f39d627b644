"""States that are kept inside an image. Source: ``facts/QEMU.md``, section 4.6."""

from simulator.model.disk import Disk, InternalSnapshot
from simulator.model.machine import (
    Machine,
    Power,
)
from simulator.model.operations import (
    DropSnapshot,
    Fault,
    LoadSnapshot,
    Refusal,
    SaveSnapshot,
)
from simulator.model.transitions.chains.images import (
    in_use_by,
    lies_above,
    no_node,
    refuse_exported,
)
from simulator.model.values import replace


def save_snapshot(machine: Machine, save: SaveSnapshot) -> Machine | Refusal:
    """Keep the state of the active image inside it. Bitmaps are no part of it."""
    disk = machine.disk_of(save.node)
    unable = f"Block format 'raw' used by device '{save.node}' does not support internal snapshots"
    refusal = _refuse_internal(machine, disk, save.node, unable)
    if refusal is not None:
        return refusal
    assert disk is not None, "it was looked for"
    image = disk.active
    if not save.name:
        return Refusal("Name is empty")
    if any(each.name == save.name for each in image.snapshots):
        return Refusal(f"Snapshot with name '{save.name}' already exists on device '{image.name}'")
    kept = InternalSnapshot(
        name=save.name,
        content=image.content,
        length=image.length,
        moment=disk.moment,
        lacks=image.lacks,
    )
    return machine.with_disk(disk.with_image(replace(image, snapshots=(*image.snapshots, kept))))


def drop_snapshot(machine: Machine, drop: DropSnapshot) -> Machine | Refusal:
    """Drop a state that is kept inside the active image."""
    disk = machine.disk_of(drop.node)
    unable = "Failed to get a snapshot list: Operation not supported"
    refusal = _refuse_internal(machine, disk, drop.node, unable)
    if refusal is not None:
        return refusal
    assert disk is not None, "it was looked for"
    image = disk.active
    if all(each.name != drop.name for each in image.snapshots):
        return Refusal(
            f"Snapshot with id 'null' and name '{drop.name}' does not exist on device "
            f"'{image.name}'"
        )
    left = tuple(each for each in image.snapshots if each.name != drop.name)
    return machine.with_disk(disk.with_image(replace(image, snapshots=left)))


def _refuse_internal(machine: Machine, disk: Disk | None, node: str, unable: str) -> Refusal | None:
    """Return why the state of an image cannot be kept inside it; *unable* where it is raw."""
    if disk is None:
        return no_node(node)
    filtered = any(lies_above(job, disk) for job in machine.jobs_on(disk.name))
    if node != disk.active.name or filtered:
        fault = Fault.JOB if node == disk.active.name else None
        return Refusal("Need a root block node", fault=fault)
    if disk.active.format != "qcow2":
        return Refusal(unable)
    return None


def load_snapshot(machine: Machine, load: LoadSnapshot) -> Machine | Refusal:
    """Return the active image to a state that is kept inside it.

        kept  S1: |AAAA----|    before  S1: |AABB----|    after  S1: |AAAA----|

    QEMU refuses while the image has any bitmap, even a frozen one. Source: QEMU.md section 4.6.
    """
    disk = machine.disk_of(load.node)
    if disk is None:
        return no_node(load.node)
    image = disk.active
    kept = next((each for each in image.snapshots if each.name == load.name), None)
    if kept is None:
        return Refusal(f"Snapshot '{load.name}' does not exist in one or more devices")
    if machine.jobs_on(disk.name):
        return in_use_by(machine.jobs_on(disk.name)[0], disk.active.name)
    exported = refuse_exported(machine, disk)
    if exported is not None:
        return exported
    if disk.bitmaps_on(image.name):
        refused = "Device has active dirty bitmaps"
        if machine.power is Power.RUNNING:
            return Refusal(f"Could not load snapshot '{load.name}' on '{image.name}': {refused}")
        return Refusal(f"Could not apply snapshot '{load.name}': {refused}")
    back = replace(image, content=kept.content, length=kept.length, lacks=kept.lacks)
    moment = disk.moment + 1
    return machine.with_disk(
        replace(disk.with_image(back), length=kept.length, lacks=kept.lacks, moment=moment)
    )
