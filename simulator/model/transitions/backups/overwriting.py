"""What running jobs make of the data that the guest is about to write."""

from simulator.model.clusters import ClusterMap, ClusterSet, set_of
from simulator.model.disk import Disk
from simulator.model.machine import BackupJob, Job, Machine, MirrorJob, PullJob
from simulator.model.operations import Refusal
from simulator.model.sizes import write_size
from simulator.model.transitions.chains.mirrors import followed
from simulator.model.transitions.chains.pulls import written_under
from simulator.model.transitions.copies.targets import copy_units, fill_with_zeroes
from simulator.model.values import replace


def to_keep(disk: Disk, job: BackupJob, written: ClusterSet) -> ClusterSet:
    """Return the clusters that a job keeps before the guest writes: those that it has not yet."""
    assert job.scratch is not None, "it keeps what the guest overwrites"
    return copy_units(disk, written, job.backup.length, job.unit) - job.scratch.clusters()


def meet_write(machine: Machine, disk: Disk, data: ClusterMap) -> Machine | Refusal:
    """Return a machine whose jobs have met what the guest is about to write, or why it may not."""
    jobs: list[Job] = []
    for job in machine.jobs:
        met = _met(job, disk, data) if job.disk == disk.name else job
        if isinstance(met, Refusal):
            return met
        jobs.append(met)
    return replace(machine, jobs=tuple(jobs)) if jobs else machine


def _met(job: Job, disk: Disk, data: ClusterMap) -> Job | Refusal:
    match job:
        case MirrorJob():
            return followed(disk, job, data)
        case PullJob() if job.into == disk.active.name:
            return written_under(job, data.clusters())
        case BackupJob() if job.guarding:
            return _keep_old_data(job, disk, data.clusters())
    return job


def _keep_old_data(job: BackupJob, disk: Disk, written: ClusterSet) -> BackupJob | Refusal:
    """Let a backup keep what the guest is about to overwrite, or refuse the guest's write.

        written  |E----E--|    scratch  |A----B--|

    A push job copies such clusters to its target, which has room. The scratch image of a pull job
    may be too small: then it is the guest's write that fails, or the backup that keeps no more.
    Source: ``facts/LIBVIRT.md`` section 3, number 36; ``facts/QEMU.md`` sections 6.3 and 13.5.
    """
    if job.scratch is None:
        if job.overwritten is None:
            return job
        return replace(job, overwritten=job.overwritten | written)
    new = to_keep(disk, job, written)
    old = fill_with_zeroes(disk.guest_view.restrict(new), new, job.backup.length)
    scratch = job.scratch.overlay(old)
    needed = len(scratch) * disk.cluster_size
    full = job.scratch_max is not None and needed > job.scratch_max
    if job.torn is not None or (full and job.breaks):
        torn = job.torn if job.torn is not None else set_of(job.backup.length)
        return replace(job, torn=torn | new)
    if job.scratch_max is not None and full:
        room = f"the scratch space of {job.backup.name} has {write_size(job.scratch_max)}"
        cause = f"{room}, and this write needs {write_size(needed)}"
        return Refusal("write failed: No space left on device", cause=cause)
    return replace(job, scratch=scratch)
