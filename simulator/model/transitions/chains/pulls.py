"""Backing data is copied up into an image. Source: ``facts/QEMU.md``, section 4.3."""

from simulator.model.bitmap import DirtyBitmap, Kept
from simulator.model.clusters import ClusterSet
from simulator.model.disk import Copying, Disk, Image
from simulator.model.machine import Machine, MirrorJob, PullJob
from simulator.model.operations import (
    PullImages,
    Refusal,
)
from simulator.model.operations.jobs import Copied
from simulator.model.series import kept, mapped, series
from simulator.model.transitions.beside import left_beside
from simulator.model.transitions.bitmaps import stored_on
from simulator.model.transitions.chains.carrying import carry_bitmaps
from simulator.model.transitions.chains.images import (
    copied_of,
    held_in,
    in_use_by,
    no_node,
    refuse_way,
    seen_anew,
)
from simulator.model.values import replace


def pull_images(machine: Machine, pull: PullImages) -> Machine | Refusal:
    """Copy what lies between a base and an image up into the image.

        before  S1: |AAAA----| <- S2: |---BBB--|    after  S2: |AAABBB--|
                B1: |XXXX----|    B2: |---XXX--|+          B2: |---XXX--|+

    The image's bitmaps are never dirtied by it; those of the dropped images are gone with them.
    A job with nothing to do ends at once: an image below was open for writing all the same. Newer
    releases leave it so, and store its bitmaps all the same; one that was open already is as it
    was. Source: QEMU.md section 4.3.
    """
    disk = machine.disk_of(pull.into)
    if disk is None:
        return no_node(pull.into)
    refusal = _refuse_pull(machine, disk, pull)
    if refusal is not None:
        return refusal
    before = disk.image(pull.into)
    assert before is not None, "the disk was found by this image"
    opens = pull.into != disk.active.name and not before.left_open
    if machine.semantics.pull_leaves_open and opens:
        disk = disk.opened(pull.into, left_open=True)
        machine = machine.with_disk(disk)
    job = PullJob(
        name=pull.job or f"stream-{pull.into}",
        disk=disk.name,
        into=pull.into,
        base=_base_of(disk, pull),
        carry=pull.carry,
    )
    pulled = _pulled(disk, job.into, job.base)
    if not pulled:
        return machine.with_disk(stored_on(disk, pull.into) if opens else disk)
    into = disk.image(pull.into)
    assert into is not None, "the disk was found by this image"
    # The guest's own writes come on top of what is pulled, whenever they were made.
    held = held_in(pulled, pulled[-1].length).below(into.length)
    copied = disk.with_image(replace(into, content=held.overlay(into.content)))
    if not pull.lasting:
        done = left_beside(machine, disk, drop_pulled(copied, job))
        return machine.with_disk(stored_on(done, pull.into) if opens else done)
    started = machine.with_disk(copied if before.left_open else _opened(copied, pull.into))
    data = held.restrict(held.clusters() - into.content.clusters())
    job = replace(job, copying=Copying(image=before, clusters=data.clusters(), data=data))
    return replace(started, jobs=(*machine.jobs, job))


def _refuse_pull(machine: Machine, disk: Disk, pull: PullImages) -> Refusal | None:
    names = [image.name for image in disk.chain]
    high = names.index(pull.into)
    for name in (pull.base, pull.bottom):
        if name is not None and machine.disk_of(name) is None:
            return no_node(name, device=False)
    if pull.base is not None and pull.base not in names[:high]:
        return Refusal(f"Node '{pull.base}' is not a backing image of '{pull.into}'")
    if pull.bottom is not None and pull.bottom not in names[: high + 1]:
        return Refusal(f"Node '{pull.bottom}' is not in a chain starting from '{pull.into}'")
    copies = [job for job in machine.jobs_on(disk.name) if isinstance(job, MirrorJob)]
    if copies:
        return in_use_by(copies[0], pull.into)
    base = _base_of(disk, pull)
    low = names.index(base) + 1 if base is not None else 0
    told = base if pull.bottom is None else None
    return refuse_way(machine, disk, names[low : high + 1][::-1], told)


def _base_of(disk: Disk, pull: PullImages) -> str | None:
    """Return the image that stays below a pull; None where everything is pulled."""
    if pull.bottom is None:
        return pull.base
    names = [image.name for image in disk.chain]
    low = names.index(pull.bottom)
    return names[low - 1] if low else None


def _opened(disk: Disk, node: str) -> Disk:
    """Return a disk of which one more image is open for writing: its bitmaps are in use."""

    def opened(bitmap: DirtyBitmap) -> DirtyBitmap:
        stored = bitmap.node == node and bitmap.kept is Kept.STORED
        return replace(bitmap, kept=Kept.IN_USE) if stored else bitmap

    return replace(disk, bitmaps=mapped(disk.bitmaps, opened))


def _pulled(disk: Disk, into: str, base: str | None) -> tuple[Image, ...]:
    """Return the images between a base and an image, which are read when it is pulled into."""
    names = [image.name for image in disk.chain]
    low = names.index(base) + 1 if base is not None else 0
    return disk.chain[low : names.index(into)]


def stop_pull(disk: Disk, job: PullJob, told: Copied) -> Disk:
    """Return a disk whose image holds just what a pull had copied when it was stopped.

    S1: |AAAA----| <- S2: |--B-----|    two clusters copied    S1: |AAAA----| <- S2: |AAB-----|
    """
    kept, into = job.copying, disk.image(job.into)
    assert kept is not None and into is not None, "it ran"
    left = kept.data.clusters() - copied_of(kept, told)
    content = into.content.restrict(into.content.clusters() - left)
    return disk.with_image(replace(into, content=content))


def drop_pulled(disk: Disk, job: PullJob) -> Disk:
    """Return a disk without the images whose content an image above them holds by now."""
    pulled = _pulled(disk, job.into, job.base)
    gone = {image.name for image in pulled}
    into = disk.image(job.into)
    assert into is not None, "nobody drops an image that a job works on"
    bitmaps = kept(disk.bitmaps, lambda bitmap: bitmap.node not in gone)
    if job.carry:
        own = disk.bitmaps_on(job.into)
        carried = carry_bitmaps(
            disk, own, pulled, job.into, top=job.into, pivots=into is disk.active
        )
        bitmaps = series((*(b for b in bitmaps if b.node != job.into), *carried))
    linked = into.linked and all(image.linked for image in pulled)
    taken = disk.with_image(replace(into, since=pulled[0].since, linked=linked))
    chain = tuple(image for image in taken.chain if image.name not in gone)
    return seen_anew(disk, replace(taken, chain=chain, bitmaps=bitmaps))


def written_under(job: PullJob, written: ClusterSet) -> PullJob:
    """Return a pull into an image that the guest writes: what it writes is no more the job's."""
    kept = job.copying
    if kept is None:
        return job
    data = kept.data.restrict(kept.data.clusters() - written)
    return replace(job, copying=replace(kept, data=data))
