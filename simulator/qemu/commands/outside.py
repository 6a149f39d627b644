"""What is done with files beside QEMU. Pure."""

import json
from collections.abc import Iterator, Sequence
from typing import assert_never

from simulator.model.clusters import DAMAGED, ZERO
from simulator.model.disk import Disk
from simulator.model.machine import Backup, Machine, Power
from simulator.model.operations import (
    BITMAP_WORDS,
    AddBitmap,
    BitmapOperation,
    CommitFile,
    ConvertFile,
    CopyImage,
    CorruptBackup,
    FileOperation,
    MergeBitmaps,
    RebaseFile,
    RemoveFile,
    ResizeImage,
    StackBackups,
    WriteFile,
)
from simulator.model.refusal import Refusal
from simulator.model.requests import UseTool
from simulator.model.transitions import apply
from simulator.qemu.actions import CopyFile, DeleteFile, GuestStep, RunTool, Stack
from simulator.qemu.commands.work import Work
from simulator.qemu.names import Names

REFUSED = "refused"
"""The file of a copy that is never made."""


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


def damage(names: Names, machine: Machine, corrupt: CorruptBackup) -> Iterator[RunTool]:
    """Yield what writes over clusters of a stored backup, with the byte that they are drawn as."""
    outcome = apply(machine, corrupt)
    assert not isinstance(outcome, Refusal), "it was accepted before"
    for sound in machine.backups_named(corrupt.name):
        spoilt = outcome.backup_of(sound.name, sound.disk)
        assert spoilt is not None, "nobody deleted it"
        file, size = names.copies[sound.name, sound.disk], machine.disk(sound.disk).cluster_size
        for first, count in spoilt.content.differing(sound.content).runs():
            length = min(count * size, sound.bytes_in(size) - first * size)
            write = f"write -P {DAMAGED} {first * size} {length}"
            yield RunTool(("qemu-io", "-c", write, alone(file, sound.format)))


def alone(file: str, format: str) -> str:
    """Return what a tool calls an image that it opens without the one that its header names."""
    options = {"driver": format, "file": {"driver": "file", "filename": file}}
    return "json:" + json.dumps(options | ({"backing": None} if format == "qcow2" else {}))


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
    pulled = [n for n, b in enumerate(sources) if b.complete and b.sparse]
    return sources[pulled[-1] :] if pulled else sources


def change_file(work: Work, machine: Machine, operation: FileOperation) -> None:
    """Let a tool, or whoever it is, change an image file."""
    work.do(*file_actions(work.names, machine, operation))


def file_actions(
    names: Names, machine: Machine, operation: FileOperation
) -> Iterator[DeleteFile | RunTool]:
    """Yield what somebody does to image files who asks nobody."""
    name = operation.top if isinstance(operation, CommitFile) else operation.image
    disk = machine.disk_of(name)
    image = disk.image(name) if disk is not None else None
    assert disk is not None and image is not None, "it was accepted, so the image is there"
    file, source = names.files[name], ("-f", image.format)
    match operation:
        case RemoveFile():
            yield DeleteFile(file)
        case WriteFile(data=data):
            for first, count, version in data.runs():
                what = "-z" if version == ZERO else f"-P {version}"
                start, length = first * disk.cluster_size, count * disk.cluster_size
                length = min(length, disk.bytes_of(name) - start)
                yield RunTool(("qemu-io", *source, "-c", f"write {what} {start} {length}", file))
        case CommitFile(base=base):
            down = ("-b", names.files[base]) if base is not None else ()
            yield RunTool(("qemu-img", "commit", "-q", *source, *down, file))
        case RebaseFile(base=base, safe=safe):
            below = machine.disk_of(base) if base is not None else None
            on = below.image(base) if below is not None and base is not None else None
            onto = ("-b", names.files[on.name], "-F", on.format) if on is not None else ("-b", "")
            how = () if safe else ("-u",)
            yield RunTool(("qemu-img", "rebase", "-q", *source, *how, *onto, file))
        case ConvertFile(target=target):
            made = ("-O", "qcow2", "-o", f"cluster_size={disk.cluster_size}")
            copy = names.copies.get((target, disk.name), REFUSED)
            yield RunTool(("qemu-img", "convert", "-q", *source, *made, file, copy))
        case _:
            assert_never(operation)


def qemu_img(names: Names, machine: Machine, change: BitmapOperation | ResizeImage) -> RunTool:
    """Return ``qemu-img`` as it does to an image file what QEMU does to a node."""
    disk = machine.disk_of(change.node)
    image = disk.image(change.node) if disk is not None else None
    assert image is not None, "it was accepted, so the image is there"
    assert disk is not None, "likewise"
    file = names.files[image.name]
    if isinstance(change, ResizeImage):
        size = str(change.length * disk.cluster_size - change.lacks)
        return RunTool(("qemu-img", "resize", "-q", "-f", image.format, "--shrink", file, size))
    words = [f"--{BITMAP_WORDS[type(change)]}"]
    if isinstance(change, AddBitmap) and change.granularity is not None:
        words += ["-g", str(change.granularity)]
    if isinstance(change, MergeBitmaps):
        ((node, source),) = change.sources
        words.append(source)
        if node != change.node:
            words += ["-b", names.files[node]]
    words += ["-f", image.format, file, change.name]
    return RunTool(("qemu-img", "bitmap", *words))


def images_named(request: FileOperation | UseTool) -> tuple[str, ...]:
    """Return the images that a tool is told of."""
    match request:
        case CommitFile(top=image, base=base) | RebaseFile(image=image, base=base):
            return (image,) if base is None else (image, base)
        case UseTool(change=MergeBitmaps(node=image, sources=sources)):
            return (image, *(node for node, _ in sources))
        case UseTool(change=change):
            return (change.node,)
        case _:
            return (request.image,)
