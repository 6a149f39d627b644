"""Biographies: when, and by which step, a thing of a run began, changed, and went.

Every rule that tells a cause asks here. A run is read once, when the first rule asks.

    (*_, last) = history_of_bitmap(timeline, "vda", "c0", before=entry)
    yield self.found(entry, "...", related=(told(timeline, last),))
"""

from collections.abc import Iterable, Iterator
from functools import cached_property

from simulator.checks.biographies.events import Event, Kind, Thing, What
from simulator.checks.biographies.reading import read_events
from simulator.checks.biographies.subjects import introduced, needed, present
from simulator.checks.biographies.telling import cleared_by, name_of, tell
from simulator.checks.rule import relate
from simulator.diagnostics import Related
from simulator.timeline import Entry, Timeline
from simulator.values import dataclass

__all__ = [
    "Event",
    "Kind",
    "Thing",
    "What",
    "beginning_of",
    "cleared_by",
    "ending_of",
    "events_of",
    "history_of_bitmap",
    "introduced",
    "last_of",
    "name_of",
    "needed",
    "present",
    "tell",
    "told",
    "told_once",
]

ENDINGS = frozenset((What.GONE, What.OVERWRITTEN))
BEGINNINGS = frozenset((What.BEGAN, What.BACK))


@dataclass(frozen=True)
class _Biographies:
    timeline: Timeline

    @cached_property
    def events(self) -> dict[tuple[Kind, str], list[Event]]:
        """Everything that happened, by the kind and name of what it happened to."""
        found: dict[tuple[Kind, str], list[Event]] = {}
        for event in read_events(self.timeline):
            found.setdefault((event.thing.kind, event.thing.name), []).append(event)
        return found


def _biographies_of(timeline: Timeline) -> _Biographies:
    known = timeline.memo.get("biographies")
    if not isinstance(known, _Biographies):
        known = timeline.memo["biographies"] = _Biographies(timeline)
    return known


def events_of(timeline: Timeline, thing: Thing, before: Entry | None = None) -> tuple[Event, ...]:
    """Return what happened to a thing, in the order of time.

    Args:
        thing: What it does not say, such as a disk or a node, may be any; see ``Thing.covers``. A
            snapshot may also be the image that it made.
        before: Only what happened before this entry; None for all of it.
    """
    events: Iterable[Event] = _biographies_of(timeline).events.get((thing.kind, thing.name), ())
    found = [event for event in events if thing.covers(event.thing)]
    if thing.kind is Kind.SNAPSHOT and not thing.node:
        found += events_of(timeline, Thing(Kind.IMAGE, thing.name, thing.disk))
        found.sort(key=lambda event: event.entry.number)
    if before is None:
        return tuple(found)
    return tuple(event for event in found if event.entry.number < before.number)


def history_of_bitmap(
    timeline: Timeline, disk: str, name: str, *, node: str = "", before: Entry | None = None
) -> tuple[Event, ...]:
    """Return what happened to the bitmaps of a name on a disk, on any image or just on one.

    A bitmap that records in each overlay anew begins on each; one that an overlay was made without
    is ``LEFT`` then. ``CLEARED`` tells that its window starts later than it did.

    Example: c0 began at T1 on S1 (``BEGAN``), the overlay S2 was made without it (``LEFT``), and
    S2 was committed; ``[e.what for e in history_of_bitmap(timeline, "vda", "c0")]`` is
    ``[What.BEGAN, What.LEFT]``.
    """
    return events_of(timeline, Thing(Kind.BITMAP, name, disk, node), before)


def beginning_of(timeline: Timeline, thing: Thing, before: Entry | None = None) -> Event | None:
    """Return the last time that a thing began, or came back; None where it never did."""
    return _last(events_of(timeline, thing, before), BEGINNINGS)


def ending_of(timeline: Timeline, thing: Thing, before: Entry | None = None) -> Event | None:
    """Return the last time that a thing went; None where it never did."""
    return _last(events_of(timeline, thing, before), ENDINGS)


def last_of(events: Iterable[Event], *whats: What) -> Event | None:
    """Return the last event of some kinds; None where there is none."""
    return _last(tuple(events), frozenset(whats))


def _last(events: tuple[Event, ...], whats: frozenset[What]) -> Event | None:
    return next((event for event in reversed(events) if event.what in whats), None)


def told(timeline: Timeline, event: Event, message: str = "") -> Related:
    """Return an event as a further place of a finding.

    Args:
        message: What to say of it; what happened, if nothing.
    """
    return relate(timeline, event.entry, message or tell(event))


def told_once(timeline: Timeline, events: Iterable[Event]) -> Iterator[Related]:
    """Yield events as further places, one for each step that says the same."""
    known: set[tuple[int, str]] = set()
    for event in events:
        said = event.entry.number, tell(event)
        if said not in known:
            known.add(said)
            yield told(timeline, event)
