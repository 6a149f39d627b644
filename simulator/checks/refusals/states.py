"""In which state a thing is that a request was to make, and that is there already."""

from collections.abc import Iterator

from simulator.checks.biographies import (
    Kind,
    Thing,
    events_of,
    introduced,
    name_of,
    needed,
    present,
)
from simulator.checks.evidence import join_words
from simulator.model.bitmap import DirtyBitmap
from simulator.model.operations import Fault
from simulator.timeline import Entry, Timeline

NAMESAKES = (None, Fault.OUT_OF_STEP)
"""The faults that a thing of the same name can be, and no other reason is known for."""


def tell_states(entry: Entry) -> Iterator[str]:
    """Yield the states of the bitmaps whose names a refused request was to begin, in words."""
    assert entry.refusal is not None, "it was turned down"
    if entry.request is None or entry.refusal.fault not in NAMESAKES:
        return
    for thing in introduced(entry.request):
        if thing.kind is Kind.BITMAP:
            yield from _told(_bitmaps(entry, thing))
        known = entry.before.checkpoint(thing.name)
        apart = entry.refusal.fault is Fault.OUT_OF_STEP
        if thing.kind is Kind.CHECKPOINT and (known is not None or apart):
            yield from _told(_bitmaps(entry, Thing(Kind.BITMAP, thing.name)))
            for disk in known.disks if known is not None else ():
                if not entry.before.disk(disk).nodes_with(thing.name):
                    yield f"checkpoint {thing.name} has no bitmap on {disk} any more"


def tell_unknown(timeline: Timeline, entry: Entry) -> Iterator[str]:
    """Yield the names that a refused request needs, and that no step before it ever began."""
    if entry.request is None:
        return
    for thing in dict.fromkeys(needed(entry.before, entry.request)):
        # A scenario's loader knows all other names.
        named = thing.kind in (Kind.BITMAP, Kind.JOB, Kind.EXPORT, Kind.SNAPSHOT)
        if named and not present(entry.before, thing) and not events_of(timeline, thing):
            yield f"no step begins {name_of(thing)}"


def _bitmaps(entry: Entry, thing: Thing) -> list[DirtyBitmap]:
    return [
        bitmap
        for disk in entry.before.disks
        for bitmap in disk.bitmaps
        if thing.covers(Thing(Kind.BITMAP, bitmap.name, disk.name, bitmap.node))
    ]


def _told(bitmaps: list[DirtyBitmap]) -> Iterator[str]:
    """Yield one line for each state that some bitmaps are in."""
    states: dict[str, list[str]] = {}
    for bitmap in bitmaps:
        states.setdefault(_state_of(bitmap), []).append(f"{bitmap.node}.{bitmap.name}")
    for state, names in states.items():
        verb = "record" if len(names) > 1 else "records"
        be = "are" if len(names) > 1 else "is"
        yield f"{join_words(names)} {verb if state == 'recording' else f'{be} {state}'}"


def _state_of(bitmap: DirtyBitmap) -> str:
    if bitmap.inconsistent:
        return "inconsistent"
    if bitmap.busy:
        return "busy"
    return "recording" if bitmap.recording else "frozen"
