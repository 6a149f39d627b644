"""What stands where in the figure of a disk. Every back end draws this one value."""

from itertools import zip_longest
from typing import TypeVar

from simulator.diagnostics import shown
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
from simulator.timeline import Timeline

T = TypeVar("T")


def scales_of(timeline: Timeline) -> dict[str, int]:
    """Return how many clusters a cell of each disk stands for: as the longest it ever has."""
    return {name: clusters_in_cell(length) for name, length in timeline.longest.items()}


def _scale_of(disk: Disk) -> int:
    """Return how many clusters a cell stands for in a figure of this state alone."""
    return clusters_in_cell(max(disk.length, *(image.length for image in disk.chain)))


def lay_out_chain(disk: Disk, scale: int | None = None) -> Figure:
    """Return the chain with each bitmap below its image; empty where there is no image yet.

    S1: |AAAA----| <- S2: |D--BBDD-|
    B1: |XXXX----|    B2: |---XXX--|
                      B3: |X----XX-|+

    Args:
        scale: How many clusters a cell stands for; None for as many as this state needs.
    """
    scale = scale or (_scale_of(disk) if disk.chain else 1)
    images = tuple(
        Strip(
            label=shown(image.name), cells=write_clusters(image.content, image.length, scale=scale)
        )
        for image in disk.chain
    )
    stacks = [
        [_bitmap_strip(disk, bitmap, scale) for bitmap in disk.bitmaps_on(image.name)]
        for image in disk.chain
    ]
    return Figure((images, *(without_end(row) for row in zip_longest(*stacks))))


def without_end(row: tuple[T | None, ...]) -> tuple[T | None, ...]:
    """Return a row without the Nones at its end."""
    last = max(n for n, strip in enumerate(row) if strip is not None)
    return row[: last + 1]


def _bitmap_strip(disk: Disk, bitmap: DirtyBitmap, scale: int) -> Strip:
    """Return a bitmap's strip; its node is told where another image has a namesake."""
    namesakes = sum(other.name == bitmap.name for other in disk.bitmaps)
    length = disk.length_of(bitmap.node)
    cells = write_bits(disk.clusters_of(bitmap), length, scale=scale)
    return Strip(
        label=shown(f"{bitmap.node}.{bitmap.name}" if namesakes > 1 else bitmap.name),
        cells=BROKEN * len(cells) if bitmap.inconsistent else cells,
        recording=bitmap.recording,
    )


def lay_out_guest(disk: Disk, *, alone: bool, scale: int | None = None) -> Strip:
    """Return the row of what the guest sees; it tells its disk where there are several."""
    return Strip(
        label=GUEST if alone else f"{GUEST} {disk.name}",
        cells=write_view(disk.guest_view, disk.length, scale=scale or _scale_of(disk)),
    )


def write_disk(disk: Disk, *, alone: bool = True, scale: int | None = None) -> str:
    """Return the figure of a disk as text, with no final newline.

    Args:
        alone: Whether it is the machine's only disk.
        scale: How many clusters a cell stands for; None for as many as this state needs.
    """
    if not disk.chain:
        return f"{disk.name} {disk.absence}"
    guest = lay_out_guest(disk, alone=alone, scale=scale)
    return f"{write_figure(lay_out_chain(disk, scale))}\n{write_strip(guest)}"
