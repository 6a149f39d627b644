"""The images of a chain: who uses them, what some of them hold, and QEMU's words for one in use."""

from simulator.model.clusters import ZERO, ClusterMap, map_of, range_of
from simulator.model.disk import Disk, Image
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


def no_node(node: str, *, device: bool = True) -> Refusal:
    """Return QEMU's words for a node that is not there.

    Args:
        device: Whether the command takes a device's name for it, too.
    """
    return Refusal(f"Cannot find device='{node if device else ''}' nor node-name='{node}'")


def works_on(job: ChainJob, disk: Disk) -> set[str]:
    """Return the images that a job on a chain needs for itself."""
    names = [image.name for image in disk.chain]
    if isinstance(job, MirrorJob):
        return {disk.active.name}
    if isinstance(job, CommitJob):
        return set(names[names.index(job.base) : names.index(job.top) + 1])
    low = names.index(job.base) + 1 if job.base is not None else 0
    return set(names[low : names.index(job.into) + 1])


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


def in_use_by(job: Job, node: str) -> Refusal:
    """Return QEMU's words for a node that a job works on."""
    words = {BackupJob: "backup", CommitJob: "commit", PullJob: "stream", MirrorJob: "mirror"}
    kind = words[type(job)]
    told = f"Node '{node}' is busy: block device is in use by block job: {kind}"
    return Refusal(told, fault=Fault.JOB)


def refuse_exported(machine: Machine, disk: Disk) -> Refusal | None:
    """Return QEMU's words for an image that cannot be closed: somebody may read an export of it."""
    names = {image.name for image in disk.chain}
    used = next((each.node for each in machine.exports if each.node in names), None)
    return Refusal(f"Node {used} is in use") if used is not None else None


def held_in(images: tuple[Image, ...], length: int) -> ClusterMap:
    """Return what a job copies out of some images of a chain, oldest first.

        S1: |AAAA| <- S2: |---B----|    gives  |AAAB0000|

    Beyond the end of a shorter image a reader finds zeroes, and a job takes them for its content,
    unless it is the newest of them.

    Args:
        length: Clusters of the newest one.
    """
    held = map_of(length)
    for image in images:
        content = image.content.below(length)
        if image.length < length:
            beyond = range_of(length, image.length, length - image.length, ZERO)
            content = content.overlay(beyond)
        held = held.overlay(content)
    return held
