"""A bitmap in an image file that nobody has open. Source: ``facts/QEMU.md``, section 4.9."""

from simulator.model.bitmap import GRANULARITY_MAX, DirtyBitmap, Kept
from simulator.model.machine import Machine
from simulator.model.operations import (
    BITMAP_WORDS,
    AddBitmap,
    BitmapOperation,
    MergeBitmaps,
    Refusal,
)
from simulator.model.series import mapped
from simulator.model.transitions import bitmaps
from simulator.model.transitions.files.opening import refuse_open
from simulator.model.values import replace


def change_bitmap(machine: Machine, operation: BitmapOperation) -> Machine | Refusal:
    """Change a bitmap of an image file that nobody has open; it is stored at once.

    It may lie below the active image: the tool opens just that file, for writing.
    Source: ``qemu-img bitmap`` of QEMU 7.2.
    """
    node, name = operation.node, operation.name
    read = operation.sources if isinstance(operation, MergeBitmaps) else ()
    for image in (node, *(other for other, _ in read)):
        refusal = refuse_open(machine, image, alone=True)
        if refusal is not None:
            return refusal
    disk = machine.disk_of(node)
    assert disk is not None, "it has the image"
    if isinstance(operation, AddBitmap) and operation.granularity is not None:
        # The tool counts in 32 bits, and QMP refuses what does not fit.
        operation = operation._replace(granularity=operation.granularity % (GRANULARITY_MAX * 2))
    opened = replace(disk, bitmaps=mapped(disk.bitmaps, lambda each: _opened(each, node)))
    opened = opened.opened(node, left_open=True)
    outcome = bitmaps.apply(machine.with_disk(opened), operation, called="#block")
    if isinstance(outcome, Refusal):
        told = f"Operation {BITMAP_WORDS[type(operation)]} on bitmap {name} failed: {outcome.text}"
        return replace(outcome, text=told)
    closed = outcome.disk(disk.name).opened(node, left_open=False)
    return outcome.with_disk(bitmaps.stored_on(closed, node))


def _opened(bitmap: DirtyBitmap, node: str) -> DirtyBitmap:
    return replace(bitmap, kept=Kept.IN_USE) if bitmap.node == node else bitmap
