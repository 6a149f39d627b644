"""What is wrong with a backup of changes: one rule each, and how a hole is told."""

from simulator.checks.biographies import Event, What, cleared_by, told
from simulator.checks.claims.failures import failures
from simulator.checks.claims.steps import step_of
from simulator.checks.claims.stretches import Claim, Hole, claims_of, resized_in
from simulator.checks.copied import copied_in_part
from simulator.checks.evidence import draw_evidence, join_words
from simulator.checks.rule import Rule
from simulator.diagnostics import Finding
from simulator.model.bitmap import DirtyBitmap
from simulator.model.clusters import ClusterSet, set_of
from simulator.model.disk import Disk
from simulator.model.machine import Backup, Machine
from simulator.notation import write_bits, write_clusters, write_view
from simulator.restorable.claims import claimed_end
from simulator.timeline import Timeline

STALE, LUCKY, CLEARED, RESIZED, HOLE = "BT201", "BT202", "BT204", "BT209", "BT214"
"""Codes of the rules of which one tells what is wrong with a backup of changes."""


def claims_with(timeline: Timeline, code: str) -> tuple[Claim, ...]:
    """Return the backups of changes whose fault one rule tells."""
    known = timeline.memo.get("faults of claims")
    if not isinstance(known, dict):
        known = timeline.memo["faults of claims"] = _by_fault(timeline)
    return tuple(known.get(code, ()))


def is_told(timeline: Timeline, backup: Backup) -> bool:
    """Whether a rule tells that a backup lacks something, whatever it is put onto."""
    known = timeline.memo.get("told backups")
    if not isinstance(known, frozenset):
        codes = (STALE, CLEARED, RESIZED, HOLE)
        told = [id(claim.backup) for code in codes for claim in claims_with(timeline, code)]
        told += [id(each.backup) for each in failures(timeline)]
        known = timeline.memo["told backups"] = frozenset(told)
    return id(backup) in known


def _by_fault(timeline: Timeline) -> dict[str, list[Claim]]:
    found: dict[str, list[Claim]] = {}
    for claim in claims_of(timeline):
        if claim.holes or claim.missing or not claim.to_now:
            code = _fault(timeline, claim)
            if code is not None:
                found.setdefault(code, []).append(claim)
    return found


def _fault(timeline: Timeline, claim: Claim) -> str | None:
    """Return the code of the rule that tells what is wrong with a backup; None for nothing."""
    if claim.to_now:
        if claim.backup.length != claim.now.length:
            return RESIZED
        if claim.missing:
            return _lack(timeline, claim)
    elif not _is_whole(timeline, claim):
        late = claim.late
        if late is not None and late.changed & claim.read:
            return STALE
        return RESIZED if claim.inner is None and _is_resized(timeline, claim) else HOLE
    return LUCKY if any(not hole.turned for hole in claim.holes) else None


def _is_whole(timeline: Timeline, claim: Claim) -> bool:
    """Whether a backup through bitmaps is what the guest saw, now or when they stopped, where they
    began or on what it was put onto."""
    backup = claim.backup
    seen = (
        claim.now,
        claim.entry.before.disk(backup.disk),
        timeline.state_at(backup.disk, backup.end),
    )
    for below in (claim.then, _base_of(timeline, claim)):
        if below is not None:
            given = below.guest_view.overlay(backup.content).below(backup.length)
            if any(s is not None and given.reads_like(s.guest_view) for s in seen):
                return True
    return False


def _base_of(timeline: Timeline, claim: Claim) -> Disk | None:
    """Return the disk as the backup stands for it that another one was put onto, if it holds it."""
    key = claim.backup.onto, claim.backup.disk
    for entry, base in reversed(timeline.made_backups):
        if entry.number < claim.entry.number and (base.name, base.disk) == key:
            end = claimed_end(timeline, entry, base)
            return timeline.state_at(base.disk, end) if base.usable else None
    return None


def _lack(timeline: Timeline, claim: Claim) -> str:
    """Return the code of the rule for a backup since a checkpoint that lacks something."""
    late = claim.late
    if claim.inner is not None:
        step = step_of(timeline, claim, claim.inner)
        return CLEARED if step is not None and cleared_by(step) is not None else HOLE
    if late is not None and late.changed & claim.missing:
        return CLEARED if _is_elsewhere(timeline, claim, late) else STALE
    return RESIZED if _is_resized(timeline, claim) else HOLE


def _is_resized(timeline: Timeline, claim: Claim) -> bool:
    backup = claim.backup
    return resized_in(timeline, backup.disk, claim.then.moment, backup.moment) is not None


def _is_elsewhere(timeline: Timeline, claim: Claim, late: Hole) -> bool:
    """Whether the job that cleared the bitmap copied all that a backup lacks."""
    step = step_of(timeline, claim, late)
    job = cleared_by(step) if step is not None else None
    made = (b for e, b in timeline.made_backups if e.number < claim.entry.number)
    copied = [b.content.clusters() for b in made if (b.name, b.disk) == (job, claim.backup.disk)]
    return bool(copied) and not claim.missing - copied[-1]


def left_out(machine: Machine, claim: Claim, hole: Hole) -> list[DirtyBitmap]:
    """Return the bitmaps that recorded in a hole or later, and that a backup left out.

    A running job's own bitmap is nobody's to read.
    """
    disk = machine.disk(claim.backup.disk)
    passing = {(job.node, job.bitmap) for job in machine.backup_jobs if job.temporary}
    return [
        bitmap
        for bitmap in disk.bitmaps
        if bitmap.name not in claim.backup.bitmaps
        and (bitmap.node, bitmap.name) not in passing
        and disk.clusters_of(bitmap) - claim.read
        and any(w.start >= hole.start and w.start != w.end for w in bitmap.windows)
    ]


def whole_merge(claim: Claim) -> tuple[str, ...]:
    """Return the bitmaps whose merge holds all that changed in a backup's stretch, or none."""
    machine = claim.entry.after
    disk = machine.disk(claim.backup.disk)
    more = [b for b in left_out(machine, claim, claim.holes[0]) if not b.inconsistent]
    merged = claim.read
    for bitmap in more:
        merged = merged | disk.clusters_of(bitmap)
    changed = claim.then.guest_view.differing(claim.now.guest_view).below(claim.now.length)
    if not more or changed - merged:
        return ()
    names = {*claim.backup.bitmaps, *(bitmap.name for bitmap in more)}
    return tuple(sorted(names, key=lambda name: _begins(disk, name)))


def _begins(disk: Disk, name: str) -> tuple[int, str]:
    windows = [w.start for b in disk.bitmaps if b.name == name for w in b.windows]
    return min(windows, default=0), name


def way_to_now(timeline: Timeline, claim: Claim) -> str:
    """Return how to get what a backup lacks: a merge that holds all of it, or a full backup."""
    if claim.to_now:
        return "take a full backup that starts a new checkpoint"
    names, entry = whole_merge(claim), claim.entry
    if not names:
        return "take a full backup"
    given = timeline.label_at(claim.backup.disk, claim.now.moment, prefer=entry.instant)
    call = f" and call it {given}" if entry.instant else ""
    return f"copy the merge of {', '.join(names)}{call}"


def report_hole(
    rule: Rule, timeline: Timeline, claim: Claim, hole: Hole, message: str, *, help: str = ""
) -> Finding:
    """Return a finding about a hole at the start or in the middle of what a backup stands for."""
    step = step_of(timeline, claim, hole)
    return rule.found(
        claim.entry,
        message,
        label=_label(timeline, claim, hole, step),
        notes=hole_notes(timeline, claim, hole),
        help=help or way_to_now(timeline, claim),
        related=(told(timeline, step),) if step is not None else (),
    )


def _label(timeline: Timeline, claim: Claim, hole: Hole, step: Event | None) -> str:
    names = join_words(claim.backup.bitmaps or (claim.backup.since or "it",))
    begins, ends = name_ends(timeline, claim, hole)
    if step is not None and begins == ends:
        return f"{names} did not record all of the time"
    return f"nothing from {begins} to {ends} is in {names}"


def name_ends(timeline: Timeline, claim: Claim, hole: Hole) -> tuple[str, str]:
    """Return the names of the instants between which a hole lies, as the step to blame has them."""
    step, disk = step_of(timeline, claim, hole), claim.backup.disk
    at = step.entry.instant if step is not None else None
    closes = step is not None and step.what in (What.CLEARED, What.BEGAN, What.ENABLED)
    ends = at if closes else claim.entry.instant
    return (
        timeline.label_at(disk, hole.start, prefer=at),
        timeline.label_at(disk, hole.end, prefer=ends),
    )


def rows_of_parts(claim: Claim, missing: ClusterSet) -> list[tuple[str, str]]:
    """Return what backups that were copied in part hold of what a backup lacks, one row each."""
    parts = copied_in_part(claim.entry.after, claim.now, missing)
    return [(f"{each.row} holds", write_clusters(each.content, each.length)) for each in parts]


def hole_notes(timeline: Timeline, claim: Claim, hole: Hole) -> tuple[str, ...]:
    """Return what the guest saw at both ends of a hole, what was left out, and what is held."""
    backup = claim.backup
    before, after = (
        timeline.state_at(backup.disk, hole.start),
        timeline.state_at(backup.disk, hole.end),
    )
    if before is None or after is None:
        before, after = claim.then, claim.now
    begins, ends = name_ends(timeline, claim, hole)
    disk = claim.entry.after.disk(backup.disk)
    missing = hole.changed & claim.missing
    rows = [
        (f"guest saw at {begins}", write_view(before.guest_view, before.length)),
        (f"guest saw at {ends}", write_view(after.guest_view, after.length)),
        *(
            (
                f"left out, {bitmap.name}",
                write_bits(disk.clusters_of(bitmap), disk.length_of(bitmap.node)),
            )
            for bitmap in left_out(claim.entry.after, claim, hole)
            if disk.clusters_of(bitmap) & missing
        ),
        *rows_of_parts(claim, missing),
        (f"{backup.row} holds", write_clusters(backup.content, backup.length)),
    ]
    return draw_evidence(
        rows,
        marked=(missing or set_of(backup.length)).below(backup.length),
        length=backup.length,
        caption="changed and left out",
    )
