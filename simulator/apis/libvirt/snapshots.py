"""libvirt's snapshots: it notes what it put onto what, and goes by its notes.

A commit, a pull or a copy of a disk does not touch them, so that they can be wrong by then.
Source: libvirt 9.0.0 with QEMU 7.2.22.
"""

from simulator.model.machine import Machine
from simulator.model.notes import Layer, SnapshotNote, find_note
from simulator.model.operations import Fault, RecordSnapshot, Refusal
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


def refuse_deletion(machine: Machine, note: SnapshotNote) -> Refusal | None:
    """Return libvirt's no to merging a snapshot's images where they are not as it noted."""
    for layer in note.layers:
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
