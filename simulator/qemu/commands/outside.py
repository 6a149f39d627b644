"""What is done with files beside QEMU. Pure."""

from collections.abc import Sequence

from simulator.model.disk import Disk
from simulator.model.machine import Backup, Machine, Power, Transfer
from simulator.model.operations import CopyImage, StackBackups
from simulator.qemu.actions import CopyFile, GuestStep, Stack
from simulator.qemu.commands.work import Work
from simulator.qemu.names import Names


def copy_image(work: Work, machine: Machine, copy: CopyImage) -> None:
    """Copy a file; of the active image of a running machine, what its guest has flushed."""
    names, disk = work.names, machine.disk_of(copy.image)
    assert disk is not None, "the copy was accepted, so the image is there"
    if machine.power is Power.RUNNING and copy.image == disk.active.name:
        work.do(GuestStep(names.guests[disk.name]))
    for each in (disk, *machine.sharers(copy.image, disk.name)):
        work.do(CopyFile(names.files[copy.image], names.copies[copy.target, each.name]))


def stack_backups(work: Work, machine: Machine, stack: StackBackups) -> None:
    """Add the files that a restore lays over one another, for each disk."""
    for disk in machine.disks:
        files = stack_files(work.names, machine, stack, disk)
        if files:
            work.do(Stack(work.names.restores[stack.name, disk.name], files))


def stack_files(
    names: Names, machine: Machine, stack: StackBackups, disk: Disk
) -> tuple[tuple[str, str], ...]:
    """Return the files that a restore of one disk lays over one another, each with its format."""
    sources = [
        backup
        for name in stack.sources
        for backup in machine.backups_named(name)
        if backup.disk == disk.name
    ]
    return tuple((names.copies[each.name, each.disk], each.format) for each in stacked(sources))


def stacked(sources: Sequence[Backup]) -> Sequence[Backup]:
    """Return the backups that are laid over one another: a pulled full one has none below it.

    Its client leaves zeroes out, so that in its file alone nothing hides what would lie below.
    """
    pulled = [n for n, b in enumerate(sources) if b.whole and b.transfer is Transfer.PULL]
    return sources[pulled[-1] :] if pulled else sources
