"""Which steps broke the increments that lack something, for the rules about those steps."""

from simulator.checks.biographies import Event, What, cleared_by
from simulator.checks.claims.faults import HOLE, STALE, claims_with
from simulator.checks.claims.steps import HANDED, begun_at, step_of
from simulator.checks.claims.stretches import Claim, Hole
from simulator.model.clusters import ClusterSet
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
    return found


def _is_to_blame(claim: Claim, step: Event) -> bool:
    """Whether a step is wrong, and not who reads through a bitmap that another one has followed."""
    handed = step.what in HANDED and begun_at(step) and not claim.to_now
    return step.what not in LATE and cleared_by(step) is None and not handed


def _wrong(claim: Claim, hole: Hole) -> ClusterSet:
    """Return the clusters that a hole makes wrong in a backup."""
    return hole.changed & (claim.missing if claim.to_now or not hole.last else claim.read)
