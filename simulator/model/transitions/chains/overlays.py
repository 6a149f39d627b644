"""A chain begins, grows by an overlay, or goes back to an image below.

Source: ``facts/QEMU.md``, section 4.1.
"""

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
from simulator.model.series import mapped, series
from simulator.model.transitions.beside import find_files, laid_aside, without_asides
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
    made = stored_on(taller, snapshot.node) if snapshot.stored else taller
    return without_asides(machine.with_disk(made), {snapshot.overlay})


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

    The overlay has no bitmaps: what is written from now on is in none of them. A host that notes
    chains opens the files of those names, which may have been in no chain, or hold something else.
    """
    named = machine.disk(revert.disk) if revert.disk is not None else None
    disk = named or machine.disk_of(revert.image)
    if disk is None or not disk.chain:
        return no_node(revert.image)
    if machine.disk_of(revert.overlay) is not None:
        return Refusal(f"Duplicate nodes with node-name='{revert.overlay}'")
    if machine.jobs_on(disk.name):
        return in_use_by(machine.jobs_on(disk.name)[0], disk.active.name)
    exported = refuse_exported(machine, disk)
    if exported is not None:
        return exported
    there = without_asides(machine, {revert.overlay})
    names = revert.chain or tuple(image.name for image in disk.chain_to(revert.image))
    files = find_files(there, names, disk.name)
    if files is None:
        return no_node(revert.image)
    back = with_overlay(_gone_back(there.disk(disk.name), revert, files), revert.overlay)
    names = tuple(image.name for image in back.chain)
    return _shared(without_asides(there.with_disk(back), names), back)


def _gone_back(disk: Disk, revert: RevertImages, files: tuple[Aside, ...]) -> Disk:
    """Return a disk whose chain are the files that it returns to, with their bitmaps."""
    chain = tuple(each.image for each in files)
    dropped = laid_aside(disk, {image.name for image in chain}, revert.kept)
    return replace(
        disk,
        chain=chain,
        bitmaps=series(bitmap for each in files for bitmap in each.bitmaps),
        aside=(*disk.aside, *dropped),
        length=chain[-1].length,
        lacks=chain[-1].lacks,
        moment=disk.moment + 1,
    )


def _shared(machine: Machine, disk: Disk) -> Machine:
    """Return a machine that knows whether a chain has an image of another disk's by now."""
    others = (each for each in machine.disks if each.name != disk.name)
    shared = any(each.image(image.name) for each in others for image in disk.chain)
    return replace(machine, forked=True) if shared else machine


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
