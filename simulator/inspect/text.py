"""What was read of real images as text: figures, and counts."""

from simulator.diagnostics import counted
from simulator.inspect.disk import SeenDisk, cells_of, draw_disk
from simulator.inspect.image.runs import total
from simulator.inspect.image.seen import label
from simulator.inspect.inspection import Inspection

UNITS = ((1 << 50, "PiB"), (1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def write_text(disk: SeenDisk, *, cells: int, alone: bool) -> str:
    """Return a disk as text: its files, its figure, and what the signs mean; no final newline."""
    figure = draw_disk(disk, cells=cells, alone=alone)
    lines = [*_head(disk, cells), "", figure]
    return "\n".join(lines)


def _head(disk: SeenDisk, cells: int) -> list[str]:
    images = disk.chain.images
    size = write_size(disk.cluster_size)
    lines = [
        f"{disk.name}: {counted(disk.length, 'cluster')} of {size}, {counted(len(images), 'image')}"
    ]
    for image in disk.chain.files:
        content = disk.content(image)
        held = write_size(total(r for r in content if r[2] not in "0?") * disk.cluster_size)
        kind = image.format if image.version != 2 else "qcow2 v2"
        remarks = [kind, "unknown content" if "?" in [r[2] for r in content] else f"{held} of data"]
        remarks += ["active"] if image is disk.chain.active else []
        remarks += ["likely a push backup"] if image not in images else []
        remarks += ["in use"] if image.in_use else []
        lines.append(f"  {disk.letter(image)}  {label(image.path)} ({', '.join(remarks)})")
    per_cell = cells_of(disk.length, cells)
    if per_cell > 1:
        lines.append(
            f"one cell is {per_cell:,} clusters, {write_size(per_cell * disk.cluster_size)}"
        )
    if any(image.snapshots for image in disk.chain.files):
        lines.append("IMAGE@NAME is a state that is kept inside the image")
    if "*" in draw_disk(disk, cells=cells):
        lines.append("* is a cell whose clusters are not all alike")
    return lines


def write_size(number: int) -> str:
    """Return bytes in the largest unit that they reach, with one digit after the point at most.

    >>> [write_size(number) for number in (0, 65536, 1000, 549453824)]
    ['0 B', '64 KiB', '1000 B', '524 MiB']
    """
    for unit, name in UNITS:
        if number >= unit:
            return f"{number / unit:,.1f}".removesuffix(".0") + f" {name}"
    return f"{number} B"


def summarise(inspection: Inspection) -> str:
    """Return one line that counts what was read and what was found."""
    disks = inspection.disks
    images = {image.key for disk in disks for image in disk.chain.files}
    bitmaps = {(i.key, b.name) for disk in disks for i in disk.chain.images for b in i.bitmaps}
    counts = [counted(len(disks), "disk"), counted(len(images), "image")]
    found = len(inspection.findings)
    return ", ".join(
        [
            *counts,
            counted(len(bitmaps), "bitmap"),
            counted(found, "finding") if found else "no findings",
        ]
    )
