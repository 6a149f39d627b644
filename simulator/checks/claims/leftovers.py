"""What a job that did not get to its end left in a target, under what is written over it."""

from simulator.model.clusters import ClusterSet
from simulator.model.machine import Backup
from simulator.timeline import Entry, Timeline
from simulator.values import NamedTuple


class Leftover(NamedTuple):
    """Clusters of a backup that another job has put there, and that are wrong.

    Attributes:
        old: What was in the target.
        clusters: Those that do not read as the disk did when the backup was taken.
    """

    old: Backup
    clusters: ClusterSet


def leftover_of(timeline: Timeline, entry: Entry, backup: Backup) -> Leftover | None:
    """Return what a backup holds of a failed or cancelled one in its target, if that is wrong.

    Args:
        entry: The statement that took the backup, or started its job.
    """
    old = entry.before.backup_of(backup.name, backup.disk)
    if old is None or old.usable or not old.has_file or not backup.usable or backup.complete:
        return None
    now = timeline.view_at(backup.disk, backup.moment)
    if now is None:
        return None
    held = old.content.clusters() & backup.content.clusters()
    wrong = now.restrict(held).differing(backup.content.restrict(held))
    return Leftover(old, wrong) if wrong else None
