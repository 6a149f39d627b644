"""Which clusters of a disk are in backups, by what they hold."""

from collections.abc import Sequence

from simulator.model.clusters import ClusterMap, ClusterSet
from simulator.model.disk import Disk
from simulator.model.machine import Backup, Machine
from simulator.timeline import Timeline


def uncopied(
    machine: Machine, disk: str, clusters: ClusterSet, then: Disk | None = None
) -> ClusterSet:
    """Return those of some clusters whose content no backup of a machine holds.

    Args:
        then: The disk that says what they hold; None for the present one.
    """
    view = (then or machine.disk(disk)).guest_view
    for backup in reversed(machine.backups):  # Mostly the newest hold them.
        if not clusters:
            break
        if backup.disk == disk and backup.usable:
            clusters = _without(clusters, view, backup)
    return clusters


def copied_in_part(machine: Machine, disk: Disk, clusters: ClusterSet) -> list[Backup]:
    """Return the backups of a machine whose jobs stopped half-way and that hold some clusters.

    Args:
        disk: What the clusters hold.
    """
    partly = (b for b in machine.backups if b.disk == disk.name and b.partly and not b.usable)
    shared = ((backup, clusters & _held(backup)) for backup in partly)
    return [b for b, held in shared if _without(held, disk.guest_view, b) != held]


def in_no_backup(partly: Sequence[Backup]) -> str:
    """Return what is said of clusters that no backup has whole.

    Args:
        partly: Those that hold some of them.
    """
    return "in no whole backup" if partly else "in no backup"


def never_copied(timeline: Timeline, disk: str, clusters: ClusterSet, since: int) -> ClusterSet:
    """Return those of some clusters that no completed backup of a disk holds from a moment on."""
    for backup in _completed(timeline, disk):
        if not clusters:
            break
        if backup.moment >= since:
            clusters = clusters.below(0) if backup.complete else clusters - _held(backup)
    return clusters


def _completed(timeline: Timeline, disk: str) -> tuple[Backup, ...]:
    known = timeline.memo.get(f"completed of {disk}")
    if not isinstance(known, tuple):
        known = timeline.memo[f"completed of {disk}"] = tuple(
            backup for _, backup in timeline.made_backups if backup.disk == disk and backup.usable
        )
    return known


def _held(backup: Backup) -> ClusterSet:
    return backup.content.clusters()


def _without(clusters: ClusterSet, view: ClusterMap, backup: Backup) -> ClusterSet:
    """Return clusters without those that a backup holds as they are."""
    held = clusters if backup.complete else clusters & _held(backup)
    if not held:
        return clusters
    return clusters - (held - view.restrict(held).differing(backup.content.restrict(held)))
