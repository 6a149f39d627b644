"""libvirt's snapshots: it notes what it put onto what, and goes by its notes.

A commit, a pull or a copy of a disk does not touch them, so that they can be wrong by then.
Source: libvirt 9.0.0 with QEMU 7.2.22.
"""

from simulator.apis.base import Plan
from simulator.model.disk import Aside
from simulator.model.machine import Machine, Power
from simulator.model.notes import Layer, SnapshotNote, find_note
from simulator.model.operations import (
    CloseImages,
    Fault,
    OpenImages,
    RecordSnapshot,
    Refusal,
    RevertImages,
)
from simulator.model.requests import DeleteSnapshot, Revert, Snapshot
from simulator.model.transitions.beside import find_file, find_files, noted_chain, without_asides
from simulator.model.transitions.files.opening import BELOW

NO_DELETION = "unsupported configuration: deletion of"
"""How libvirt begins to say that a snapshot must stay."""

NO_LEAF = "that is not a leaf snapshot is not supported"
"""How it ends where others were put under the current one."""

NO_REVERT = "unsupported configuration: revert to external snapshot not supported yet"
"""libvirt's words before 9.9."""


def note_of(machine: Machine, request: Snapshot) -> RecordSnapshot:
    """Return what libvirt notes of a snapshot that is about to be made."""
    layers = tuple(
        Layer(disk, image, machine.disk(disk).active.name) for disk, image in request.images
    )
    chains = ((d.name, tuple(image.name for image in d.chain)) for d in machine.disks if d.chain)
    return RecordSnapshot(layers[0].image, layers, chains=tuple(chains))


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
    """Return a new overlay on each image that was active at a snapshot, as the host has noted them.

    So it is for disks that the snapshot left alone, too. What a snapshot is noted to need keeps its
    file; where others were put under this one, the note keeps its images, and names the new
    overlays otherwise. The current snapshot's own files are deleted then, by their names: a machine
    that runs is started anew, unless that took a file that it needs.
    """
    was = (*note.layers, *(Layer(disk, image, image) for disk, image in note.beside))
    first, *rest = was
    layers = (
        first._replace(image=overlay),
        *(old._replace(image=_new_name(machine, old)) for old in rest),
    )
    refusal = _refuse_files(machine, note, {each.disk: each.image for each in layers})
    if refusal is not None:
        return refusal
    chains = dict(note.chains)
    stay = tuple(sorted({image for each in machine.snapshots for image in each.needs}))
    back = [
        RevertImages(old.over, new.image, kept=stay, disk=old.disk, chain=chains[old.disk])
        for old, new in zip(was, layers, strict=True)
    ]
    gone = _deleted(machine, {each.image for each in layers})
    record = RecordSnapshot(note.name, layers, gone=gone)
    if any(each.parent == note.name for each in machine.snapshots):
        record = RecordSnapshot(note.name, note.layers, reverted=layers, gone=gone)
    if machine.power is not Power.RUNNING or machine.transient:
        return (*back, record)
    files = [find_files(machine, images, disk) or () for disk, images in note.chains]
    lost = any(each.image.name in gone for chain in files for each in chain)
    return (CloseImages(), *back, record, *(() if lost else (OpenImages(),)))


def _deleted(machine: Machine, made: set[str]) -> tuple[str, ...]:
    """Return the images whose files a return to a snapshot deletes: what lies there of the current
    one, but for what is made anew under such a name."""
    now = next((each for each in machine.snapshots if each.current), None)
    there = (now.reverted or now.layers) if now is not None else ()
    return tuple(layer.image for layer in there if layer.image not in made)


def _refuse_files(machine: Machine, note: SnapshotNote, made: dict[str, str]) -> Refusal | None:
    """Return libvirt's no to a return for which a file is gone, or is no qcow2 file any more.

    A machine that ran is off then, which a refusal does not show here.

    Args:
        made: The new overlay of each disk.
    """
    there = without_asides(machine, {*made.values()})
    for disk, (*_, on) in note.chains:
        if find_file(there, on, disk) is None:
            named = machine.semantics.missing_source_named
            which = f" ({on}) doesn't exist or" if named else ""
            told = "is not a regular file; refusing to generate external snapshot name"
            source = f"unsupported configuration: source for disk '{disk}'{which} {told}"
            return Refusal(source, cause=f"{on} is gone by now")
    for disk, images in note.chains:
        opened = noted_chain(there, images, disk)
        for steps, (image, file) in enumerate(reversed(opened)):
            base = steps == len(opened) - 1
            said = _not_opened(image, file, base=base)
            if said:
                into = made[disk]
                create = f"qemu-img create -f qcow2 -o backing_fmt=qcow2,backing_file={images[-1]}"
                return Refusal(
                    f"internal error: Child process ({create} {into}) unexpected exit status 1: "
                    f"qemu-img: {into}: {BELOW * steps}{said} / Could not open backing image.",
                    cause=f"{image} is {'gone' if file is None else 'a raw image'} by now",
                )
    return None


def _not_opened(image: str, file: Aside | None, *, base: bool) -> str:
    """Return what QEMU says of a file of a noted chain that it cannot open; empty where it can."""
    if file is None:
        return f"Could not open '{image}': No such file or directory"
    return "Image is not in qcow2 format" if file.image.format == "raw" and not base else ""


def _new_name(machine: Machine, layer: Layer) -> str:
    """Return a name for an overlay that nobody names: the host's own have the time in theirs."""
    name = f"{layer.image}-revert"
    while machine.node_taken(name) or find_file(machine, name, layer.disk) is not None:
        name += "-revert"
    return name


def merged_by_deletion(machine: Machine, note: SnapshotNote) -> tuple[Layer, ...]:
    """Return what is merged where a snapshot is deleted; nothing where the machine went back.

    It went back to an older one, or took another way from there: the files are deleted. Newer
    releases take for what a snapshot made what the next one was put onto, and of the newest one
    what is active now.
    """
    if not _led_here(machine, note):
        return ()
    layers = note.layers
    if machine.semantics.newest_lies_on_top:
        there = {disk.name: disk.active.name for disk in machine.disks if disk.chain}
        above = next((each for each in machine.snapshots if each.parent == note.name), None)
        if above is not None:
            there = {**{each.disk: each.over for each in above.layers}, **dict(above.beside)}
        layers = tuple(each._replace(image=there.get(each.disk, each.image)) for each in layers)
    chains = {disk.name: [image.name for image in disk.chain] for disk in machine.disks}
    if note.reverted and all(each.image in chains[each.disk] for each in note.reverted):
        return note.reverted
    return layers


def _led_here(machine: Machine, note: SnapshotNote) -> bool:
    """Whether a snapshot is the current one, or one that this was put under."""
    parents = {each.name: each.parent for each in machine.snapshots}
    name = next((each.name for each in machine.snapshots if each.current), None)
    while name is not None and name != note.name:
        name = parents.get(name)
    return name is not None


def refuse_deletion(machine: Machine, note: SnapshotNote) -> Refusal | None:
    """Return libvirt's no to deleting a snapshot: others were put under it, or its images moved.

    Where the machine never went back, one at most is under each, and none under the current one.
    """
    under = sum(each.parent == note.name for each in machine.snapshots)
    if under and note.current:
        return Refusal(f"{NO_DELETION} active external snapshot {NO_LEAF}")
    if under and not _led_here(machine, note):
        told = "non-leaf external snapshot that is not in active chain is not supported"
        return Refusal(f"{NO_DELETION} {told}")
    if under > 1:
        told = "external disk snapshot with multiple children snapshots not supported"
        return Refusal(f"{NO_DELETION} {told}")
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
