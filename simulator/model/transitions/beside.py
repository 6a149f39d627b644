"""Image files beside the chains: a host leaves them there, and finds them by their names.

Source: libvirt 11.3.0 and 12.8.0.
"""

from collections.abc import Collection, Sequence

from simulator.model.disk import Aside, Disk
from simulator.model.machine import Machine
from simulator.model.values import replace


def find_file(machine: Machine, name: str, disk: str) -> Aside | None:
    """Return the image file that has a name now, in a chain or beside one; None where it is gone.

    Args:
        disk: Name of the disk that is to have it. What the file of another disk says of moments is
            nothing in its history.
    """
    own = machine.disk(disk)
    for each in (own, *(other for other in machine.disks if other is not own)):
        image = each.image(name)
        there = image is not None and not image.removed
        found = each.file_of(image) if image is not None and there else each.laid_aside(name)
        if found is not None and each.cluster_size == own.cluster_size:
            return found if each is own else _of_another(found)
    return None


def _of_another(file: Aside) -> Aside:
    bitmaps = tuple(replace(bitmap, windows=()) for bitmap in file.bitmaps)
    return replace(file, image=replace(file.image, since=0), bitmaps=bitmaps, froze=0)


def noted_chain(
    machine: Machine, names: Sequence[str], disk: str
) -> tuple[tuple[str, Aside | None], ...]:
    """Return the files of a chain that a host has noted, base first; None for one that is gone.

    What is noted to be the base may be another file by now: then all that this says it lies on is
    below it.
    """
    found = [(name, find_file(machine, name, disk)) for name in names]
    while found and found[0][1] is not None:
        below = found[0][1].below
        if below is None or below in dict(found):
            break
        found.insert(0, (below, find_file(machine, below, disk)))
    return tuple(found)


def find_files(machine: Machine, names: Sequence[str], disk: str) -> tuple[Aside, ...] | None:
    """Return the files of a chain that a host has noted, base first; None where one is gone."""
    found = [file for _, file in noted_chain(machine, names, disk)]
    files = tuple(file for file in found if file is not None)
    return files if len(files) == len(found) else None


def without_asides(machine: Machine, names: Collection[str]) -> Machine:
    """Return a machine beside whose chains no images of these names lie: others are made, or they
    are back in a chain."""
    for disk in machine.disks:
        left = tuple(each for each in disk.aside if each.image.name not in names)
        if len(left) < len(disk.aside):
            machine = machine.with_disk(replace(disk, aside=left))
    return machine


def laid_aside(disk: Disk, stay: Collection[str], wanted: Collection[str]) -> tuple[Aside, ...]:
    """Return images of a chain that lie beside it from now on, base first.

    Args:
        stay: Those that stay in the chain.
        wanted: Those whose files are kept.
    """
    return tuple(
        disk.file_of(image)
        for image in disk.chain
        if image.name in wanted and image.name not in stay
    )


def left_beside(machine: Machine, disk: Disk, after: Disk) -> Disk:
    """Return a disk beside whose chain the images lie that a job has just taken out of it, as far
    as a return to a snapshot needs them: their files stay.

    Args:
        disk: The same before.
    """
    if not machine.snapshots:
        return after
    wanted = {image for note in machine.snapshots for image in note.needs}
    stay = {image.name for image in after.chain}
    return replace(after, aside=(*after.aside, *laid_aside(disk, stay, wanted)))
