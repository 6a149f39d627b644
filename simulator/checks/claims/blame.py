"""Which steps broke the increments that lack something, for the rules about those steps."""

from collections.abc import Iterator

from simulator.checks.biographies import Event, What, cleared_by
from simulator.checks.claims.faults import HOLE, STALE, claims_with
from simulator.checks.claims.steps import HANDED, begun_at, step_of
from simulator.checks.claims.stretches import Claim, Hole
from simulator.model.clusters import ClusterSet
from simulator.model.operations import BitmapMode
from simulator.timeline import Entry, Timeline
from simulator.values import NamedTuple

LATE = (What.BEGAN, What.ENABLED)
"""What makes nothing worse than it was."""


class Broken(NamedTuple):
    """A backup that lacks something, or mixes, because of what an earlier step did.

    Attributes:
        names: The bitmaps that it was read through, the checkpoint that it starts at, and the
            bitmap that the step is about.
        clusters: What it lacks, or holds as it was at another time.
    """

    claim: Claim
    names: frozenset[str]
    clusters: ClusterSet


def broken_by(timeline: Timeline, entry: Entry, disk: str) -> tuple[Broken, ...]:
    """Return the backups of a disk that a step broke; asked again, the same ones."""
    known = timeline.memo.get("broken backups")
    if not isinstance(known, dict):
        known = timeline.memo["broken backups"] = _find(timeline)
    return tuple(known.get((entry.number, disk), ()))


def lost_to(timeline: Timeline, entry: Entry, disk: str, name: str) -> ClusterSet | None:
    """Return what increments by a bitmap's name lack because of a step; None for nothing."""
    lost = None
    for broken in broken_by(timeline, entry, disk):
        if name in broken.names:
            lost = broken.clusters if lost is None else lost | broken.clusters
    return lost


def _find(timeline: Timeline) -> dict[tuple[int, str], list[Broken]]:
    found: dict[tuple[int, str], list[Broken]] = {}
    for claim in (*claims_with(timeline, STALE), *claims_with(timeline, HOLE)):
        backup = claim.backup
        read = (*backup.bitmaps, *([backup.since] if backup.since else ()))
        for hole in claim.holes:
            clusters = _wrong(claim, hole)
            step = step_of(timeline, claim, hole) if clusters else None
            if step is not None and _is_to_blame(claim, step):
                key = step.entry.number, backup.disk
                names = frozenset((*read, step.thing.name))
                found.setdefault(key, []).append(Broken(claim, names, clusters))
        for entry, clusters in _cut_by_jobs(timeline, claim, frozenset(read)):
            key = entry.number, backup.disk
            found.setdefault(key, []).append(Broken(claim, frozenset(read), clusters))
    return found


def _cut_by_jobs(
    timeline: Timeline, claim: Claim, names: frozenset[str]
) -> Iterator[tuple[Entry, ClusterSet]]:
    """Yield the ends of jobs that were stopped and cleared what they had copied all the same, with
    what a backup lacks of that: its bitmap goes on, so there is no hole."""
    changed = claim.then.guest_view.differing(claim.now.guest_view).below(claim.now.length)
    left = changed - claim.read
    for hole in claim.holes:
        left = left - hole.changed
    for entry in timeline.entries[: claim.entry.number] if left else ():
        before, after = (m.disk(claim.backup.disk) for m in (entry.before, entry.after))
        for job in entry.before.backup_jobs:
            if job.disk != before.name or job.mode != BitmapMode.ALWAYS or job in entry.after.jobs:
                continue
            had = before.bitmap(job.node, job.bitmap) if job.bitmap in names else None
            has = after.bitmap(had.node, had.name) if had is not None else None
            if had is not None and has is not None:
                cleared = left & (before.clusters_of(had) - after.clusters_of(has))
                if cleared:
                    yield entry, cleared


def _is_to_blame(claim: Claim, step: Event) -> bool:
    """Whether a step is wrong, and not who reads through a bitmap that another one has followed."""
    handed = step.what in HANDED and begun_at(step) and not claim.to_now
    return step.what not in LATE and cleared_by(step) is None and not handed


def _wrong(claim: Claim, hole: Hole) -> ClusterSet:
    """Return the clusters that a hole makes wrong in a backup."""
    return hole.changed & (claim.missing if claim.to_now or not hole.last else claim.read)
