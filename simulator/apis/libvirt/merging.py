"""What becomes of bitmaps when libvirt shortens or copies a chain (R8)."""

from simulator.model.disk import Disk, Image
from simulator.model.machine import Machine, MirrorJob
from simulator.model.operations import (
    AddBitmap,
    CommitImages,
    MergeBitmaps,
    MirrorDisk,
    Operation,
    PullImages,
    RemoveBitmap,
)
from simulator.model.transitions.chains.carrying import (
    carried_bitmaps,
    merges_whole,
    whole_bitmaps,
)
from simulator.model.values import replace

FORGOTTEN = "libvirt-tmp-activewrite"
"""libvirt's own bitmap in the base of a commit that runs."""


def after_pivot(machine: Machine, disk: str, copy: MirrorDisk | MirrorJob) -> tuple[Operation, ...]:
    """Return the bitmap that libvirt forgets in a copied disk's image where it cannot merge.

    Newer releases forget it in every raw image.
    """
    state = machine.disk(disk)
    if copy.shallow:
        state = replace(state, chain=state.chain[-1:])
    always = machine.semantics.raw_copy_stays_recorded and copy.format == "raw"
    if not always and (not whole_bitmaps(state) or merges_whole(state, copy.format)):
        return ()
    return (AddBitmap(node=copy.into, name=FORGOTTEN, persistent=False),)


def can_merge(disk: Disk, kept: Image, gone: tuple[Image, ...], top: str) -> bool:
    """Whether the bitmaps of images that go can be merged into those of the one that stays.

    They are merged in one transaction: QEMU refuses all of it where one is of another size than
    the image that takes it, or is to go into one that is inconsistent, and libvirt goes on without
    a word. Source: libvirt 9.0.0 with QEMU 7.2.22.
    """
    merged = carried_bitmaps(disk, gone, top)
    length = max(kept.length, gone[-1].length) if gone[-1].name == top else kept.length
    lengths = {disk.length_of(bitmap.node) for bitmap in merged}
    spoilt = {bitmap.name for bitmap in disk.bitmaps_on(kept.name) if bitmap.inconsistent}
    return lengths <= {length} and spoilt.isdisjoint(bitmap.name for bitmap in merged)


def left_behind(
    machine: Machine, disk: Disk, kept: Image, gone: tuple[Image, ...]
) -> tuple[Operation, ...]:
    """Return the bitmap that libvirt forgets in a base where it cannot merge the others (R8).

    It marks what the guest writes while the active image is committed, for the bitmaps to be
    merged with; where that does not come about, it is not removed either. Newer releases forget it
    in every raw base. One that is there already goes on recording.
    """
    if disk.bitmap(kept.name, FORGOTTEN) is not None:
        return ()
    always = machine.semantics.raw_copy_stays_recorded and kept.format == "raw"
    if gone[-1].name != disk.active.name or not (always or disk.bitmaps_on(gone[-1].name)):
        return ()
    return (AddBitmap(node=kept.name, name=FORGOTTEN, persistent=False),)


def found_again(
    machine: Machine, disk: Disk, kept: Image, gone: tuple[Image, ...]
) -> tuple[Operation, ...]:
    """Return what becomes of a bitmap that libvirt forgot in a base, where it merges again (R8).

    It takes it for the one of this commit: merges it into the others, and removes it. A raw base
    takes no others, but where there are none it is removed all the same, by older releases.
    Source: libvirt 9.0.0, 11.3.0 and 12.8.0.
    """
    top = gone[-1].name
    names = dict.fromkeys(bitmap.name for bitmap in carried_bitmaps(disk, gone, top))
    found = disk.bitmap(kept.name, FORGOTTEN) is not None and top == disk.active.name
    if not found or (kept.format == "raw" and (names or machine.semantics.raw_copy_stays_recorded)):
        return ()
    sources = ((kept.name, FORGOTTEN),)
    merges = [MergeBitmaps(kept.name, name, sources) for name in names]
    return (*merges, RemoveBitmap(kept.name, FORGOTTEN))


def carried(plan: tuple[Operation, ...]) -> tuple[Operation, ...]:
    """Return operations whose commits and pulls take the bitmaps along."""
    return tuple(
        each._replace(carry=True) if isinstance(each, CommitImages | PullImages) else each
        for each in plan
    )
