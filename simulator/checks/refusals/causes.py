"""The steps that led to a refusal: what made, lost, switched or refused what it is about."""

from collections.abc import Iterator

from simulator.apis.libvirt.refusing import BESIDE_CHECKPOINTS
from simulator.checks.biographies import (
    Event,
    Kind,
    Thing,
    What,
    beginning_of,
    ending_of,
    events_of,
    history_of_bitmap,
    introduced,
    last_of,
    name_of,
    needed,
    present,
    told,
)
from simulator.checks.refusals.bitmaps import told_of_bitmaps
from simulator.checks.refusals.states import NAMESAKES
from simulator.diagnostics import Related
from simulator.model.machine import Job, Power
from simulator.model.notes import find_note
from simulator.model.operations import Fault, GuestDiscard, GuestWrite, StackBackups
from simulator.model.requests import (
    DeleteSnapshot,
    Revert,
    Snapshot,
    TakeBackup,
    Undefine,
    disks_of,
)
from simulator.model.transitions.beside import find_file
from simulator.model.transitions.chains.images import KINDS
from simulator.model.transitions.copies.targets import holds_something
from simulator.timeline import Entry, Timeline

PLACES_MAX = 6
"""So many steps are quoted; the last ones, where there are more."""


def tell_causes(timeline: Timeline, entry: Entry) -> tuple[Related, ...]:
    """Return the steps that led to a refusal, in the order of time; empty where none is known."""
    found = [*_without_files(timeline, entry)]
    found = found or [
        *_absent(timeline, entry),
        *_existing(timeline, entry),
        *_by_fault(timeline, entry),
    ]
    found = found or [*_otherwise(timeline, entry)]
    steps: dict[int, list[Related]] = {}
    for number, place in sorted(found, key=lambda each: each[0]):
        steps.setdefault(number, []).append(place)
    return tuple(_joined(places) for places in [*steps.values()][-PLACES_MAX:])


def _joined(places: list[Related]) -> Related:
    """Return what happened at one step as one place."""
    messages = dict.fromkeys(place.message for place in places)
    return places[0]._replace(message="; ".join(messages))


Place = tuple[int, Related]
"""A step's number, and the step as a further place of a finding."""


def _at(timeline: Timeline, event: Event | None, message: str = "") -> Iterator[Place]:
    if event is not None:
        yield event.entry.number, told(timeline, event, message)


def _without_files(timeline: Timeline, entry: Entry) -> Iterator[Place]:
    """Yield what became of files that a snapshot needs, for a revert that does not find them."""
    if not isinstance(entry.request, Revert):
        return
    note = find_note(entry.before.snapshots, entry.request.snapshot)
    for disk, images in note.chains if note is not None else ():
        for image in images:
            thing, file = Thing(Kind.IMAGE, image, disk), find_file(entry.before, image, disk)
            if file is None:
                yield from _at(timeline, ending_of(timeline, thing, entry))
            elif file.image.format == "raw" and image != images[0]:
                yield from _at(timeline, beginning_of(timeline, thing, entry))


def _absent(timeline: Timeline, entry: Entry) -> Iterator[Place]:
    """Yield where the things went that must be there and are not, or that they never began."""
    assert entry.request is not None, "a workload needs nothing by name"
    for thing in needed(entry.before, entry.request):
        if present(entry.before, thing):
            continue
        events = events_of(timeline, thing, entry)
        gone = last_of(events, What.GONE)
        yield from _at(timeline, gone)
        tried = last_of(events, What.REFUSED)
        if tried is not None and (gone is None or gone.entry.number < tried.entry.number):
            yield from _at(timeline, tried)
        later = [e for e in events_of(timeline, thing) if e.entry.number > entry.number]
        if not events and later and later[0].what is What.BEGAN:
            yield from _at(timeline, later[0], f"{name_of(thing)} begins only here")


def _existing(timeline: Timeline, entry: Entry) -> Iterator[Place]:
    """Yield where the things began that a request is to make and that are there already."""
    assert entry.request is not None, "a workload makes nothing by name"
    known = entry.refusal is not None and entry.refusal.fault in NAMESAKES
    for thing in introduced(entry.request) if known else ():
        if not _in_the_way(entry, thing):
            continue
        began = beginning_of(timeline, thing, entry)
        yield from _at(timeline, began)
        if began is not None and thing.kind is Kind.CHECKPOINT:
            yield from _ended_badly(timeline, began, entry)
        if began is not None and thing.kind is Kind.BITMAP:
            states = What.DISABLED, What.ENABLED, What.SPOILED, What.BUSY, What.FREED
            switched = last_of(events_of(timeline, began.thing, entry), *states)
            off = switched is not None and switched.what not in (What.ENABLED, What.FREED)
            yield from _at(timeline, switched if off else None)


def _in_the_way(entry: Entry, thing: Thing) -> bool:
    """Whether a thing that a request makes is there already, and may not be."""
    if thing.kind is Kind.IMAGE:
        return entry.before.node_taken(thing.name)
    if thing.kind is Kind.BACKUP:
        # QEMU writes over a target; libvirt does not.
        named = entry.refusal is not None and f"'{thing.name}'" in entry.refusal.text
        return named and present(entry.before, thing)
    return present(entry.before, thing)


def _ended_badly(timeline: Timeline, began: Event, entry: Entry) -> Iterator[Place]:
    """Yield the end of the backup that began a checkpoint, if it left the checkpoint alone."""
    request = began.entry.request
    if isinstance(request, TakeBackup):
        events = events_of(timeline, Thing(Kind.BACKUP, request.to), entry)
        yield from _at(timeline, last_of(events, What.CANCELLED, What.FAILED))


def _by_fault(timeline: Timeline, entry: Entry) -> Iterator[Place]:
    assert entry.refusal is not None, "it was turned down"
    match entry.refusal.fault:
        case Fault.OFF:
            yield from _at(timeline, _machine(timeline, entry, What.STOPPED))
        case Fault.JOB:
            for job in in_the_way(entry):
                yield from _at(timeline, beginning_of(timeline, Thing(Kind.JOB, job.name), entry))
        case Fault.OUT_OF_STEP:
            yield from _out_of_step(timeline, entry)
        case Fault.BOUNDARY if isinstance(entry.request, TakeBackup):
            until = Thing(Kind.CHECKPOINT, entry.request.until or "")
            yield from _at(timeline, beginning_of(timeline, until, entry))
        case _:
            for event in told_of_bitmaps(timeline, entry):
                yield from _at(timeline, event)


def _machine(timeline: Timeline, entry: Entry, what: What) -> Event | None:
    return last_of(events_of(timeline, Thing(Kind.MACHINE, ""), entry), what)


def _out_of_step(timeline: Timeline, entry: Entry) -> Iterator[Place]:
    """Yield where the bitmap began that no checkpoint names, and where the host forgot that."""
    assert entry.request is not None, "a workload is about no checkpoint"
    for thing in introduced(entry.request):
        if thing.kind is Kind.CHECKPOINT and not present(entry.before, thing):
            yield from _at(timeline, ending_of(timeline, thing, entry))
            for disk in entry.before.disks:
                if disk.nodes_with(thing.name):
                    events = history_of_bitmap(timeline, disk.name, thing.name, before=entry)
                    yield from _at(timeline, last_of(events, What.BEGAN))


def _otherwise(timeline: Timeline, entry: Entry) -> Iterator[Place]:
    """Yield what may have led to a refusal that names nothing: a state of the whole machine."""
    before, request = entry.before, entry.request
    assert entry.refusal is not None, "it was turned down"
    match request:
        case GuestWrite() | GuestDiscard() if before.power is not Power.RUNNING or before.ending:
            yield from _at(timeline, _machine(timeline, entry, What.STOPPED))
        case GuestWrite(disk=disk) | GuestDiscard(disk=disk):
            thing = Thing(Kind.DISK, disk or before.disks[0].name)
            events = events_of(timeline, thing, entry)
            yield from _at(timeline, last_of(events, What.RESIZED, What.GONE))
        case StackBackups(sources=names):
            for name in names:
                yield from _holding_nothing(timeline, entry, name)
        case Snapshot(images=images) if find_note(before.snapshots, images[0][1]):
            yield from _noted(timeline, entry, images[0][1])
        case Undefine() if before.snapshots:
            yield from _noted(timeline, entry, before.snapshots[-1].name)
        case _ if BESIDE_CHECKPOINTS in entry.refusal.text or (
            isinstance(request, Undefine) and before.checkpoints
        ):
            thing = Thing(Kind.CHECKPOINT, before.checkpoints[-1].name)
            yield from _at(timeline, beginning_of(timeline, thing, entry))
        case DeleteSnapshot(name=name):
            yield from _moved(timeline, entry, name)
        case _ if request is not None:
            yield from _raw(timeline, entry)
            yield from _exported(timeline, entry)


def _moved(timeline: Timeline, entry: Entry, name: str) -> Iterator[Place]:
    """Yield where the images went that a snapshot made, or was put onto, or the host's note."""
    note = find_note(entry.before.snapshots, name)
    if note is None:
        thing = Thing(Kind.SNAPSHOT, name)
        yield from _at(timeline, ending_of(timeline, thing, entry))
        return
    for layer in note.layers:
        for image in (layer.image, layer.over):
            if entry.before.disk_of(image) is None:
                thing = Thing(Kind.IMAGE, image, layer.disk)
                yield from _at(timeline, ending_of(timeline, thing, entry))


def _noted(timeline: Timeline, entry: Entry, name: str) -> Iterator[Place]:
    """Yield where the host noted a snapshot, and where its images went."""
    note = find_note(entry.before.snapshots, name)
    assert note is not None, "that is what the refusal is about"
    for layer in note.layers:
        began = beginning_of(timeline, Thing(Kind.IMAGE, layer.image, layer.disk), entry)
        yield from _at(timeline, began, f"the host notes snapshot {note.name} here")
    yield from _moved(timeline, entry, note.name)


def _holding_nothing(timeline: Timeline, entry: Entry, name: str) -> Iterator[Place]:
    if any(not holds_something(each) for each in entry.before.backups_named(name)):
        events = events_of(timeline, Thing(Kind.BACKUP, name.partition("/")[0]), entry)
        yield from _at(timeline, last_of(events, What.BEGAN, What.FAILED, What.CANCELLED))


def _raw(timeline: Timeline, entry: Entry) -> Iterator[Place]:
    """Yield where the raw images began on which a checkpoint cannot begin."""
    assert entry.request is not None, "a workload starts no checkpoint"
    if not any(thing.kind is Kind.CHECKPOINT for thing in introduced(entry.request)):
        return
    for disk in entry.before.disks:
        if disk.chain and disk.active.format == "raw":
            thing = Thing(Kind.IMAGE, disk.active.name, disk.name)
            began = beginning_of(timeline, thing, entry)
            yield from _at(timeline, began, f"{name_of(thing)} of disk {disk.name} is raw")


def _exported(timeline: Timeline, entry: Entry) -> Iterator[Place]:
    """Yield where the exports were opened that keep a disk in use."""
    assert entry.request is not None, "a workload asks for no disk"
    names = disks_of(entry.before, entry.request)
    for export in entry.before.exports:
        disk = entry.before.disk_of(export.node)
        if disk is not None and disk.name in names:
            thing = Thing(Kind.EXPORT, export.id)
            yield from _at(timeline, beginning_of(timeline, thing, entry))


def in_the_way(entry: Entry) -> tuple[Job, ...]:
    """Return the jobs that a request met: those on its disks, or else all of the machine.

    Where QEMU tells which kind of job it was, only those.
    """
    names = disks_of(entry.before, entry.request) if entry.request is not None else ()
    jobs = tuple(job for job in entry.before.jobs if job.disk in names) or entry.before.jobs
    told = entry.refusal.text if entry.refusal is not None else ""
    return tuple(job for job in jobs if told.endswith(f"block job: {KINDS[type(job)]}")) or jobs
