"""Ways out where a name is taken, a checkpoint cannot begin, or it and its bitmaps disagree."""

from collections.abc import Iterator

from simulator.checks.biographies import Kind, Thing, What, beginning_of, events_of, last_of
from simulator.checks.evidence import join_words
from simulator.checks.refusals.advice import Advice, Way, new_name
from simulator.model.machine import Machine
from simulator.model.operations import Fault
from simulator.model.requests import (
    Attach,
    BlockCopy,
    Create,
    DeleteCheckpoint,
    RedefineCheckpoint,
    Request,
    Revert,
    Snapshot,
    StartCheckpoint,
    TakeBackup,
)
from simulator.timeline import Entry, Timeline


def cannot_begin(entry: Entry, checkpoint: str) -> bool:
    """Whether it is the checkpoint that a request was to begin for which it was refused."""
    assert entry.refusal is not None, "it was turned down"
    if entry.refusal.fault is not None:
        return entry.refusal.fault is Fault.OUT_OF_STEP
    disks = entry.request.disks if isinstance(entry.request, TakeBackup | StartCheckpoint) else ()
    there = [entry.before.disk(name) for name in disks]
    raw = any(disk.chain and disk.active.format == "raw" for disk in there)
    return raw or entry.before.checkpoint(checkpoint) is not None


def begin_otherwise(timeline: Timeline, entry: Entry, checkpoint: str) -> Iterator[Advice]:
    """Yield how a checkpoint can begin whose name is taken, or some of whose disks cannot.

    Args:
        checkpoint: The name that a request gives to the checkpoint that it is to begin.
    """
    machine, request = entry.before, entry.request
    assert request is not None, "a workload begins no checkpoint"
    yield from _without_raw(machine, request)
    other = Way((_named_otherwise(request, new_name(machine, checkpoint)),))
    if machine.checkpoint(checkpoint) is not None:
        deleted = Way((DeleteCheckpoint(checkpoint),), again=True)
        lost = _never_copied(timeline, entry, checkpoint)
        if lost:
            yield Advice(f"delete checkpoint {checkpoint} first: {lost}", (deleted,))
        told = f"use another name; or delete checkpoint {checkpoint} first, if nobody starts at it"
        yield Advice(told, (other, deleted))
    held = tuple(disk.name for disk in machine.disks if disk.nodes_with(checkpoint))
    if held:
        again = RedefineCheckpoint(checkpoint, held), DeleteCheckpoint(checkpoint)
        told = f"redefine checkpoint {checkpoint} and delete it, which removes its bitmaps"
        yield Advice(f"{told}; or use another name", (Way(again, again=True), other))
    yield Advice("use another name", (other,))


def _never_copied(timeline: Timeline, entry: Entry, checkpoint: str) -> str:
    """Return why nobody can start at a checkpoint: its own backup came to nothing."""
    began = beginning_of(timeline, Thing(Kind.CHECKPOINT, checkpoint), entry)
    request = began.entry.request if began is not None else None
    if began is None or not isinstance(request, TakeBackup):
        return ""
    events = events_of(timeline, Thing(Kind.BACKUP, request.to), entry)
    since = [event for event in events if event.entry.number >= began.entry.number]
    ended = last_of(since, What.COMPLETED, What.CANCELLED, What.FAILED)
    if ended is None or ended.what is What.COMPLETED:
        return ""
    how = "was cancelled" if ended.what is What.CANCELLED else "failed"
    return f"backup {request.to}, which began it, {how}, so nobody can start there"


def _without_raw(machine: Machine, request: Request) -> Iterator[Advice]:
    """Yield what can be done about disks that store no bitmaps."""
    if not isinstance(request, TakeBackup | StartCheckpoint):
        return
    there = [machine.disk(name) for name in request.disks if machine.disk(name).chain]
    raw = [disk.name for disk in there if disk.active.format == "raw"]
    left = tuple(name for name in request.disks if name not in raw)
    if not raw:
        return
    ways: list[Way] = []
    told: list[str] = []
    if left:
        ways.append(Way((request._replace(disks=left),)))
        told.append(f"leave {join_words(raw)} out: disks: [{', '.join(left)}]")
    if isinstance(request, TakeBackup):
        ways.append(Way((request._replace(checkpoint=None),)))
        told.append("take the backup without checkpoint")
    yield Advice("; or ".join(told), tuple(ways))
    for way, words in zip(ways, told, strict=True):
        yield Advice(words, (way,))


def _named_otherwise(request: Request, name: str) -> Request:
    """Return a request that begins a checkpoint as one that begins it under another name."""
    match request:
        case StartCheckpoint():
            return request._replace(name=name)
        case TakeBackup():
            return request._replace(checkpoint=name)
        case Create() | Attach() | Snapshot():
            return request._replace(bitmap=name)
        case _:
            return request


def name_otherwise(machine: Machine, request: Request) -> Iterator[Advice]:
    """Yield a request under another name for what it makes."""
    renamed: Request | None = None
    match request:
        case Snapshot(images=images):
            fresh = tuple((disk, new_name(machine, f"{disk}-overlay")) for disk, _ in images)
            renamed = request._replace(images=fresh)
        case TakeBackup(to=name) | BlockCopy(to=name):
            renamed = request._replace(to=new_name(machine, name))
        case Create(image=name) | Revert(image=name) | Attach(image=str(name)):
            renamed = request._replace(image=new_name(machine, name))
    if renamed is not None:
        yield Advice("use another name for what it makes", (Way((renamed,)),))


def delete_otherwise(machine: Machine, request: DeleteCheckpoint) -> Iterator[Advice]:
    """Yield how a checkpoint can be deleted whose bitmaps or whose note are not there."""
    name = request.name
    away = [d for d in machine.disks if d.detached is not None and not d.chain]
    holding = [d.name for d in away if d.detached is not None and d.detached.nodes_with(name)]
    if holding:
        attached = tuple(Attach(disk) for disk in holding)
        told = f"attach {join_words(holding)} first, where its bitmap is"
        yield Advice(told, (Way(attached, again=True),))
    if machine.checkpoint(name) is not None:
        noted = Way((request._replace(metadata=True),))
        yield Advice("delete the host's note alone: metadata: true", (noted,))
    held = tuple(disk.name for disk in machine.disks if disk.nodes_with(name))
    if held:
        redefined = Way((RedefineCheckpoint(name, held),), again=True)
        yield Advice(
            f"redefine checkpoint {name} first, so that its bitmaps go with it", (redefined,)
        )
