"""Why QEMU starts no backup job, in the order in which it looks.

Source: QEMU 7.2, every combination of wrong arguments; ``facts/QEMU.md``, section 6.1.
"""

from collections.abc import Sequence

from simulator.model.bitmap import DirtyBitmap
from simulator.model.disk import Disk, Image
from simulator.model.machine import Backup, BackupJob, Machine
from simulator.model.operations import BitmapMode, Fault, Refusal, RunBackup, Sync
from simulator.model.transitions.access import is_writable
from simulator.model.transitions.bitmaps import refuse_use
from simulator.model.transitions.chains.images import in_use_by, works_on

THROUGH = ("bitmap", "incremental")
"""What ``sync`` says where a job reads through a bitmap."""


def refuse_backup(
    machine: Machine,
    disk: Disk,
    run: RunBackup,
    bitmap: DirtyBitmap | None,
    before: Backup | None,
) -> Refusal | None:
    """Return why a job on an image that is there does not start; None where it does.

    Args:
        bitmap: The one that it names, where that is there.
        before: What its target holds, where there is one.
    """
    refusal = refuse_file(machine, disk, run, before) if run.drive is not None else None
    refusal = refusal or _refuse_bitmap(disk, run, bitmap)
    if refusal is not None:
        return refusal
    if run.target == run.image:
        return Refusal("Source and target cannot be the same")
    if machine.disk_of(run.target) is not None:
        return Refusal("Could not create node: Block node is read-only")
    for job in machine.jobs_on(disk.name):
        if not isinstance(job, BackupJob) and run.image in works_on(job, disk):
            return in_use_by(job, run.image)
        if isinstance(job, BackupJob) and job.backup.name == run.target:
            return in_use_by(job, run.target)
    # Only now does QEMU care whether it may change the bitmap.
    if bitmap is not None and run.mode is not BitmapMode.NEVER:
        refusal = refuse_use(disk, bitmap, changed=True)
        if refusal is not None:
            return refusal
    if run.unit is not None and run.unit & (run.unit - 1):
        told = "min-cluster-size needs to be a power of 2"
        return Refusal(f"Could not create node: Cannot create block-copy-state: {told}")
    reused = run.reuse and not run.pulled and before is not None and before.has_file
    if reused and before is not None and before.length != disk.length_of(run.image):
        return Refusal("Source and target image have different sizes")
    taken = run.job is not None and any(job.name == run.job for job in machine.jobs)
    return Refusal(f"Job ID '{run.job}' already in use") if taken else None


def refuse_file(
    machine: Machine, disk: Disk, run: RunBackup, before: Backup | None
) -> Refusal | None:
    """Return why QEMU cannot open the file that a job is to write: ``drive-backup`` does first."""
    for job in machine.jobs_on(disk.name):
        if not isinstance(job, BackupJob) and run.image in works_on(job, disk):
            return in_use_by(job, run.image)
    below: Refusal | None = None
    if run.drive == "absolute-paths":
        opened = _opened_below(disk, run)
        below = _filter_below(machine, disk, opened) or _written_below(machine, opened)
    elif before is not None and before.backing is not None and run.sync is not Sync.NONE:
        home = machine.disk_of(before.backing)
        below = _written_below(machine, home.chain_to(before.backing) if home is not None else ())
    if below is not None:
        return below
    written = any(job.backup.name == run.target for job in machine.backup_jobs)
    if written or machine.disk_of(run.target) is not None:
        return Refusal('Failed to get "write" lock', fault=Fault.JOB if written else None)
    if run.drive == "existing" and (before is None or not before.has_file):
        return Refusal(f"Could not open '{run.target}': No such file or directory")
    return None


def backing_of(disk: Disk, run: RunBackup) -> str | None:
    """Return the image that the file of ``drive-backup`` names as its backing image; None for none.

    One that keeps old data names the image that is read.
    """
    if run.drive != "absolute-paths":
        return None
    below = disk.chain_to(run.image) if run.sync is Sync.NONE else _opened_below(disk, run)
    return below[-1].name if below else None


def _opened_below(disk: Disk, run: RunBackup) -> Sequence[Image]:
    """Return the images that the file of ``drive-backup`` is made on, and opened with, base first.

    Those below a file that keeps old data are open already.
    """
    return disk.chain_to(run.image)[:-1] if run.sync is Sync.TOP else ()


def _filter_below(machine: Machine, disk: Disk, below: Sequence[Image]) -> Refusal | None:
    """Return QEMU's no to a target that lies on the filter of a backup: no file can name that.

    Args:
        below: The images that it lies on, base first.
    """
    for job in machine.backup_jobs:
        if job.disk == disk.name and not job.guarding and below and job.node == below[-1].name:
            told = f"the filter of the job {job.name} lies on {job.node}"
            return Refusal("Parameter 'target' is missing", cause=told, fault=Fault.JOB)
    return None


def _written_below(machine: Machine, below: Sequence[Image]) -> Refusal | None:
    """Return QEMU's no to a target that lies on images of which one is open for writing.

    It opens them by their files, each for the one above it, and its own lock is in the way.

    Args:
        below: Those images, base first.
    """
    guests = {each.active.name for each in machine.disks if each.chain}
    for depth, image in enumerate(reversed(below), 1):
        if image.name in guests or is_writable(machine, image.name):
            opened = "Could not open backing file: " * depth
            told = f'{opened}Failed to get shared "write" lock'
            return Refusal(told, cause=f"{image.name} is open for writing")
    return None


def _refuse_bitmap(disk: Disk, run: RunBackup, bitmap: DirtyBitmap | None) -> Refusal | None:
    """Return why a bitmap cannot be used, or not as it is asked for: QEMU looks for it first."""
    sync, mode = run.asked or (None, None)
    if run.bitmap is None or run.temporary:
        if sync in THROUGH:
            return Refusal(f"must provide a valid bitmap name for '{sync}' sync mode")
        told = "Cannot specify bitmap sync mode without a bitmap"
        return Refusal(told) if mode is not None else None
    if sync == "incremental":
        if mode not in (None, BitmapMode.ON_SUCCESS):
            told = "Bitmap sync mode must be 'on-success' when using sync mode 'incremental'"
            return Refusal(told)
        mode = BitmapMode.ON_SUCCESS
    if bitmap is None:
        return Refusal(f"Bitmap '{run.bitmap}' could not be found", fault=Fault.MISSING)
    if run.asked is not None and mode is None:
        return Refusal("Bitmap sync mode must be given when providing a bitmap")
    unusable = refuse_use(disk, bitmap, changed=False)
    if unusable is not None:
        return unusable
    if sync == "none":
        return Refusal("sync mode 'none' does not produce meaningful bitmap outputs")
    if sync in ("full", "top") and mode == BitmapMode.NEVER:
        told = "has no meaningful effect when combined with sync mode"
        return Refusal(f"Bitmap sync mode 'never' {told} '{sync}'")
    return None
