"""What backups claim, and what they lack of it: told by content, explained by windows.

A backup since X claims all that differs between X and the moment at which it was read. One through
bitmaps that the user named claims nothing, but where their windows leave a stretch out it mixes.
"""

from collections.abc import Iterator

from simulator.checks.biographies import What, history_of_bitmap, last_of
from simulator.checks.claims.leftovers import leftover_of
from simulator.checks.claims.reverts import find_reverts
from simulator.model.bitmap import Window
from simulator.model.clusters import ClusterSet, set_of
from simulator.model.disk import Disk
from simulator.model.machine import Backup, Kind
from simulator.model.operations import ResizeImage
from simulator.model.requests import Qmp
from simulator.restorable.claims import claimed_end, claimed_start
from simulator.timeline import Entry, Timeline
from simulator.values import NamedTuple


class Hole(NamedTuple):
    """A stretch of a disk's history that no window covers.

    Attributes:
        start, end: Moments of the disk.
        changed: The clusters that read differently at its end; empty where nobody could look.
        last: Whether it reaches to the moment at which the data was read.
        turned: Whether the disk went back to an earlier state in it.
    """

    start: int
    end: int
    changed: ClusterSet
    last: bool
    turned: bool


class Claim(NamedTuple):
    """A backup of changes, held against what the guest changed.

    Attributes:
        read: The clusters that it holds.
        then, now: The disk where its stretch begins, and when its data was read.
        missing: What it should hold and does not: of one since a checkpoint all that differs, of
            others what changed in the holes between their windows.
        holes: Where its windows leave the stretch uncovered, oldest first.
        needless: How many of the clusters that it holds read as they did at the beginning; None
            where only the holes were looked at.
    """

    entry: Entry
    backup: Backup
    read: ClusterSet
    then: Disk
    now: Disk
    missing: ClusterSet
    holes: tuple[Hole, ...]
    needless: int | None

    @property
    def to_now(self) -> bool:
        """Whether it claims to reach to now."""
        return self.backup.kind is Kind.INCREMENTAL

    @property
    def late(self) -> Hole | None:
        """The hole between the end of the newest window and now."""
        return self.holes[-1] if self.holes and self.holes[-1].last else None

    @property
    def inner(self) -> Hole | None:
        """The first hole at the start or in the middle in which something missing changed."""
        return next((h for h in self.holes if not h.last and h.changed & self.missing), None)


def claims_of(timeline: Timeline) -> tuple[Claim, ...]:
    """Return what each completed backup of changes claims; asked again, the same ones."""
    known = timeline.memo.get("claims")
    if not isinstance(known, tuple):
        known = timeline.memo["claims"] = tuple(_claims(timeline))
    return known


def _claims(timeline: Timeline) -> Iterator[Claim]:
    made: set[tuple[str, str]] = set()
    for entry, backup in timeline.made_backups:
        key = backup.name, backup.disk
        again = key in made
        made.add(key)
        if not backup.usable or backup.read is None or backup.complete:
            continue
        if backup.kind not in (Kind.INCREMENTAL, Kind.BITMAPS):
            continue
        if again and _is_over(timeline, entry, backup):
            continue  # BT207 tells it.
        start = claimed_start(timeline, entry, backup)
        if start is None and backup.windows:
            start = _first_start(timeline, entry, backup)
        to_now = backup.kind is Kind.INCREMENTAL
        end = claimed_end(timeline, entry, backup) if to_now else backup.moment
        if start is None or start > end:
            continue
        claim = _judge(timeline, entry, backup, start, end)
        if claim is not None:
            yield claim


def _is_over(timeline: Timeline, entry: Entry, backup: Backup) -> bool:
    """Whether a backup is written over another one, or over what one left that shows."""
    there = (b for b in entry.before.backups if b.usable)
    over = any((b.name, b.disk) == (backup.name, backup.disk) for b in there)
    return over or leftover_of(timeline, entry, backup) is not None


def _first_start(timeline: Timeline, entry: Entry, backup: Backup) -> int:
    """Return where the windows begin that a backup was read through.

    Of a consumer that has begun anew, an image below may hold a bitmap that names nothing.
    """
    disk = entry.before.disk(backup.disk)
    idle: set[int] = set()
    starts: set[int] = set()
    for name in backup.bitmaps:
        begun = last_of(history_of_bitmap(timeline, disk.name, name, before=entry), What.BEGAN)
        anew = begun is not None and not isinstance(begun.entry.request, Qmp)
        there = [each for each in disk.bitmaps if each.name == name]
        for bitmap in there:
            left = anew and bitmap is not there[-1] and not bitmap.dirty
            (idle if left else starts).update(window.start for window in bitmap.windows)
    windows = [w for w in backup.windows if w.start not in idle - starts]
    return min(window.start for window in windows or backup.windows)


def _judge(timeline: Timeline, entry: Entry, backup: Backup, start: int, end: int) -> Claim | None:
    """Return a backup held against what the guest changed between two moments."""
    to_now = backup.kind is Kind.INCREMENTAL
    then, now = timeline.state_at(backup.disk, start), timeline.state_at(backup.disk, end)
    if then is None or now is None or backup.read is None:
        return None
    holes = tuple(
        _hole(timeline, backup, a, b, end) for a, b in _uncovered(backup.windows, start, end)
    )
    cut = resized_in(timeline, backup.disk, start, backup.moment) if not holes else None
    needless = None
    if to_now or cut is not None:
        changed = _changed(then, now)
        missing = changed - backup.read
        needless = len(backup.read) - len(changed) + len(missing)
        if end != backup.moment:
            held = now.guest_view.restrict(backup.read)
            missing = missing | held.differing(backup.content)
    else:
        missing = set_of(backup.length)
        for hole in holes:
            missing = missing if hole.last else missing | (hole.changed - backup.read)
    return Claim(entry, backup, backup.read, then, now, missing, holes, needless)


def _uncovered(windows: tuple[Window, ...], start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the stretches between two moments that no window covers."""
    reached = start
    for window in windows:
        if window.start >= end:
            break
        if window.start > reached:
            yield reached, window.start
        reached = max(reached, end if window.end is None else window.end)
    if reached < end:
        yield reached, end


def _hole(timeline: Timeline, backup: Backup, start: int, end: int, now: int) -> Hole:
    before, after = timeline.state_at(backup.disk, start), timeline.state_at(backup.disk, end)
    nothing = set_of(backup.length)
    changed = _changed(before, after) if before is not None and after is not None else nothing
    if before is not None and start < backup.moment < end:
        # An image below was read: what was committed into it may have been overwritten since.
        then = timeline.state_at(backup.disk, backup.moment)
        changed = changed | _changed(before, then) if then is not None else changed
    turned = any(
        each.disk == backup.disk and start < each.moment <= end for each in find_reverts(timeline)
    )
    last = end == now and all(window.start < end for window in backup.windows)
    return Hole(start, end, changed, last, turned)


def _changed(then: Disk, now: Disk) -> ClusterSet:
    """Return the clusters of a disk that read differently at two moments."""
    if then.guest_view is now.guest_view:
        return set_of(now.length)
    return then.guest_view.differing(now.guest_view).below(now.length)


def resized_in(timeline: Timeline, disk: str, start: int, end: int) -> Entry | None:
    """Return the step at which a disk last changed its size, between two moments."""
    found = None
    for entry in _resizes(timeline):
        before, after = entry.before.disk(disk), entry.after.disk(disk)
        if before.length != after.length and start <= before.moment and after.moment <= end:
            found = entry
    return found


def _resizes(timeline: Timeline) -> tuple[Entry, ...]:
    """Return the steps that change the size of something; every claim asks for them."""
    known = timeline.memo.get("resizes")
    if not isinstance(known, tuple):
        known = timeline.memo["resizes"] = tuple(
            entry
            for entry in timeline.entries
            if any(isinstance(each, ResizeImage) for each in entry.operations)
        )
    return known
