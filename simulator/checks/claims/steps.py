"""Which step left a hole in what a backup was read through, in a few words."""

from typing import NamedTuple

from simulator.checks.claims.reverts import find_reverts
from simulator.checks.claims.stretches import Claim, Hole
from simulator.checks.evidence import join_words
from simulator.model.disk import Disk
from simulator.model.machine import BackupJob
from simulator.model.operations import (
    AddBitmap,
    AddOverlay,
    BitmapMode,
    ClearBitmap,
    CloseImages,
    CommitImages,
    DisableBitmap,
    EnableBitmap,
    EndJob,
    KillProcess,
    MirrorDisk,
    PullImages,
    RemoveBitmap,
    RunBackup,
)
from simulator.timeline import Entry, Timeline


class Step(NamedTuple):
    """A step that left a hole.

    Attributes:
        told: What it did, in lower case.
        job: The backup whose job cleared the bitmap; None for any other step.
        bitmap: The name of a bitmap that was cleared.
    """

    entry: Entry
    told: str
    job: str | None = None
    bitmap: str | None = None


def step_of(timeline: Timeline, claim: Claim, hole: Hole) -> Step | None:
    """Return the step that left a hole: what cleared or began a bitmap at its end, or else what
    stopped one at its start.
    """
    disk = claim.backup.disk
    names = claim.backup.bitmaps
    if claim.backup.since is not None and claim.backup.since not in names:
        names = (*names, claim.backup.since)
    merged = (b.name for b in claim.entry.before.disk(disk).bitmaps if b.windows)
    return _find(timeline, claim, hole, names) or _find(timeline, claim, hole, tuple(merged))


def _find(timeline: Timeline, claim: Claim, hole: Hole, names: tuple[str, ...]) -> Step | None:
    disk = claim.backup.disk
    stopped = began = lost = None
    for entry in timeline.entries[: claim.entry.number]:
        before, after = entry.before.disk(disk), entry.after.disk(disk)
        if before.bitmaps is after.bitmaps and before.chain is after.chain:
            continue
        if before.moment == hole.end and hole.start < hole.end and not hole.last:
            cleared = clears(entry, names)
            if cleared is not None:
                return cleared
            began = began or _begins(entry, before, after, names)
        if hole.start in (before.moment, after.moment) and _stops(before, after, names):
            held = tuple(name for name in names if _recorded(before, (name,)))
            stopped = Step(entry, _why(entry, held))
        if lost is None and _loses(before, after, names, hole):
            lost = Step(entry, _why(entry, names))
    for revert in find_reverts(timeline):
        between = hole.start < revert.moment <= hole.end
        if stopped is None and revert.disk == disk and between:
            stopped = Step(revert.entry, "the disk goes back to an earlier state here")
    return stopped or lost or began


def clears(entry: Entry, names: tuple[str, ...]) -> Step | None:
    """Return a step as one that cleared a bitmap by a command, or at the end of a job."""
    ended = {each.job for each in entry.operations if isinstance(each, EndJob)}
    for job in entry.before.jobs:
        if not isinstance(job, BackupJob) or not {job.name, job.backup.name} & ended:
            continue
        if job.bitmap in names and job.mode is not BitmapMode.NEVER:
            told = f"{job.backup.name} ends here, and clears {job.bitmap}"
            return Step(entry, told, job.backup.name, job.bitmap)
    for each in entry.operations:
        match each:
            case ClearBitmap(name=name) if name in names:
                return Step(entry, f"{name} is cleared here")
            case RunBackup(bitmap=name, mode=mode, target=target, temporary=False) if (
                name in names and mode is not BitmapMode.NEVER
            ):
                told = f"{target} is read through {name} here, and clears it"
                return Step(entry, told, target, name)
    return None


def _begins(entry: Entry, before: Disk, after: Disk, names: tuple[str, ...]) -> Step | None:
    """Return a step as one that began to record, where nothing of these names did before."""
    if _recorded(before, names) or not _recorded(after, names):
        return None
    for each in entry.operations:
        match each:
            case AddBitmap(name=name) if name in names:
                return Step(entry, f"{name} begins here")
            case EnableBitmap(name=name) if name in names:
                return Step(entry, f"{name} records again from here on")
    return None


def _stops(before: Disk, after: Disk, names: tuple[str, ...]) -> bool:
    """Whether bitmaps of these names recorded the guest's writes until a step."""
    return _recorded(before, names) and not _recorded(after, names)


def _loses(before: Disk, after: Disk, names: tuple[str, ...], hole: Hole) -> bool:
    """Whether a bitmap that recorded in a hole is gone with a step."""
    left = {(bitmap.node, bitmap.name) for bitmap in after.bitmaps}
    return any(
        bitmap.name in names
        and (bitmap.node, bitmap.name) not in left
        and any(w.start <= hole.start < (w.end or before.moment) for w in bitmap.windows)
        for bitmap in before.bitmaps
    )


def _recorded(disk: Disk, names: tuple[str, ...]) -> bool:
    """Whether a bitmap of the active image records under one of these names."""
    if not disk.chain:
        return False
    found = (disk.bitmap(disk.active.name, name) for name in names)
    return any(b is not None and b.recording and not b.inconsistent for b in found)


def _why(entry: Entry, names: tuple[str, ...]) -> str:
    """Return what a step did to the bitmaps that recorded until then."""
    told = join_words(names)
    for each in entry.operations:
        if isinstance(each, AddOverlay):
            return f"overlay {each.overlay} is made here, without {told}"
    for each in entry.operations:
        match each:
            case DisableBitmap(name=name) if name in names:
                return f"{name} is disabled here"
            case RemoveBitmap(name=name) if name in names:
                return f"{name} is removed here"
            case CommitImages() | PullImages() | MirrorDisk():
                return f"{told} goes with its image here"
            case CloseImages() | KillProcess():
                return f"the process ends here, and {told} with it"
    return f"{told} stops recording here"
