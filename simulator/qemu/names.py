"""What nodes, files and exports are called on a real QEMU. Pure.

A node has the name of its image wherever QEMU lets it, so that QEMU's own words are the same.
"""

import re
from collections.abc import Iterator

from simulator.apis.transactions import one_by_one
from simulator.model.machine import Machine, MirrorJob, Transfer
from simulator.model.operations import AddOverlay, MirrorDisk, Operation, Refusal, RunBackup
from simulator.model.requests import Qmp
from simulator.timeline import Timeline
from simulator.values import NamedTuple

NODE_NAME_MAX = 31
"""Longest name of a node. Source: QEMU 7.2."""

FILE_NAME_MAX = 80
"""So long a name is taken over as it is; a longer one is numbered."""

_NODE = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_HELD = re.compile(r"in state 'paused'(?= cannot accept)")
_SUFFIXES = {"qcow2": (".qcow2", ".qcow", ".img"), "raw": (".raw", ".img")}


class Names(NamedTuple):
    """The names of one timeline on a real QEMU.

    Attributes:
        nodes: The node of each image.
        protocols: The node of each image's file.
        files: The file of each image.
        targets: The node of each backup, by the backup's name and disk.
        copies: The file of each backup, likewise.
        scratches: The file of the scratch image of each backup that is pulled, likewise.
        restores: The file that a script makes of each restored disk, likewise.
        guests: The NBD export of each disk.
    """

    nodes: dict[str, str]
    protocols: dict[str, str]
    files: dict[str, str]
    targets: dict[tuple[str, str], str]
    copies: dict[tuple[str, str], str]
    scratches: dict[tuple[str, str], str]
    restores: dict[tuple[str, str], str]
    guests: dict[str, str]

    def node(self, image: str) -> str:
        """Return the node of an image; a name that no image has is QEMU's to refuse."""
        return self.nodes.get(image, image)

    def by_images(self, text: str) -> str:
        """Return a text in which files of images go by the images' names."""
        for image, file in sorted(self.files.items(), key=lambda each: -len(each[1])):
            text = re.sub(rf"(?<![\w.-]){re.escape(file)}(?![\w-])", image, text)
        return text

    def by_backups(self, text: str) -> str:
        """Return a text in which one disk's part of a backup goes by the backup's name.

        One that fails is held where it has copied so much; a user's has nobody who holds it.
        """
        for (backup, _), target in self.targets.items():
            text = text.replace(f"'{target}'", f"'{backup}'")
        return _HELD.sub("in state 'pending'", text)

    def job(self, name: str) -> str:
        """Return the id of a job; QEMU takes no other names than those of nodes."""
        return name if _NODE.fullmatch(name) else f"job-{sum(name.encode())}"


def choose_names(timeline: Timeline) -> Names:
    """Return a name for everything that a timeline ever has.

    Images come first, so that none goes without its own name because of something else.
    """
    names = Names({}, {}, {}, {}, {}, {}, {}, {})
    nodes, files = _Chooser(_NODE, NODE_NAME_MAX), _Chooser(_FILE, FILE_NAME_MAX)
    machines = [entry.after for entry in timeline.entries]
    for image in (i for machine in machines for disk in machine.disks for i in disk.chain):
        if image.name not in names.nodes:
            names.nodes[image.name] = nodes.choose(image.name, "image")
            names.files[image.name] = files.choose(_with_suffix(image.name, image.format), "image")
    for copy in (job for machine in machines for job in machine.jobs):
        if isinstance(copy, MirrorJob) and copy.into not in names.nodes:
            names.nodes[copy.into] = nodes.choose(copy.into, "image")
            names.files[copy.into] = files.choose(_with_suffix(copy.into, copy.format), "image")
    for overlay in _refused_overlays(timeline):
        if overlay not in names.nodes:
            names.nodes[overlay] = nodes.choose(overlay, "image")
            names.files[overlay] = files.choose(_with_suffix(overlay, "qcow2"), "image")
    for backup in (b for machine in machines for b in machine.backups):
        key = backup.name, backup.disk
        wanted = f"{backup.name}-{backup.disk}" if backup.part else backup.name
        if key not in names.copies:
            names.targets[key] = nodes.choose(wanted, "backup")
            names.copies[key] = files.choose(wanted, "backup")
        if backup.transfer is Transfer.PULL and key not in names.scratches:
            # It may be written over a backup that was none.
            scratch = files.choose(_with_suffix(f"{wanted}-scratch", "qcow2"), "scratch")
            names.scratches[key] = scratch
    for target, disk_name in _refused_targets(timeline):
        if (target, disk_name) not in names.copies:
            names.targets[target, disk_name] = nodes.choose(target, "backup")
            names.copies[target, disk_name] = files.choose(target, "backup")
    for restored in (r for machine in machines[-1:] for r in machine.restores):
        if (restored.name, restored.disk) not in names.restores:
            wanted = _with_suffix(restored.row.replace("/", "-"), "qcow2")
            names.restores[restored.name, restored.disk] = files.choose(wanted, "restored")
    for disk in (d for machine in machines[:1] for d in machine.disks):
        wanted = f"guest-{disk.name}" if len(machines[0].disks) > 1 else "guest"
        names.guests[disk.name] = nodes.choose(wanted, "guest")
    for image_name, node in names.nodes.items():
        names.protocols[image_name] = nodes.choose(f"{node}.file", "file")
    return names


def _refused_targets(timeline: Timeline) -> Iterator[tuple[str, str]]:
    """Yield the targets of backups that QEMU refuses, each with its disk's name."""
    for machine, operation in _refused(timeline):
        if isinstance(operation, RunBackup) and machine.disk_of(operation.target) is None:
            disk = machine.disk_of(operation.image) or machine.disks[0]
            yield operation.target, disk.name


def _refused_overlays(timeline: Timeline) -> Iterator[str]:
    """Yield the images that QEMU refuses to put on a chain, or in its place."""
    for _, operation in _refused(timeline):
        if isinstance(operation, AddOverlay):
            yield operation.overlay
        if isinstance(operation, MirrorDisk):
            yield operation.into


def _refused(timeline: Timeline) -> Iterator[tuple[Machine, Operation]]:
    """Yield QEMU's own primitives where it refuses them, with the machine as it is then."""
    for entry in timeline.entries:
        request = entry.request
        if entry.refusal is not None:
            asked = request.operations if isinstance(request, Qmp) else entry.attempted
            told = [each for each in asked if not isinstance(each, Refusal)]
            yield from one_by_one(entry.before, told)


def _with_suffix(name: str, format: str) -> str:
    return name if name.endswith(_SUFFIXES[format]) else f"{name}.{format}"


class _Chooser:
    """Hands out names that QEMU takes, each once."""

    def __init__(self, pattern: re.Pattern[str], length_max: int) -> None:
        self._pattern = pattern
        self._length_max = length_max
        self._taken: set[str] = set()

    def choose(self, wanted: str, kind: str) -> str:
        """Return the wanted name, or where it is taken or not allowed, *kind* and a number."""
        name, number = wanted, 0
        while (
            name in self._taken or len(name) > self._length_max or not self._pattern.fullmatch(name)
        ):
            number += 1
            name = f"{kind}-{number}"
        self._taken.add(name)
        return name
