"""What becomes of bitmaps when their images go: whether they are whole, and carried along."""

from simulator.model.bitmap import DirtyBitmap, Kept, join_windows
from simulator.model.disk import Disk, Image
from simulator.model.operations import (
    Fault,
)
from simulator.model.values import replace


def retire(disk: Disk, bitmap: DirtyBitmap) -> DirtyBitmap:
    """Return a bitmap of an image that becomes read-only: stored then, if it is persistent."""
    return bitmap.store(disk.next_batch(bitmap.node)) if bitmap.persistent else bitmap


def carry_bitmaps(
    disk: Disk,
    bitmaps: tuple[DirtyBitmap, ...],
    merged: tuple[Image, ...],
    onto: str,
    *,
    top: str,
    pivots: bool,
) -> tuple[DirtyBitmap, ...]:
    """Return an image's bitmaps with those of other images merged into their namesakes.

    Args:
        merged: The images that go.
        top: The newest image that was read: a bitmap must be whole from there down.
        pivots: Whether the guest goes on writing to the image that stays.
    """
    taker = disk.image(onto)
    if taker is None or taker.format != "qcow2":
        return bitmaps
    held = {bitmap.name: bitmap for bitmap in bitmaps}
    for bitmap in carried_bitmaps(disk, merged, top):
        if bitmap.name in held:
            held[bitmap.name] = _joined(disk, held[bitmap.name], bitmap, pivots=pivots)
        else:
            kept = Kept.MEMORY if pivots else Kept.STORED
            held[bitmap.name] = replace(bitmap, node=onto, kept=kept, batch=0)
    return tuple(held.values())


def carried_bitmaps(disk: Disk, merged: tuple[Image, ...], top: str) -> tuple[DirtyBitmap, ...]:
    """Return the bitmaps of images that go which are merged into their namesakes, lowest first."""
    names = whole_bitmaps(disk, looked_at(disk, merged, top))
    held = (bitmap for image in merged for bitmap in disk.bitmaps_on(image.name))
    return tuple(bitmap for bitmap in held if bitmap.name in names)


def looked_at(disk: Disk, merged: tuple[Image, ...], top: str) -> tuple[Image, ...]:
    """Return the images on which a bitmap must be whole to be carried.

    From the top down to the lowest one; where the active image is committed, to the one above the
    base. Source: libvirt 9.0 with QEMU 7.2, ``blockcommit`` and ``blockpull`` of chains with gaps
    and disabled bitmaps.
    """
    if merged[-1].name == top == disk.active.name:
        return merged
    names = [image.name for image in disk.chain]
    return disk.chain[: names.index(top) + 1]


def _joined(disk: Disk, below: DirtyBitmap, above: DirtyBitmap, *, pivots: bool) -> DirtyBitmap:
    """Return a bitmap with a namesake from above merged into it.

    Where the guest goes on writing to its image, it records on where the other one did.
    """
    merged = below.merge(above, disk.moment)
    if not pivots or not below.recording:
        return merged
    return replace(merged, windows=join_windows((*below.windows, *above.windows)))


def merges_whole(disk: Disk, format: str) -> tuple[str, ...]:
    """Return the bitmaps that can go into one image of the whole disk; all of them, or none.

    Each must be whole: on the active image, and on those below it without a gap. One that is not
    is passed over; one that the new image cannot take, or that is of another size, fails the
    transaction that merges them all. Source: libvirt 9.0 with QEMU 7.2, ``blockcopy --pivot``.
    """
    whole = whole_bitmaps(disk)
    lengths = {disk.length_of(node) for name in whole for node in disk.nodes_with(name)}
    return whole if format == "qcow2" and lengths <= {disk.length} else ()


def whole_bitmaps(disk: Disk, images: tuple[Image, ...] = ()) -> tuple[str, ...]:
    """Return the names of the bitmaps that reach from an image down without a fault.

    Args:
        images: The images that are looked at, the lowest first; none for all of the chain.
    """
    looked = images or disk.chain
    names = [bitmap.name for bitmap in disk.bitmaps_on(looked[-1].name)]
    return tuple(name for name in names if chain_fault(disk, name, looked) is None)


def chain_fault(
    disk: Disk, name: str, images: tuple[Image, ...] = ()
) -> tuple[Fault | None, str] | None:
    """Return what is wrong with the bitmaps of a name, in words as well; None for nothing.

    The active image must hold one, those below it without a gap, and each must be persistent,
    recording and not inconsistent. Source: ``facts/LIBVIRT.md``, R4.

    Args:
        images: Those that are looked at in place of the whole chain, the lowest first.
    """
    chain = [image.name for image in images or disk.chain]
    nodes = [node for node in chain if disk.bitmap(node, name) is not None]
    if chain[-1] not in nodes:
        below = f"; {', '.join(nodes)} below it does" if nodes else ", nor does any below it"
        return Fault.MISSING, f"the active image {chain[-1]} does not hold {name}{below}"
    gap = [image for image in chain[chain.index(nodes[0]) :] if image not in nodes]
    if gap:
        return Fault.GAP, f"{name} is missing on {', '.join(gap)}, between images that hold it"
    for node in nodes:
        bitmap = disk.bitmap(node, name)
        assert bitmap is not None, "the node was found by this bitmap"
        if bitmap.inconsistent:
            told = f"{name} on {node} is inconsistent: the process died while it was open"
            return Fault.INCONSISTENT, told
        if not bitmap.recording:
            return Fault.FROZEN, f"{name} on {node} is disabled, so it does not reach now"
        if not bitmap.persistent:
            return None, f"{name} on {node} is not persistent"
    return None
