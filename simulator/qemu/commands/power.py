"""The images of a machine that is switched on, of a disk that is attached, and of a machine that
goes on on another host. Pure.

To play a migration there is one host: where the disks are copied, the process ends, and a new one
opens the copies in the place of the images. Bitmaps that go along are kept in the copies for that
while, under other names.
"""

from collections.abc import Iterator
from typing import Any

from simulator.model.bitmap import DirtyBitmap
from simulator.model.disk import Disk
from simulator.model.machine import Machine
from simulator.model.operations import MoveDisks, Refusal, Travels
from simulator.model.transitions import apply
from simulator.model.transitions.chains.carrying import merges_whole
from simulator.qemu.actions import (
    AwaitJobs,
    Command,
    CopyFile,
    DeleteFile,
    DropGuest,
    JobEnd,
    MakeImage,
    QuitQemu,
    StartQemu,
)
from simulator.qemu.commands.backups import open_target
from simulator.qemu.commands.nodes import export_to_guest, open_image, unshared
from simulator.qemu.commands.work import Work
from simulator.qemu.names import Names

KEPT = "moved-{}"
"""What a bitmap is called on its way."""


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


def move_disks(work: Work, machine: Machine, move: MoveDisks) -> None:
    """Add the copies, the end of one process, and the start of another one on them."""
    names = work.names
    outcome = apply(machine, move)
    assert not isinstance(outcome, Refusal), "it was accepted before"
    disks = [disk for disk in machine.disks if disk.chain]
    for disk in disks:
        _copy(work, disk, move.bitmaps)
    work.do(QuitQemu())
    for disk in disks:
        copy = _copy_of(names, disk)
        work.do(CopyFile(copy, names.files[disk.active.name]), DeleteFile(copy))
    open_images(work, outcome)
    for disk in disks:
        node = names.node(disk.active.name)
        for bitmap in outcome.disk(disk.name).bitmaps:
            kept = KEPT.format(bitmap.name)
            work.together += _made(bitmap, node, bitmap.name, [(node, kept)])
            work.do(Command("block-dirty-bitmap-remove", {"node": node, "name": kept}))


def _copy_of(names: Names, disk: Disk) -> str:
    """Return the name of the copy of a disk, as node and as file."""
    return f"{names.guests[disk.name]}-moved"


def _copy(work: Work, disk: Disk, travels: Travels) -> None:
    """Add the copy of one disk, and what keeps its bitmaps."""
    names, copy, format = work.names, _copy_of(work.names, disk), disk.active.format
    node = names.node(disk.active.name)
    work.do(
        MakeImage(copy, format, disk.size, disk.cluster_size),
        open_target(copy, copy, format=format),
        Command(
            "blockdev-mirror", {"job-id": copy, "device": node, "target": copy, "sync": "full"}
        ),
        AwaitJobs((copy,), JobEnd.READY),
    )
    for bitmap, sources in _travelling(disk, travels):
        held = [(names.node(image), bitmap.name) for image in sources]
        frozen = _made(bitmap, copy, KEPT.format(bitmap.name), held, kept=True)
        work.together += frozen
    work.do(
        Command("block-job-cancel", {"device": copy}),
        AwaitJobs((copy,), JobEnd.COMPLETED),
        Command("blockdev-del", {"node-name": copy}),
    )


def _travelling(disk: Disk, travels: Travels) -> Iterator[tuple[DirtyBitmap, tuple[str, ...]]]:
    """Yield the bitmaps that go along, each with the images whose bitmaps it is merged of."""
    active = disk.active
    if travels is Travels.NONE or active.format != "qcow2":
        return
    whole = merges_whole(disk, active.format)
    for bitmap in disk.bitmaps_on(active.name):
        if travels is Travels.ACTIVE and not bitmap.inconsistent:
            yield bitmap, (active.name,)
        elif travels is Travels.MERGED and bitmap.name in whole:
            yield bitmap, disk.nodes_with(bitmap.name)


def _made(
    bitmap: DirtyBitmap,
    node: str,
    name: str,
    sources: list[tuple[str, str]],
    *,
    kept: bool = False,
) -> list[Command]:
    """Return the commands that make a bitmap like one, of what others hold.

    Args:
        kept: Whether it is only to be kept.
    """
    options: dict[str, Any] = {
        "node": node,
        "name": name,
        "granularity": bitmap.granularity,
        "persistent": kept or bitmap.persistent,
    }
    if kept or not bitmap.recording:
        options["disabled"] = True
    merged = [{"node": where, "name": each} for where, each in sources]
    return [
        Command("block-dirty-bitmap-add", options),
        Command("block-dirty-bitmap-merge", {"node": node, "target": name, "bitmaps": merged}),
    ]
