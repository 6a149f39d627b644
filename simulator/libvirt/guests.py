"""What the guest does, as QEMU is told through libvirt. Pure."""

from collections.abc import Iterator

from simulator.libvirt.actions import LibvirtAction, UnsupportedError, Virsh
from simulator.libvirt.files import Files
from simulator.libvirt.xml import DOMAIN
from simulator.model.machine import Machine
from simulator.model.operations import GuestDiscard, GuestWrite
from simulator.qemu.actions import Change, GuestKind, bytes_of
from simulator.qemu.commands.nodes import guest_step

LETTERS = 26
"""Names of disks count ``vda`` to ``vdz``, then ``vdaa``."""


def virtio_name(disk: str) -> str:
    """Return what QEMU's object tree calls a disk.

    >>> virtio_name("vdb"), virtio_name("vdaa")
    ('virtio-disk1', 'virtio-disk26')
    """
    number = 0
    for letter in disk.removeprefix("vd"):
        number = number * LETTERS + ord(letter) - ord("a") + 1
    return f"virtio-disk{number - 1}"


def device_of(disk: str) -> str:
    """Return the path of a disk in QEMU's object tree; ``qemu-io`` writes as that device.

    Source: ``facts/LIBVIRT.md``, section 0.
    """
    return f"/machine/peripheral/{virtio_name(disk)}/virtio-backend"


def write_as_guest(
    files: Files, machine: Machine, operation: GuestWrite | GuestDiscard
) -> Iterator[LibvirtAction]:
    """Yield what a guest's step is, with a flush behind it."""
    disk = machine.disks[0] if operation.disk is None else machine.disk(operation.disk)
    for change in guest_step(files.names, machine, operation).changes:
        yield qemu_io(disk.name, _guest_words(change))
    yield qemu_io(disk.name, "flush")


def qemu_io(disk: str, words: str) -> Virsh:
    """Return what lets QEMU do something to a disk as its device."""
    command = f'qemu-io -d {device_of(disk)} "{words}"'
    return Virsh(("qemu-monitor-command", DOMAIN, "--hmp", command))


def _guest_words(change: Change) -> str:
    """Return what ``qemu-io`` is told to do."""
    place = f"{change.offset} {change.length}"
    if change.kind is GuestKind.DISCARD:
        return f"discard {place}"
    if change.kind is GuestKind.ZERO:
        return f"write -z -u {place}"
    unit = bytes_of(change.version)
    if len(unit) > 1:
        raise UnsupportedError("a guest workload")
    return f"write -P {unit[0]:#04x} {place}"
