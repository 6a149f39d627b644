"""Images as nodes of QEMU, what the guest does with them, and exports. Pure."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, assert_never

from simulator.model.clusters import ZERO
from simulator.model.disk import Disk, Image
from simulator.model.machine import Machine
from simulator.model.operations import (
    ExportNode,
    ExportOperation,
    GuestDiscard,
    GuestWrite,
    SetActive,
    UnexportNode,
)
from simulator.qemu.actions import Change, Command, GuestKind, GuestStep
from simulator.qemu.names import NODE_NAME_MAX, Names

FILTER = "-job-filter"
"""Ends the names of filters; QEMU has other names of its own for those that nobody names."""

NO_FILTERS: Mapping[str, str] = MappingProxyType({})


def guest_step(names: Names, machine: Machine, operation: GuestWrite | GuestDiscard) -> GuestStep:
    """Return what a guest does; it touches a part of a cluster where the operation says so."""
    disk = machine.disks[0] if operation.disk is None else machine.disk(operation.disk)
    if isinstance(operation, GuestDiscard):
        runs = [(first, count, ZERO) for first, count in operation.clusters.runs()]
    else:
        runs = list(operation.data.runs())
    changes: list[Change] = []
    for first, count, version in runs:
        start, end = first * disk.cluster_size, (first + count) * disk.cluster_size
        end = min(end, disk.size)
        if operation.extent is not None:
            extent = operation.extent
            start, end = max(start, extent.offset), min(end, extent.offset + extent.length)
        kind = GuestKind.WRITE if version != ZERO else GuestKind.ZERO
        if isinstance(operation, GuestDiscard):
            kind = GuestKind.DISCARD
        if end > start:
            changes.append(Change(kind, start, end - start, version))
    return GuestStep(names.guests[disk.name], tuple(changes))


def open_image(
    names: Names, image: str, format: str, *, backing: str | None, read_only: bool = False
) -> Command:
    """Return the command that opens an image as a node."""
    return Command(
        "blockdev-add",
        {
            **_options(names, image, format, backing=backing, read_only=read_only),
            "file": {
                "driver": "file",
                "node-name": names.protocols[image],
                "filename": names.files[image],
            },
        },
    )


def filter_node(target: str) -> str:
    """Return the node of the filter that a backup job puts above an image that others lie on."""
    return f"{target[: NODE_NAME_MAX - len(FILTER)]}{FILTER}"


def reopen_image(
    names: Names,
    chain: tuple[Image, ...],
    image: str,
    *,
    read_only: bool,
    filters: Mapping[str, str] = NO_FILTERS,
) -> Command:
    """Return the command that changes whether an image of a chain may be written to.

    Args:
        names: What the real thing calls them.
        chain: The images, base first, as they stand on another when the command is sent.
        image: The image.
        read_only: Whether it may only be read afterwards.
        filters: The node that lies on an image, by that image's name, where a job has put one:
            QEMU 7.2 dies of a reopening that leaves it out.
    """
    place = [each.name for each in chain].index(image)
    format = chain[place].format
    backing = chain[place - 1].name if place else None
    options = {
        **_options(names, image, format, backing=backing),
        "read-only": read_only,
        "file": names.protocols[image],
    }
    if backing is not None and backing in filters:
        options["backing"] = filters[backing]
    return Command("blockdev-reopen", {"options": [options]})


def _options(
    names: Names, image: str, format: str, *, backing: str | None, read_only: bool = False
) -> dict[str, Any]:
    """Return the options of an image's node that do not say where its file is."""
    options: dict[str, Any] = {"driver": format, "node-name": names.node(image)}
    if read_only:
        options["read-only"] = True
    options["discard"] = "unmap"
    if format == "qcow2":
        options["backing"] = names.node(backing) if backing is not None else None
    return options


def close_image(names: Names, image: str) -> Command:
    """Return the command that closes an image that has left its chain."""
    return Command("blockdev-del", {"node-name": names.node(image)})


def unshared(machine: Machine, disk: Disk, images: Iterable[str]) -> list[str]:
    """Return those images of a disk on which no other disk lies as well."""
    return [image for image in images if not machine.sharers(image, disk.name)]


def export_to_guest(names: Names, disk: str, image: str) -> Command:
    """Return the command that lets the guest write to a disk."""
    guest = names.guests[disk]
    return Command(
        "block-export-add",
        {
            "type": "nbd",
            "id": guest,
            "node-name": names.node(image),
            "name": guest,
            "writable": True,
        },
    )


def use_command(names: Names, machine: Machine, operation: ExportOperation) -> Command:
    """Return the command that says who may use a node."""
    match operation:
        case ExportNode():
            return _export(names, machine, operation)
        case UnexportNode():
            return Command("block-export-del", {"id": operation.id, "mode": "hard"})
        case SetActive():
            return _let_go(names, machine, operation)
        case _:
            assert_never(operation)


def _export(names: Names, machine: Machine, export: ExportNode) -> Command:
    """Return the command that lets clients read a node."""
    node = _node_of(names, machine, export.node)
    options: dict[str, Any] = {"type": "nbd", "id": export.id, "node-name": node}
    options["name"] = export.name
    if export.writable:
        options["writable"] = True
    if export.bitmaps:
        options["bitmaps"] = [
            name if home is None else {"node": names.node(home), "name": name}
            for home, name in export.bitmaps
        ]
    return Command("block-export-add", options)


def _let_go(names: Names, machine: Machine, told: SetActive) -> Command:
    """Return the command that lets go of a node, or takes it up again."""
    options: dict[str, Any] = {"active": told.active}
    if told.node is not None:
        options["node-name"] = _node_of(names, machine, told.node)
    return Command("blockdev-set-active", options)


def _node_of(names: Names, machine: Machine, node: str) -> str:
    """Return what QEMU calls an image, or the target of a backup that runs."""
    targets = {job.backup.name: (job.backup.name, job.disk) for job in machine.backup_jobs}
    if node in targets and machine.disk_of(node) is None:
        return names.targets[targets[node]]
    return names.node(node)


def disk_of(machine: Machine, node: str) -> Disk:
    """Return the disk of a node; of one that is not there, QEMU is to say so."""
    return machine.disk_of(node) or machine.disks[0]
