"""Image files that somebody changes who asks no host. Source: ``facts/QEMU.md``, section 4.9."""

from collections.abc import Collection
from typing import assert_never

from simulator.model.bitmap import DirtyBitmap, Window, join_windows
from simulator.model.clusters import ZERO, ClusterSet, map_all, map_of
from simulator.model.disk import Disk, Image, read_chain
from simulator.model.machine import Backup, CommitJob, Kind, Machine, Power, Transfer
from simulator.model.operations import (
    CommitFile,
    ConvertFile,
    FileOperation,
    RebaseFile,
    Refusal,
    RemoveFile,
    ResizeImage,
    WriteFile,
)
from simulator.model.series import added, kept, mapped, series
from simulator.model.sizes import measure
from simulator.model.transitions.beside import without_asides
from simulator.model.transitions.bitmaps import inconsistent
from simulator.model.transitions.chains.commits import copy_down
from simulator.model.transitions.chains.images import grow_over
from simulator.model.transitions.chains.resizing import resize_image
from simulator.model.transitions.files.opening import BELOW, refuse_open
from simulator.model.values import replace


def apply(machine: Machine, operation: FileOperation) -> Machine | Refusal:
    """Return the machine when a file has been changed, or the words of the tool that cannot."""
    name = operation.top if isinstance(operation, CommitFile) else operation.image
    refusal = _refuse_open(machine, name, operation)
    if refusal is not None:
        return refusal
    disk = machine.disk_of(name)
    image = disk.image(name) if disk is not None else None
    assert disk is not None and image is not None, "it can be opened"
    match operation:
        case RemoveFile():
            gone = machine.with_disk(disk.with_image(replace(image, removed=True)))
            return gone if machine.power is Power.RUNNING else forget_removed(gone)
        case WriteFile():
            written = operation.data.below(image.length)
            content = image.content.overlay(written)
            changed = disk.with_image(replace(image, content=content))
            return _settle(machine, disk, _marked(changed, name, written.clusters()))
        case CommitFile():
            return _commit(machine, disk, operation)
        case RebaseFile():
            return _rebase(machine, disk, image, operation)
        case ConvertFile():
            return _convert(machine, disk, operation)
        case _:
            assert_never(operation)


def _refuse_open(machine: Machine, image: str, operation: FileOperation) -> Refusal | None:
    """Return why a tool cannot open the image; a file is removed without that."""
    if isinstance(operation, RemoveFile):
        there = replace(machine, power=Power.OFF)
        return refuse_open(there, image, alone=True)
    return refuse_open(
        machine,
        image,
        by_io=isinstance(operation, WriteFile),
        reads=isinstance(operation, ConvertFile),
        alone=isinstance(operation, RebaseFile) and not operation.safe,
    )


def delete_files(machine: Machine, names: Collection[str]) -> Machine:
    """Return a machine whose host has deleted files, as they are called; one in a chain, too."""
    machine = without_asides(machine, names)
    for disk in machine.disks:
        if any(image.name in names for image in disk.chain):
            chain = (replace(i, removed=i.removed or i.name in names) for i in disk.chain)
            machine = machine.with_disk(replace(disk, chain=tuple(chain)))
    return machine if machine.power is Power.RUNNING else forget_removed(machine)


def forget_removed(machine: Machine) -> Machine:
    """Return a machine that has closed its images: what was removed holds nothing any more."""
    for disk in machine.disks:
        gone = {image.name for image in disk.chain if image.removed}
        if gone:
            chain = tuple(
                replace(i, content=map_of(i.length), snapshots=()) if i.name in gone else i
                for i in disk.chain
            )
            bitmaps = series(bitmap for bitmap in disk.bitmaps if bitmap.node not in gone)
            left = replace(disk, chain=chain, bitmaps=bitmaps)
            machine = _settle(machine, disk, left)
    return machine


def _settle(machine: Machine, before: Disk, after: Disk) -> Machine:
    """Return a machine with a disk whose guest has another state if it sees anything else."""
    same = after.length == before.length and after.guest_view.reads_like(before.guest_view)
    return machine.with_disk(after if same else replace(after, moment=before.moment + 1))


def _marked(disk: Disk, node: str, clusters: ClusterSet) -> Disk:
    """Return a disk on which the bitmaps of an image that are on have recorded a tool's write."""

    def mark(bitmap: DirtyBitmap) -> DirtyBitmap:
        if bitmap.node != node or not bitmap.recording or bitmap.inconsistent:
            return bitmap
        granules = disk.granules_of(bitmap.granularity, clusters, bitmap.length)
        written = Window(start=disk.moment, end=disk.moment + 1)
        if node == disk.active.name:
            return bitmap.mark(granules)
        return replace(bitmap.mark(granules), windows=join_windows((*bitmap.windows, written)))

    return replace(disk, bitmaps=mapped(disk.bitmaps, mark))


def resize_file(machine: Machine, resize: ResizeImage) -> Machine | Refusal:
    """Let a file grow or shrink, with its bitmaps: ``qemu-img resize``, with ``--shrink``."""
    refusal = refuse_open(machine, resize.node)
    if refusal is not None:
        return refusal
    disk = machine.disk_of(resize.node)
    image = disk.image(resize.node) if disk is not None else None
    assert disk is not None and image is not None, "it can be opened"
    if image is disk.active:
        return resize_image(machine, resize)
    broken = next((each for each in disk.directory(image.name) if each.inconsistent), None)
    if broken is not None:
        return inconsistent(broken.name)
    size = resize.length * disk.cluster_size - resize.lacks
    grows = size > disk.bytes_of(image.name)
    content = grow_over(disk, image.name, size) if grows else image.content.below(resize.length)
    resized = replace(image, content=content, length=resize.length, lacks=resize.lacks)
    bitmaps = series(
        bitmap.resize(-(-size // bitmap.granularity)) if bitmap.node == image.name else bitmap
        for bitmap in disk.bitmaps
    )
    return _settle(machine, disk, replace(disk.with_image(resized), bitmaps=bitmaps))


def _commit(machine: Machine, disk: Disk, commit: CommitFile) -> Machine | Refusal:
    """Copy data down; with no base named the top is emptied, and its bitmaps stay.

    S1: |AAAA----| <- S2: |---BBB--|    after  S1: |AAABBB--| <- S2: |--------|
    """
    names = [image.name for image in disk.chain]
    place = names.index(commit.top)
    if place == 0:
        return Refusal("Image does not have a backing file")
    base = commit.base or names[place - 1]
    if base not in names[:place]:
        return Refusal(f"Did not find '{base}' in the backing chain of '{commit.top}'")
    job = CommitJob(name="", disk=disk.name, top=commit.top, base=base, carry=False)
    stored = {(bitmap.node, bitmap.name): bitmap.kept for bitmap in disk.bitmaps}
    copied = copy_down(disk, job)
    bitmaps = series(replace(each, kept=stored[each.node, each.name]) for each in copied.bitmaps)
    copied = replace(copied, bitmaps=bitmaps)
    top = copied.chain[place]
    if commit.base is None:
        copied = copied.with_image(replace(top, content=map_of(top.length)))
    return _settle(machine, disk, copied)


def _rebase(machine: Machine, disk: Disk, image: Image, rebase: RebaseFile) -> Machine | Refusal:
    """Put an image onto another one; a safe rebase first copies what would read otherwise.

    S1: |AAAA----| <- S2: |--B-----| <- S3: |------C-|    S3 onto S1, safe
    S1: |AAAA----| <- S3: |--B---C-|
    """
    names = [each.name for each in disk.chain]
    place = names.index(image.name)
    below: tuple[Image, ...] = ()
    if rebase.base is not None:
        other = disk if rebase.base in names else machine.disk_of(rebase.base)
        if other is None:
            missing = f"Could not open '{rebase.base}': No such file or directory"
            return Refusal(f"Could not open new backing file '{rebase.base}': {missing}")
        if rebase.base in names[place:] and rebase.safe:
            way = BELOW * (names.index(rebase.base) - place)
            told = f"Could not open new backing file '{rebase.base}': {way}"
            return Refusal(f'{told}Failed to get shared "write" lock')
        if rebase.base in names[place:]:
            return Refusal(f"Backing file '{rebase.base}' creates an infinite loop.")
        below = other.chain_to(rebase.base)
        if other is not disk:
            below = tuple(replace(each, since=0) for each in below)
            machine = replace(machine, forked=True)
    if image.format == "raw":
        name = rebase.base or ""
        return Refusal(f"Could not change the backing file to '{name}': Operation not supported")
    changed = disk
    if rebase.safe:
        old = read_chain(disk.chain[:place]).below(image.length)
        differs = old.differing(read_chain(below)).below(image.length) - image.content.clusters()
        held = map_all(image.length, differs, ZERO).overlay(old.restrict(differs))
        image = replace(image, content=image.content.overlay(held))
        changed = _marked(disk.with_image(image), image.name, differs)
    chain = (*below, *changed.chain[place:])
    left = {each.name for each in chain}
    bitmaps = kept(changed.bitmaps, lambda bitmap: bitmap.node in left)
    return _settle(machine, disk, replace(changed, chain=chain, bitmaps=bitmaps))


def _convert(machine: Machine, disk: Disk, convert: ConvertFile) -> Machine:
    """Copy what an image reads as; zeroes are left out of the file, and it hides all the same."""
    content, length = disk.view_of(convert.image), disk.length_of(convert.image)
    record = Backup(
        name=convert.target,
        disk=disk.name,
        image=convert.image,
        kind=Kind.FULL,
        content=content.restrict(content.clusters().below(length)),
        length=length,
        complete=True,
        moment=disk.moment_of(convert.image),
        at=machine.at,
        copied_bytes=content.data_count * disk.cluster_size,
        transfer=Transfer.PULL,
        sparse=True,
    )
    record = measure(record, disk.cluster_size, disk.bytes_of(convert.image))
    return replace(machine, backups=added(machine.backups_but(convert.target), record))
