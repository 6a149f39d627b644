"""What a request is about: the things that must be there for it, and those that it makes."""

from collections.abc import Iterator

from simulator.checks.biographies.events import Kind, Thing
from simulator.model.machine import Machine
from simulator.model.operations import (
    AddBitmap,
    AddOverlay,
    ClearBitmap,
    CommitImages,
    CopyImage,
    CorruptBackup,
    CreateImage,
    DisableBitmap,
    DropBackup,
    DropSnapshot,
    EnableBitmap,
    EndJob,
    ExportNode,
    LoadSnapshot,
    MergeBitmaps,
    MirrorDisk,
    Operation,
    PullImages,
    Refusal,
    RemoveBitmap,
    ResizeImage,
    RunBackup,
    SaveSnapshot,
    StackBackups,
    UnexportNode,
)
from simulator.model.requests import (
    Attach,
    BlockCopy,
    CancelJob,
    Commit,
    Create,
    DeleteCheckpoint,
    DeleteSnapshot,
    Detach,
    Pull,
    Qmp,
    RedefineCheckpoint,
    Request,
    Resize,
    Revert,
    Snapshot,
    StartCheckpoint,
    TakeBackup,
)


def needed(machine: Machine, request: Request) -> Iterator[Thing]:
    """Yield what must be there for a request.

    >>> from simulator.model.requests import Commit
    >>> [thing.name for thing in needed(Machine(disks=()), Commit("S2", "S1"))]
    ['S2', 'S1']
    """
    match request:
        case TakeBackup():
            yield from _read_by(request)
        case RedefineCheckpoint(parent=str(parent)):
            yield Thing(Kind.CHECKPOINT, parent)
        case DeleteCheckpoint(name=name):
            yield Thing(Kind.CHECKPOINT, name)
            gone = machine.checkpoint(name)
            for disk in gone.disks if gone is not None else ():
                yield Thing(Kind.BITMAP, name, disk)
        case Commit(top=image, base=base) | Pull(into=image, base=base):
            yield from _images(image, base)
        case Snapshot(images=images):
            yield from (Thing(Kind.DISK, disk) for disk, _ in images)
        case StartCheckpoint(disks=disks):
            yield from (Thing(Kind.DISK, disk) for disk in disks)
        case BlockCopy(disk=disk) | Resize(disk=disk) | Detach(disk=disk):
            yield Thing(Kind.DISK, disk)
        case Revert(snapshot=name) | DeleteSnapshot(name=name):
            yield Thing(Kind.SNAPSHOT, name)
        case CancelJob(job=job):
            yield Thing(Kind.JOB, job)
        case Qmp(operations=operations):
            for each in operations:
                if not isinstance(each, Refusal):
                    yield from _needed_by(each)
        case CopyImage() | DropBackup() | CorruptBackup() | StackBackups():
            yield from _needed_by(request)


def _read_by(request: TakeBackup) -> Iterator[Thing]:
    yield from (Thing(Kind.DISK, disk) for disk in request.disks)
    if request.image is not None:
        yield Thing(Kind.IMAGE, request.image)
    yield from (Thing(Kind.CHECKPOINT, since) for since in request.sinces)
    for node, name in request.bitmaps:
        (disk,) = request.disks if len(request.disks) == 1 else ("",)
        yield Thing(Kind.BITMAP, name, disk if node is None else "", node or "")


def _images(*names: str | None) -> Iterator[Thing]:
    return (Thing(Kind.IMAGE, name) for name in names if name is not None)


def _needed_by(operation: Operation) -> Iterator[Thing]:
    """Yield what must be there for a primitive."""
    match operation:
        case CommitImages(device=device, top=top, base=base):
            yield from _images(device, top, base)
        case PullImages(into=into, base=base, bottom=bottom):
            yield from _images(into, base, bottom)
        case CopyImage(image=image):
            yield Thing(Kind.IMAGE, image)
        case RunBackup(image=image, bitmap=bitmap, temporary=temporary, sources=sources):
            yield Thing(Kind.IMAGE, image)
            if bitmap is not None and not temporary:
                yield Thing(Kind.BITMAP, bitmap, node=image)
            yield from (Thing(Kind.BITMAP, name, node=node) for node, name in sources or ())
        case DropBackup(name=name) | CorruptBackup(name=name):
            yield Thing(Kind.BACKUP, name)
        case StackBackups(sources=names):
            yield from (Thing(Kind.BACKUP, name) for name in names)
        case EndJob(job=job):
            yield Thing(Kind.JOB, job)
        case UnexportNode(id=id):
            yield Thing(Kind.EXPORT, id)
        case _:
            yield from _needed_on_nodes(operation)


def _needed_on_nodes(operation: Operation) -> Iterator[Thing]:
    match operation:
        case AddBitmap(node=node) | AddOverlay(node=node) | SaveSnapshot(node=node):
            yield Thing(Kind.IMAGE, node)
        case MirrorDisk(node=node) | ResizeImage(node=node):
            yield Thing(Kind.IMAGE, node)
        case DropSnapshot(node=node, name=name) | LoadSnapshot(node=node, name=name):
            yield Thing(Kind.IMAGE, node)
            yield Thing(Kind.SNAPSHOT, name, node=node)
        case RemoveBitmap() | ClearBitmap() | EnableBitmap() | DisableBitmap() | MergeBitmaps():
            yield Thing(Kind.IMAGE, operation.node)
            yield Thing(Kind.BITMAP, operation.name, node=operation.node)
            sources = operation.sources if isinstance(operation, MergeBitmaps) else ()
            yield from (Thing(Kind.BITMAP, name, node=node) for node, name in sources)
        case ExportNode(node=image, bitmaps=bitmaps):
            yield Thing(Kind.IMAGE, image)
            yield from (Thing(Kind.BITMAP, name, node=node or image) for node, name in bitmaps)


def introduced(request: Request) -> Iterator[Thing]:
    """Yield what a request makes, or would have made.

    >>> [thing.kind.value for thing in introduced(TakeBackup("full", ("vda",), checkpoint="c0"))]
    ['backup', 'checkpoint']
    """
    match request:
        case Create(image=image, disk=disk, bitmap=bitmap):
            yield Thing(Kind.IMAGE, image, disk)
            yield from _begun(bitmap)
        case Attach(image=str(image), disk=disk, bitmap=bitmap):
            yield Thing(Kind.IMAGE, image, disk)
            yield from _begun(bitmap)
        case Snapshot(images=images, bitmap=bitmap):
            yield from (Thing(Kind.IMAGE, image, disk) for disk, image in images)
            yield from _begun(bitmap)
        case StartCheckpoint(name=name):
            yield Thing(Kind.CHECKPOINT, name)
        case TakeBackup(to=target, checkpoint=checkpoint):
            yield Thing(Kind.BACKUP, target)
            yield from _begun(checkpoint)
        case BlockCopy(to=image, disk=disk):
            yield Thing(Kind.IMAGE, image, disk)
        case Revert(image=image):
            yield Thing(Kind.IMAGE, image)
        case CopyImage(target=target):
            yield Thing(Kind.BACKUP, target)
        case Qmp(operations=operations):
            for each in operations:
                if not isinstance(each, Refusal):
                    yield from _introduced_by(each)


def _begun(checkpoint: str | None) -> Iterator[Thing]:
    if checkpoint is not None:
        yield Thing(Kind.CHECKPOINT, checkpoint)


def _introduced_by(operation: Operation) -> Iterator[Thing]:
    match operation:
        case AddBitmap(node=node, name=name):
            yield Thing(Kind.BITMAP, name, node=node)
        case AddOverlay(overlay=image) | MirrorDisk(into=image) | CreateImage(image=image):
            yield Thing(Kind.IMAGE, image)
        case SaveSnapshot(node=node, name=name):
            yield Thing(Kind.SNAPSHOT, name, node=node)
        case RunBackup(target=target, job=job):
            yield Thing(Kind.BACKUP, target)
            yield Thing(Kind.JOB, job or target)
        case CommitImages(job=str(job)) | PullImages(job=str(job)):
            yield Thing(Kind.JOB, job)
        case ExportNode(id=id):
            yield Thing(Kind.EXPORT, id)


def present(machine: Machine, thing: Thing) -> bool:
    """Whether a thing is there."""
    match thing.kind:
        case Kind.CHECKPOINT:
            return machine.checkpoint(thing.name) is not None
        case Kind.IMAGE:
            return machine.node_taken(thing.name) or bool(machine.backups_named(thing.name))
        case Kind.SNAPSHOT:
            return _keeps(machine, thing) or machine.disk_of(thing.name) is not None
        case Kind.BACKUP:
            return bool(machine.backups_named(thing.name))
        case Kind.JOB:
            return thing.name in machine.job_names
        case Kind.EXPORT:
            return any(each.id == thing.name for each in machine.exports)
        case Kind.DISK:
            return any(d.name == thing.name and bool(d.chain) for d in machine.disks)
        case Kind.BITMAP:
            return any(
                thing.covers(Thing(Kind.BITMAP, b.name, disk.name, b.node))
                for disk in machine.disks
                for b in disk.bitmaps
            )
        case Kind.MACHINE:
            return True


def _keeps(machine: Machine, thing: Thing) -> bool:
    return any(
        kept.name == thing.name and thing.node in ("", image.name)
        for disk in machine.disks
        for image in disk.chain
        for kept in image.snapshots
    )
