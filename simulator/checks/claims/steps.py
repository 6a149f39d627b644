"""Which step left a hole in what a backup was read through."""

from collections.abc import Iterator

from simulator.checks.biographies import Event, Kind, Thing, What, history_of_bitmap, last_of, told
from simulator.checks.claims.reverts import find_reverts
from simulator.checks.claims.stretches import Claim, Hole
from simulator.diagnostics import Related
from simulator.model.bitmap import DirtyBitmap
from simulator.model.machine import Backup
from simulator.timeline import Entry, Timeline

STOPS = (What.DISABLED, What.LEFT, What.GONE, What.SPOILED)
"""What a bitmap that recorded the guest's writes does not get over."""

HANDED = (What.DISABLED, What.LEFT)
"""What is in order where another bitmap goes on."""


def step_of(timeline: Timeline, claim: Claim, hole: Hole) -> Event | None:
    """Return the step that left a hole: what cleared a bitmap that had recorded there, or else what
    stopped one at its start, lost one, or began one at its end.

    What was cleared before anything changed that is missing has lost nothing.
    """
    found = _step_of(timeline, claim, hole)
    while found is not None and found.what is What.CLEARED:
        start = _starts(found)
        if start is None or start <= hole.start or _changes(timeline, claim, hole.start, start):
            break
        hole = hole._replace(start=start)
        found = _step_of(timeline, claim, hole) or found
    return found


def _changes(timeline: Timeline, claim: Claim, start: int, end: int) -> bool:
    """Whether something that a backup lacks reads differently at two moments."""
    then, later = (timeline.state_at(claim.backup.disk, each) for each in (start, end))
    if then is None or later is None:
        return True
    return bool(then.guest_view.differing(later.guest_view) & claim.missing)


def _step_of(timeline: Timeline, claim: Claim, hole: Hole) -> Event | None:
    names = claim.backup.bitmaps
    if claim.backup.since is not None and claim.backup.since not in names:
        names = (*names, claim.backup.since)
    disk = claim.entry.before.disk(claim.backup.disk)
    merged = tuple(bitmap.name for bitmap in disk.bitmaps if bitmap.windows)
    found = _find(timeline, claim, hole, names) or _find(timeline, claim, hole, merged)
    while found is not None and found.what in HANDED and claim.to_now:
        followed = tuple(name for name in begun_at(found) if name not in names)
        if not followed:
            break
        names = (*names, *followed)
        found = _find(timeline, claim, hole, names) or found
    return found


def begun_at(event: Event) -> tuple[str, ...]:
    """Return the bitmaps that go on from a step on, where another one stops."""
    before, after = (m.disk(event.thing.disk) for m in (event.entry.before, event.entry.after))
    old = {b.name for b in before.bitmaps if b.recording}
    new = after.bitmaps_on(after.active.name) if after.chain else ()
    return tuple(b.name for b in new if b.recording and b.name not in old)


def _find(timeline: Timeline, claim: Claim, hole: Hole, names: tuple[str, ...]) -> Event | None:
    disk = claim.backup.disk
    events = [
        event
        for name in dict.fromkeys(names)
        for event in history_of_bitmap(timeline, disk, name, before=claim.entry)
    ]
    events.sort(key=lambda event: event.entry.number)
    begun = [] if hole.last else [each for each in events if _starts(each) == hole.end]
    stopped = [each for each in events if each.what in STOPS and _stops(each, hole)]
    lost = next((each for each in reversed(events) if _loses(each, events, hole)), None)
    # The later of the two: a name may have begun anew in between.
    ended = [each for each in (lost, last_of(stopped, *STOPS)) if each is not None]
    return (
        max(ended, key=lambda event: event.entry.number, default=None)
        or next(_turns(timeline, disk, hole), None)
        or next((each for each in begun if each.what in (What.BEGAN, What.ENABLED)), None)
    )


def _starts(event: Event) -> int | None:
    """Return from which moment on a bitmap knows what the guest wrote, after a step."""
    thing = event.thing
    bitmap = event.entry.after.disk(thing.disk).bitmap(thing.node, thing.name)
    return bitmap.windows[-1].start if bitmap is not None and bitmap.windows else None


def _earlier(event: Event) -> DirtyBitmap | None:
    return event.entry.before.disk(event.thing.disk).bitmap(event.thing.node, event.thing.name)


def _stops(event: Event, hole: Hole) -> bool:
    """Whether a bitmap of the active image recorded the guest's writes until a step."""
    disk, bitmap = event.entry.before.disk(event.thing.disk), _earlier(event)
    if bitmap is None or not disk.chain or event.thing.node != disk.active.name:
        return False
    return disk.moment <= hole.start and bitmap.recording and not bitmap.inconsistent


def _loses(event: Event, events: list[Event], hole: Hole) -> bool:
    """Whether what a bitmap recorded in a hole is in none of its kind any more after a step.

    One that a crash has spoiled is refused, and lost unseen only when it is gone.
    """
    if event.what not in (What.GONE, What.CLEARED):
        return False
    bitmap = _earlier(event)
    if bitmap is not None and bitmap.inconsistent:
        number = event.entry.number
        earlier = (e for e in events if e.thing == event.thing and e.entry.number < number)
        bitmap = _earlier(last_of(earlier, What.SPOILED) or event)
    names = {each.thing.name for each in events}
    left = (b for b in event.entry.after.disk(event.thing.disk).bitmaps if b.name in names)
    return bitmap is not None and _holds(bitmap, hole) and not any(_holds(b, hole) for b in left)


def _holds(bitmap: DirtyBitmap, hole: Hole) -> bool:
    """Whether a bitmap recorded where a hole begins."""
    start = hole.start
    return any(w.start <= start and (w.end is None or start < w.end) for w in bitmap.windows)


def _turns(timeline: Timeline, disk: str, hole: Hole) -> Iterator[Event]:
    """Yield the steps at which a disk went back to an earlier state in a hole."""
    for revert in find_reverts(timeline):
        if revert.disk == disk and hole.start < revert.moment <= hole.end:
            yield Event(revert.entry, What.REVERTED, Thing(Kind.DISK, disk, disk))


def starts_of(timeline: Timeline, until: Entry, backup: Backup) -> Iterator[Related]:
    """Yield why a backup starts as late as it does: where its bitmap began, or was cleared."""
    for name in backup.bitmaps[:1]:
        events = history_of_bitmap(timeline, backup.disk, name, before=until)
        begun = [
            event
            for event in events
            if event.entry.after.disk(backup.disk).moment == backup.start
            and event.what in (What.BEGAN, What.CLEARED)
        ]
        event = last_of(begun, What.BEGAN, What.CLEARED)
        if event is not None:
            yield told(timeline, event)
