"""Images that lie below several disks: what happens to one is seen through all of them.

A node has one backing image, whoever reads it, so chains that have an image in common are the same
below it. Source: QEMU 7.2.22, ``facts/QEMU.md`` section 4.8.
"""

from simulator.model.disk import Disk, Image
from simulator.model.machine import CommitJob, Machine
from simulator.model.refusal import Refusal
from simulator.model.values import replace


def spread(before: Machine, after: Machine) -> Machine:
    """Return a machine on which all disks have the images below them as one of them left them.

    vda  S1: |AAAA| <- S2: |--B-|    commit S2    vda  S1: |AABA|
    vdb  S1: |AAAA| <- C2: |C---|                 vdb  S1: |AABA| <- C2: |C---|
    """
    for was, disk in zip(before.disks, after.disks, strict=False):
        if disk is not was:
            for other in after.disks:
                if other.name != disk.name:
                    after = after.with_disk(_over(disk, after.disk(other.name)))
    return after


def _over(disk: Disk, other: Disk) -> Disk:
    """Return a disk that has the images that it shares with another one as that has them."""
    names = {image.name for image in disk.chain}
    shared = [number for number, image in enumerate(other.chain) if image.name in names]
    if not shared:
        return other
    highest = other.chain[shared[-1]]
    below = tuple(_as_of(other, image) for image in disk.chain_to(highest.name))
    if all(map(_alike, below, other.chain)) and len(below) == shared[-1] + 1:
        return other
    seen = other.guest_view
    changed = replace(other, chain=(*below, *other.chain[shared[-1] + 1 :]))
    if changed.guest_view.reads_like(seen):
        return changed
    return replace(changed, moment=other.moment + 1)


def _as_of(disk: Disk, image: Image) -> Image:
    """Return an image with the moment at which it began in the history of this disk."""
    own = disk.image(image.name)
    return replace(image, since=own.since if own is not None else 0)


def _alike(one: Image, other: Image) -> bool:
    same = one.content is other.content and one.snapshots is other.snapshots
    shape = (one.name, one.length, one.lacks, one.removed)
    return same and shape == (other.name, other.length, other.lacks, other.removed)


def refuse_across_fork(
    machine: Machine, disk: Disk, commit: CommitJob, *, called: str
) -> Refusal | None:
    """Return QEMU's no to a commit across an image on which another disk lies, too.

    Args:
        called: What the job is called.
    """
    if not machine.forked:
        return None
    names = [image.name for image in disk.chain]
    low, high = names.index(commit.base), names.index(commit.top)
    for place in range(low + 1, high):
        for other in machine.sharers(names[place], disk.name):
            theirs = [image.name for image in other.chain]
            above = theirs[theirs.index(names[place]) + 1]
            if above != names[place + 1]:
                node = names[place]
                return Refusal(
                    f"Permission conflict on node '{node}': permissions 'consistent read' are both "
                    f"required by node '{above}' (uses node '{node}' as 'backing' child) and "
                    f"unshared by commit job '{called}' (uses node '{node}' as 'intermediate "
                    "node' child)."
                )
    return None


def without_merged(machine: Machine, job: CommitJob) -> Machine:
    """Return a machine on which whoever lay on the top of a commit lies on its base.

    Source: QEMU 7.2.22: the base takes the place of the top for all that use it.
    """
    below = machine.disk(job.disk).chain_to(job.base)
    for other in machine.sharers(job.top, job.disk):
        names = [image.name for image in other.chain]
        above = other.chain[names.index(job.top) + 1 :]
        chain = (*(_as_of(other, image) for image in below), *above)
        machine = machine.with_disk(replace(other, chain=chain))
    return machine


def refuse_above_written(machine: Machine, disk: Disk, node: str) -> Refusal | None:
    """Return QEMU's no to a backup of an image that lies on one that another guest writes."""
    for image in disk.chain_to(node)[:-1] if machine.forked else ():
        for other in machine.sharers(image.name, disk.name):
            if other.active.name == image.name:
                above = disk.chain[disk.chain.index(image) + 1].name
                return Refusal(
                    f"Could not replace node: Permission conflict on node '{image.name}': "
                    "permissions 'write' are both required by an unnamed block device (uses node "
                    f"'{image.name}' as 'root' child) and unshared by node '{above}' (uses node "
                    f"'{image.name}' as 'backing' child).",
                    cause=f"the guest of {other.name} writes {image.name}, and {above} lies on it",
                )
    return None
