"""Rules about stretches that backups of changes leave out: BT204, BT209, BT214."""

from collections.abc import Iterator

from simulator.checks.biographies import cleared_by
from simulator.checks.claims.faults import (
    CLEARED,
    HOLE,
    RESIZED,
    claims_with,
    name_ends,
    report_hole,
    rows_of_parts,
)
from simulator.checks.claims.ontos import report_onto, wrong_ontos
from simulator.checks.claims.steps import step_of
from simulator.checks.claims.stretches import Claim, resized_in
from simulator.checks.evidence import draw_evidence
from simulator.checks.rule import Rule, relate, rule
from simulator.diagnostics import Finding, Severity
from simulator.model.machine import Backup
from simulator.notation import write_clusters, write_view
from simulator.timeline import Timeline


@rule("BT204", "cleared-by-another", Severity.ERROR)
def cleared_by_another(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds incrementals that lack what the job of another consumer copied, because that job cleared
    the bitmap of both.

    ## Why is this wrong?
    A job with `sync: incremental` clears its bitmap when it succeeds: what it copied is in its own
    target only. Whoever else reads through that bitmap starts after it, and is not told so.

    ## Example
    ```yaml
    scenario: a second tool reads through the checkpoint's bitmap, and clears it
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}, {backup: {to: full.bak, checkpoint: c0}}]}
      - write: AA------
      - at: T2
        do:
          - qmp:
              execute: blockdev-backup
              arguments: {device: S1, target: other.bak, sync: incremental, bitmap: c0}
      - write: --B-----
      - {at: T3, do: [{backup: {since: c0, to: inc.bak}}]}
    ```

    ## Use instead
    ```yaml
    scenario: the second tool has a bitmap of its own
    model: libvirt
    disk: 8
    timeline:
      - at: T1
        do:
          - create: S1
          - backup: {to: full.bak, checkpoint: c0}
          - qmp:
              execute: block-dirty-bitmap-add
              arguments: {node: S1, name: other}
      - write: AA------
      - at: T2
        do:
          - qmp:
              execute: blockdev-backup
              arguments: {device: S1, target: other.bak, sync: incremental, bitmap: other}
      - write: --B-----
      - {at: T3, do: [{backup: {since: c0, to: inc.bak}}]}
    ```

    ## Source
    QEMU docs/interop/bitmaps.rst, "Bitmap Sync Modes": an `incremental` job clears its bitmap when
    it succeeds. Observed on QEMU 7.2.22.
    """
    for claim in claims_with(timeline, CLEARED):
        hole = claim.inner or claim.late
        step = step_of(timeline, claim, hole) if hole is not None else None
        job = cleared_by(step) if step is not None else None
        if hole is None or job is None:
            continue
        begins = timeline.label_at(claim.backup.disk, hole.start)
        yield report_hole(
            self,
            timeline,
            claim,
            hole,
            f"backup {claim.backup.name} lacks what {job} copied since {begins}",
            help=_own_bitmap(timeline, claim, job),
        )

    for onto in wrong_ontos(timeline):
        if onto.cleared is not None:
            yield report_onto(self, timeline, onto)


def _own_bitmap(timeline: Timeline, claim: Claim, job: str) -> str:
    """Return what to do where two consumers share a bitmap."""
    told = "give each consumer a bitmap of its own"
    held = claim.entry.after.backups
    other = next((b for b in held if b.name == job and b.disk == claim.backup.disk), None)
    if other is not None and _fits(timeline, claim, other):
        return f"stack {claim.backup.name} on {job}; {told}"
    return f"take a full backup; {told}"


def _fits(timeline: Timeline, claim: Claim, below: Backup) -> bool:
    """Whether a backup is right on what another one stands for."""
    state = timeline.state_at(below.disk, below.end)
    if state is None:
        return False
    return state.guest_view.overlay(claim.backup.content).reads_like(claim.now.guest_view)


@rule("BT209", "resized-since", Severity.ERROR)
def resized_since(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds incrementals over a change of the disk's size that lack what the change did to clusters.

    ## Why is this wrong?
    A disk that shrinks and grows again reads as zeroes where it was cut off, and no bitmap marks
    that. Stacked on its base, the incremental lets the old data come to light again.

    ## Example
    ```yaml
    scenario: cut off, grown again, and the increment knows nothing of it
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}]}
      - write: AAAAAAAA
      - {at: T2, do: [{backup: {to: full.bak, checkpoint: c0}}]}
      - {at: T3, do: [{resize: 4}, {resize: 8}]}
      - write: B-------
      - {at: T4, do: [{backup: {since: c0, to: inc.bak}}]}
    ```

    ## Use instead
    ```yaml
    scenario: a full backup with a new checkpoint after the change
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}]}
      - write: AAAAAAAA
      - {at: T2, do: [{backup: {to: full.bak, checkpoint: c0}}]}
      - {at: T3, do: [{resize: 4}, {resize: 8}, {backup: {to: full2.bak, checkpoint: c1}}]}
      - write: B-------
      - {at: T4, do: [{backup: {since: c1, to: inc.bak}}]}
    ```

    ## Source
    Observed on QEMU 7.2.22: `block_resize` gives new bits that are clean; virtnbdbackup issue 109.
    """
    for claim in claims_with(timeline, RESIZED):
        backup, start = claim.backup, claim.then.moment
        entry = resized_in(timeline, backup.disk, start, backup.moment)
        begins = timeline.label_at(backup.disk, start)
        sizes = f"{claim.then.length:,} clusters at {begins}, {claim.now.length:,} now"
        yield self.found(
            claim.entry,
            f"backup {backup.name} lacks what a resize since {begins} did to the disk",
            label=sizes if claim.then.length != claim.now.length else "it was cut off and grew",
            notes=_sizes(timeline, claim),
            help="take a full backup that starts a new checkpoint",
            related=(relate(timeline, entry, "the disk changes its size here"),)
            if entry is not None
            else (),
        )


def _sizes(timeline: Timeline, claim: Claim) -> tuple[str, ...]:
    """Return what the guest saw at both ends, and what the backup holds of it."""
    backup = claim.backup
    begins = timeline.label_at(backup.disk, claim.then.moment)
    ends = timeline.label_at(backup.disk, backup.moment, prefer=claim.entry.instant)
    return draw_evidence(
        [
            (f"guest saw at {begins}", write_view(claim.then.guest_view, claim.then.length)),
            (f"guest sees at {ends}", write_view(claim.now.guest_view, claim.now.length)),
            *rows_of_parts(claim, claim.missing),
            (f"{backup.row} holds", write_clusters(backup.content, backup.length)),
        ],
        marked=claim.missing.below(backup.length),
        length=backup.length,
        caption="changed and left out",
    )


@rule("BT214", "hole-in-window", Severity.ERROR)
def hole_in_window(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds backups whose bitmaps leave out a stretch between their start and their end in which the
    guest changed clusters that the backup lacks.

    ## Why is this wrong?
    What a bitmap does not record is in no backup that is read through it. A bitmap that was
    cleared, disabled for a while or made late, or an overlay without one in between, leaves such a
    hole, and the host does not tell.

    ## Example
    ```yaml
    scenario: a bitmap is cleared beside libvirt
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}, {backup: {to: full.bak, checkpoint: c0}}]}
      - write: A-------
      - at: T2
        do:
          - qmp: {execute: block-dirty-bitmap-clear, arguments: {node: S1, name: c0}}
            allow: {rule: BT215, because: what comes of it is what this example is about}
      - write: -B------
      - {at: T3, do: [{backup: {since: c0, to: inc.bak}}]}
    ```

    ## Use instead
    ```yaml
    scenario: nobody touches the bitmaps of libvirt
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}, {backup: {to: full.bak, checkpoint: c0}}]}
      - write: A-------
      - write: -B------
      - {at: T3, do: [{backup: {since: c0, to: inc.bak}}]}
    ```

    ## Source
    Observed on libvirt 9.0 and 11.3, which checks whether a bitmap records, and not since when.
    """
    for claim in claims_with(timeline, HOLE):
        hole = claim.inner or next(iter(claim.holes), None)
        if hole is None:
            yield _unexplained(self, timeline, claim)
            continue
        begins, ends = name_ends(timeline, claim, hole)
        told = f"after {begins}" if begins == ends else f"between {begins} and {ends}"
        message = f"backup {claim.backup.name} lacks what the guest wrote {told}"
        yield report_hole(self, timeline, claim, hole, message)


def _unexplained(self: Rule, timeline: Timeline, claim: Claim) -> Finding:
    """Return a finding about what is missing although the bitmaps recorded all the time."""
    begins = timeline.label_at(claim.backup.disk, claim.then.moment)
    return self.found(
        claim.entry,
        f"backup {claim.backup.name} lacks what changed since {begins}",
        label="its bitmaps do not name it",
        notes=_sizes(timeline, claim),
        help="take a full backup that starts a new checkpoint",
    )
