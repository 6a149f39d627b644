"""What QEMU is told past libvirt: what the guest does, and commands on bitmaps. Pure."""

from collections.abc import Callable, Iterator
from typing import Any

from simulator.libvirt.actions import LibvirtAction, UnsupportedError, Virsh
from simulator.libvirt.files import Files
from simulator.libvirt.xml import DOMAIN
from simulator.model.machine import Machine, Power
from simulator.model.operations import (
    BitmapOperation,
    GuestDiscard,
    GuestWrite,
    Refusal,
)
from simulator.model.requests import Qmp
from simulator.model.transitions import apply
from simulator.qemu.actions import Change, Command, GuestKind, bytes_of
from simulator.qemu.commands.nodes import guest_step
from simulator.qemu.commands.operations import add
from simulator.qemu.commands.work import Work
from simulator.qemu.names import Names
from simulator.qemu.refused import attempt
from simulator.timeline import Entry

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


def change_bitmaps(names: Names, entry: Entry, request: Qmp) -> Iterator[Command]:
    """Yield what changes bitmaps behind libvirt's back; images go by their names in it.

    libvirt gives its nodes numbers, so :func:`with_nodes` names them where that is known.
    """
    operations = [each for each in request.operations if isinstance(each, BitmapOperation)]
    running = entry.before.power is Power.RUNNING
    if len(operations) < len(request.operations) or not running:
        raise UnsupportedError(f"qmp: {', '.join(request.commands)}")
    by_name = names._replace(nodes={})
    if entry.refusal is not None:
        told = attempt(by_name, entry.before, operations)
        yield from (each for each in told.actions if isinstance(each, Command))
        return
    work, machine = Work(by_name), entry.before
    for operation in operations:
        add(work, machine, operation)
        outcome = apply(machine, operation)
        assert not isinstance(outcome, Refusal), f"{operation} was accepted before"
        machine = outcome
    yield from (each for each in work.finish() if isinstance(each, Command))


def with_nodes(command: Command, node_of: Callable[[str], str]) -> Command:
    """Return a command on bitmaps with the nodes of the images that it names."""

    def told(value: Any) -> Any:
        if isinstance(value, list):
            return [told(each) for each in value]
        if isinstance(value, dict):
            return {k: node_of(v) if k == "node" else told(v) for k, v in value.items()}
        return value

    return command._replace(arguments=told(dict(command.arguments)))
