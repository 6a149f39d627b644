"""The rule about overlays on which the bitmaps of the image below do not go on: BT107."""

from bisect import bisect_left
from collections.abc import Iterator

from simulator.checks.biographies import What, history_of_bitmap, last_of
from simulator.checks.claims.blame import lost_to
from simulator.checks.copied import never_copied, uncopied
from simulator.checks.evidence import draw_evidence, join_words, name_clusters
from simulator.checks.rule import Rule, relate, rule
from simulator.diagnostics import Finding, Related, Severity
from simulator.model.bitmap import DirtyBitmap
from simulator.model.clusters import ClusterSet, set_of
from simulator.model.disk import Disk
from simulator.model.machine import Backup
from simulator.model.operations import AddOverlay
from simulator.notation import write_bits, write_view
from simulator.restorable.claims import claimed_start
from simulator.restorable.history import history_of
from simulator.timeline import Entry, Timeline
from simulator.values import NamedTuple


@rule("BT107", "untracked-overlay", Severity.ERROR)
def untracked_overlay(self: Rule, timeline: Timeline) -> Iterator[Finding]:
    """
    ## What it does
    Finds overlays that are made without the bitmaps which recorded on the image below: what the
    guest writes next is in none, or what they held is left out when one begins anew.

    ## Why is this wrong?
    Bitmaps stay on the image that they were made on. An incremental that starts before the overlay
    lacks clusters, and hosts that look at names alone let it pass.

    ## Example
    ```yaml
    scenario: a snapshot by a tool that knows nothing of bitmaps
    model: mail-2018
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}, {backup: {to: full.bak, checkpoint: B1}}]}
      - write: A-------
      - {at: T2, do: [{snapshot: {image: S2, outside: true}}]}
      - write: -B------
    ```

    ## Use instead
    ```yaml
    scenario: a snapshot that begins the next bitmap
    model: mail-2018
    disk: 8
    timeline:
      - {at: T1, do: [{create: S1}, {backup: {to: full.bak, checkpoint: B1}}]}
      - write: A-------
      - {at: T2, do: [{snapshot: {image: S2, bitmap: B2}}]}
      - write: -B------
    ```

    ## Source
    vatesfr/xen-orchestra issue 3626: a delta of a few KiB after a snapshot that was not made
    right. QEMU docs/interop/bitmaps.rst: a bitmap belongs to its node.
    """
    for entry in timeline.entries:
        for each in entry.operations:
            if isinstance(each, AddOverlay):
                overlay = _look(timeline, entry, each)
                if overlay is not None and overlay.lost:
                    yield _report(self, timeline, overlay)


class Overlay(NamedTuple):
    """An overlay whose image below had bitmaps that recorded.

    Attributes:
        stopped: Those that are no good any more.
        lost: The clusters that are in no bitmap, or that no backup copied.
        again: The step at which something records again; None where nothing does.
        name: Of the new image.
    """

    entry: Entry
    disk: Disk
    stopped: tuple[DirtyBitmap, ...]
    lost: ClusterSet
    again: Entry | None
    name: str


def _look(timeline: Timeline, entry: Entry, made: AddOverlay) -> Overlay | None:
    """Return what becomes of the bitmaps below an overlay; None where none recorded."""
    disk = entry.after.disk_of(made.overlay)
    if disk is None:
        return None
    before = entry.before.disk(disk.name)
    old = [b for b in before.bitmaps_on(made.node) if b.recording and not b.inconsistent]
    based = any(backup.disk == disk.name for backup in entry.before.backups)
    # One that nobody reads by its name may have been merged into another one.
    old = [b for b in old if based or _next_reader(timeline, before, b.name) is not None
           or lost_to(timeline, entry, disk.name, b.name) is not None]  # fmt: skip
    if not old:
        return None
    again = entry if records(disk) else next_recording(timeline, entry, disk.name)
    later = again.after.disk(disk.name) if again is not None else timeline.last.disk(disk.name)
    changed = changed_until(disk, later)
    lost, stopped = set_of(disk.length), []
    for bitmap in old:
        # Where each bitmap is read from its own image, the overlay is not read at all.
        own = timeline.model == "nir-2018"
        unnamed = changed if own else _unnamed(changed, later, bitmap.name)
        missing = unnamed | _unread(timeline, entry, before, bitmap)
        missing = missing | (lost_to(timeline, entry, disk.name, bitmap.name) or missing)
        if missing:
            lost = lost | missing
            stopped.append(bitmap)
    return Overlay(entry, disk, tuple(stopped), lost, again, made.overlay)


def records(disk: Disk) -> bool:
    """Whether any bitmap records what the guest writes."""
    if not disk.chain:
        return False
    return any(b.recording and not b.inconsistent for b in disk.bitmaps_on(disk.active.name))


def next_recording(timeline: Timeline, since: Entry, disk: str) -> Entry | None:
    """Return the first step after one at which a bitmap records, or None."""
    for entry in timeline.entries[since.number + 1 :]:
        if records(entry.after.disk(disk)):
            return entry
    return None


def changed_until(then: Disk, later: Disk) -> ClusterSet:
    """Return what the guest changed until a later state, in which something records."""
    if then.moment == later.moment or not later.chain:
        return set_of(then.length)
    return then.guest_view.differing(later.guest_view).below(later.length)


def _unnamed(changed: ClusterSet, later: Disk, name: str) -> ClusterSet:
    """Return changed clusters that no bitmap of a name has, such as by a commit of the overlay."""
    for bitmap in later.bitmaps if changed else ():
        if bitmap.name == name and not bitmap.inconsistent:
            changed = changed - later.clusters_of(bitmap)
    return changed


def _unread(timeline: Timeline, entry: Entry, before: Disk, bitmap: DirtyBitmap) -> ClusterSet:
    """Return the clusters that a bitmap names, of which its namesakes' backups know nothing."""
    nothing = set_of(before.length)
    reader = _next_reader(timeline, before, bitmap.name)
    if reader is None or reader.backup.read is None:
        return nothing
    later = reader.entry.before.disk(before.name)
    left = later.bitmap(bitmap.node, bitmap.name)
    if left is None:
        return nothing  # Another step has lost it.
    if _begun_later(timeline, entry, before.name, reader):
        return nothing  # It says nothing of what was before.
    lost = (before.clusters_of(bitmap) & later.clusters_of(left)) - reader.backup.read
    if not lost:
        return nothing
    lost = uncopied(entry.after, before.name, lost)
    return never_copied(timeline, before.name, lost, before.moment) if lost else lost


def _begun_later(timeline: Timeline, entry: Entry, disk: str, reader: "Reader") -> bool:
    """Whether a backup starts where a bitmap of its name began anew after a step.

    Without a start that its user named, that is so where another bitmap had followed meanwhile.
    """
    after = entry.after.disk(disk)
    start = claimed_start(timeline, reader.entry, reader.backup)
    if not (records(after) if start is None else start >= after.moment):
        return False
    names = reader.backup.bitmaps if reader.backup.since is None else (reader.backup.since,)
    begun = (
        last_of(history_of_bitmap(timeline, disk, name, before=reader.entry), What.BEGAN)
        for name in names
    )
    return all(each is not None and each.entry.number > entry.number for each in begun)


class Reader(NamedTuple):
    """A backup that is read through bitmaps."""

    entry: Entry
    backup: Backup


def _next_reader(timeline: Timeline, disk: Disk, name: str) -> Reader | None:
    """Return the first completed backup that is read through a bitmap's namesake after a state."""
    readers = timeline.memo.get("readers of bitmaps")
    if not isinstance(readers, dict):
        readers = timeline.memo["readers of bitmaps"] = _readers(timeline)
    found: list[Reader] = readers.get((disk.name, name), [])
    return next((reader for reader in found if reader.backup.moment >= disk.moment), None)


def _readers(timeline: Timeline) -> dict[tuple[str, str], list[Reader]]:
    readers: dict[tuple[str, str], list[Reader]] = {}
    for entry, backup in timeline.made_backups:
        if backup.usable and not backup.complete:
            for name in backup.bitmaps:
                readers.setdefault((backup.disk, name), []).append(Reader(entry, backup))
    return readers


def _report(self: Rule, timeline: Timeline, overlay: Overlay) -> Finding:
    entry, disk = overlay.entry, overlay.disk
    names = list(dict.fromkeys(bitmap.name for bitmap in overlay.stopped))
    later = overlay.again.after.disk(disk.name) if overlay.again else timeline.last.disk(disk.name)
    if not later.chain or later.moment == disk.moment:
        later = disk
    ends = timeline.label_at(disk.name, later.moment, prefer=(overlay.again or entry).instant)
    rows = [
        (b.name, write_bits(disk.clusters_of(b), disk.length_of(b.node)))
        for b in disk.bitmaps
        if b.name in names and b.node != overlay.name
    ]
    rows.append((f"guest saw at {ends}", write_view(later.guest_view, later.length)))
    related: tuple[Related, ...] = ()
    if overlay.again is not None and overlay.again is not entry:
        related = (relate(timeline, overlay.again, "only from here on something records"),)
    return self.found(
        entry,
        f"overlay {overlay.name} is made without {join_words(names)}: "
        f"{name_clusters(overlay.lost)} {'is' if len(overlay.lost) == 1 else 'are'} lost to "
        f"{'it' if len(names) == 1 else 'them'}",
        label=f"{join_words(names)} {'is' if len(names) == 1 else 'are'} no good any more",
        notes=(
            *draw_evidence(
                rows,
                marked=overlay.lost.below(later.length),
                length=later.length,
                caption="in no bitmap" if later is not disk else "in no backup",
            ),
            *_not_given(timeline, disk),
        ),
        help="begin the bitmap on the overlay in the step that makes it, "
        "or take a full backup after it",
        related=related,
    )


def _not_given(timeline: Timeline, disk: Disk) -> tuple[str, ...]:
    """Return what nobody can restore although a backup from after the overlay stands for it."""
    moments = history_of(timeline).never_given[disk.name]
    later = moments[bisect_left(moments, disk.moment) :]
    if not later:
        return ()
    labels = [timeline.label_at(disk.name, moment) for moment in later[:TOLD_MAX]]
    if len(later) > TOLD_MAX:
        labels.append(f"{len(later) - TOLD_MAX:,} more")
    of = f" of {disk.name}" if len(timeline.start.disks) > 1 else ""
    return (f"no stack gives: {join_words(labels)}{of}",)


TOLD_MAX = 5
"""So many instants are told that no stack gives."""
