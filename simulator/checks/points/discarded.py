"""Checkpoints and backups of a history that a revert discarded: BT402."""

from collections.abc import Iterator

from simulator.checks.claims.blame import Broken, broken_by
from simulator.checks.claims.reverts import Reverted, find_reverts
from simulator.checks.evidence import draw_change, join_words, name_clusters
from simulator.checks.restores.differences import report
from simulator.checks.restores.faults import discarded_between, faults_of
from simulator.checks.rule import Rule, rule
from simulator.diagnostics import Finding, Severity
from simulator.model.operations import Refusal
from simulator.model.requests import DeleteCheckpoint
from simulator.restorable.history import history_of
from simulator.timeline import Timeline


@rule("BT402", "discarded-future", Severity.ERROR)
def discarded_future(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds reverts after which a checkpoint names a point that is not in this history, or with which
    the bitmap goes that increments rely on, and stacks in which a backup of the discarded history
    lies below one that was taken after the revert.

    ## Why is this wrong?
    A tracker that is made anew after the revert does not know that the disk went back: clusters
    that only the discarded history changed are in no later increment, and come out as they were
    there.

    ## Example
    ```yaml
    scenario: an increment from before a revert below one from after it
    model: qemu
    disk: 8
    timeline:
      - {at: T1, do: [create: vm]}
      - write: AAAA----
      - at: T2
        do:
          - snapshot: vm-1
          - qmp:
              - {execute: block-dirty-bitmap-add, arguments: {node: vm-1, name: t}}
              - {execute: blockdev-backup,
                 arguments: {device: vm-1, target: full, sync: full}}
      - write: --BBBB--
      - at: T3
        do:
          - qmp: {execute: blockdev-backup,
                  arguments: {device: vm-1, target: inc1, sync: incremental, bitmap: t}}
      - at: T4
        do:
          - revert: {snapshot: vm-1, image: vm-2}
          - qmp: {execute: block-dirty-bitmap-add, arguments: {node: vm-2, name: t}}
      - write: C-----C-
      - at: T5
        do:
          - qmp: {execute: blockdev-backup,
                  arguments: {device: vm-2, target: inc2, sync: incremental, bitmap: t}}
          - restore: {from: [full, inc1, inc2], of: T5}
    ```

    ## Use instead
    ```yaml
    scenario: the increment from after the revert on what it was taken against
    model: qemu
    disk: 8
    timeline:
      - {at: T1, do: [create: vm]}
      - write: AAAA----
      - at: T2
        do:
          - snapshot: vm-1
          - qmp:
              - {execute: block-dirty-bitmap-add, arguments: {node: vm-1, name: t}}
              - {execute: blockdev-backup,
                 arguments: {device: vm-1, target: full, sync: full}}
      - write: --BBBB--
      - at: T3
        do:
          - qmp: {execute: blockdev-backup,
                  arguments: {device: vm-1, target: inc1, sync: incremental, bitmap: t}}
      - at: T4
        do:
          - revert: {snapshot: vm-1, image: vm-2}
          - qmp: {execute: block-dirty-bitmap-add, arguments: {node: vm-2, name: t}}
      - write: C-----C-
      - at: T5
        do:
          - qmp: {execute: blockdev-backup,
                  arguments: {device: vm-2, target: inc2, sync: incremental, bitmap: t}}
          - restore: {from: [full, inc2], of: T5}
    ```

    ## Source
    VMware's change tracking after a revert, where the change file counts from the last backup of
    the active disk; libvirt's documentation of checkpoints: a revert makes them invalid.
    """
    for revert in find_reverts(timeline):
        names = [
            checkpoint.name
            for checkpoint in revert.entry.after.checkpoints
            for moment in [checkpoint.moment(revert.disk)]
            if moment is not None and revert.discards(moment)
        ]
        if names:
            yield _kept(self, timeline, revert, names)
        elif broken := broken_by(timeline, revert.entry, revert.disk):
            yield _untracked(self, timeline, revert, broken)
    for fault in faults_of(timeline, self.code):
        below, above = fault.below, fault.above
        assert below is not None, "it is below that is discarded"
        assert above is not None, "something lies on what is discarded"
        revert_then = discarded_between(timeline, below, above)
        assert revert_then is not None, "it is a revert that discards"
        at = timeline.when(revert_then.entry)
        ends = timeline.label_at(below.disk, history_of(timeline).end_of(below))
        yield report(
            self,
            timeline,
            fault,
            f"{below.name} is of a history that the revert {at} discarded",
            label=f"{below.name} stands for {ends}, {above.name} was taken after the revert",
            notes=draw_change(
                timeline,
                below.disk,
                history_of(timeline).end_of(below),
                revert_then.moment,
                prefer=revert_then.entry.instant,
                caption="changed back by the revert",
            ),
        )


def _kept(rule: Rule, timeline: Timeline, revert: Reverted, names: list[str]) -> Finding:
    """Return the finding of a revert that leaves checkpoints of the discarded history."""
    meant = timeline.label_at(revert.disk, revert.meant)
    one = len(names) == 1
    return rule.found(
        revert.entry,
        f"the revert to {revert.snapshot} discards what {join_words(names)} "
        f"{'names' if one else 'name'}",
        label=f"{join_words(names)} came after {meant}",
        notes=draw_change(
            timeline,
            revert.disk,
            revert.entry.before.disk(revert.disk).moment,
            revert.moment,
            prefer=revert.entry.instant,
            caption="discarded",
        ),
        help=f"delete {join_words(_deletable(timeline, revert, name) for name in names)} and "
        "take a full backup with a new checkpoint",
    )


def _untracked(
    rule: Rule, timeline: Timeline, revert: Reverted, broken: tuple[Broken, ...]
) -> Finding:
    """Return the finding of a revert that takes the bitmap away which increments rely on."""
    names = list(dict.fromkeys(each.claim.backup.name for each in broken))
    clusters = broken[0].clusters
    for each in broken:
        clusters = clusters | each.clusters
    claim = broken[-1].claim
    return rule.found(
        revert.entry,
        f"the revert to {revert.snapshot} leaves a hole in what is recorded, "
        f"and {join_words(names)} {'lacks' if len(names) == 1 else 'lack'} "
        f"{name_clusters(clusters)}",
        label="a bitmap goes with its image, and none knows of the revert",
        notes=draw_change(
            timeline,
            revert.disk,
            revert.moment,
            claim.now.moment,
            prefer=claim.entry.instant,
            caption="not recorded",
        ),
        help="take a full backup with a new checkpoint after the revert",
    )


def _deletable(timeline: Timeline, revert: Reverted, name: str) -> str:
    """Return a checkpoint's name, with what its deletion needs where its bitmaps are gone."""
    if timeline.plan is None:
        return name
    with_bitmaps = timeline.plan(revert.entry.after, DeleteCheckpoint(name=name))
    return f"{name} (metadata: true)" if isinstance(with_bitmaps, Refusal) else name
