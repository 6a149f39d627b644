"""What a backup claims: from which moment on it holds every change, and which moment it gives.

Windows of bitmaps say what a backup was read through. What it claims is what its user asked for:
``since X`` is all that differs between X and now.
"""

from simulator.model.machine import Backup, Kind, Machine, Transfer
from simulator.model.operations import AddBitmap, ClearBitmap, RevertImages
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
        moment = checkpoint.moment(backup.disk)
        return moment if moment is not None else _moment_then(timeline, entry, backup)
    begun = _consumers(timeline).get((backup.disk, backup.since), [])
    return next(
        (
            moment
            for number, moment, by_hand in reversed(begun)
            if number < entry.number
            and (not by_hand or _is_copied(timeline, entry.before, backup.disk, moment))
        ),
        None,
    )


def _moment_then(timeline: Timeline, until: Entry, backup: Backup) -> int | None:
    """Return the moment of a disk at a checkpoint that does not have it: a bitmap that somebody
    made by the checkpoint's name lets an increment of it pass."""
    made = (e for e, each in timeline.made_checkpoints() if each.name == backup.since)
    begun = [entry for entry in made if entry.number < until.number]
    return begun[-1].after.disk(backup.disk).moment if begun else None


def _is_copied(timeline: Timeline, machine: Machine, disk: str, moment: int) -> bool:
    """Whether a machine has a backup that is by itself what a disk was at a moment."""
    return any(
        b.disk == disk and b.moment == moment and _is_whole(timeline, b) for b in machine.backups
    )


def _is_whole(timeline: Timeline, backup: Backup) -> bool:
    """Whether a backup is a copy of the whole disk: a full one, or what is in a base image."""
    if backup.kind is not Kind.TOP or not backup.usable:
        return backup.complete
    state = timeline.state_at(backup.disk, backup.moment)
    if state is None or state.length != backup.length:
        return False
    return backup.content.reads_like(state.guest_view)


def claimed_end(timeline: Timeline, entry: Entry, backup: Backup) -> int:
    """Return the moment that a backup is to give.

    For an incremental that is now, or the image that was asked for; for the others what they were
    read through. An end boundary is the model's to give a meaning: it may read an image that a
    snapshot froze. An image below shows the state in which it froze, on whatever overlay a revert
    has put there since.
    """
    disk = entry.before.disk(backup.disk)
    if backup.kind is Kind.INCREMENTAL:
        request = entry.request
        asked = request.image or request.until if isinstance(request, TakeBackup) else None
        return backup.moment if asked is not None else disk.moment
    if not disk.chain or backup.image == disk.active.name:
        return backup.end
    end, frozen = backup.end, _reverted(timeline)
    while (disk.name, end) in frozen:
        end = frozen[disk.name, end]
    return end


def _froze(entry: Entry, revert: RevertImages) -> tuple[str, int] | None:
    """Return the disk that goes back, and the moment that its image stood for, in the chain or out
    of it; None for the image of another disk."""
    disk = entry.before.disk(revert.disk) if revert.disk else entry.before.disk_of(revert.image)
    if disk is None:
        return None
    aside = disk.laid_aside(revert.image)
    if aside is not None:
        return disk.name, aside.froze
    return (disk.name, disk.moment_of(revert.image)) if disk.image(revert.image) else None


def _reverted(timeline: Timeline) -> dict[tuple[str, int], int]:
    """Return the moments at which images froze to which disks went back, by disk and the moment at
    which it did."""
    known = timeline.memo.get("reverted images")
    if not isinstance(known, dict):
        known = timeline.memo["reverted images"] = {
            (froze[0], entry.after.disk(froze[0]).moment): froze[1]
            for entry in timeline.entries
            for each in entry.operations
            if isinstance(each, RevertImages) and (froze := _froze(entry, each)) is not None
        }
    return known


def _copied_at(timeline: Timeline, disk: str, moment: int) -> int | None:
    """Return the entry at which a disk was first copied as a whole as it was at a moment."""
    made = ((e, b) for e, b in timeline.made_backups if (b.disk, b.moment) == (disk, moment))
    return next((entry.number for entry, b in made if _is_whole(timeline, b)), None)


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
    for entry in timeline.entries:
        for each in entry.operations:
            if not isinstance(each, AddBitmap | ClearBitmap):
                continue
            disk = entry.after.disk_of(each.node)
            by_hand = isinstance(each, ClearBitmap) and isinstance(entry.request, Qmp)
            if disk is None:
                continue
            copied = _copied_at(timeline, disk.name, disk.moment) if by_hand else entry.number
            if copied is not None:
                place = max(entry.number, copied), disk.moment, by_hand
                begun.setdefault((disk.name, each.name), []).append(place)
    for entry, backup in timeline.made_backups:
        # A client that pulls leaves the bitmap as it is, and so does a job that fails.
        done = backup.usable and backup.transfer is not Transfer.PULL
        if done and backup.since is not None and (backup.disk, backup.since) in begun:
            begun[backup.disk, backup.since].append((entry.number, backup.moment, False))
    for places in begun.values():
        places.sort()
    timeline.memo["consumers"] = begun
    return begun
