"""Acts that take away what could be restored: BT305."""

from collections.abc import Iterator

from simulator.checks.biographies import Kind, Thing, beginning_of, told_once
from simulator.checks.evidence import join_words
from simulator.checks.restores.differences import full_backup
from simulator.checks.rule import Rule, rule
from simulator.diagnostics import Finding, Severity
from simulator.model.machine import Backup
from simulator.model.operations import CorruptBackup, DropBackup
from simulator.model.series import exchanged
from simulator.model.transitions.copies.targets import holds_something
from simulator.restorable.graph import EMPTY_DISK
from simulator.restorable.history import Restorable, gone_bad, history_of
from simulator.timeline import Entry, Timeline


@rule("BT305", "restore-point-lost", Severity.ERROR)
def restore_point_lost(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds acts that take away an instant that could be restored: a deletion, a loss, or a stored
    backup that goes bad. It names the instants, and the backups that are left without their base.
    To delete a backup on which nothing stands is to give up the instant that it stands for, and no
    mistake; so is to delete a chain as a whole, in one instant.

    ## Why is this wrong?
    An increment is worth nothing without what it stands on. A retention that counts backups
    deletes the full one first, and all that stand on it are lost with it.

    ## Example
    ```yaml
    scenario: the full backup is deleted while an increment stands on it
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}]}
      - write: AAAA----
      - {at: T2, do: [{backup: {to: full.bak, checkpoint: c0}}]}
      - write: -B------
      - {at: T3, do: [{backup: {since: c0, to: inc.bak}}]}
      - {at: T4, do: [{delete: {backup: full.bak}}]}
    ```

    ## Use instead
    ```yaml
    scenario: it goes when another full backup gives the same instants
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}]}
      - write: AAAA----
      - at: T2
        do:
          - backup: {to: full.bak, checkpoint: c0}
          - backup: {to: again.bak}
            allow: {rule: BT501, because: one of the two is to go}
      - write: -B------
      - {at: T3, do: [{backup: {since: c0, to: inc.bak}}]}
      - {at: T4, do: [{delete: {backup: full.bak}}]}
    ```

    ## Source
    A published contingency plan of 2026, whose retention counted backups and not chains; Veeam's
    help center on retention by restore points.
    """
    for entry in timeline.entries:
        gone = _gone(entry)
        if not gone:
            continue
        history = history_of(timeline)
        going = _going(timeline, entry)
        before, after = history.at(entry, entry.before), history.at(entry)
        lost = before.lost(after)
        if not lost:
            continue
        orphans = [row for row in _orphans(before, after) if row not in {b.row for b in going}]
        own = {
            label
            for label in lost
            for disk, node in before.goals(label).items()
            if any(node in history.ends_of(backup) for backup in going if backup.disk == disk)
        }
        # Who deletes a backup means to lose what it stands for, and nothing else.
        request = entry.request
        spoilt = isinstance(request, CorruptBackup)
        meant = not spoilt and not (isinstance(request, DropBackup) and request.lost)
        if orphans or not (meant and set(lost) <= own):
            yield _report(self, timeline, entry, gone, lost, orphans, after)


def _gone(entry: Entry) -> list[Backup]:
    """Return the backups with content that a statement took away, but for those written over.

    One that goes bad is gone, whatever it is called.
    """
    if entry.before.backups is entry.after.backups:
        return []
    bad = [old for old, _ in gone_bad(entry)]
    if bad:
        return bad
    gone, new = exchanged(entry.before.backups, entry.after.backups)
    rows = {backup.row for backup in new}
    return [backup for backup in gone if backup.row not in rows and holds_something(backup)]


def _going(timeline: Timeline, entry: Entry) -> list[Backup]:
    """Return the backups that go with a statement, or later in its instant: a chain as a whole."""
    entries = timeline.entries
    last = entry
    while (
        last.number + 1 < len(entries)
        and entry.instant is not None
        and entries[last.number + 1].instant == entry.instant
    ):
        last = entries[last.number + 1]
    return exchanged(entry.before.backups, last.after.backups)[0]


def _orphans(before: Restorable, after: Restorable) -> list[str]:
    """Return the backups that could be stacked on something, and cannot be any more."""
    left = set(after.usable)
    there = {backup.row for backup in after.backups}
    return [row for row in before.usable if row in there and row not in left]


def _report(
    rule: Rule,
    timeline: Timeline,
    entry: Entry,
    gone: list[Backup],
    lost: tuple[str, ...],
    orphans: list[str],
    after: Restorable,
) -> Finding:
    begun = (
        beginning_of(timeline, Thing(Kind.BACKUP, each.name, each.disk), entry) for each in gone
    )
    names = join_words(dict.fromkeys(backup.name for backup in gone))
    are = "is" if len(lost) == 1 else "are"
    notes = [f"lost: {join_words(lost)}"]
    if orphans:
        notes.append(f"without their base: {join_words(orphans)}")
    left = [label for label in after.restorable if after.told(label) != EMPTY_DISK]
    notes.append(f"still there: {join_words(left) if left else 'no instant'}")
    it = "it" if len(lost) == 1 else "them"
    label, help = f"nothing else gives {it} back", full_backup(entry)
    if isinstance(entry.request, CorruptBackup):
        label = f"{names} is damaged here, and {label}"
    elif orphans:
        stand = "stands" if len(orphans) == 1 else "stand"
        help = f"keep {names} as long as {join_words(orphans)} {stand} on it; {help}"
    return rule.found(
        entry,
        f"{join_words(lost)} {are} lost with {names}",
        label=label,
        related=tuple(told_once(timeline, (each for each in begun if each is not None))),
        notes=tuple(notes),
        help=help,
    )
