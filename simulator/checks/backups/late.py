"""Rules about bitmaps that had stopped before a backup was read through them: BT201, BT202."""

from collections.abc import Iterator
from typing import NamedTuple

from simulator.checks.evidence import draw_evidence, join_words, tell_change
from simulator.checks.rule import Rule, rule
from simulator.diagnostics import Finding, Severity
from simulator.model.bitmap import DirtyBitmap
from simulator.model.clusters import ClusterSet
from simulator.model.disk import Disk
from simulator.model.machine import Backup, Kind, Status
from simulator.notation import write_bits, write_clusters, write_view
from simulator.timeline import Entry, Timeline


@rule("BT201", "stale-bitmap", Severity.ERROR)
def stale_bitmap(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds backups read through a bitmap that had stopped recording, after the guest overwrote
    clusters that the bitmap names.

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
    for late in _late_reads(timeline):
        if late.wrong:
            yield _report(self, timeline, late, _late_message(timeline, late))


@rule("BT202", "lucky-read", Severity.WARNING)
def lucky_read(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds backups read through bitmaps that had stopped recording, where the guest has written
    since, and left what the clusters of the bitmaps hold as it was.

    ## Why is this wrong?
    The backup is right this time: what it read is still what was there when the bitmap stopped.
    One write to one of those clusters, and it mixes two points in time (BT201).

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
    for late in _late_reads(timeline):
        if not late.wrong:
            yield _report(self, timeline, late, f"backup {late.backup.name} is right by luck")


class LateRead(NamedTuple):
    """A backup whose bitmaps had stopped before its data was read.

    Attributes:
        read: The clusters that it read.
        then, now: The disk when the bitmaps stopped, and when the data was read.
        changed: The clusters that the guest changed in between.
    """

    entry: Entry
    backup: Backup
    read: ClusterSet
    then: Disk
    now: Disk
    changed: ClusterSet

    @property
    def wrong(self) -> ClusterSet:
        """The changed clusters that make the backup wrong: of those that were read.

        A backup since a checkpoint claims to reach to now, so those that it left out count, too.
        """
        reaches_now = self.backup.kind is Kind.INCREMENTAL
        return self.changed if reaches_now else self.changed & self.read


def _late_reads(timeline: Timeline) -> Iterator[LateRead]:
    for entry, backup in timeline.made_backups:
        # A job with ``sync: none`` reads through no bitmap, also over a target that was read so.
        through = backup.kind not in (Kind.COPY, Kind.NONE) and backup.read is not None
        if not through or backup.end >= backup.moment:
            continue
        if backup.status is not Status.COMPLETED:
            continue
        then = timeline.state_at(backup.disk, backup.end)
        now = timeline.state_at(backup.disk, backup.moment)
        if then is not None and now is not None:
            changed = then.guest_view.differing(now.guest_view).below(now.length)
            assert backup.read is not None, "it was read through bitmaps"
            yield LateRead(entry, backup, backup.read, then, now, changed)


def _report(rule: Rule, timeline: Timeline, late: LateRead, message: str) -> Finding:
    return rule.found(
        late.entry,
        message,
        label=_late_label(timeline, late),
        notes=_late_notes(timeline, late),
        help=_late_help(late),
    )


def _late_message(timeline: Timeline, late: LateRead) -> str:
    """Return what a late read made of a backup: a lack, a mixture, or another instant."""
    backup = late.backup
    ends = timeline.label_at(backup.disk, backup.end)
    if not late.changed & late.read:
        return f"backup {backup.name} lacks what the guest wrote after {ends}"
    if late.changed - late.read:
        return f"backup {backup.name} mixes two points in time"
    reads = timeline.label_at(backup.disk, backup.moment, prefer=late.entry.instant)
    return f"backup {backup.name} holds {reads}, where its bitmap ends at {ends}"


def _late_label(timeline: Timeline, late: LateRead) -> str:
    """Return why a backup's bitmaps do not reach to now."""
    backup = late.backup
    ends = timeline.label_at(backup.disk, backup.end)
    disk = late.entry.before.disk(backup.disk)
    if any(bitmap.recording for bitmap in disk.bitmaps if bitmap.name in backup.bitmaps):
        return f"{_bitmaps(backup)} saw no write after {ends}: an overlay took them"
    return f"{_bitmaps(backup)} stopped recording at {ends}"


def _bitmaps(backup: Backup) -> str:
    return join_words(backup.bitmaps)


def _late_notes(timeline: Timeline, late: LateRead) -> tuple[str, ...]:
    """Return what the guest saw then and now, what was left out, and what the backup holds."""
    backup = late.backup
    disk = late.entry.after.disk(backup.disk)
    start = timeline.label_at(backup.disk, backup.end)
    end = timeline.label_at(backup.disk, backup.moment, prefer=late.entry.instant)
    rows = [
        (f"guest saw at {start}", write_view(late.then.guest_view, late.then.length)),
        (f"guest sees at {end}", write_view(late.now.guest_view, late.now.length)),
    ]
    rows += [
        (
            f"left out, {bitmap.name}",
            write_bits(disk.clusters_of(bitmap), disk.length_of(bitmap.node)),
        )
        for bitmap in _successors(disk, late)
    ]
    rows.append((f"{backup.row} holds", write_clusters(backup.content, backup.length)))
    told = "changed"
    if late.changed & late.read:
        told = tell_change(late.wrong, late.then.guest_view, late.now.guest_view)
    return draw_evidence(
        rows,
        marked=late.wrong.below(backup.length),
        length=backup.length,
        caption=f"{told} after {start}",
    )


def _successors(disk: Disk, late: LateRead) -> list[DirtyBitmap]:
    """Return the bitmaps that recorded after those of a backup had stopped, and it left out."""
    return [
        bitmap
        for bitmap in disk.bitmaps
        if bitmap.name not in late.backup.bitmaps
        and disk.clusters_of(bitmap) - late.read
        and any(w.start >= late.backup.end and w.start != w.end for w in bitmap.windows)
    ]


def _late_help(late: LateRead) -> str:
    entry, backup = late.entry, late.backup
    names = [bitmap.name for bitmap in _successors(entry.after.disk(backup.disk), late)]
    if not names:
        return f"copy {_bitmaps(backup)} in the step that stops it, or take a full backup"
    merged = ", ".join([*backup.bitmaps, *names])
    return (
        f"copy {_bitmaps(backup)} in the step that creates {names[0]}, "
        f"or copy the merge of {merged}"
        + (f" and call it {entry.instant}" if entry.instant else "")
    )
