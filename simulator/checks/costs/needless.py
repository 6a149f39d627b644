"""The rule about copies of what is there already: BT501."""

from collections.abc import Iterator

from simulator.checks.bitmaps.namesakes import stale_namesakes
from simulator.checks.claims.leftovers import leftover_of
from simulator.checks.claims.stretches import Claim, claims_of
from simulator.checks.rule import Rule, rule
from simulator.diagnostics import Finding, Severity
from simulator.model.clusters import ClusterSet
from simulator.model.disk import Disk
from simulator.model.machine import Backup, Kind
from simulator.restorable.claims import claimed_start
from simulator.timeline import Entry, Timeline

WORTH_TELLING = 128 * 1024
"""Bytes: a job copies 64 KiB at least, so that less says nothing about the guest."""


@rule("BT501", "needless-copy", Severity.INFO)
def needless_copy(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds incrementals of which more than half did not change in content, and full backups that
    hold what an earlier one holds.

    ## Why is this wrong?
    A bitmap says where the guest wrote, never whether anything became different: data written
    again, zeroes over zeroes and coarse granules are all copied. It costs time and room, and no
    restore needs it.

    ## Example
    ```yaml
    scenario: the guest writes the same again
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}]}
      - write: AAAA----
      - {at: T2, do: [{backup: {to: full.bak, checkpoint: c0}}]}
      - write: AAAB----
      - {at: T3, do: [{backup: {since: c0, to: inc.bak}}]}
    ```

    ## Use instead
    ```yaml
    scenario: it writes what has changed
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}]}
      - write: AAAA----
      - {at: T2, do: [{backup: {to: full.bak, checkpoint: c0}}]}
      - write: ---B----
      - {at: T3, do: [{backup: {since: c0, to: inc.bak}}]}
    ```

    ## Source
    QEMU docs/interop/bitmaps.rst: bits are set by writes, whatever they write. oVirt's page on
    incremental backup recommends granules of 64 KiB for this.
    """
    whole: dict[str, Backup] = {}
    claims = {id(claim.backup): claim for claim in claims_of(timeline)}
    for entry, backup in timeline.made_backups:
        if not backup.usable or backup.kind is Kind.COPY:
            continue
        if backup.complete:
            old = whole.get(backup.disk)
            whole[backup.disk] = backup
            if old is not None and _is_again(entry, old, backup):
                yield _again(self, entry, old, backup)
        elif backup.read and leftover_of(timeline, entry, backup) is None:
            then, now = _ends(timeline, entry, backup)
            if then is not None and now is not None:
                needless = _count(claims.get(id(backup)), backup.read, then, now)
                size = needless * now.cluster_size
                many = needless * 2 > len(backup.read) and size >= WORTH_TELLING
                if many and not stale_namesakes(timeline, entry, backup):
                    yield _increment(self, timeline, entry, backup, then, needless)


def _ends(timeline: Timeline, entry: Entry, backup: Backup) -> tuple[Disk | None, Disk | None]:
    """Return a disk where the stretch of a backup begins, and as it was read."""
    start = claimed_start(timeline, entry, backup)
    if start is None and backup.windows and backup.kind is Kind.BITMAPS:
        start = min(window.start for window in backup.windows)
    if start is None:
        return None, None
    return timeline.state_at(backup.disk, start), timeline.state_at(backup.disk, backup.moment)


def _count(claim: Claim | None, read: ClusterSet, then: Disk, now: Disk) -> int:
    """Return how many clusters that were read are as they were, as a claim of the same may know."""
    known = (
        claim.needless if claim is not None and claim.then is then and claim.now is now else None
    )
    if known is not None:
        return known
    return len(read - then.guest_view.differing(now.guest_view))


def _is_again(entry: Entry, old: Backup, new: Backup) -> bool:
    """Whether a full backup holds what an earlier one does that is there."""
    if old.length != new.length or old.name == new.name:
        return False
    if old.content is not new.content and not old.content.reads_like(new.content):
        return False
    return entry.before.backup_exists(old.name, old.disk)


def _again(self: Rule, entry: Entry, old: Backup, new: Backup) -> Finding:
    return self.found(
        entry,
        f"{new.row} holds what {old.row} holds",
        label="nothing has become different in between",
        help="take an incremental, which would hold nothing",
    )


def _increment(
    self: Rule, timeline: Timeline, entry: Entry, backup: Backup, then: Disk, needless: int
) -> Finding:
    begins = timeline.label_at(backup.disk, then.moment)
    assert backup.read is not None, "some clusters were read"
    return self.found(
        entry,
        f"{backup.row} copies {needless:,} of {len(backup.read):,} clusters needlessly",
        label=f"they read as they did at {begins}",
    )
