"""Commit and pull: what becomes of images and bitmaps when a chain gets shorter.

Source: QEMU 7.2; ``facts/QEMU.md``, sections 4.2 and 4.3.
"""

from dataclasses import replace

from simulator.model.bitmap import DirtyBitmap, Kept, Window, join_windows
from simulator.model.clusters import ClusterMap
from simulator.model.disk import Disk, Image, read_chain
from simulator.model.machine import Machine
from simulator.model.operations import CommitImages, PullImages, Refusal


def commit_images(machine: Machine, commit: CommitImages) -> Machine | Refusal:
    """Merge overlays down into a base.

        before  S1: |AAAA----| <- S2: |---BBB--|    after  S1: |AAABBB--|
                B1: |XXXX----|+   B2: |---XXX--|+          B1: |XXXXXX--|+

    A bitmap of the base that is enabled records exactly the clusters that are copied; a disabled
    one does not change. The overlays' own bitmaps are gone with them, unless they are carried.
    """
    disk = machine.disk(commit.disk)
    names = [image.name for image in disk.chain]
    if commit.top == commit.base:
        return Refusal("cannot commit an image into itself")
    for name in (commit.top, commit.base):
        if name not in names:
            return Refusal(f"'{name}' is not in this backing file chain")
    low, high = names.index(commit.base), names.index(commit.top)
    if high < low:
        return Refusal(f"'{commit.base}' is not in this backing file chain")
    merged = disk.chain[low + 1 : high + 1]
    content = read_chain(merged, disk.length)
    base = replace(disk.chain[low], content=disk.chain[low].content.overlay(content))
    pivoted = high + 1 == len(names)
    chain = (*disk.chain[:low], base, *disk.chain[high + 1 :])
    window = Window(start=merged[0].since, end=None if pivoted else disk.moment_of(commit.top))
    bitmaps = _bitmaps_of_base(disk, base, content, window, pivoted=pivoted)
    if commit.carry:
        bitmaps = _carry(disk, bitmaps, merged, base.name, pivoted=pivoted)
    gone = {image.name for image in (*merged, base)}
    kept = tuple(bitmap for bitmap in disk.bitmaps if bitmap.node not in gone)
    return machine.with_disk(replace(disk, chain=chain, bitmaps=(*kept, *bitmaps)))


def _bitmaps_of_base(
    disk: Disk, base: Image, content: ClusterMap, window: Window, *, pivoted: bool
) -> tuple[DirtyBitmap, ...]:
    """Return the base's bitmaps: those that are enabled have recorded what was copied."""
    bitmaps: list[DirtyBitmap] = []
    for bitmap in disk.bitmaps_on(base.name):
        if bitmap.recording:
            granules = disk.granules_of(bitmap.granularity, content.clusters())
            joined = join_windows((*bitmap.windows, window))
            bitmap = replace(bitmap.mark(granules), windows=joined)
        if pivoted and bitmap.kept is Kept.STORED:
            bitmap = replace(bitmap, kept=Kept.IN_USE)
        bitmaps.append(bitmap)
    return tuple(bitmaps)


def _carry(
    disk: Disk,
    bitmaps: tuple[DirtyBitmap, ...],
    merged: tuple[Image, ...],
    base: str,
    *,
    pivoted: bool,
) -> tuple[DirtyBitmap, ...]:
    """Return the base's bitmaps with those of the merged images merged into their namesakes."""
    held = {bitmap.name: bitmap for bitmap in bitmaps}
    for image in merged:
        for bitmap in disk.bitmaps_on(image.name):
            if bitmap.inconsistent or not bitmap.persistent:
                continue
            if bitmap.name in held:
                held[bitmap.name] = held[bitmap.name].merge(bitmap, disk.moment)
            else:
                kept = Kept.MEMORY if pivoted else Kept.STORED
                held[bitmap.name] = replace(bitmap, node=base, kept=kept)
    return tuple(held.values())


def pull_images(machine: Machine, pull: PullImages) -> Machine | Refusal:
    """Copy what lies between a base and an image up into the image.

        before  S1: |AAAA----| <- S2: |---BBB--|    after  S2: |AAABBB--|
                B1: |XXXX----|    B2: |---XXX--|+          B2: |---XXX--|+

    The image's bitmaps are never dirtied by it; those of the dropped images are gone with them.
    """
    disk = machine.disk(pull.disk)
    names = [image.name for image in disk.chain]
    if pull.into not in names:
        return Refusal(f"Cannot find device='{pull.into}' nor node-name='{pull.into}'")
    high = names.index(pull.into)
    if pull.base is not None and pull.base not in names[:high]:
        return Refusal(f"Node '{pull.base}' is not a backing image of '{pull.into}'")
    low = names.index(pull.base) + 1 if pull.base is not None else 0
    pulled = disk.chain[low:high]
    if not pulled:
        return machine
    into = disk.chain[high]
    view = read_chain((*pulled, into), disk.length)
    image = replace(into, content=view, since=pulled[0].since)
    gone = {each.name for each in pulled}
    return machine.with_disk(
        replace(
            disk,
            chain=(*disk.chain[:low], image, *disk.chain[high + 1 :]),
            bitmaps=tuple(bitmap for bitmap in disk.bitmaps if bitmap.node not in gone),
        )
    )
