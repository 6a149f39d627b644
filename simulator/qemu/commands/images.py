"""Images that come, grow, and are gone back to. Pure."""

import itertools

from simulator.model.disk import Disk, Image
from simulator.model.machine import Machine, Power
from simulator.model.operations import (
    CreateImage,
    DropSnapshot,
    LoadSnapshot,
    Refusal,
    ResizeImage,
    RevertImages,
    SaveSnapshot,
)
from simulator.model.transitions import apply
from simulator.qemu.actions import Command, DropGuest, MakeImage, RunTool
from simulator.qemu.commands.nodes import (
    close_image,
    disk_of,
    export_to_guest,
    open_image,
    reopen_image,
    unshared,
)
from simulator.qemu.commands.outside import alone
from simulator.qemu.commands.work import Work
from simulator.qemu.names import Names


def create_image(work: Work, machine: Machine, create: CreateImage) -> None:
    """Add a disk's first image, maybe on one of another disk."""
    names, disk, below = work.names, machine.disk(create.disk), create.backing
    made = MakeImage(names.files[create.image], create.format, disk.size, disk.cluster_size)
    other = machine.disk_of(below) if below is not None else None
    if other is not None and below is not None:
        image = other.image(below)
        assert image is not None, "the disk was found by this image"
        made = made._replace(backing=names.files[below], backing_format=image.format)
    work.do(made)
    if machine.power is not Power.RUNNING:
        return
    work.do(
        open_image(names, create.image, create.format, backing=below),
        export_to_guest(names, disk.name, create.image),
    )


def add_overlay(work: Work, machine: Machine, node: str, overlay: str) -> None:
    """Add an image on top of another one."""
    names, disk = work.names, disk_of(machine, node)
    below = disk.active
    if machine.power is not Power.RUNNING:
        work.do(_make_overlay(work, disk, below, overlay))
        return
    work.before += [
        _make_overlay(work, disk, below, overlay),
        open_image(names, overlay, "qcow2", backing=None),
    ]
    work.together.append(
        Command(
            "blockdev-snapshot",
            {"node": names.node(node), "overlay": names.node(overlay)},
        )
    )


def _make_overlay(work: Work, disk: Disk, below: Image, overlay: str) -> MakeImage:
    """Return what makes an empty image on top of another one, as long as that."""
    names = work.names
    return MakeImage(
        names.files[overlay],
        "qcow2",
        disk.bytes_of(below.name),
        disk.cluster_size,
        backing=names.files[below.name],
        backing_format=below.format,
    )


def resize_image(work: Work, disk: Disk, resize: ResizeImage) -> None:
    """Resize an image; the guest lets go of it meanwhile, as a device of QEMU's need not."""
    names = work.names
    work.do(
        DropGuest(names.guests[disk.name]),
        Command(
            "block_resize",
            {
                "node-name": names.node(resize.node),
                "size": resize.length * disk.cluster_size - resize.lacks,
            },
        ),
        export_to_guest(names, disk.name, disk.active.name),
    )


def revert_images(work: Work, machine: Machine, revert: RevertImages) -> None:
    """Close what lies above an image, and put a new overlay on top of it."""
    names, noted = work.names, revert.disk
    disk = machine.disk(noted) if noted is not None else machine.disk_of(revert.image)
    outcome = apply(machine, revert)
    assert not isinstance(outcome, Refusal), "the revert was accepted before"
    assert disk is not None, "so its image is there"
    back = outcome.disk(disk.name)
    *chain, _ = back.chain
    there = {image.name for image in disk.chain}
    stay = {image.name for image in chain}
    gone = unshared(machine, disk, (i.name for i in disk.chain if i.name not in stay))
    below = chain[-1]
    made = _make_overlay(work, back, below, revert.overlay)
    if machine.power is not Power.RUNNING:
        work.do(made)
        return
    work.do(
        DropGuest(names.guests[disk.name]),
        *(close_image(names, image) for image in reversed(gone)),
        made,
    )
    for under, image in itertools.pairwise(chain):
        if image.name not in there:
            opened = open_image(names, image.name, image.format, backing=under.name, read_only=True)
            work.do(opened)
    if disk.active.name == revert.image:
        work.do(reopen_image(names, disk.chain, revert.image, read_only=True))
    work.do(
        open_image(names, revert.overlay, "qcow2", backing=revert.image),
        export_to_guest(names, disk.name, revert.overlay),
    )


def load_snapshot(work: Work, machine: Machine, disk: Disk, load: LoadSnapshot) -> None:
    """Apply a state kept inside an image, which must not be open meanwhile."""
    names, image = work.names, disk.active
    # Somebody may write the images below it.
    file = alone(names.files[image.name], image.format)
    apply_it = RunTool(("qemu-img", "snapshot", "-q", "-a", load.name, file))
    if machine.power is not Power.RUNNING:
        work.do(apply_it)
        return
    below = disk.chain[-2].name if len(disk.chain) > 1 else None
    work.do(
        DropGuest(names.guests[disk.name]),
        close_image(names, image.name),
        apply_it,
        open_image(names, image.name, image.format, backing=below),
        export_to_guest(names, disk.name, image.name),
    )


def internal_snapshot(names: Names, operation: SaveSnapshot | DropSnapshot) -> Command:
    """Return the command that keeps or drops a state inside an image."""
    saves = isinstance(operation, SaveSnapshot)
    execute = (
        "blockdev-snapshot-internal-sync" if saves else ("blockdev-snapshot-delete-internal-sync")
    )
    return Command(execute, {"device": names.node(operation.node), "name": operation.name})
