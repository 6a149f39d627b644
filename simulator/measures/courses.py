"""What each job has to move: the clusters that it covers, and those of them that hold data."""

from collections.abc import Sequence

from simulator.flows.course import Course
from simulator.model.clusters import ClusterMap, ClusterSet, map_of
from simulator.model.disk import Disk, Image
from simulator.model.machine import (
    Backup,
    BackupJob,
    CommitJob,
    Job,
    Machine,
    MirrorJob,
    PullJob,
    Restored,
    Transfer,
)
from simulator.model.sizes import data_of
from simulator.model.transitions.chains.images import held_in


def course_of(before: Machine, job: Job) -> Course:
    """Return what a job has to move.

    Args:
        before: The machine as it was before the job was started: a commit has copied all already,
            as far as the model's state goes.

    Source: QEMU 7.2; ``facts/QEMU.md``, section 6.6.
    """
    disk = before.disk(job.disk)
    match job:
        case BackupJob():
            return _of_backup(disk, job.backup)
        case CommitJob(top=top, base=base):
            names = [image.name for image in disk.chain]
            merged = disk.chain[names.index(base) + 1 : names.index(top) + 1]
            return _of_images(disk, merged, map_of(disk.length))
        case PullJob(into=into, base=base):
            names = [image.name for image in disk.chain]
            low = names.index(base) + 1 if base is not None else 0
            pulled = disk.chain[low : names.index(into)]
            own = disk.chain[names.index(into)].content
            return _of_images(disk, pulled, own) if pulled else Course((), (), disk.cluster_size)
        case MirrorJob(shallow=True):
            held = disk.active.content
            data = _data(held, disk.length)
            return Course(held.clusters().listed(), data, disk.cluster_size, disk.size)
        case MirrorJob():
            view = disk.guest_view
            return Course(
                range(disk.length), _data(view, disk.length), disk.cluster_size, disk.size
            )


def course_again(disk: Disk, clusters: ClusterSet) -> Course:
    """Return what a job moves once more, since the guest wrote it behind the job."""
    data = _data(disk.guest_view.restrict(clusters), disk.length)
    return Course(clusters.listed(), data, disk.cluster_size, disk.size)


def course_of_copy(disk: Disk, backup: Backup) -> Course:
    """Return what a plain copy of an image file moves: what the file holds."""
    data = _data(backup.content, backup.length)
    return Course(data, data, disk.cluster_size, backup.bytes_in(disk.cluster_size))


def course_of_restore(disk: Disk, restored: Restored) -> Course:
    """Return what a restore moves: the data of all that is stacked, one backup after the other."""
    size = sum(backup.data_bytes for backup in restored.sources)
    whole = range(-(-size // disk.cluster_size))
    return Course(whole, whole, disk.cluster_size, size)


def _of_backup(disk: Disk, backup: Backup) -> Course:
    """Return what a backup job copies, or a client reads: data only, where it pulls."""
    data = _data(backup.content, backup.length)
    covered: Sequence[int] = range(backup.length)
    if backup.transfer is Transfer.PULL:
        covered = data
    elif not backup.complete and backup.read is not None:
        covered = backup.read.listed()
    return Course(covered, data, disk.cluster_size, backup.bytes_in(disk.cluster_size))


def _of_images(disk: Disk, images: tuple[Image, ...], without: ClusterMap) -> Course:
    """Return what a job copies out of some images that is not in one above them."""
    held = held_in(images, images[-1].length)
    left = held.clusters() - without.clusters()
    data = _data(held.restrict(left), disk.length)
    return Course(left.listed(), data, disk.cluster_size)


def _data(content: ClusterMap, length: int) -> Sequence[int]:
    return data_of(content, length).listed()
