"""A chain begins, grows by an overlay, or goes back to an image below.

Source: ``facts/QEMU.md``, section 4.1.
"""

from collections.abc import Collection

from simulator.model.bitmap import DirtyBitmap
from simulator.model.clusters import map_of
from simulator.model.disk import Aside, Disk, Image
from simulator.model.machine import (
    BackupJob,
    Machine,
    Power,
)
from simulator.model.operations import (
    AddOverlay,
    CreateImage,
    Fault,
    Refusal,
    RevertImages,
    StoreBitmaps,
)
from simulator.model.series import kept, mapped, series
from simulator.model.transitions.bitmaps import stored_on
from simulator.model.transitions.chains.images import (
    conflict,
    in_use_by,
    no_node,
    refuse_exported,
    works_on,
)
from simulator.model.values import replace


def create_image(machine: Machine, create: CreateImage) -> Machine | Refusal:
    """Start a disk's chain; in place of a detached disk's, it is another disk.

        after  S1: |--------|

    A linked clone begins with the images of another chain below it, which nobody copies.

        S1: |AAAA----| <- S2: |---BBB--|
                       <- C2: |--------|
    """
    disk = machine.disk(create.disk)
    if disk.chain:
        return Refusal(f"disk {disk.name} already has the image {disk.active.name}")
    if machine.disk_of(create.image) is not None:
        return Refusal(f"Duplicate nodes with node-name='{create.image}'")
    below: tuple[Image, ...] = ()
    if create.backing is not None:
        other = machine.disk_of(create.backing)
        if other is None:
            return no_node(create.backing)
        below = tuple(replace(image, since=0) for image in other.chain_to(create.backing))
        machine = replace(machine, forked=True)
    moment = disk.moment if disk.detached is None else disk.moment + 1
    first = Image(
        name=create.image,
        content=map_of(disk.length),
        length=disk.length,
        format=create.format,
        since=moment if below else 0,
        lacks=disk.lacks,
    )
    return machine.with_disk(replace(disk, chain=(*below, first), moment=moment, detached=None))


def add_overlay(machine: Machine, snapshot: AddOverlay) -> Machine | Refusal:
    """Make the active image read-only and put an empty one on top of it.

        before  S1: |AAAA----|     after  S1: |AAAA----| <- S2: |--------|
                B1: |XXXX----|+           B1: |XXXX----|+

    Bitmaps stay on the old image, where nobody writes any more. They are stored at that moment,
    so a later crash does them no harm. Source: QEMU.md sections 2.2 and 4.1.
    """
    disk = machine.disk_of(snapshot.node)
    if disk is None:
        return no_node(snapshot.node)
    for job in machine.jobs_on(disk.name):
        if isinstance(job, BackupJob):
            continue
        if snapshot.node in works_on(job, disk):
            return in_use_by(job, snapshot.node)
    above = _image_above(disk, snapshot.node)
    if machine.power is Power.RUNNING:
        others = machine.sharers(snapshot.node, disk.name)
        above = above or next((_image_above(each, snapshot.node) for each in others), None)
    user = above or _target_on(machine, disk, snapshot.node)
    if user is not None:
        told = f"Node '{snapshot.node}' is busy: node is used as backing hd of '{user}'"
        return Refusal(told, fault=Fault.JOB if above is None else None)
    target = _refuse_target(machine, disk, snapshot)
    if target is not None:
        return target
    if machine.node_taken(snapshot.overlay):
        return Refusal("The overlay is already in use")

    def left(bitmap: DirtyBitmap) -> DirtyBitmap:
        return bitmap.close_window(disk.moment) if bitmap.node == snapshot.node else bitmap

    below = replace(disk, bitmaps=mapped(disk.bitmaps, left))
    taller = with_overlay(below, snapshot.overlay, linked=_tells_link(machine, disk))
    taller = taller.opened(snapshot.node, left_open=not snapshot.stored)
    return machine.with_disk(stored_on(taller, snapshot.node) if snapshot.stored else taller)


def _target_on(machine: Machine, disk: Disk, node: str) -> str | None:
    """Return the target that has an active image as its backing image, if there is one.

    The filter of each new backup goes between that image and all that was on top of it, so it is
    the newest backup that counts: the target of an older one lies on that one's filter.
    """
    jobs = [job for job in machine.backup_jobs if job.disk == disk.name and job.guarding]
    return jobs[-1].based if node == disk.active.name and jobs else None


def _refuse_target(machine: Machine, disk: Disk, snapshot: AddOverlay) -> Refusal | None:
    """Return why the target of a backup of this disk is no overlay: its job's filter needs it."""
    for job in machine.backup_jobs:
        if job.disk == disk.name and job.backup.name == snapshot.overlay:
            if job.guarding:
                filter = "node '#block' (uses node '{}' as '{}' child)"
                wanted = filter.format(snapshot.overlay, "target")
                return conflict(
                    snapshot.overlay, "write", wanted, filter.format(snapshot.overlay, "file")
                )
            told = f"a backing child of '{snapshot.overlay}' would create a cycle"
            return Refusal(f"Making '{snapshot.node}' {told}", fault=Fault.JOB)
    return None


def store_bitmaps(machine: Machine, store: StoreBitmaps) -> Machine | Refusal:
    """Make an image below a new overlay read-only: its bitmaps are stored as they are by now."""
    disk = machine.disk_of(store.node)
    if disk is None:
        return no_node(store.node)
    return machine.with_disk(stored_on(disk.opened(store.node, left_open=False), store.node))


def revert_images(machine: Machine, revert: RevertImages) -> Machine | Refusal:
    """Drop the images above one, and put a new overlay on top of it.

        before  S1: |AAAA----| <- S2: |---BBB--|    after  S1: |AAAA----| <- S3: |--------|
                B1: |XXXX----|    B2: |---XXX--|+          B1: |XXXX----|

    The overlay has no bitmaps: what is written from now on is in none of them. The image may be one
    that an earlier revert dropped: it comes back with all that it lies on.
    """
    disk = machine.disk_to_revert(revert.image)
    if disk is None:
        return no_node(revert.image)
    if machine.disk_of(revert.overlay) is not None:
        return Refusal(f"Duplicate nodes with node-name='{revert.overlay}'")
    if machine.jobs_on(disk.name):
        return in_use_by(machine.jobs_on(disk.name)[0], disk.active.name)
    exported = refuse_exported(machine, disk)
    if exported is not None:
        return exported
    back = _gone_back(disk, revert)
    if back is None:
        return no_node(revert.image)
    chain = back.chain
    back = replace(
        back,
        length=chain[-1].length,
        lacks=chain[-1].lacks,
        moment=disk.moment + 1,
    )
    return machine.with_disk(with_overlay(back, revert.overlay))


def _gone_back(disk: Disk, revert: RevertImages) -> Disk | None:
    """Return a disk whose chain ends in the image that it returns to, with their bitmaps; None
    where the file of one of them is gone."""
    again: list[Aside] = []
    place: str | None = revert.image
    while place is not None and (found := disk.laid_aside(place)) is not None:
        again.insert(0, found)
        place = found.below
    if place is not None and disk.image(place) is None:
        return None
    stay = disk.chain_to(place) if place is not None else ()
    left = {image.name for image in stay}
    dropped = _laid_aside(disk, left, {*revert.kept})
    bitmaps = kept(disk.bitmaps, lambda bitmap: bitmap.node in left)
    return replace(
        disk,
        chain=(*stay, *(each.image for each in again)),
        bitmaps=series((*bitmaps, *(bitmap for each in again for bitmap in each.bitmaps))),
        aside=(*(each for each in disk.aside if each not in again), *dropped),
    )


def _laid_aside(disk: Disk, stay: Collection[str], wanted: set[str]) -> tuple[Aside, ...]:
    """Return images of a chain that lie beside it from now on, base first.

    Args:
        stay: Those that stay in the chain.
        wanted: Those that must be kept; what they lie on is kept, too.
    """
    found: list[Aside] = []
    for place, image in reversed([*enumerate(disk.chain)]):
        if image.name not in wanted:
            continue
        below = disk.chain[place - 1].name if place else None
        wanted = wanted | {below} if below is not None else wanted
        if image.name not in stay:
            bitmaps, froze = disk.bitmaps_on(image.name), disk.moment_of(image.name)
            found.insert(0, Aside(image=image, below=below, bitmaps=bitmaps, froze=froze))
    return tuple(found)


def left_beside(machine: Machine, disk: Disk, after: Disk) -> Disk:
    """Return a disk beside whose chain the images lie that a job has just taken out of it, as far
    as a return to a snapshot needs them: their files stay.

    Args:
        disk: The same before.
    """
    if not machine.snapshots and not disk.aside:
        return after
    wanted = {each.below for each in disk.aside if each.below is not None}
    wanted |= {image for note in machine.snapshots for image in note.lies_on}
    stay = {image.name for image in after.chain}
    return replace(after, aside=(*after.aside, *_laid_aside(disk, stay, wanted)))


def _tells_link(machine: Machine, disk: Disk) -> bool:
    """Whether libvirt notes what a new overlay lies on, which it must know of the image below.

    While the machine is off it looks into no file. Source: libvirt 9.0.0.
    """
    return machine.power is Power.RUNNING or (len(disk.chain) > 1 and disk.active.linked)


def with_overlay(disk: Disk, name: str, *, linked: bool = True) -> Disk:
    """Return a disk with an empty image on top of its chain, of the size of the one below."""
    overlay = Image(
        name=name,
        content=map_of(disk.length),
        length=disk.active.length,
        since=disk.moment,
        lacks=disk.active.lacks,
        linked=linked,
    )
    return replace(disk, chain=(*disk.chain, overlay))


def _image_above(disk: Disk, node: str) -> str | None:
    """Return the name of the image on top of another one; None for the active image."""
    names = [image.name for image in disk.chain]
    place = names.index(node) + 1
    return names[place] if place < len(names) else None
