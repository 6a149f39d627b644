"""The images of a chain: who uses them, what some of them hold, and QEMU's words for one in use."""

from collections.abc import Sequence
from fractions import Fraction

from simulator.model.clusters import ZERO, ClusterMap, ClusterSet, map_of, range_of, set_of
from simulator.model.disk import Copying, Disk, Image
from simulator.model.machine import (
    BackupJob,
    ChainJob,
    CommitJob,
    Job,
    Machine,
    MirrorJob,
    PullJob,
)
from simulator.model.operations import (
    Fault,
    Refusal,
)
from simulator.model.operations.jobs import Copied
from simulator.model.transitions.copies.targets import share_of
from simulator.model.values import replace


def no_node(node: str, *, device: bool = True) -> Refusal:
    """Return QEMU's words for a node that is not there.

    Args:
        device: Whether the command takes a device's name for it, too.
    """
    return Refusal(f"Cannot find device='{node if device else ''}' nor node-name='{node}'")


def works_on(job: ChainJob, disk: Disk) -> set[str]:
    """Return the images that a job on a chain needs for itself.

    A commit is a job of the active image, however low its top is.
    """
    names = [image.name for image in disk.chain]
    if isinstance(job, MirrorJob):
        return {disk.active.name}
    if isinstance(job, CommitJob):
        merged = names[names.index(job.base) : names.index(job.top) + 1]
        return {*merged, disk.active.name}
    low = names.index(job.base) + 1 if job.base is not None else 0
    return set(names[low : names.index(job.into) + 1])


def refuse_way(
    machine: Machine, disk: Disk, images: Sequence[str], base: str | None = None
) -> Refusal | None:
    """Return QEMU's words for what a new job meets on its way down a chain.

    Below the first image it meets the filters of other jobs as well: that of a pull lies on the
    image that it pulls into, that of a backup on the image that it reads.

    Args:
        images: Those that it needs for itself, newest first.
        base: The image that it stops at, where it is told that one: it meets its filters still.
    """
    jobs = machine.jobs_on(disk.name)
    below = images[1:] if base is None else (*images[1:], base)
    for image in (*images[:1], *below):
        for job in jobs:
            if image != images[0] and image == _filtered_by(job, disk):
                return in_use_by(job, "#block")
        for job in jobs:
            if image != base and not isinstance(job, BackupJob) and image in works_on(job, disk):
                return in_use_by(job, image)
    return None


def _filtered_by(job: Job, disk: Disk) -> str | None:
    """Return the image that a job's filter lies on, where others may meet it."""
    if isinstance(job, BackupJob):
        # New overlays come below the filter of a backup that began on the active image.
        return disk.active.name if job.guarding else job.node
    return job.into if isinstance(job, PullJob) else None


def lies_above(job: Job, disk: Disk) -> bool:
    """Whether a job has a filter of its own between the guest and the active image."""
    match job:
        case BackupJob():
            return job.guarding
        case CommitJob():
            return job.top == disk.active.name
        case PullJob():
            return job.into == disk.active.name
        case MirrorJob():
            return True


KINDS = {BackupJob: "backup", CommitJob: "commit", PullJob: "stream", MirrorJob: "mirror"}
"""What QEMU calls jobs where it tells that one is in the way."""


def in_use_by(job: Job, node: str) -> Refusal:
    """Return QEMU's words for a node that a job works on."""
    told = f"Node '{node}' is busy: block device is in use by block job: {KINDS[type(job)]}"
    return Refusal(told, fault=Fault.JOB)


def refuse_exported(machine: Machine, disk: Disk) -> Refusal | None:
    """Return QEMU's words for an image that cannot be closed: somebody may read an export of it."""
    names = {image.name for image in disk.chain}
    used = next((each.node for each in machine.exports if each.node in names), None)
    return Refusal(f"Node {used} is in use") if used is not None else None


def data_in(content: ClusterMap, length: int) -> ClusterSet:
    """Return the clusters that hold data; zeroes are none."""
    return content.differing(map_of(length))


def reaching(disk: Disk, data: ClusterMap, held: ClusterSet) -> ClusterSet:
    """Return what of a guest's write reaches a copy that zeroes are written to only over data.

        S1: |A---A---|, the copy |A---A---|   zeroes at |XX--XX--|   reach   |X---X---|
        with S1 below an empty S2:                                  reach   |XX--XX--|

    The job looks at zeroes by the run, as far as they lie alike in the image: those that were data
    there keep their clusters, the others have none. Source: QEMU 11.1.3.

    Args:
        disk: As it was before.
        held: Where the copy holds data.
    """
    filled = data_in(data, disk.length)
    zeroes, active = data.clusters() - filled, disk.active
    kept = zeroes & data_in(active.content, disk.length)
    others = zeroes - kept
    if len(disk.chain) == 1:
        others = others & active.content.clusters()
    alike = (zeroes,) if active.format == "raw" else (kept, others)
    reached = [
        range(start, start + count)
        for each in alike
        for start, count in each.runs()
        if held & set_of(disk.length, range(start, start + count))
    ]
    return filled | set_of(disk.length, (cluster for run in reached for cluster in run))


def reads_as_zeroes(disk: Disk, node: str) -> bool:
    """Whether an image, with all that lies below it, holds no data."""
    return not any(image.content.data_count for image in disk.chain_to(node))


def held_in(images: tuple[Image, ...], length: int) -> ClusterMap:
    """Return what a job copies out of some images of a chain, oldest first.

        S1: |AAAA| <- S2: |---B----|    gives  |AAAB0000|

    Beyond the end of a shorter image a reader finds zeroes, and a job takes them for its content,
    unless it is the newest of them. A raw image has every cluster, whether it was written or not.

    Args:
        length: Clusters of the newest one.
    """
    held = map_of(length)
    for image in images:
        content = image.content.below(length)
        if image.format == "raw":
            content = range_of(length, 0, min(image.length, length), ZERO).overlay(content)
        if image.length < length:
            beyond = range_of(length, image.length, length - image.length, ZERO)
            content = content.overlay(beyond)
        held = held.overlay(content)
    return held


def copied_of(copying: Copying, told: Copied) -> ClusterSet:
    """Return the clusters that a commit or a pull had copied when it was stopped."""
    if isinstance(told, Fraction):
        return share_of(copying.clusters, told)
    return told & copying.clusters


def grow_over(disk: Disk, node: str, size: int) -> ClusterMap:
    """Return what an image holds when it is to have so many bytes.

        S1: |AAAA| <- S2: |-B|    to 4 clusters    gives  S2: |-B00|

    Where its backing image is longer than the image was, zeroes are written into what is new, so
    that old data does not come to light: from the cluster on in which it ended. Source: QEMU 7.2;
    ``facts/QEMU.md`` section 4.5.

    Args:
        size: Bytes; not fewer than it has.
    """
    place = [image.name for image in disk.chain].index(node)
    image, length = disk.chain[place], -(-size // disk.cluster_size)
    before, first = disk.bytes_of(node), image.length - bool(image.lacks)
    if size == before or not place or disk.bytes_of(disk.chain[place - 1].name) <= before:
        return image.content
    return image.content.overlay(range_of(length, first, length - first, ZERO))


def seen_anew(before: Disk, after: Disk) -> Disk:
    """Return a disk that lost images, at another moment if its guest sees something else by that.

        S1: |ABCD| <- S2: |-| <- S3: |----|    without S2    S1: |ABCD| <- S3: |----|

    What lies below a short image is hidden beyond its end, and a longer one on top lets it shine
    through when the short one is gone. Source: QEMU 7.2, a commit and a stream of such images.
    """
    if before.length == after.length:
        if len({image.length for image in before.chain}) == 1:
            return after  # What is hidden is hidden by content.
        if after.guest_view.reads_like(before.guest_view):
            return after
    return replace(after, moment=before.moment + 1)


def torn_by(disk: Disk, job: CommitJob) -> list[str]:
    """Return the images that a commit passes over, base first: what lies below them has changed.

    The active image is none of them: it hides all that is new below it.
    """
    names = [image.name for image in disk.chain]
    high = names.index(job.top) + (job.top != disk.active.name)
    return names[names.index(job.base) + 1 : high]


def passed_over(job: CommitJob | PullJob, node: str) -> str:
    """Return QEMU's words for a job that has an image to itself that it passes over."""
    return f"{KINDS[type(job)]} job '{job.name}' (uses node '{node}' as 'intermediate node' child)"


def in_hand(node: str) -> str:
    """Return QEMU's words for a client of a node, or a job that writes it."""
    return f"an unnamed block device (uses node '{node}' as 'root' child)"


def conflict(
    node: str, permission: str, wanted_by: str, kept_by: str, *, cause: str = "", job: bool = True
) -> Refusal:
    """Return QEMU's words for what somebody needs of a node, and another one does not share.

    Args:
        job: Whether it is a job that runs that keeps it.
    """
    return Refusal(
        f"Permission conflict on node '{node}': permissions '{permission}' are both required by "
        f"{wanted_by} and unshared by {kept_by}.",
        cause=cause,
        fault=Fault.JOB if job else None,
    )
