"""The images of a machine that is switched on, and of a disk that is attached. Pure."""

from simulator.model.disk import Disk
from simulator.model.machine import Machine
from simulator.qemu.actions import Command, DropGuest, StartQemu
from simulator.qemu.commands.nodes import export_to_guest, open_image, unshared
from simulator.qemu.commands.work import Work


def open_images(work: Work, machine: Machine) -> None:
    """Add a new QEMU, and every disk that has images."""
    work.do(StartQemu())
    opened: set[str] = set()
    written = {disk.active.name for disk in machine.disks if disk.chain}
    for disk in machine.disks:
        if disk.chain:
            open_disk(work, disk, opened, written)


def open_disk(work: Work, disk: Disk, opened: set[str], written: set[str]) -> None:
    """Add the images of a disk, base first, and its guest.

    Args:
        opened: The images that are open already; takes those that are now.
        written: The images that some guest writes.
    """
    names, below = work.names, None
    for image in disk.chain:
        if image.name in opened:
            below = image.name
            continue
        opened.add(image.name)
        active = image.name in written
        work.do(open_image(names, image.name, image.format, backing=below, read_only=not active))
        below = image.name
    work.do(export_to_guest(names, disk.name, disk.active.name))


def close_disk(work: Work, machine: Machine, disk: Disk) -> None:
    """Add the end of a disk: its guest lets go, its images are closed."""
    names = work.names
    work.do(DropGuest(names.guests[disk.name]))
    for image in reversed(unshared(machine, disk, (image.name for image in disk.chain))):
        work.do(Command("blockdev-del", {"node-name": names.node(image)}))
