"""libvirt's snapshots: it notes what it put onto what, and goes by its notes.

A commit, a pull or a copy of a disk does not touch them, so that they can be wrong by then.
Source: libvirt 9.0.0 with QEMU 7.2.22.
"""

from simulator.apis.base import Plan
from simulator.model.machine import Machine, Power
from simulator.model.notes import Layer, SnapshotNote, find_note
from simulator.model.operations import (
    CloseImages,
    Fault,
    OpenImages,
    Operation,
    RecordSnapshot,
    Refusal,
    RevertImages,
)
from simulator.model.requests import DeleteSnapshot, Revert, Snapshot

NO_REVERT = "unsupported configuration: revert to external snapshot not supported yet"
"""libvirt's words before 9.9."""


def note_of(machine: Machine, request: Snapshot) -> RecordSnapshot:
    """Return what libvirt notes of a snapshot that is about to be made."""
    layers = tuple(
        Layer(disk, image, machine.disk(disk).active.name) for disk, image in request.images
    )
    return RecordSnapshot(layers[0].image, layers)


def refuse_snapshot(machine: Machine, request: Snapshot) -> Refusal | None:
    """Return libvirt's no to a snapshot whose file or name is taken."""
    for disk, image in request.images:
        if machine.disk_of(image) is not None:
            return Refusal(
                f"unsupported configuration: external snapshot file for disk {disk} "
                f"already exists and is not a block device: {image}"
            )
    name = request.images[0][1]
    if any(note.name == name for note in machine.snapshots):
        return Refusal(
            f"operation failed: domain moment {name} already exists",
            cause=f"the host still has its note of the snapshot {name}",
        )
    return None


def refuse_unknown(machine: Machine, request: DeleteSnapshot | Revert) -> Refusal | None:
    """Return libvirt's no to a snapshot that it has no note of."""
    name = request.snapshot if isinstance(request, Revert) else request.name
    if find_note(machine.snapshots, name) is not None:
        return None
    made = machine.disk_of(name)
    lies = made is not None and made.chain[0].name != name
    return Refusal(
        f"Domain snapshot not found: no domain snapshot with matching name '{name}'",
        cause=f"the host has no note of a snapshot that made {name}" if lies else "",
    )


def refuse_revert(machine: Machine) -> Refusal | None:
    """Return libvirt's no to a return to an external snapshot, which came with 9.9."""
    if machine.jobs:
        return Refusal(
            "Requested operation is not valid: domain has active block job", fault=Fault.JOB
        )
    return None if machine.semantics.reverts_external else Refusal(NO_REVERT)


def revert_to(machine: Machine, note: SnapshotNote, overlay: str) -> Plan:
    """Return a new overlay on each image that a snapshot froze, as the host has noted them.

    What another snapshot is noted to lie on keeps its file, and the note its images; without such a
    one it names the new overlays. A machine that runs is started anew.
    """
    others = (each for each in machine.snapshots if each is not note)
    noted = {layer.over for each in others for layer in each.layers}
    made = [overlay, *(f"{layer.image}-revert" for layer in note.layers[1:])]
    layers = tuple(old._replace(image=new) for old, new in zip(note.layers, made, strict=True))
    back: list[Operation] = []
    for layer in layers:
        disk = machine.disk(layer.disk)
        if disk.image(layer.over) is None and disk.laid_aside(layer.over) is None:
            return Refusal(f"there is no snapshot {note.name} here")
        back.append(RevertImages(layer.over, layer.image, kept=tuple(sorted(noted))))
    built_on = any(layer.image in noted for layer in note.layers)
    record = RecordSnapshot(note.name, layers)
    if built_on:
        record = RecordSnapshot(note.name, note.layers, reverted=layers)
    if machine.power is not Power.RUNNING or machine.transient:
        return (*back, record)
    return (CloseImages(), *back, record, OpenImages())


def merged_by_deletion(machine: Machine, note: SnapshotNote) -> tuple[Layer, ...]:
    """Return what is merged where a snapshot is deleted; nothing where it lies in no chain.

    That is so after a return to an older one: its files are deleted. Of the newest one, newer
    releases take what is active now for what it made.
    """
    layers = note.layers
    if note.current and machine.semantics.newest_lies_on_top:
        layers = tuple(each._replace(image=machine.disk(each.disk).active.name) for each in layers)
    chains = {disk.name: [image.name for image in disk.chain] for disk in machine.disks}
    aside = {each.image.name for disk in machine.disks for each in disk.aside}
    if note.reverted and all(each.image in chains[each.disk] for each in note.reverted):
        return note.reverted
    return () if any(each.over in aside for each in note.layers) else layers


def refuse_deletion(machine: Machine, note: SnapshotNote) -> Refusal | None:
    """Return libvirt's no to merging a snapshot's images where they are not as it noted."""
    for layer in merged_by_deletion(machine, note):
        names = [image.name for image in machine.disk(layer.disk).chain]
        if layer.image not in names:
            return Refusal(
                "invalid argument: could not find base disk source in disk source chain",
                cause=f"the host notes {layer.image} on {layer.disk}, and it is not there any more",
            )
        place = names.index(layer.image)
        if place == 0:
            return Refusal(
                "operation failed: failed to find parent disk source in backing chain",
                cause=f"{layer.image} was put onto {layer.over}, and lies on nothing now",
            )
        if names[place - 1] != layer.over:
            told = f"{layer.image} was put onto {layer.over}, and lies on {names[place - 1]} now"
            return Refusal(
                "operation failed: snapshot VM disk source and parent disk source are not the same",
                cause=told,
            )
    return None
