"""The rule about older bitmaps of the same name further down: BT109."""

from collections.abc import Iterator

from simulator.checks.evidence import draw_evidence, name_clusters
from simulator.checks.rule import Rule, rule
from simulator.diagnostics import Finding, Severity
from simulator.model.bitmap import DirtyBitmap
from simulator.model.clusters import ClusterSet
from simulator.model.disk import Disk
from simulator.model.machine import Backup, Kind
from simulator.notation import write_bits, write_clusters
from simulator.restorable.claims import claimed_start
from simulator.timeline import Entry, Timeline


@rule("BT109", "stale-namesake", Severity.WARNING)
def stale_namesake(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds incrementals that copy what a bitmap of an older checkpoint names, because it has the
    name of the new one and lies further down the chain.

    ## Why is this wrong?
    A host that merges all bitmaps of a name takes the old one for a part of the new. The backup is
    right and too large; and where the old bitmap is broken, the new checkpoint is refused for it.

    ## Example
    ```yaml
    scenario: the name is used again, and the old bitmap is still below
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}, {backup: {to: full.bak, checkpoint: c0}}]}
      - write: A-------
      - at: T2
        do:
          - delete: {checkpoint: c0, metadata: true}
          - snapshot: {image: S2, outside: true}
          - backup: {to: full2.bak, checkpoint: c0}
      - write: ----BBBB
      - {at: T3, do: [{backup: {since: c0, to: inc.bak}}]}
    ```

    ## Use instead
    ```yaml
    scenario: the old bitmap goes with its checkpoint
    model: libvirt
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}, {backup: {to: full.bak, checkpoint: c0}}]}
      - write: A-------
      - at: T2
        do:
          - delete: {checkpoint: c0}
          - snapshot: {image: S2, outside: true}
          - backup: {to: full2.bak, checkpoint: c0}
      - write: ----BBBB
      - {at: T3, do: [{backup: {since: c0, to: inc.bak}}]}
    ```

    ## Source
    libvirt's qemuBackupDiskPrepareOneBitmaps merges every bitmap of the name that the chain holds.
    Observed on libvirt 9.0 and 11.3.
    """
    for entry, backup in timeline.made_backups:
        if backup.kind is not Kind.INCREMENTAL or not backup.usable:
            continue
        disk = entry.before.disk(backup.disk)
        old = stale_namesakes(timeline, entry, backup)
        needless = _needless(timeline, entry, backup, disk, old) if old else None
        if needless:
            yield _report(self, entry, backup, disk, old, needless)


def stale_namesakes(timeline: Timeline, entry: Entry, backup: Backup) -> tuple[DirtyBitmap, ...]:
    """Return the bitmaps of a checkpoint's name that had stopped before it began."""
    disk = entry.before.disk(backup.disk)
    nodes = disk.nodes_with(backup.since) if backup.since is not None else ()
    start = claimed_start(timeline, entry, backup) if len(nodes) > 1 else None
    if start is None:
        return ()
    found = (disk.bitmap(node, backup.since or "") for node in nodes[:-1])
    return tuple(
        bitmap
        for bitmap in found
        if bitmap is not None
        and bitmap.windows
        and all(w.end is not None and w.start < start >= w.end for w in bitmap.windows)
    )


def _needless(
    timeline: Timeline, entry: Entry, backup: Backup, disk: Disk, old: tuple[DirtyBitmap, ...]
) -> ClusterSet | None:
    """Return the clusters that a backup holds only for old bitmaps; None where nobody knows."""
    start = claimed_start(timeline, entry, backup)
    then = timeline.state_at(disk.name, start) if start is not None else None
    now = timeline.state_at(disk.name, backup.moment)
    if then is None or now is None or backup.read is None:
        return None
    needless = backup.read - then.guest_view.differing(now.guest_view)
    for bitmap in disk.bitmaps:
        if bitmap.name == backup.since and bitmap not in old:
            needless = needless - disk.clusters_of(bitmap)
    return needless


def _report(
    self: Rule,
    entry: Entry,
    backup: Backup,
    disk: Disk,
    old: tuple[DirtyBitmap, ...],
    needless: ClusterSet,
) -> Finding:
    held = old[-1]
    rows = [
        (f"{each.node}.{each.name}", write_bits(disk.clusters_of(each), disk.length_of(each.node)))
        for each in old
    ]
    rows.append((f"{backup.row} holds", write_clusters(backup.content, backup.length)))
    return self.found(
        entry,
        f"backup {backup.name} copies {name_clusters(needless)} for an older {held.name}",
        label=f"{held.node} holds a bitmap {held.name} from before this checkpoint",
        notes=draw_evidence(
            rows,
            marked=needless.below(backup.length),
            length=backup.length,
            caption="not changed since the checkpoint",
        ),
        help="delete a checkpoint with its bitmaps before its name is used again",
    )
