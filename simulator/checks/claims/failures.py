"""Backups that start at a checkpoint whose own backup holds nothing."""

from collections.abc import Iterator

from simulator.model.machine import Backup, Status
from simulator.model.requests import TakeBackup
from simulator.restorable.claims import claimed_start
from simulator.timeline import Entry, Timeline
from simulator.values import NamedTuple


class Failure(NamedTuple):
    """A backup that starts where one was to end that failed or was cancelled.

    Attributes:
        failed: That one.
        good: The newest completed backup from before it; None for none.
    """

    entry: Entry
    backup: Backup
    failed: Backup
    good: Backup | None


def failures(timeline: Timeline) -> tuple[Failure, ...]:
    """Return the backups that start after a hole; asked again, the same ones."""
    known = timeline.memo.get("failures")
    if not isinstance(known, tuple):
        known = timeline.memo["failures"] = tuple(_failures(timeline))
    return known


def _failures(timeline: Timeline) -> Iterator[Failure]:
    own: dict[tuple[str | None, str], Backup] = {}
    for entry, backup in timeline.made_backups:
        failed = own.get((backup.since, backup.disk))
        request = entry.request
        if isinstance(request, TakeBackup) and request.checkpoint is not None:
            own[request.checkpoint, backup.disk] = backup
        if failed is None or not backup.usable:
            continue
        if failed.usable or failed.status is Status.RUNNING:
            continue
        start = claimed_start(timeline, entry, backup)
        if start is not None and start > failed.moment:
            continue  # A later backup of the same consumer is where it starts.
        if any(_ends_at(other, failed) for _, other in timeline.made_backups):
            continue
        good = _last_good(timeline, failed)
        if _wrote(timeline, failed, good):
            yield Failure(entry, backup, failed, good)


def _ends_at(backup: Backup, failed: Backup) -> bool:
    """Whether a completed backup holds what a failed one was to: no increment that starts there."""
    same = backup.disk == failed.disk and backup.moment == failed.moment
    return same and backup.usable and (backup.complete or backup.start < failed.moment)


def _last_good(timeline: Timeline, failed: Backup) -> Backup | None:
    """Return the newest completed backup of a disk from before one that failed."""
    good = [
        backup
        for _, backup in timeline.made_backups
        if backup.disk == failed.disk and backup.usable and backup.moment < failed.moment
    ]
    return max(good, key=lambda backup: backup.moment, default=None)


def _wrote(timeline: Timeline, failed: Backup, good: Backup | None) -> bool:
    """Whether the disk was another one when a backup failed than at the last good one.

    What was only cut off is no hole: what is stacked on the good one is as short.
    """
    then = timeline.view_at(failed.disk, good.moment if good is not None else 0)
    now = timeline.view_at(failed.disk, failed.moment)
    return then is None or now is None or not then.below(failed.length).reads_like(now)
