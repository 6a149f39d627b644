"""Rules about what failed or was overwritten: BT203, BT207."""

from collections.abc import Iterator

from simulator.checks.biographies import Event, Kind, Thing, What, events_of, last_of, told_once
from simulator.checks.claims.failures import Failure, failures
from simulator.checks.claims.leftovers import Leftover, leftover_of
from simulator.checks.copied import in_no_backup
from simulator.checks.evidence import draw_change, draw_evidence, name_clusters
from simulator.checks.rule import Rule, rule
from simulator.diagnostics import Finding, Severity
from simulator.model.machine import Backup, Status
from simulator.model.transitions.copies.targets import is_left_alone
from simulator.notation import write_backup, write_view
from simulator.timeline import Entry, Timeline


@rule("BT203", "hole-after-failed-backup", Severity.ERROR)
def hole_after_failed_backup(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds incrementals that start at a checkpoint whose own backup failed or was cancelled.

    ## Why is this wrong?
    A checkpoint that is started in the step of a backup stays, whatever becomes of the job. The
    next incremental starts there, as if the data before it had been copied: what the guest wrote
    up to the checkpoint is in no backup.

    ## Example
    ```yaml
    scenario: the increment after the one that failed
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}]}
      - write: AAAA----
      - {at: T2, do: [{backup: {to: full.bak, checkpoint: c1}}]}
      - write: ---BBB--
      - at: T3
        do:
          - backup: {to: inc1.bak, since: c1, checkpoint: c2, fails: T4}
            allow: {rule: BT401, because: what came of it is what this example is about}
      - write: D----DD-
      - {at: T4, do: [{backup: {to: inc2.bak, since: c2}}]}
    ```

    ## Use instead
    ```yaml
    scenario: the next increment starts where the last good backup ends
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}]}
      - write: AAAA----
      - {at: T2, do: [{backup: {to: full.bak, checkpoint: c1}}]}
      - write: ---BBB--
      - {at: T3, do: [{backup: {to: inc1.bak, since: c1, checkpoint: c2, fails: T4}}]}
      - write: D----DD-
      - {at: T4, do: [{backup: {to: inc2.bak, since: c1}}]}
    ```

    ## Source
    Observed on libvirt 9.0 and 11.3: the checkpoint stays when its push job runs out of space, and
    the incremental since it succeeds. abbbi/virtnbdbackup issues 145 and 147.
    """
    for each in failures(timeline):
        failed, good = each.failed, each.good
        yield self.found(
            each.entry,
            f"{each.backup.name} starts after a hole: {failed.name}, which was to end there, "
            f"{'failed' if failed.status is Status.FAILED else 'was cancelled'}",
            label=f"{each.backup.since} was started with {failed.name}",
            related=tuple(told_once(timeline, _ending(timeline, each))),
            notes=_hole(timeline, failed, good),
            help=f"start it where {good.name} ends, or take a full backup"
            if good is not None
            else "take a full backup",
        )


def _ending(timeline: Timeline, failure: Failure) -> Iterator[Event]:
    """Yield the step at which the backup failed or was cancelled that was to end there."""
    thing = Thing(Kind.BACKUP, failure.failed.name, failure.failed.disk)
    events = events_of(timeline, thing, failure.entry)
    ended = last_of(events, What.FAILED, What.CANCELLED)
    if ended is not None:
        yield ended


def _hole(timeline: Timeline, failed: Backup, good: Backup | None) -> tuple[str, ...]:
    """Return what the guest wrote up to a failed backup, with carets: no whole backup has it."""
    since = good.moment if good is not None else 0
    caption = in_no_backup([failed] if failed.partly else [])
    return draw_change(
        timeline, failed.disk, since, failed.moment, prefer=failed.at, caption=caption
    )


@rule("BT207", "overwritten-restore-point", Severity.ERROR)
def overwritten_restore_point(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds backups that are written over another backup, or over what a failed job left in its
    target, where that is not what the guest sees.

    ## Why is this wrong?
    The target holds the newer state afterwards. The older one cannot be restored any more, and
    every backup that is stacked on it has lost its base. What a failed job left stays wherever the
    next one writes nothing, and hides what lies below.

    ## Example
    ```yaml
    scenario: the increment goes into the full backup
    model: qemu
    disk: 8
    timeline:
      - {at: T1, do: [{create: {image: S1, bitmap: B1}}]}
      - write: AAAA----
      - at: T2
        do:
          - qmp: {execute: blockdev-backup, arguments: {device: S1, target: full, sync: full}}
      - write: B----B--
      - at: T3
        do:
          - qmp:
              execute: blockdev-backup
              arguments: {device: S1, target: full, sync: incremental, bitmap: B1}
    ```

    ## Use instead
    ```yaml
    scenario: the increment has a target of its own
    model: qemu
    disk: 8
    timeline:
      - {at: T1, do: [{create: {image: S1, bitmap: B1}}]}
      - write: AAAA----
      - at: T2
        do:
          - qmp: {execute: blockdev-backup, arguments: {device: S1, target: full, sync: full}}
      - write: B----B--
      - at: T3
        do:
          - qmp:
              execute: blockdev-backup
              arguments: {device: S1, target: inc, sync: incremental, bitmap: B1}
    ```

    ## Source
    Observed on libvirt 9.0 and 11.3 with `--reuse-external`: `|AAAA0000|` became `|EAABBE00|`.
    """
    made: dict[tuple[str, str], tuple[Backup, Backup]] = {}
    for entry, backup in timeline.made_backups:
        old, known = made.get((backup.name, backup.disk), (None, None))
        alone = old is not None and is_left_alone(backup)
        made[backup.name, backup.disk] = old if old is not None and alone else backup, backup
        if old is None or alone:
            continue
        if left := leftover_of(timeline, entry, backup):
            yield _left(self, timeline, entry, backup, left)
        if not old.usable:
            continue
        if all(each is not known for each in entry.before.backups):
            continue  # It was deleted in between.
        label = timeline.label_at(backup.disk, old.moment, prefer=old.at)
        zeroes = timeline.draws_zeroes
        yield self.found(
            entry,
            f"{backup.name} is written over: {label} cannot be restored from it any more",
            label=f"{backup.name} held {label}",
            notes=draw_evidence(
                [
                    (f"{backup.name} before", write_backup(old, zeroes=zeroes)),
                    (f"{backup.name} after", write_backup(backup, zeroes=zeroes)),
                ],
                marked=old.content.differing(backup.content).below(backup.length),
                length=backup.length,
                caption=f"no longer {label}",
            ),
            help="give the newer backup a target of its own",
        )


def _left(rule: Rule, timeline: Timeline, entry: Entry, backup: Backup, left: Leftover) -> Finding:
    """Return the finding of a backup over what a job left that did not get to its end."""
    then = timeline.label_at(backup.disk, left.old.moment, prefer=left.old.at)
    now = timeline.state_at(backup.disk, backup.moment)
    assert now is not None, "what it was held against"
    seen = timeline.label_at(backup.disk, backup.moment, prefer=entry.instant)
    zeroes = timeline.draws_zeroes
    ended = "failed" if left.old.status is Status.FAILED else "was cancelled"
    return rule.found(
        entry,
        f"{backup.row} still holds {name_clusters(left.clusters)} of {then}, "
        f"from a job that {ended}",
        label="a target that is there is not emptied",
        notes=draw_evidence(
            [
                (f"{backup.row} before", write_backup(left.old, zeroes=zeroes)),
                (f"{backup.row} after", write_backup(backup, zeroes=zeroes)),
                (f"guest saw at {seen}", write_view(now.guest_view, now.length)),
            ],
            marked=left.clusters.below(backup.length),
            length=backup.length,
            caption=f"of {then}",
        ),
        help="give the newer backup a target of its own",
    )
