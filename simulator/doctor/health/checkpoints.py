"""Checkpoints as libvirt and a tool know them, held against one another and against the images."""

import os
from collections.abc import Iterator, Mapping, Sequence
from shlex import quote

from simulator.diagnostics import Finding, Severity
from simulator.doctor.health.codes import flag
from simulator.doctor.reading.held import CheckpointDocument, Folder, Machine
from simulator.inspect.disk import SeenDisk
from simulator.inspect.health.wording import listed
from simulator.inspect.image.seen import label

REFUSED = "checkpoint inconsistent: missing or broken bitmap {name!r} for disk {disk!r}"
"""libvirt's words for every such checkpoint. Source: ``facts/LIBVIRT.md``, R4."""


def find_in_documents(
    documents: Sequence[CheckpointDocument], folder: Folder | None
) -> Iterator[tuple[str, Finding]]:
    """Yield documents that do not go together.

    Args:
        folder: That they lie in; None for a folder of documents alone.
    """
    yield from _foreign(documents, folder.machines if folder is not None else ())
    names = {each.name for each in documents}
    for each in documents:
        if each.parent is not None and each.parent not in names:
            yield (
                each.path,
                flag(
                    "DR112",
                    f"the parent of {each.name}, {each.parent}, has no document here",
                    severity=Severity.WARNING,
                    help="an increment since it goes all the same; to redefine it where libvirt "
                    "has lost it, its parent must be known first",
                ),
            )
    begun = (folder.listed or ()) if folder is not None and documents else ()
    for name in (each for each in begun if each not in names):
        yield (
            folder.path if folder is not None else "",
            flag(
                "DR110",
                f"{name} is in the tool's list, and has no document",
                severity=Severity.WARNING,
                help="where libvirt has lost its checkpoints, it cannot be told of this one again: "
                "take a full backup then",
            ),
        )


def _foreign(
    documents: Sequence[CheckpointDocument], machines: Sequence[Machine]
) -> Iterator[tuple[str, Finding]]:
    """Yield documents that are of another machine than most."""
    known = [(each.machine, each.uuid) for each in documents]
    known += [(each.name, each.uuid) for each in machines]
    own = max(sorted(set(known)), key=known.count, default=("", ""))
    for each in documents:
        if (each.machine, each.uuid) != own:
            yield (
                each.path,
                flag(
                    "DR111",
                    f"{each.name} is a checkpoint of the machine {label(each.machine)} "
                    f"({label(each.uuid)}), the others are of {label(own[0])}",
                    help="take it out: redefined here, it would name bitmaps of other disks",
                ),
            )


def in_order(documents: Sequence[CheckpointDocument]) -> list[CheckpointDocument]:
    """Return documents, each after its parent."""
    left, found = list(documents), list[CheckpointDocument]()
    while left:
        names = {each.name for each in left}
        ready = [each for each in left if each.parent not in names] or left[:1]
        found += ready
        left = [each for each in left if each not in ready]
    return found


def match_disks(
    documents: Sequence[CheckpointDocument], disks: Sequence[SeenDisk]
) -> Mapping[str, SeenDisk]:
    """Return the chain of each disk of some checkpoints, by the names of its files.

    Where there is one of each, they belong together whatever they are called.
    """
    found: dict[str, SeenDisk] = {}
    names = sorted({disk for each in documents for disk in each.bitmaps})
    for name in names:
        paths = {os.path.basename(each.sources.get(name, "")) for each in documents}
        for disk in disks:
            if any(os.path.basename(image.path) in paths for image in disk.chain.images):
                found[name] = disk
    if not found and len(names) == len(disks) == 1:
        found[names[0]] = disks[0]
    return found


def find_in_chains(
    documents: Sequence[CheckpointDocument], disks: Mapping[str, SeenDisk]
) -> Iterator[tuple[str, Finding]]:
    """Yield checkpoints that no increment can start from, by the event that broke them."""
    for name, disk in disks.items():
        active = disk.chain.active
        kinds: dict[str, list[CheckpointDocument]] = {}
        # libvirt deletes the newest first.
        for each in reversed(in_order(documents)):
            if name in each.bitmaps:
                kinds.setdefault(_state(disk, each.bitmaps[name]), []).insert(0, each)
        for kind, broken in kinds.items():
            if kind in _TOLD:
                yield active.path, _broken(name, disk, kind, broken)


_TOLD = {
    "missing": "it was in memory only when its process was killed, or a tool that knows no bitmaps "
    "made this image",
    "below": "an overlay was made without it",
    "inconsistent": "the process that had the image open was killed",
    "stopped": "somebody disabled it",
}
"""What may have become of a bitmap, and the event that does so."""


def _state(disk: SeenDisk, name: str) -> str:
    holders = [image for image in disk.chain.images if image.bitmap(name) is not None]
    if disk.chain.active.in_use:
        return "in use"
    if not holders:
        return "missing"
    bitmap = holders[-1].bitmap(name)
    assert bitmap is not None, "it is a holder"
    if holders[-1] is not disk.chain.active:
        return "below"
    if disk.inconsistent(holders[-1], bitmap):
        return "inconsistent"
    return "good" if bitmap.recording else "stopped"


def _broken(name: str, disk: SeenDisk, kind: str, broken: Sequence[CheckpointDocument]) -> Finding:
    names = [each.name for each in broken]
    machine = quote(broken[0].machine or "DOMAIN")
    image = label(disk.chain.active.name)
    what = {
        "missing": f"{image} has no bitmap of {listed(names)}",
        "below": f"{image} has no bitmap of {listed(names)}, an image below it has",
        "inconsistent": f"the bitmap of {listed(names)} on {image} is inconsistent",
        "stopped": f"the bitmap of {listed(names)} on {image} does not record",
    }[kind]
    more = " --metadata" if kind == "missing" else ""
    return flag(
        "DR109" if kind in ("inconsistent", "stopped") else "DR108",
        f"{name}: {what}: no increment can start there",
        notes=(
            f"likely cause: {_TOLD[kind]}",
            f"libvirt says: {REFUSED.format(name=names[-1], disk=name)}",
        ),
        help="delete "
        + ("it" if len(names) == 1 else "them")
        + f", the newest first: virsh checkpoint-delete {machine} {names[-1]}{more}; "
        "then take a full backup",
    )
