"""Which ways out a refusal may have, by what was refused and why."""

from collections.abc import Iterator

from simulator.apis.libvirt.refusing import BESIDE_CHECKPOINTS
from simulator.apis.libvirt.snapshots import NO_REVERT
from simulator.checks.biographies import introduced
from simulator.checks.biographies.events import Kind
from simulator.checks.evidence import join_words
from simulator.checks.refusals.advice import Advice, Way, first_that_helps, new_name
from simulator.checks.refusals.anew import full_backups, start_anew, with_bitmap
from simulator.checks.refusals.causes import in_the_way
from simulator.checks.refusals.namesakes import (
    begin_otherwise,
    cannot_begin,
    delete_otherwise,
    name_otherwise,
)
from simulator.checks.refusals.stacks import go_back_otherwise, restore_otherwise
from simulator.model.machine import Machine, Power, Status
from simulator.model.notes import SnapshotNote, find_note
from simulator.model.operations import (
    Fault,
    GuestDiscard,
    GuestWrite,
    MergeBitmaps,
    OpenImages,
    Operation,
    Refusal,
    RemoveBitmap,
    RunBackup,
    StackBackups,
    Sync,
    UnexportNode,
)
from simulator.model.requests import (
    Attach,
    BlockCopy,
    Commit,
    DeleteCheckpoint,
    DeleteSnapshot,
    FinishJobs,
    Pull,
    Qmp,
    Revert,
    Snapshot,
    TakeBackup,
    Undefine,
    disks_of,
)
from simulator.timeline import Entry, Timeline


def advise(timeline: Timeline, entry: Entry) -> Advice | None:
    """Return what to do after a refusal: the first thing that is accepted; None for nothing."""
    if entry.request is None:
        return None
    return first_that_helps(timeline, entry, _candidates(timeline, entry))


def _candidates(timeline: Timeline, entry: Entry) -> Iterator[Advice]:
    assert entry.refusal is not None and entry.request is not None, "it was turned down"
    match entry.refusal.fault:
        case Fault.OFF:
            yield Advice("start the machine first; it may stay paused", (_started(),))
        case Fault.JOB:
            yield from _after_jobs(entry)
        case Fault.BUSY:
            yield from _after_use(entry)
        case Fault.BOUNDARY if isinstance(entry.request, TakeBackup):
            until = entry.request.until
            told = f"take the backup in the step that starts {until}, or let it end now"
            yield Advice(told, (Way((entry.request._replace(until=None),)),))
    yield from _attached(entry)
    yield from _by_request(timeline, entry)


def _started() -> Way:
    return Way((OpenImages(),), again=True)


def _after_jobs(entry: Entry) -> Iterator[Advice]:
    names = tuple(dict.fromkeys(job.name for job in in_the_way(entry)))
    if names:
        ended = FinishJobs(names, Status.COMPLETED)
        told = f"end {join_words(names)} first, or wait for it"
        yield Advice(told, (Way((ended,), again=True),))


def _after_use(entry: Entry) -> Iterator[Advice]:
    """Yield the end of what uses a bitmap: jobs, or exports."""
    machine = entry.before
    jobs = tuple(dict.fromkeys(job.name for job in machine.backup_jobs))
    exports = tuple(each.id for each in machine.exports if each.bitmaps)
    ended = FinishJobs(jobs, Status.COMPLETED)
    closed = Qmp(("block-export-del",), tuple(UnexportNode(each) for each in exports))
    if jobs:
        told = f"wait for the end of {join_words(jobs)}, which uses it"
        yield Advice(told, (Way((ended,), again=True),))
    if exports:
        told = f"delete the export {join_words(exports)} first, which uses it"
        yield Advice(told, (Way((closed,), again=True),))
    if jobs and exports:
        told = (
            f"wait for the end of {join_words(jobs)}, and delete the export {join_words(exports)}"
        )
        yield Advice(told, (Way((ended, closed), again=True),))


def _attached(entry: Entry) -> Iterator[Advice]:
    """Yield that a detached disk is attached first."""
    assert entry.request is not None, "it was turned down"
    names = disks_of(entry.before, entry.request)
    if isinstance(entry.request, GuestWrite | GuestDiscard):
        names = (entry.request.disk or entry.before.disks[0].name,)
    away = [d.name for d in entry.before.disks if d.detached is not None and not d.chain]
    gone = tuple(name for name in names if name in away)
    if gone:
        attached = tuple(Attach(name) for name in gone)
        yield Advice(f"attach {join_words(gone)} first", (Way(attached, again=True),))


def _by_request(timeline: Timeline, entry: Entry) -> Iterator[Advice]:
    machine, request = entry.before, entry.request
    assert entry.refusal is not None and request is not None, "it was turned down"
    names = [each.name for each in introduced(request) if each.kind is Kind.CHECKPOINT]
    if names and cannot_begin(entry, names[0]):
        yield from begin_otherwise(timeline, entry, names[0])
    match request:
        case TakeBackup():
            yield from _read_otherwise(timeline, entry, request)
        case DeleteCheckpoint():
            yield from delete_otherwise(machine, request)
        case DeleteSnapshot():
            yield from _delete_snapshot_otherwise(machine, request)
        case StackBackups():
            yield from restore_otherwise(timeline, entry, request)
        case Revert():
            yield from name_otherwise(machine, request)
            yield from go_back_otherwise(timeline, entry, request)
            yield from _without_bitmaps(machine)
            if entry.refusal.text == NO_REVERT:
                yield Advice("revert with libvirt 9.9 or later, which can do it", ())
        case Snapshot(images=images) if find_note(machine.snapshots, images[0][1]):
            yield from _note_first(images[0][1])
            yield from name_otherwise(machine, request)
        case Qmp():
            yield from _in_qemu(machine, request, entry.refusal)
        case Commit() | Pull() | Snapshot() | BlockCopy() if _beside_checkpoints(entry.refusal):
            yield from _without_checkpoints(machine)
        case Undefine(metadata=False):
            told = "say metadata: true; images and bitmaps stay, checkpoints can be redefined later"
            yield Advice(told, (Way((Undefine(metadata=True),)),))
        case GuestWrite() | GuestDiscard() if machine.ending:
            kept = tuple(dict.fromkeys(job.name for job in machine.backup_jobs))
            told = f"wait for {join_words(kept)}, and start the machine first"
            ended = FinishJobs(kept, Status.COMPLETED)
            yield Advice(told, (Way((ended, OpenImages()), again=True),))
        case GuestWrite() | GuestDiscard() if machine.power is not Power.RUNNING:
            yield Advice("start the machine first", (_started(),))
        case _:
            yield from name_otherwise(machine, request)


def _delete_snapshot_otherwise(machine: Machine, request: DeleteSnapshot) -> Iterator[Advice]:
    """Yield how a snapshot can be given up whose images are not as the host noted them."""
    note = find_note(machine.snapshots, request.name)
    if note is not None:
        yield from _leaves_first(machine, note)
        yield from _note_first(*_merged_below(machine, note))
        alone = Way((request._replace(metadata=True),))
        gone = any(machine.disk_of(layer.image) is None for layer in note.layers)
        if gone:
            yield Advice("delete the host's note alone: metadata: true", (alone,))
    yield from _merged_by_hand(machine, request.name)


def _leaves_first(machine: Machine, note: SnapshotNote) -> Iterator[Advice]:
    """Yield that the snapshots go first which were put under one, the newest before the others."""
    under = {note.name}
    for each in machine.snapshots:
        under |= {each.name} if each.parent in under else set()
    names = [n.name for n in reversed(machine.snapshots) if n.name in under - {note.name}]
    if names:
        first = tuple(DeleteSnapshot(name) for name in names)
        told = f"delete what was put under it first: {join_words(names)}"
        yield Advice(told, (Way(first, again=True),))


def _merged_below(machine: Machine, note: SnapshotNote) -> Iterator[str]:
    """Yield the snapshots whose images a snapshot was put onto, and that are in no chain now."""
    for layer in note.layers:
        over = layer.over
        while machine.disk_of(over) is None:
            below = find_note(machine.snapshots, over)
            found = [each.over for each in below.layers if each.image == over] if below else []
            if below is None or not found:
                break
            yield below.name
            over = found[0]


def _note_first(*names: str) -> Iterator[Advice]:
    """Yield that the host's notes of some snapshots go first, which say what is not so any more."""
    gone = tuple(dict.fromkeys(names))
    if gone:
        told = ", ".join(f"delete: {{snapshot: {name}, metadata: true}}" for name in gone)
        forgotten = tuple(DeleteSnapshot(name, metadata=True) for name in gone)
        yield Advice(
            f"delete the host's note of {join_words(gone)} first: {told}",
            (Way(forgotten, again=True),),
        )


def _merged_by_hand(machine: Machine, name: str) -> Iterator[Advice]:
    """Yield the commit of a snapshot's image, where what it was put onto was merged by hand."""
    disk = machine.disk_of(name)
    names = [image.name for image in disk.chain] if disk is not None else []
    if name in names[1:]:
        below = names[names.index(name) - 1]
        yield Advice(f"commit {name} into {below} by hand", (Way((Commit(name, below),)),))


def _read_otherwise(timeline: Timeline, entry: Entry, backup: TakeBackup) -> Iterator[Advice]:
    """Yield what may be read in place of what a refused backup was to read."""
    assert entry.refusal is not None, "it was turned down"
    yield from name_otherwise(entry.before, backup)
    if backup.sinces or backup.bitmaps:
        yield from start_anew(timeline, entry, backup)
    if backup.image is not None and entry.before.disk_of(backup.image) is None:
        told = "leave image out: the disk is read as it is now"
        yield Advice(told, (Way((backup._replace(image=None),)),))


def leave_out(timeline: Timeline, entry: Entry, disk: str) -> Advice | None:
    """Return what to do where one disk of a backup was not there at its checkpoint."""
    request = entry.request
    assert isinstance(request, TakeBackup), "only a backup has a since"
    others = tuple(name for name in request.disks if name != disk)
    named = new_name(entry.before, request.to)
    rest = (request._replace(to=named, disks=others),) if others else ()
    first = f"leave {disk} out, and " if others else ""
    candidates = []
    for each in full_backups(entry.before, (disk,), bare=False):
        (way,) = each.ways
        told = each.text.replace("a full backup", f"a full backup of {disk}", 1)
        candidates.append(Advice(f"{first}{told}", (Way((*rest, *way.steps)),)))
    return first_that_helps(timeline, entry, candidates)


def _without_bitmaps(machine: Machine) -> Iterator[Advice]:
    """Yield that the bitmaps go in which a state kept inside an image would be in the way."""
    actives = {disk.active.name for disk in machine.disks if disk.chain and disk.active.snapshots}
    held = [b for disk in machine.disks for b in disk.bitmaps if b.node in actives]
    if held:
        removed = tuple(RemoveBitmap(each.node, each.name) for each in held)
        names = join_words(f"{each.node}.{each.name}" for each in held)
        steps = (Qmp(("block-dirty-bitmap-remove",), removed),)
        yield Advice(f"remove {names} first", (Way(steps, again=True),))


def _without_checkpoints(machine: Machine) -> Iterator[Advice]:
    names = [each.name for each in machine.checkpoints]
    steps = tuple(DeleteCheckpoint(name) for name in reversed(names))
    told = f"delete {join_words(names)} first; the next backup is a full one then"
    yield Advice(told, (Way(steps, again=True),))


_UNFIT = (Fault.MISSING, Fault.INCONSISTENT, Fault.UNMERGEABLE, None)


def _beside_checkpoints(refusal: Refusal) -> bool:
    return BESIDE_CHECKPOINTS in refusal.text


def _in_qemu(machine: Machine, request: Qmp, refusal: Refusal) -> Iterator[Advice]:
    """Yield what QEMU takes in place of a command that needs a bitmap which is not fit."""
    operations = [each for each in request.operations if not isinstance(each, Refusal)]
    reads = [each for each in operations if _reads(each)]
    nodes = [each.image for each in reads if isinstance(each, RunBackup)]
    nodes += [each.node for each in reads if isinstance(each, MergeBitmaps)]
    if refusal.fault not in _UNFIT or not nodes or machine.disk_of(nodes[0]) is None:
        return
    node, told = nodes[0], ""
    first: tuple[Qmp, ...] = ()
    bitmaps = [b for d in machine.disks for b in d.bitmaps if b.node == node and b.inconsistent]
    if refusal.fault is Fault.INCONSISTENT and bitmaps:
        gone = tuple(RemoveBitmap(each.node, each.name) for each in bitmaps)
        first = (Qmp(("block-dirty-bitmap-remove",), gone),)
        told = f"remove {join_words(each.name for each in bitmaps)}, and "
    for persistent in (True, False):
        full = Qmp(("transaction",), with_bitmap(machine, node, persistent=persistent))
        kept = (
            "a persistent bitmap" if persistent else "a bitmap, which lasts as long as QEMU runs,"
        )
        words = f"{told}take a full backup and add {kept} in the same transaction"
        yield Advice(words, (Way((*first, full)),))


def _reads(operation: Operation) -> bool:
    """Whether a primitive needs a bitmap for a backup."""
    if isinstance(operation, RunBackup):
        return operation.sync is Sync.BITMAP
    return isinstance(operation, MergeBitmaps)
