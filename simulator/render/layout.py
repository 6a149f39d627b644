"""What stands where in the figure of a disk. Every back end draws this one value."""

from itertools import zip_longest

from simulator.model.bitmap import DirtyBitmap
from simulator.model.disk import Disk
from simulator.notation import (
    BROKEN,
    GUEST,
    Figure,
    Strip,
    clusters_in_cell,
    write_bits,
    write_clusters,
    write_figure,
    write_strip,
    write_view,
)


def lay_out_chain(disk: Disk) -> Figure:
    """Return the chain with each bitmap below its image; empty where there is no image yet.

    S1: |AAAA----| <- S2: |D--BBDD-|
    B1: |XXXX----|    B2: |---XXX--|
                      B3: |X----XX-|+
    """
    images = tuple(
        Strip(label=image.name, cells=write_clusters(image.content, image.length))
        for image in disk.chain
    )
    stacks = [
        [_bitmap_strip(disk, bitmap) for bitmap in disk.bitmaps_on(image.name)]
        for image in disk.chain
    ]
    return Figure((images, *(_without_end(row) for row in zip_longest(*stacks))))


def _without_end(row: tuple[Strip | None, ...]) -> tuple[Strip | None, ...]:
    """Return a row without the Nones at its end."""
    last = max(n for n, strip in enumerate(row) if strip is not None)
    return row[: last + 1]


def _bitmap_strip(disk: Disk, bitmap: DirtyBitmap) -> Strip:
    """Return a bitmap's strip; its node is told where another image has a namesake."""
    namesakes = sum(other.name == bitmap.name for other in disk.bitmaps)
    length = disk.length_of(bitmap.node)
    broken = BROKEN * -(-length // clusters_in_cell(length))
    return Strip(
        label=f"{bitmap.node}.{bitmap.name}" if namesakes > 1 else bitmap.name,
        cells=broken if bitmap.inconsistent else write_bits(disk.clusters_of(bitmap), length),
        recording=bitmap.recording,
    )


def lay_out_guest(disk: Disk, *, alone: bool) -> Strip:
    """Return the row of what the guest sees; it tells its disk where there are several."""
    return Strip(
        label=GUEST if alone else f"{GUEST} {disk.name}",
        cells=write_view(disk.guest_view, disk.length),
    )


def write_disk(disk: Disk, *, alone: bool = True) -> str:
    """Return the figure of a disk as text, with no final newline.

    Args:
        alone: Whether it is the machine's only disk.
    """
    if not disk.chain:
        return f"{disk.name} {disk.absence}"
    return f"{write_figure(lay_out_chain(disk))}\n{write_strip(lay_out_guest(disk, alone=alone))}"
