"""Requests that the host turned down: what it does not tell of them."""

from collections.abc import Iterator

from simulator.checks.rule import Rule
from simulator.diagnostics import Finding
from simulator.model.bitmap import Kept
from simulator.model.disk import Disk
from simulator.model.machine import Job, Machine
from simulator.model.operations import (
    AddOverlay,
    CommitImages,
    CreateImage,
    DetachDisk,
    DisableBitmap,
    Fault,
    GuestWrite,
    KillProcess,
    MirrorDisk,
    PullImages,
    RemoveBitmap,
    RevertImages,
)
from simulator.model.requests import DeleteCheckpoint, TakeBackup, disks_of
from simulator.timeline import Entry, Timeline

OWN_RULE = frozenset(Fault) - {Fault.BOUNDARY, Fault.UNKNOWN}
"""The faults of which each has a rule that finds them in any request."""


def turned_down(timeline: Timeline, fault: Fault) -> Iterator[Entry]:
    """Yield the requests that were turned down for one kind of mistake."""
    for entry in timeline.entries:
        if entry.refusal is not None and entry.refusal.fault == fault:
            yield entry


def turned_down_else(timeline: Timeline) -> Iterator[Entry]:
    """Yield the requests that were turned down and that no rule of a fault knows."""
    for entry in timeline.entries:
        if entry.refusal is None or is_scratch_full(entry) or entry.refusal.fault in OWN_RULE:
            continue
        fault = entry.refusal.fault
        bounded = fault == Fault.BOUNDARY and isinstance(entry.request, TakeBackup)
        if not bounded and not (fault == Fault.UNKNOWN and deleted(timeline, entry)):
            yield entry


def way_out(entry: Entry) -> str:
    """Return what to do where an incremental is impossible; empty for any other request."""
    statement = entry.statement
    if statement is not None and not isinstance(statement.request, TakeBackup):
        return ""
    return "take a full backup that starts a new checkpoint"


def report(
    self: Rule, timeline: Timeline, entry: Entry, *, notes: tuple[str, ...] = (), help: str = ""
) -> Finding:
    """Return a finding about a request that was turned down, in the host's own words."""
    assert entry.refusal is not None, "it was turned down"
    verb = entry.statement.verb if entry.statement is not None else "the guest's workload"
    return self.found(
        entry,
        f"{verb} is refused: {entry.refusal.text}",
        label="turned down",
        notes=(*_causes(timeline, entry), *notes),
        help=help,
        refused=entry.refusal.text,
    )


def _causes(timeline: Timeline, entry: Entry) -> Iterator[str]:
    """Yield what the host does not tell: the cause, and the step that brought it about."""
    assert entry.refusal is not None, "it was turned down"
    if not entry.refusal.cause:
        return
    yield f"cause: {entry.refusal.cause}"
    request = entry.request
    if isinstance(request, TakeBackup) and request.since is not None:
        yield from _lost(timeline, entry, request.since, request.disks)


def _lost(
    timeline: Timeline, until: Entry, checkpoint: str, disks: tuple[str, ...]
) -> Iterator[str]:
    """Yield the step at which a checkpoint's bitmap was last lost or broken, for each disk."""
    for name in disks:
        for entry in reversed(timeline.entries[: until.number]):
            before, after = entry.before.disk(name), entry.after.disk(name)
            if _usable(before, checkpoint) and not _usable(after, checkpoint):
                where = f" at {entry.instant}" if entry.instant is not None else ""
                verb = entry.statement.verb if entry.statement is not None else "the workload"
                why = _why(entry, before, checkpoint)
                told = f"{checkpoint} on {name} was usable until the {verb}{where}{line_of(entry)}"
                yield f"{told}: {why}" if why else told
                break


def _why(entry: Entry, before: Disk, name: str) -> str:
    """Return what a step did to a bitmap, in a few words; empty where they say no more."""
    bitmap = before.bitmap(before.active.name, name)
    for operation in entry.operations:
        node = getattr(operation, "node", None)
        if isinstance(node, str) and before.image(node) is None:
            continue  # It is about another disk.
        match operation:
            case KillProcess() if bitmap is not None and bitmap.kept is Kept.MEMORY:
                return "it was never stored"
            case KillProcess():
                return "it was open for writing"
            case RemoveBitmap(name=gone) if gone == name:
                return "it was removed"
            case DisableBitmap(name=gone) if gone == name:
                return "it was disabled"
            case RevertImages():
                return "the new overlay has no bitmaps"
            case AddOverlay():
                return "the overlay was made without it"
            case CommitImages() | PullImages() | MirrorDisk():
                return "it went with its image"
            case CreateImage() | DetachDisk():
                return "the disk left the machine"
    return ""


def line_of(entry: Entry) -> str:
    """Return the line of a step, as what follows it in a sentence; empty where it has none."""
    span = entry.statement.span if entry.statement is not None else None
    return f", line {span.line}" if span is not None else ""


def _usable(disk: Disk, name: str) -> bool:
    """Whether the active image holds a bitmap of this name that reaches now."""
    bitmap = disk.bitmap(disk.active.name, name) if disk.chain else None
    return bitmap is not None and bitmap.recording and not bitmap.inconsistent


def joined_later(timeline: Timeline, entry: Entry) -> str:
    """Return the disk of a backup that was not there, or was another one, at its checkpoint."""
    request = entry.request
    if not isinstance(request, TakeBackup) or request.since is None:
        return ""
    checkpoint = entry.before.checkpoint(request.since)
    if checkpoint is None:
        return ""
    for name in request.disks:
        disk = entry.before.disk(name)
        if disk.nodes_with(request.since):
            continue
        if name not in checkpoint.disks or _replaced(timeline, entry, name, request.since):
            return name
    return ""


def _replaced(timeline: Timeline, until: Entry, disk: str, checkpoint: str) -> bool:
    """Whether a disk got another base image after a checkpoint."""
    for entry in reversed(timeline.entries[: until.number]):
        if entry.before.checkpoint(checkpoint) is None:
            return False
        if any(isinstance(o, CreateImage) and o.disk == disk for o in entry.operations):
            return True
    return False


def deleted(timeline: Timeline, entry: Entry) -> Entry | None:
    """Return the step that deleted the checkpoint which a request names; None where none did."""
    request = entry.request
    name = request.since if isinstance(request, TakeBackup) else None
    if name is None:
        return None
    for earlier in reversed(timeline.entries[: entry.number]):
        if _knows(earlier.before, name) and not _knows(earlier.after, name):
            return earlier if isinstance(earlier.request, DeleteCheckpoint) else None
    return None


def _knows(machine: Machine, checkpoint: str) -> bool:
    return machine.checkpoint(checkpoint) is not None


def in_the_way(entry: Entry) -> tuple[Job, ...]:
    """Return the jobs that a request met: those on its disks, or else all of the machine."""
    names = disks_of(entry.before, entry.statement.request) if entry.statement is not None else ()
    return tuple(job for job in entry.before.jobs if job.disk in names) or entry.before.jobs


def is_scratch_full(entry: Entry) -> bool:
    """Whether a guest's write failed for want of scratch space."""
    guest = entry.statement is None or isinstance(entry.request, GuestWrite)
    return guest and entry.refusal is not None and "No space left" in entry.refusal.text
