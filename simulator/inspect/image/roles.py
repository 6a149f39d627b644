"""Which files of a chain are live, and which lie over it as push backups do.

An increment that QEMU pushes is an overlay of the image that the guest writes to, until somebody
puts it onto the backup before it. Its file looks like any overlay that knows nothing of bitmaps;
what tells them apart is which of the two is written to, and that a backup holds just what a bitmap
below it marks.
"""

from collections.abc import Sequence

from simulator.diagnostics import printable
from simulator.inspect.image.runs import Run, cut_out, join_runs, lay_over, to_units
from simulator.inspect.image.seen import SeenImage
from simulator.values import NamedTuple


class Live(NamedTuple):
    """How many images from the lowest are live, and what tells that those above are backups."""

    number: int
    evidence: str


def find_live(images: Sequence[SeenImage]) -> Live:
    """Return which images of a chain are live; all where nothing tells otherwise.

    Args:
        images: From the lowest to the one that was named.
    """
    count = 1 + max((n for n, i in enumerate(images) if i.in_use or i.bitmaps), default=-1)
    if not 0 < count < len(images):
        return Live(len(images), "")
    below, above = images[count - 1], images[count:]
    name = printable(below.name)
    if below.in_use:
        return Live(count, f"{name} is being written to by another process")
    marking = _marking(above, images[:count])
    if marking.exact:
        return Live(count, f"it holds what {printable(marking.exact)} on {name} marks, no more")
    later = below.written >= max(image.written for image in above)
    if later and marking.within:
        what = f"it holds nothing that {printable(marking.within)} on {name} does not mark"
        return Live(count, f"{name} was written to after it, and {what}")
    if later and _open(below) and any(image.runs for image in above):
        return Live(count, f"{name} was the last to be written to, and left open")
    return Live(len(images), "")


def may_be_backup(above: Sequence[SeenImage], below: Sequence[SeenImage]) -> bool:
    """Whether images that have no bitmaps may be backups, although nothing tells that they are."""
    held = any(image.runs for image in above)
    return held and (_open(below[-1]) or bool(_marking(above, below).within))


def _open(image: SeenImage) -> bool:
    """Whether whoever wrote to an image last did not close it."""
    return image.trusted and any(bitmap.in_use for bitmap in image.bitmaps)


class _Marking(NamedTuple):
    """Bitmaps that mark just what some images hold, and at least that; empty for none."""

    exact: str = ""
    within: str = ""


def _marking(above: Sequence[SeenImage], below: Sequence[SeenImage]) -> _Marking:
    """Return which bitmap of the images below marks what the images above hold."""
    size = above[-1].cluster_size or below[-1].cluster_size
    if size is None or any(image.encrypted or image.damage for image in above):
        return _Marking()
    length = -(-above[-1].size // size)
    held: tuple[Run, ...] = ()
    for image in above:
        held = lay_over(held, to_units(image.runs, size, length))
    exact = within = ""
    for name in [b.name for b in below[-1].bitmaps if b.recording and held]:
        marked = _marked(name, below, size, length)
        if not cut_out(held, marked):
            within = within or name
            exact = exact or ("" if cut_out(marked, held) else name)
    return _Marking(exact, within)


def _marked(name: str, images: Sequence[SeenImage], size: int, length: int) -> tuple[Run, ...]:
    """Return the clusters that the bitmaps of one name mark on some images, merged."""
    marked: tuple[Run, ...] = ()
    for image in images:
        bitmap = image.bitmap(name)
        if bitmap is not None:
            grain = bitmap.granularity
            bits = ((first * grain, count * grain, held) for first, count, held in bitmap.runs)
            marked = lay_over(marked, to_units(bits, size, length))
    return join_runs(marked)
