"""Reads events off a record: each entry's machine before it, held against the one after it.

Entries share what they leave as it is, so only what is another value is looked at; the guest's own
steps begin, end and switch nothing, and are passed over.
"""

from collections.abc import Iterable, Iterator

from simulator.checks.biographies.events import Event, Kind, Thing, What
from simulator.checks.biographies.subjects import introduced
from simulator.model.bitmap import DirtyBitmap
from simulator.model.disk import Disk
from simulator.model.machine import Backup, Machine, Power, Status
from simulator.model.operations import (
    AddBitmap,
    GuestDiscard,
    GuestWrite,
    MergeBitmaps,
    RestoreCheckpoint,
    RunBackup,
)
from simulator.model.requests import DeleteSnapshot
from simulator.model.series import exchanged
from simulator.timeline import Entry, Timeline

Told = tuple[What, Thing]

_ENDS = {
    Status.COMPLETED: What.COMPLETED,
    Status.FAILED: What.FAILED,
    Status.CANCELLED: What.CANCELLED,
}


def read_events(timeline: Timeline) -> Iterator[Event]:
    """Yield everything that happened to anything, in the order of time."""
    for entry in timeline.entries:
        if entry.refusal is not None:
            for thing in introduced(entry.request) if entry.request is not None else ():
                yield Event(entry, What.REFUSED, thing)
        elif entry.before is not entry.after and not _only_guest(entry):
            for what, thing in _happened(entry):
                yield Event(entry, what, thing)


def _only_guest(entry: Entry) -> bool:
    return all(isinstance(each, GuestWrite | GuestDiscard) for each in entry.operations)


def _happened(entry: Entry) -> Iterator[Told]:
    before, after = entry.before, entry.after
    if before.power is not after.power:
        running = after.power is Power.RUNNING
        yield What.STARTED if running else What.STOPPED, Thing(Kind.MACHINE, "")
    elif after.ending and not before.ending:
        yield What.STOPPED, Thing(Kind.MACHINE, "")
    yield from _checkpoints(entry)
    if isinstance(entry.request, DeleteSnapshot) and entry.request.metadata:
        yield What.GONE, Thing(Kind.SNAPSHOT, entry.request.name)
    yield from _backups(entry)
    yield from _jobs(entry)
    if before.exports is not after.exports:
        yield from _exports(before, after)
    if before.disks is not after.disks:
        for disk in before.disks:
            later = after.disk(disk.name)
            if later is not disk:
                yield from _disk(entry, disk, later)


def _exports(before: Machine, after: Machine) -> Iterator[Told]:
    old, new = ([each.id for each in machine.exports] for machine in (before, after))
    yield from ((What.GONE, Thing(Kind.EXPORT, name)) for name in old if name not in new)
    yield from ((What.BEGAN, Thing(Kind.EXPORT, name)) for name in new if name not in old)


def _checkpoints(entry: Entry) -> Iterator[Told]:
    if entry.before.checkpoints is entry.after.checkpoints:
        return
    gone, new = exchanged(entry.before.checkpoints, entry.after.checkpoints)
    old, names = {each.name for each in gone}, {each.name for each in new}
    told = {each.name for each in entry.operations if isinstance(each, RestoreCheckpoint)}
    for each in gone:
        if each.name not in names:
            yield What.GONE, Thing(Kind.CHECKPOINT, each.name)
    for each in new:
        if each.name in told:
            yield What.BACK, Thing(Kind.CHECKPOINT, each.name)
        elif each.name not in old:
            yield What.BEGAN, Thing(Kind.CHECKPOINT, each.name)


def _backups(entry: Entry) -> Iterator[Told]:
    if entry.before.backups is entry.after.backups:
        return
    gone, new = exchanged(entry.before.backups, entry.after.backups)
    old = {(each.name, each.disk): each for each in gone}
    rows = {(each.name, each.disk) for each in new}
    for each in gone:
        if (each.name, each.disk) not in rows:
            yield What.GONE, _backup(each)
    for each in new:
        earlier = old.get((each.name, each.disk))
        if earlier is None:
            yield What.BEGAN, _backup(each)
        elif earlier.status is not Status.RUNNING:
            yield What.OVERWRITTEN, _backup(each)
        if each.status in _ENDS and (earlier is None or earlier.status is not each.status):
            yield _ENDS[each.status], _backup(each)


def _backup(backup: Backup) -> Thing:
    return Thing(Kind.BACKUP, backup.name, backup.disk)


def _jobs(entry: Entry) -> Iterator[Told]:
    if entry.before.jobs is not entry.after.jobs:
        gone, new = exchanged(entry.before.jobs, entry.after.jobs)
        old, names = ({(job.name, job.disk) for job in jobs} for jobs in (gone, new))
        for job in gone:
            if (job.name, job.disk) not in names:
                yield What.GONE, Thing(Kind.JOB, job.name, job.disk)
        for job in new:
            if (job.name, job.disk) not in old:
                yield What.BEGAN, Thing(Kind.JOB, job.name, job.disk)
    for each in entry.operations:
        if isinstance(each, RunBackup) and (each.job or each.target) not in entry.after.job_names:
            yield What.BEGAN, Thing(Kind.JOB, each.job or each.target)
            yield What.GONE, Thing(Kind.JOB, each.job or each.target)


def _disk(entry: Entry, before: Disk, after: Disk) -> Iterator[Told]:
    yield from _images(before, after)
    gone, new = exchanged(before.bitmaps, after.bitmaps)
    if gone or new:
        yield from _bitmaps(entry, before.name, gone, new)
    if before.chain and after.chain and before.active.name != after.active.name:
        held = {b.name for b in after.bitmaps if b.node == after.active.name}
        kept = {(b.node, b.name) for b in after.bitmaps}
        for each in before.bitmaps_on(before.active.name):
            if each.name not in held and (each.node, each.name) in kept:
                yield What.LEFT, _bitmap(before.name, each)


def _images(before: Disk, after: Disk) -> Iterator[Told]:
    if before.chain is after.chain:
        return
    disk = Thing(Kind.DISK, before.name, before.name)
    if bool(before.chain) is not bool(after.chain):
        back = before.detached is not None
        yield (What.BACK if back else What.BEGAN) if after.chain else What.GONE, disk
    elif before.length != after.length:
        yield What.RESIZED, disk
    old, new = ([image.name for image in each.chain] for each in (before, after))
    there = {*new}, {*old}
    yield from ((What.GONE, Thing(Kind.IMAGE, n, before.name)) for n in old if n not in there[0])
    yield from ((What.BEGAN, Thing(Kind.IMAGE, n, before.name)) for n in new if n not in there[1])
    yield from _snapshots(before, after)


def _snapshots(before: Disk, after: Disk) -> Iterator[Told]:
    old, new = ([(i.name, s.name) for i in d.chain for s in i.snapshots] for d in (before, after))
    for what, some, others in ((What.GONE, old, new), (What.BEGAN, new, old)):
        for node, name in some:
            if (node, name) not in others:
                yield what, Thing(Kind.SNAPSHOT, name, before.name, node)


def _bitmap(disk: str, bitmap: DirtyBitmap) -> Thing:
    return Thing(Kind.BITMAP, bitmap.name, disk, bitmap.node)


def _bitmaps(
    entry: Entry, disk: str, gone: Iterable[DirtyBitmap], new: Iterable[DirtyBitmap]
) -> Iterator[Told]:
    """Yield what happened to the bitmaps of a disk that are another value after an entry."""
    old = {(each.node, each.name): each for each in gone}
    there = {(each.node, each.name) for each in new}
    operations = entry.operations
    anew = {(each.node, each.name) for each in operations if isinstance(each, AddBitmap)}
    merged = {(each.node, each.name) for each in operations if isinstance(each, MergeBitmaps)}
    for key, each in old.items():
        if key not in there or key in anew:
            yield What.GONE, _bitmap(disk, each)
    for each in new:
        key = each.node, each.name
        if key not in old or key in anew:
            yield What.BEGAN, _bitmap(disk, each)
            continue
        if key in merged:
            yield What.MERGED, _bitmap(disk, each)
        yield from ((what, _bitmap(disk, each)) for what in _switched(old[key], each))


def _switched(before: DirtyBitmap, after: DirtyBitmap) -> Iterator[What]:
    """Yield how the state of a bitmap changed."""
    if after.inconsistent:
        if not before.inconsistent:
            yield What.SPOILED
        return
    if before.recording is not after.recording:
        yield What.ENABLED if after.recording else What.DISABLED
    if before.busy is not after.busy:
        yield What.BUSY if after.busy else What.FREED
    start = before.windows[0].start if before.windows else None
    if start is not None and (not after.windows or after.windows[0].start > start):
        yield What.CLEARED
