"""Rules about bitmaps that had stopped before a backup was read through them: BT201, BT202."""

from collections.abc import Iterator

from simulator.checks.biographies import What, told
from simulator.checks.claims.faults import (
    LUCKY,
    STALE,
    claims_with,
    left_out,
    name_ends,
    report_hole,
    way_to_now,
)
from simulator.checks.claims.steps import step_of
from simulator.checks.claims.stretches import Claim, Hole
from simulator.checks.evidence import draw_evidence, join_words, tell_change
from simulator.checks.rule import Rule, rule
from simulator.diagnostics import Finding, Severity
from simulator.model.clusters import ClusterSet
from simulator.model.machine import Backup
from simulator.notation import write_bits, write_clusters, write_view
from simulator.timeline import Timeline


@rule("BT201", "stale-bitmap", Severity.ERROR)
def stale_bitmap(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds backups read through a bitmap that had stopped recording, after the guest overwrote
    clusters that the bitmap names; and backups since a checkpoint that lack what the guest wrote
    after their bitmap had stopped.

    ## Why is this wrong?
    A bitmap says where the guest wrote, never what. A backup reads the clusters that the bitmap
    names as they are now, so clusters overwritten since the bitmap was frozen come out new while
    other clusters written since are left out. The guest never saw the mixture.

    ## Example
    ```yaml
    scenario: a bitmap read after it stopped recording
    model: mail-2018
    disk: 8
    timeline:
      - {at: T1, do: [{create: {image: S1, bitmap: B1}}]}
      - write: AAAA----
      - {at: T2, do: [{snapshot: {image: S2, bitmap: B2}}]}
      - write: ---BBB--
      - {at: T3, do: [{checkpoint: B3}]}
      - write: D----DD-
      - {at: T4, do: [{backup: {to: late.bak, bitmaps: [B2]}}]}
    ```

    ## Use instead
    ```yaml
    scenario: the merge of the bitmap and its successor, which reaches to now
    model: mail-2018
    disk: 8
    timeline:
      - {at: T1, do: [{create: {image: S1, bitmap: B1}}]}
      - write: AAAA----
      - {at: T2, do: [{snapshot: {image: S2, bitmap: B2}}]}
      - write: ---BBB--
      - {at: T3, do: [{checkpoint: B3}]}
      - write: D----DD-
      - {at: T4, do: [{backup: {to: good.bak, bitmaps: [B2, B3]}}]}
    ```

    ## Source
    Eric Blake's mail of June 2018, on the bitmap B2 at T4. On QEMU 7.2 the same commands give
    the same `|---BBD--|`.
    """
    for claim in claims_with(timeline, STALE):
        if claim.late is not None:
            yield _report(self, timeline, claim, claim.late, _late_message(timeline, claim))


@rule("BT202", "lucky-read", Severity.WARNING)
def lucky_read(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds backups read through bitmaps that recorded only for a part of their stretch, where the
    guest wrote in the rest, and what the backup holds is right all the same.

    ## Why is this wrong?
    The backup is right this time: what the guest wrote unseen was in clusters that do not count.
    One write to another cluster, and it mixes two points in time (BT201) or lacks what changed
    (BT214).

    ## Example
    ```yaml
    scenario: read late, and nothing in the window was overwritten
    model: mail-2018
    disk: 8
    timeline:
      - {at: T1, do: [{create: {image: S1, bitmap: B1}}]}
      - write: AAAA----
      - {at: T2, do: [{checkpoint: B2}]}
      - write: ------CC
      - {at: T3, do: [{backup: {to: late.bak, bitmaps: [B1]}}]}
    ```

    ## Use instead
    ```yaml
    scenario: read in the step that stops the bitmap
    model: mail-2018
    disk: 8
    timeline:
      - {at: T1, do: [{create: {image: S1, bitmap: B1}}]}
      - write: AAAA----
      - {at: T2, do: [{backup: {to: first.bak, bitmaps: [B1], checkpoint: B2}}]}
      - write: ------CC
    ```

    ## Source
    Eric Blake's mail of June 2018: take an incremental at the time at which the next bitmap
    starts, not after the fact.
    """
    for claim in claims_with(timeline, LUCKY):
        message = f"backup {claim.backup.name} is right by luck"
        if claim.late is not None and not claim.late.turned:
            yield _report(self, timeline, claim, claim.late, message)
        else:
            hole = next(hole for hole in claim.holes if not hole.turned)
            yield report_hole(self, timeline, claim, hole, message)


def _report(rule: Rule, timeline: Timeline, claim: Claim, late: Hole, message: str) -> Finding:
    step = step_of(timeline, claim, late)
    return rule.found(
        claim.entry,
        message,
        label=_late_label(timeline, claim, late),
        notes=_late_notes(timeline, claim, late),
        help=_late_help(timeline, claim, late),
        related=(told(timeline, step),) if step is not None else (),
    )


def _wrong(claim: Claim, late: Hole) -> ClusterSet:
    """Return the changed clusters that make a backup wrong: of those that were read.

    A backup since a checkpoint claims to reach to now: there, those that it left out.
    """
    return claim.missing if claim.to_now else late.changed & claim.read


def _late_message(timeline: Timeline, claim: Claim) -> str:
    """Return what a late read made of a backup: a lack, a mixture, or another instant."""
    backup, late = claim.backup, claim.late
    assert late is not None, "it is late"
    ends, _ = name_ends(timeline, claim, late)
    if not late.changed & claim.read or (claim.to_now and backup.moment < claim.now.moment):
        return f"backup {backup.name} lacks what the guest wrote after {ends}"
    if late.changed - claim.read:
        return f"backup {backup.name} mixes two points in time"
    reads = timeline.label_at(backup.disk, backup.moment, prefer=claim.entry.instant)
    return f"backup {backup.name} holds {reads}, where its bitmap ends at {ends}"


def _late_label(timeline: Timeline, claim: Claim, late: Hole) -> str:
    """Return why a backup's bitmaps do not reach to now."""
    ends, _ = name_ends(timeline, claim, late)
    step = step_of(timeline, claim, late)
    disk, names = claim.entry.before.disk(claim.backup.disk), claim.backup.bitmaps
    recording = any(bitmap.recording for bitmap in disk.bitmaps if bitmap.name in names)
    if recording and step is not None and step.what is What.LEFT:
        return f"{_bitmaps(claim.backup)} saw no write after {ends}: an overlay took them"
    return f"{_bitmaps(claim.backup)} stopped recording at {ends}"


def _bitmaps(backup: Backup) -> str:
    return join_words(backup.bitmaps)


def _late_notes(timeline: Timeline, claim: Claim, late: Hole) -> tuple[str, ...]:
    """Return what the guest saw then and now, what was left out, and what the backup holds."""
    backup, now = claim.backup, claim.now
    then = timeline.state_at(backup.disk, late.start)
    disk = claim.entry.after.disk(backup.disk)
    if then is None:
        return ()
    start, _ = name_ends(timeline, claim, late)
    end = timeline.label_at(backup.disk, now.moment, prefer=claim.entry.instant)
    rows = [
        (f"guest saw at {start}", write_view(then.guest_view, then.length)),
        (f"guest sees at {end}", write_view(now.guest_view, now.length)),
    ]
    rows += [
        (
            f"left out, {bitmap.name}",
            write_bits(disk.clusters_of(bitmap), disk.length_of(bitmap.node)),
        )
        for bitmap in left_out(claim.entry.after, claim, late)
    ]
    rows.append((f"{backup.row} holds", write_clusters(backup.content, backup.length)))
    wrong = _wrong(claim, late)
    told = "changed"
    if late.changed & claim.read:
        told = tell_change(wrong, then.guest_view, now.guest_view)
    return draw_evidence(
        rows,
        marked=wrong.below(backup.length),
        length=backup.length,
        caption=f"{told} after {start}",
    )


def _late_help(timeline: Timeline, claim: Claim, late: Hole) -> str:
    backup = claim.backup
    if claim.to_now:
        return way_to_now(timeline, claim)
    later = left_out(claim.entry.after, claim, late)
    if not later:
        return f"copy {_bitmaps(backup)} in the step that stops it, or take a full backup"
    told = f"copy {_bitmaps(backup)} in the step that creates {later[0].name}"
    return f"{told}, or {way_to_now(timeline, claim)}"
