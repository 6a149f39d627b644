"""What a backup claims: from which moment on it holds every change, and which moment it gives.

Windows of bitmaps say what a backup was read through. What it claims is what its user asked for:
``since X`` is all that differs between X and now.
"""

from simulator.model.machine import Backup, Kind
from simulator.timeline import Entry


def claimed_start(entry: Entry, backup: Backup) -> int:
    """Return the moment of the disk from which on a backup claims to hold every change.

    Args:
        entry: The statement that took it.
    """
    if backup.since is not None and not backup.complete:
        checkpoint = entry.before.checkpoint(backup.since)
        moment = checkpoint.moment(backup.disk) if checkpoint is not None else None
        if moment is not None:
            return moment
    return backup.start


def claimed_end(backup: Backup) -> int:
    """Return the moment that a backup claims to give: now, for one since a checkpoint."""
    return backup.moment if backup.kind is Kind.INCREMENTAL else backup.end
