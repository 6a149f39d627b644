"""What the six ``block-dirty-bitmap-*`` commands do, with QEMU's own words where it refuses.

Source: QEMU 7.2; ``facts/QEMU.md``, sections 2, 2.1, 2.2, 2.3 and 3.
"""

from collections.abc import Iterable
from typing import assert_never

from simulator.model.bitmap import (
    GRANULARITY_MAX,
    GRANULARITY_MIN,
    NAME_BYTES_MAX,
    STORED_BITS_MAX,
    DirtyBitmap,
    Kept,
    Window,
)
from simulator.model.clusters import set_of
from simulator.model.disk import Disk
from simulator.model.machine import Machine
from simulator.model.operations import (
    AddBitmap,
    BitmapKey,
    BitmapOperation,
    ClearBitmap,
    DisableBitmap,
    EnableBitmap,
    Fault,
    MergeBitmaps,
    Refusal,
    RemoveBitmap,
)
from simulator.model.series import mapped, without
from simulator.model.transitions.access import is_writable
from simulator.model.values import replace


def apply(
    machine: Machine, operation: BitmapOperation, *, called: str | None = None
) -> Machine | Refusal:
    """Return the machine after a bitmap command, or why QEMU refuses it.

    Args:
        called: What QEMU calls the node, if not by its name.
    """
    disk = machine.disk_of(operation.node)
    if disk is None:
        if isinstance(operation, AddBitmap):
            told = f"Cannot find device='{operation.node}' nor node-name='{operation.node}'"
            return _refuse_words(operation) or Refusal(told)
        return Refusal(f"Node '{operation.node}' not found")
    if isinstance(operation, AddBitmap):
        outcome = _add(machine, disk, operation, called or operation.node)
    else:
        outcome = _change(machine, disk, operation)
    return machine.with_disk(outcome) if isinstance(outcome, Disk) else outcome


def _add(machine: Machine, disk: Disk, add: AddBitmap, called: str) -> Disk | Refusal:
    """Add an empty bitmap.

    before  S2: |---BBB--|     after  S2: |---BBB--|
            B2: |---XXX--|+           B2: |---XXX--|+
                                      B3: |--------|+
    """
    granularity = add.granularity or disk.granularity_of(add.node)
    refusal = _refuse_add(machine, disk, add, called)
    if refusal is not None:
        return refusal
    active = add.node == disk.active.name
    length = -(-disk.bytes_of(add.node) // granularity)
    return disk.with_bitmap(
        DirtyBitmap(
            node=add.node,
            name=add.name,
            granularity=granularity,
            length=length,
            dirty=set_of(length),
            recording=add.recording,
            windows=(Window(start=disk.moment),) if add.recording and active else (),
            persistent=add.persistent,
        )
    )


def _refuse_add(machine: Machine, disk: Disk, add: AddBitmap, called: str) -> Refusal | None:
    image = disk.image(add.node)
    assert image is not None, "the disk was found by this node"
    worded = _refuse_words(add)
    if worded is not None:
        return worded
    granularity = add.granularity if add.granularity is not None else disk.granularity_of(add.node)
    if granularity < GRANULARITY_MIN or granularity & (granularity - 1):
        return Refusal("Granularity must be power of 2 and at least 512")
    needs = add.persistent and machine.semantics.persistent_needs_writable
    if needs and not is_writable(machine, add.node):
        return Refusal(f"Cannot add a persistent bitmap to read-only or inactive node '{add.node}'")
    if add.persistent and image.format != "qcow2":
        return Refusal(f"Can't store persistent bitmaps to {called}: Operation not supported")
    if disk.bitmap(add.node, add.name) is not None:
        return Refusal(f"Bitmap already exists: {add.name}")
    if len(add.name.encode()) > NAME_BYTES_MAX:
        if not add.persistent:
            return Refusal(f"Bitmap name too long: {add.name}")
        return Refusal(
            f"Can't make bitmap '{add.name}' persistent in '{called}': "
            f"Name length exceeds maximum ({NAME_BYTES_MAX} characters)"
        )
    # At the default granularity a checkpoint of more than 256 TiB is let through: see DECISIONS.md.
    finer = granularity < disk.granularity_of(add.node)
    if add.persistent and finer and -(-disk.bytes_of(add.node) // granularity) > STORED_BITS_MAX:
        return Refusal(
            f"Can't make bitmap '{add.name}' persistent in '{called}': "
            "Too much space will be occupied by the bitmap. Use larger granularity"
        )
    return None


def _refuse_words(add: AddBitmap) -> Refusal | None:
    """Return what is wrong with a new bitmap wherever it is to be."""
    if add.granularity is not None and add.granularity > GRANULARITY_MAX:
        return Refusal("Parameter 'granularity' expects uint32_t")
    return None if add.name else Refusal("Bitmap name cannot be empty")


def _change(
    machine: Machine,
    disk: Disk,
    operation: RemoveBitmap | ClearBitmap | EnableBitmap | DisableBitmap | MergeBitmaps,
) -> Disk | Refusal:
    """Change a bitmap that must exist already."""
    bitmap = disk.bitmap(operation.node, operation.name)
    if bitmap is None:
        return Refusal(f"Dirty bitmap '{operation.name}' not found", fault=Fault.MISSING)
    if isinstance(operation, MergeBitmaps):
        return _merge(machine, disk, bitmap, operation)
    refusal = _refuse_change(machine, disk, bitmap, operation)
    if refusal is not None:
        return refusal
    active = bitmap.node == disk.active.name
    match operation:
        case RemoveBitmap():
            return drop_bitmap(disk, bitmap, operation)
        case ClearBitmap():
            return disk.with_bitmap(bitmap.clear(disk.moment_of(bitmap.node), active=active))
        case EnableBitmap():
            return disk.with_bitmap(bitmap.enable(disk.moment, active=active))
        case DisableBitmap():
            return disk.with_bitmap(bitmap.disable(disk.moment))
        case _:
            assert_never(operation)


def drop_bitmap(disk: Disk, bitmap: DirtyBitmap, remove: RemoveBitmap) -> Disk:
    """Return a disk without a bitmap.

    An image that is opened for writing to remove it stores all its bitmaps when it is read-only
    again, as they are by then. Source: QEMU 7.2, ``blockdev-reopen``.
    """
    left = replace(disk, bitmaps=without(disk.bitmaps, bitmap))
    stored = bitmap.kept is Kept.STORED and bitmap.node != disk.active.name
    return stored_on(left, bitmap.node) if remove.reopen and stored else left


def stored_on(disk: Disk, node: str) -> Disk:
    """Return a disk of which an image was open for writing: its bitmaps are stored as they are."""
    batch = disk.next_batch(node)

    def closed(bitmap: DirtyBitmap) -> DirtyBitmap:
        return bitmap.store(batch) if bitmap.node == node and bitmap.persistent else bitmap

    return replace(disk, bitmaps=mapped(disk.bitmaps, closed))


def _refuse_change(
    machine: Machine,
    disk: Disk,
    bitmap: DirtyBitmap,
    operation: RemoveBitmap | ClearBitmap | EnableBitmap | DisableBitmap,
) -> Refusal | None:
    """Return why QEMU lets nobody change a bitmap."""
    match operation:
        case RemoveBitmap():
            if machine.semantics.persistent_needs_writable and not operation.reopen:
                return _refuse_remove(machine, bitmap)
            # Removing is the only way out of an inconsistent bitmap.
            refusal = refuse_use(disk, bitmap, changed=not operation.reopen, broken=True)
            below = bitmap.node != disk.active.name
            if refusal is None and bitmap.unlocked and below and not operation.reopen:
                return Refusal("Failed to update bitmap extension: Operation not permitted")
            return refusal
        case EnableBitmap() | DisableBitmap():
            # What a bitmap records may be switched on a read-only image; it is not stored.
            return refuse_use(disk, bitmap, changed=False)
        case ClearBitmap():
            return refuse_use(disk, bitmap, changed=True)
        case _:
            assert_never(operation)


def _refuse_remove(machine: Machine, bitmap: DirtyBitmap) -> Refusal | None:
    """Return why newer releases let nobody remove a bitmap: its image is closed for writing."""
    if bitmap.busy:
        return in_use(bitmap.name)
    if not bitmap.persistent or is_writable(machine, bitmap.node):
        return None
    return Refusal(
        f"Cannot remove persistent bitmap '{bitmap.name}': no write access to node '{bitmap.node}'"
    )


def in_use(name: str) -> Refusal:
    """Return QEMU's words for a bitmap that is busy."""
    return Refusal(
        f"Bitmap '{name}' is currently in use by another operation and cannot be used",
        fault=Fault.BUSY,
    )


def inconsistent(name: str) -> Refusal:
    """Return QEMU's words for a bitmap that was open when its process died."""
    told = f"Bitmap '{name}' is inconsistent and cannot be used"
    return Refusal(told, fault=Fault.INCONSISTENT)


def refuse_use(
    disk: Disk, bitmap: DirtyBitmap, *, changed: bool, broken: bool = False
) -> Refusal | None:
    """Return why QEMU lets nobody use a bitmap: it is busy, read-only, or inconsistent.

    Args:
        changed: Whether the use would change what is stored in its image.
        broken: Whether the use takes an inconsistent bitmap, too.
    """
    if bitmap.busy:
        return in_use(bitmap.name)
    if changed and disk.read_only(bitmap):
        return Refusal(f"Bitmap '{bitmap.name}' is readonly and cannot be modified")
    if bitmap.inconsistent and not broken:
        return inconsistent(bitmap.name)
    return None


def _merge(
    machine: Machine, disk: Disk, target: DirtyBitmap, merge: MergeBitmaps
) -> Disk | Refusal:
    """Merge bitmaps of this or other nodes; sizes must be equal, granularities need not be.

    B2: |---XXX--|, B3: |X----XX-|  merged into  T: |--------|  gives  T: |X--XXXX-|
    """
    into = None if merge.reopen else target
    sources = find_sources(machine, disk.bytes_of(target.node), merge.sources, into)
    if isinstance(sources, Refusal):
        return sources
    for source in sources:
        if source is not target:
            source_disk = machine.disk_of(source.node)
            assert source_disk is not None, "the bitmap was found on it"
            if source_disk.name != disk.name:
                # Its bits stand for nothing that happened to this disk.
                source = replace(source, windows=())
            target = target.merge(source, source_disk.moment)
    stored = target.kept is Kept.STORED and target.node != disk.active.name
    merged = disk.with_bitmap(target)
    return stored_on(merged, target.node) if merge.reopen and stored else merged


def find_sources(
    machine: Machine, size: int, keys: Iterable[BitmapKey], target: DirtyBitmap | None = None
) -> tuple[DirtyBitmap, ...] | Refusal:
    """Return bitmaps that may be merged into one of an image of some size, or why they may not.

    Args:
        size: Bytes.
        keys: Their nodes and names.
        target: What they are merged into; QEMU looks at it when it has found the first of them.
    """
    found: list[DirtyBitmap] = []
    for node, name in keys:
        disk = machine.disk_of(node)
        if disk is None:
            return Refusal(f"Node '{node}' not found")
        source = disk.bitmap(node, name)
        if source is None:
            return Refusal(f"Dirty bitmap '{name}' not found", fault=Fault.MISSING)
        into = machine.disk_of(target.node) if target is not None else None
        if target is not None and into is not None:
            refusal = refuse_use(into, target, changed=True)
            if refusal is not None:
                return refusal
        refusal = refuse_use(disk, source, changed=False)
        if refusal is not None:
            return refusal
        if disk.bytes_of(node) != size:
            return Refusal(
                f"Bitmaps are of different sizes (destination size is {size}, "
                f"source size is {disk.bytes_of(node)}) and can't be merged",
                fault=Fault.UNMERGEABLE,
            )
        found.append(source)
    return tuple(found)
