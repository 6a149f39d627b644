"""The rule about bits that go before anybody has copied what they name: BT215."""

from collections.abc import Iterator, Sequence

from simulator.checks.claims.blame import Broken, broken_by
from simulator.checks.copied import copied_in_part, in_no_backup, never_copied, uncopied
from simulator.checks.evidence import draw_evidence, join_words, name_clusters
from simulator.checks.rule import Rule, rule
from simulator.diagnostics import Finding, Severity
from simulator.model.bitmap import DirtyBitmap
from simulator.model.clusters import ClusterSet, set_of
from simulator.model.disk import Disk
from simulator.model.machine import Backup, Status
from simulator.model.operations import (
    BitmapMode,
    ClearBitmap,
    CloseImages,
    CommitImages,
    EndJob,
    KillProcess,
    MirrorDisk,
    PullImages,
    RemoveBitmap,
)
from simulator.model.requests import DeleteCheckpoint, Qmp
from simulator.notation import write_bits, write_clusters, write_view
from simulator.timeline import Entry, Timeline
from simulator.values import NamedTuple


@rule("BT215", "changes-discarded", Severity.WARNING)
def changes_discarded(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds bitmaps that are cleared or removed, or go with their image, while they name clusters
    that no whole backup holds as they are and no other bitmap names, or that an increment lacks
    later.

    ## Why is this wrong?
    The bits are all that is known of these changes. No later incremental copies the clusters,
    unless the guest happens to write them again, and every restore has them as they were before.

    ## Example
    ```yaml
    scenario: the bitmap is cleared when the full backup is done, by a command of its own
    model: qemu
    disk: 8
    timeline:
      - {at: T1, do: [{create: {image: S1, bitmap: B1}}]}
      - write: AAAA----
      - at: T2
        do:
          - qmp: {execute: blockdev-backup, arguments: {device: S1, target: full, sync: full}}
      - write: -B------
      - at: T3
        do:
          - qmp: {execute: block-dirty-bitmap-clear, arguments: {node: S1, name: B1}}
    ```

    ## Use instead
    ```yaml
    scenario: the bitmap is cleared in the transaction that starts the full backup
    model: qemu
    disk: 8
    timeline:
      - {at: T1, do: [{create: {image: S1, bitmap: B1}}]}
      - write: AAAA----
      - at: T2
        do:
          - qmp:
              - {execute: block-dirty-bitmap-clear, arguments: {node: S1, name: B1}}
              - {execute: blockdev-backup, arguments: {device: S1, target: full, sync: full}}
      - write: -B------
    ```

    ## Source
    QEMU docs/interop/bitmaps.rst, "Full Backup with a bitmap": clear and backup are one
    transaction. A home-made backup in the Proxmox forum that cleared after the job.
    """
    for entry in timeline.entries:
        for gone in _gone(entry) if entry.refusal is None else ():
            lost = _lost(timeline, entry, gone) if gone.unseen else set_of(0)
            broken = [
                each
                for each in broken_by(timeline, entry, gone.disk.name)
                if gone.bitmap.name in each.names
            ]
            if lost or broken:
                yield _report(self, timeline, entry, gone, lost, broken)


class Gone(NamedTuple):
    """A bitmap whose bits go with a step.

    Attributes:
        disk: Its disk, before the step.
        told: What becomes of it: ``cleared``.
        unseen: Whether no other rule tells who needs it then that it is gone.
    """

    disk: Disk
    bitmap: DirtyBitmap
    told: str
    unseen: bool


def _gone(entry: Entry) -> Iterator[Gone]:
    """Yield the bitmaps whose bits go with a step."""
    for each in entry.operations:
        if isinstance(each, ClearBitmap | RemoveBitmap):
            disk = entry.before.disk_of(each.node)
            bitmap = disk.bitmap(each.node, each.name) if disk is not None else None
            if disk is not None and bitmap is not None:
                told = "cleared" if isinstance(each, ClearBitmap) else "removed"
                by_hand = not isinstance(entry.request, DeleteCheckpoint)
                yield Gone(disk, bitmap, told, unseen=by_hand)
        elif isinstance(each, CommitImages | PullImages | MirrorDisk | EndJob):
            yield from _gone_with(entry, None)
            break
        elif isinstance(each, CloseImages | KillProcess):
            yield from _gone_with(entry, "the process")


def _gone_with(entry: Entry, what: str | None) -> Iterator[Gone]:
    """Yield the bitmaps that are gone with their images, or the process, or that a job that failed
    has cleared all the same.

    BT108 has those that were stored, and who needs one that was in memory is refused.
    """
    failed = {
        (job.node, job.bitmap)
        for job in entry.before.backup_jobs
        if job.mode == BitmapMode.ALWAYS
        for backup in [entry.after.backup_of(job.backup.name, job.disk)]
        if backup is None or backup.status not in (Status.RUNNING, Status.COMPLETED)
    }
    for disk in entry.before.disks:
        after = entry.after.disk(disk.name)
        left = {image.name for image in after.chain}
        if what is None and not failed and all(image.name in left for image in disk.chain):
            continue  # Most jobs that end leave every bitmap where it was.
        for bitmap in disk.bitmaps if after is not disk else ():
            if what is None and bitmap.node not in left and not bitmap.persistent:
                yield Gone(disk, bitmap, f"gone with {bitmap.node}", unseen=True)
            elif what is not None and after.bitmap(bitmap.node, bitmap.name) is None:
                yield Gone(disk, bitmap, f"gone with {what}", unseen=False)
            elif (bitmap.node, bitmap.name) in failed and bitmap.dirty:
                yield Gone(disk, bitmap, "cleared by a job that fails", unseen=True)


def _lost(timeline: Timeline, entry: Entry, gone: Gone) -> ClusterSet:
    """Return the clusters that a bitmap named, and that no backup gets any more.

    A bitmap that has stopped named what was there then, and reads what is there now: a backup with
    either has copied it. Without an earlier backup to stack one on, everything is copied anew,
    whatever bitmaps say.
    """
    name = gone.disk.name
    lost = gone.disk.clusters_of(gone.bitmap)
    if not any(b.disk == name and b.usable for b in entry.before.backups):
        return lost.below(0)
    after = entry.after.disk(name)
    for bitmap in after.bitmaps if not _is_relied_on(timeline, entry, gone) else ():
        if lost and bitmap.dirty and not bitmap.inconsistent:
            lost = lost - after.clusters_of(bitmap)
    ends = [window.end for window in gone.bitmap.windows[-1:] if window.end is not None]
    then = timeline.state_at(name, ends[0]) if ends else None
    lost = uncopied(entry.after, name, lost.below(after.length))
    lost = uncopied(entry.after, name, lost, then) if then is not None else lost
    return never_copied(timeline, name, lost, after.moment) if lost else lost


def _is_relied_on(timeline: Timeline, entry: Entry, gone: Gone) -> bool:
    """Whether increments by the bitmap's own name go on, whatever other bitmaps say."""
    if gone.told != "cleared" or not isinstance(entry.request, Qmp):
        return False
    name = gone.bitmap.name
    made = (b.since for _, b in timeline.made_backups)
    return entry.before.checkpoint(name) is not None or name in made


def _report(
    self: Rule,
    timeline: Timeline,
    entry: Entry,
    gone: Gone,
    lost: ClusterSet,
    broken: list[Broken],
) -> Finding:
    disk, bitmap = entry.after.disk(gone.disk.name), gone.bitmap
    partly = copied_in_part(entry.after, disk, lost)
    told, caption = "no whole backup has" if partly else "nobody has copied", in_no_backup(partly)
    told = f"{told} {name_clusters(lost)}"
    label = f"only {bitmap.name} named {'it' if len(lost) == 1 else 'them'}"
    help = "take a full backup now"
    if gone.told == "cleared":
        help += f"; clear {bitmap.name} in the transaction that starts one"
    if not lost:
        for each in broken:
            lost = lost | each.clusters
        names = list(dict.fromkeys(each.claim.backup.name for each in broken))
        told = f"{join_words(names)} {'lacks' if len(names) == 1 else 'lack'} {name_clusters(lost)}"
        label, caption = f"increments through {bitmap.name} go on without", "left out"
        help = f"take a full backup, and none through {bitmap.name} any more"
    message = f"{bitmap.name} is {gone.told}, and {told}"
    rows = _rows(timeline, entry, gone, partly)
    notes = draw_evidence(rows, marked=lost.below(disk.length), length=disk.length, caption=caption)
    return self.found(entry, message, label=label, notes=notes, help=help)


def _rows(
    timeline: Timeline, entry: Entry, gone: Gone, partly: Sequence[Backup]
) -> list[tuple[str, str]]:
    """Return what the bitmap named, what was copied of it, and what the guest saw."""
    disk = entry.after.disk(gone.disk.name)
    when = timeline.label_at(disk.name, disk.moment, prefer=entry.instant)
    named = write_bits(gone.disk.clusters_of(gone.bitmap), gone.disk.length_of(gone.bitmap.node))
    return [
        (gone.bitmap.name, named),
        *((f"{each.row} holds", write_clusters(each.content, each.length)) for each in partly),
        (f"guest saw at {when}", write_view(disk.guest_view, disk.length)),
    ]
