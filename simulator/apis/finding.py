"""What a request means on the machine as it is: the images and bitmaps that it is about."""

from simulator.model.bitmap import DirtyBitmap
from simulator.model.disk import Disk
from simulator.model.machine import Machine
from simulator.model.operations import BitmapKey, Fault, Refusal


def active_nodes(machine: Machine, disks: tuple[str, ...]) -> dict[str, str] | Refusal:
    """Return the active image of each disk, by the disk's name."""
    nodes: dict[str, str] = {}
    for name in disks:
        disk = machine.disk(name)
        if not disk.chain:
            return Refusal(f"disk {name} {disk.absence}")
        nodes[name] = disk.active.name
    return nodes


def image_below(machine: Machine, snapshot: str) -> str | Refusal:
    """Return the image that a snapshot froze: the one below the image that it made."""
    disk = machine.disk_of(snapshot)
    if disk is None:
        return Refusal(f"there is no snapshot {snapshot} here")
    names = [image.name for image in disk.chain]
    place = names.index(snapshot)
    if place == 0:
        return Refusal(f"{snapshot} is no snapshot: there is no image below it")
    return names[place - 1]


def named_bitmaps(
    disk: Disk, wanted: tuple[tuple[str | None, str], ...]
) -> tuple[BitmapKey, ...] | Refusal:
    """Return the bitmaps of a disk that a user named; a bare name means every namesake."""
    found: list[BitmapKey] = []
    for node, name in wanted:
        nodes = disk.nodes_with(name) if node is None else (node,)
        keys = [(n, name) for n in nodes if disk.bitmap(n, name) is not None]
        if not keys:
            return Refusal(f"Dirty bitmap '{name}' not found", fault=Fault.MISSING)
        found += keys
    return tuple(found)


def newest_recording(disk: Disk) -> DirtyBitmap | None:
    """Return the newest bitmap of a disk that records, or None."""
    return next((b for b in reversed(disk.bitmaps) if b.recording), None)
