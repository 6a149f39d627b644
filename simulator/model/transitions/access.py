"""Which images are open for writing."""

from simulator.model.bitmap import Kept
from simulator.model.machine import CommitJob, Machine, PullJob


def is_writable(machine: Machine, node: str) -> bool:
    """Whether an image is open for writing: the active one, and those that a job writes.

    The base of a commit of the active image that was cancelled stays so: its bitmaps are in use.
    So does what a pull left open.
    """
    disk = machine.disk_of(node)
    image = disk.image(node) if disk is not None else None
    if disk is None or image is None:
        return False
    if image.left_open or node == disk.active.name:
        return True
    jobs = machine.jobs_on(disk.name)
    bases = {job.base for job in jobs if isinstance(job, CommitJob)}
    pulled = {job.into for job in jobs if isinstance(job, PullJob)}
    return node in bases | pulled or any(b.kept is Kept.IN_USE for b in disk.bitmaps_on(node))
