"""The steps after which a bitmap could not be used as a request wants it."""

from collections.abc import Iterator

from simulator.checks.biographies import (
    Event,
    Kind,
    Thing,
    What,
    beginning_of,
    events_of,
    history_of_bitmap,
    last_of,
    needed,
)
from simulator.model.disk import Disk
from simulator.model.machine import Machine
from simulator.model.operations import Fault
from simulator.model.requests import DeleteCheckpoint, TakeBackup
from simulator.timeline import Entry, Timeline

_SWITCHES = {
    Fault.FROZEN: (What.DISABLED,),
    Fault.INCONSISTENT: (What.SPOILED,),
    Fault.BUSY: (What.BUSY,),
    Fault.MISSING: (What.GONE, What.LEFT),
}
"""What makes a bitmap unfit, by the fault that the host names."""


def told_of_bitmaps(timeline: Timeline, entry: Entry) -> Iterator[Event]:
    """Yield the events that made the bitmaps of a request unfit for it."""
    assert entry.refusal is not None, "it was turned down"
    fault = entry.refusal.fault
    for disk, name in _wanted(entry):
        events = history_of_bitmap(timeline, disk, name, before=entry)
        if fault in _SWITCHES:
            last = last_of(events, *_SWITCHES[fault])
            if last is not None and _is_so(fault, entry.before.disk(disk), last):
                yield last
            elif fault is Fault.MISSING and not events:
                yield from _never_there(timeline, entry, disk, name)
        elif fault is Fault.GAP:
            yield from (event for event in events if event.what is What.LEFT)
        elif fault is Fault.UNMERGEABLE:
            resized = events_of(timeline, Thing(Kind.DISK, disk), entry)
            yield from (event for event in [last_of(resized, What.RESIZED)] if event is not None)
        elif fault is None:
            yield from _as_it_is(timeline, entry, disk, name)


def _is_so(fault: Fault | None, disk: Disk, event: Event) -> bool:
    """Whether what an event made of a bitmap is still so."""
    bitmap = disk.bitmap(event.thing.node, event.thing.name)
    match fault:
        case Fault.FROZEN:
            return bitmap is not None and not bitmap.recording
        case Fault.INCONSISTENT:
            return bitmap is not None and bitmap.inconsistent
        case Fault.BUSY:
            return bitmap is not None and bitmap.busy
        case _:
            return not disk.chain or disk.bitmap(disk.active.name, event.thing.name) is None


def _never_there(timeline: Timeline, entry: Entry, disk: str, name: str) -> Iterator[Event]:
    """Yield where the disk joined that never had a bitmap of a checkpoint, and where that began."""
    point = beginning_of(timeline, Thing(Kind.CHECKPOINT, name), entry)
    joined = beginning_of(timeline, Thing(Kind.DISK, disk), entry)
    if point is not None:
        yield point
        if joined is not None and joined.entry.number > point.entry.number:
            yield joined


def _as_it_is(timeline: Timeline, entry: Entry, disk: str, name: str) -> Iterator[Event]:
    """Yield where a bitmap was made that is not persistent, or its image became read-only."""
    state = entry.before.disk(disk)
    for node in state.nodes_with(name):
        bitmap = state.bitmap(node, name)
        assert bitmap is not None, "the node was found by this bitmap"
        if not bitmap.persistent:
            events = history_of_bitmap(timeline, disk, name, node=node, before=entry)
            began = last_of(events, What.BEGAN)
        elif state.read_only(bitmap) and not isinstance(entry.request, TakeBackup):
            names = [image.name for image in state.chain]
            above = Thing(Kind.IMAGE, names[names.index(node) + 1], disk)
            began = beginning_of(timeline, above, entry)
        else:
            continue
        if began is not None:
            yield began


def _wanted(entry: Entry) -> Iterator[tuple[str, str]]:
    """Yield the bitmaps that a request is about, as a disk and a name each; each once."""
    assert entry.request is not None, "a workload is about no bitmap"
    found: dict[tuple[str, str], None] = {}
    if isinstance(entry.request, TakeBackup):
        for disk in entry.request.disks:
            since = entry.request.since_of(disk)
            if since is not None:
                found[disk, since] = None
                found |= dict.fromkeys(_newer_missing(entry.before, disk, since))
    if isinstance(entry.request, DeleteCheckpoint):
        gone = entry.before.checkpoint(entry.request.name)
        if gone is not None and gone.parent is not None:
            found |= dict.fromkeys((disk, gone.parent) for disk in gone.disks)
    for thing in needed(entry.before, entry.request):
        if thing.kind is Kind.BITMAP:
            found |= dict.fromkeys((disk, thing.name) for disk in _disks(entry.before, thing))
    yield from found


def _newer_missing(machine: Machine, disk: str, since: str) -> Iterator[tuple[str, str]]:
    """Yield the bitmaps of newer checkpoints that a disk lacks: disjoint ones are merged."""
    names = [each.name for each in machine.checkpoints if disk in each.disks]
    newer = names[names.index(since) + 1 :] if since in names else []
    return ((disk, name) for name in newer if not machine.disk(disk).nodes_with(name))


def _disks(machine: Machine, thing: Thing) -> tuple[str, ...]:
    """Return the disks on which a bitmap may be meant."""
    if thing.disk:
        return (thing.disk,)
    disk = machine.disk_of(thing.node) if thing.node else None
    return (disk.name,) if disk is not None else tuple(each.name for each in machine.disks)
