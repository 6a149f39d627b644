"""The XML documents that libvirt is sent: a machine, a backup, a checkpoint. Pure.

Source: https://libvirt.org/formatdomain.html, formatbackup.html and formatcheckpoint.html.
"""

from collections.abc import Iterable, Iterator, Mapping
from xml.sax.saxutils import escape, quoteattr

from simulator.values import NamedTuple

DOMAIN = "machine"
"""The name of the machine."""

FOLDER = "@folder@"
"""Stands for the folder of all files, whose path is known only where the plan is played."""

PULL_SOCKET = "pull.sock"
"""Where the client of a pull backup finds libvirt's export."""

MEMORY_MIB = 16
"""The machine never runs, so it needs little."""


class Drive(NamedTuple):
    """A disk of the machine.

    Attributes:
        target: What libvirt calls it, such as ``vda``.
        file: Of its active image.
    """

    target: str
    file: str
    format: str


class Target(NamedTuple):
    """A disk in a backup.

    Attributes:
        disk: What libvirt calls it.
        file: What is written: the backup of a push, the scratch image of a pull; None where the
            disk takes no part.
    """

    disk: str
    file: str | None


def path_of(file: str) -> str:
    """Return the path of a file, with :data:`FOLDER` where its folder goes."""
    return f"{FOLDER}/{file}"


def domain_xml(drives: Iterable[Drive], *, emulator: str, monitor: str | None = None) -> str:
    """Return a machine that is never run: no graphics, no network, no operating system.

    Args:
        emulator: Path of QEMU.
        monitor: Path of a socket for a second QMP monitor, beside libvirt's own.
    """
    lines = [
        "<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>",
        f"  <name>{DOMAIN}</name>",
        f"  <memory unit='MiB'>{MEMORY_MIB}</memory>",
        "  <vcpu>1</vcpu>",
        "  <os><type arch='x86_64' machine='pc'>hvm</type></os>",
        "  <devices>",
        f"    <emulator>{escape(emulator)}</emulator>",
        *(line for drive in drives for line in _disk(drive)),
        "    <controller type='usb' model='none'/>",
        "    <memballoon model='none'/>",
        "  </devices>",
    ]
    if monitor is not None:
        option = f"unix:{monitor},server=on,wait=off"
        lines += [
            "  <qemu:commandline>",
            "    <qemu:arg value='-qmp'/>",
            f"    <qemu:arg value={quoteattr(option)}/>",
            "  </qemu:commandline>",
        ]
    return "\n".join([*lines, "</domain>", ""])


def _disk(drive: Drive) -> Iterator[str]:
    # Without discard='unmap' the guest's discards would be ignored.
    yield "    <disk type='file' device='disk'>"
    yield f"      <driver name='qemu' type={quoteattr(drive.format)} discard='unmap'/>"
    yield f"      <source file={quoteattr(path_of(drive.file))}/>"
    yield f"      <target dev={quoteattr(drive.target)} bus='virtio'/>"
    yield "    </disk>"


def backup_xml(
    targets: Iterable[Target],
    *,
    since: str | None,
    pulled: bool,
    starts: Mapping[str, str | None] | None = None,
) -> str:
    """Return a backup.

    Args:
        since: The checkpoint to start from; None for a full backup.
        starts: In place of it, that of each disk by name.
        pulled: Whether a client reads the data, instead of QEMU writing it.
    """
    lines = [f"<domainbackup mode='{'pull' if pulled else 'push'}'>"]
    if since is not None:
        lines.append(f"  <incremental>{escape(since)}</incremental>")
    if pulled:
        lines.append(f"  <server transport='unix' socket={quoteattr(path_of(PULL_SOCKET))}/>")
    lines.append("  <disks>")
    for target in targets:
        name = quoteattr(target.disk)
        if target.file is None:
            lines.append(f"    <disk name={name} backup='no'/>")
            continue
        element = "scratch" if pulled else "target"
        own = _start(starts[target.disk]) if starts else ""
        lines += [
            f"    <disk name={name} backup='yes' type='file'{own}>",
            "      <driver type='qcow2'/>",
            f"      <{element} file={quoteattr(path_of(target.file))}/>",
            "    </disk>",
        ]
    return "\n".join([*lines, "  </disks>", "</domainbackup>", ""])


def _start(since: str | None) -> str:
    """Return the attributes that say from where the backup of one disk starts."""
    if since is None:
        return " backupmode='full'"
    return f" backupmode='incremental' incremental={quoteattr(since)}"


def checkpoint_xml(
    name: str, disks: Iterable[tuple[str, bool]], *, again: bool = False, parent: str | None = None
) -> str:
    """Return a checkpoint.

    Args:
        disks: Each disk of the machine, and whether it takes part.
        again: Whether libvirt is told again of one that it has forgotten.
        parent: The one before it, then.
    """
    told = ["  <creationTime>1</creationTime>"] if again else []
    told += [f"  <parent><name>{escape(parent)}</name></parent>"] if parent is not None else []
    lines = [
        "<domaincheckpoint>",
        f"  <name>{escape(name)}</name>",
        *told,
        "  <disks>",
        *(
            f"    <disk name={quoteattr(disk)} checkpoint='{'bitmap' if part else 'no'}'/>"
            for disk, part in disks
        ),
        "  </disks>",
        "</domaincheckpoint>",
    ]
    return "\n".join([*lines, ""])
