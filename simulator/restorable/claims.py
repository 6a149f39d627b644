"""What a backup claims: from which moment on it holds every change, and which moment it gives.

Windows of bitmaps say what a backup was read through. What it claims is what its user asked for:
``since X`` is all that differs between X and now.
"""

from simulator.model.machine import Backup, Kind, Status, Transfer
from simulator.model.operations import AddBitmap, ClearBitmap
from simulator.model.requests import Qmp, TakeBackup
from simulator.timeline import Entry, Timeline


def claimed_start(timeline: Timeline, entry: Entry, backup: Backup) -> int | None:
    """Return the moment that a backup's ``since`` stands for; None where nobody knows.

    A checkpoint stands for its own moment. Where there is none, a bitmap is a consumer's, and
    starts where the last backup through it left it, or where it was made.

    Args:
        entry: The statement that took the backup, or started its job.
    """
    if backup.since is None:
        return None
    checkpoint = entry.before.checkpoint(backup.since)
    if checkpoint is not None:
        return checkpoint.moment(backup.disk)
    whole = {b.moment for b in entry.before.backups if b.whole and b.disk == backup.disk}
    begun = _consumers(timeline).get((backup.disk, backup.since), [])
    return next(
        (
            moment
            for number, moment, by_hand in reversed(begun)
            if number < entry.number and (not by_hand or moment in whole)
        ),
        None,
    )


def claimed_end(entry: Entry, backup: Backup) -> int:
    """Return the moment that a backup is to give.

    For an incremental that is now, or the image that was asked for; for the others what they were
    read through. An end boundary is the model's to give a meaning: it may read an image that a
    snapshot froze.
    """
    if backup.kind is not Kind.INCREMENTAL:
        return backup.end
    request = entry.request
    asked = request.image or request.until if isinstance(request, TakeBackup) else None
    return backup.moment if asked is not None else entry.before.disk(backup.disk).moment


def _consumers(timeline: Timeline) -> dict[tuple[str, str], list[tuple[int, int, bool]]]:
    """Return where consumers' bitmaps began, by disk and name: numbers of entries, moments, and
    whether it was by hand.

    What a command of QEMU clears by hand is no beginning, unless the whole disk is copied then: it
    is one when both have happened, as long as such a copy is there.
    """
    known = timeline.memo.get("consumers")
    if isinstance(known, dict):
        return known
    begun: dict[tuple[str, str], list[tuple[int, int, bool]]] = {}
    whole: dict[tuple[str, int], int] = {}
    for entry, backup in timeline.made_backups:
        if backup.whole:
            whole.setdefault((backup.disk, backup.moment), entry.number)
    for entry in timeline.entries:
        for each in entry.operations:
            if not isinstance(each, AddBitmap | ClearBitmap):
                continue
            disk = entry.after.disk_of(each.node)
            by_hand = isinstance(each, ClearBitmap) and isinstance(entry.request, Qmp)
            if disk is None:
                continue
            copied = whole.get((disk.name, disk.moment)) if by_hand else entry.number
            if copied is not None:
                place = max(entry.number, copied), disk.moment, by_hand
                begun.setdefault((disk.name, each.name), []).append(place)
    for entry, backup in timeline.made_backups:
        # A client that pulls leaves the bitmap as it is, and so does a job that fails.
        done = backup.status is Status.COMPLETED and backup.transfer is not Transfer.PULL
        if done and backup.since is not None and (backup.disk, backup.since) in begun:
            begun[backup.disk, backup.since].append((entry.number, backup.moment, False))
    for places in begun.values():
        places.sort()
    timeline.memo["consumers"] = begun
    return begun
