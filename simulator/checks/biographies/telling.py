"""Events in words: what happened to a thing at a step, to be printed at that step's own line."""

from simulator.checks.biographies.events import Event, Kind, Thing, What
from simulator.model.bitmap import DirtyBitmap, Kept
from simulator.model.disk import Disk
from simulator.model.machine import CommitJob, MirrorJob, PullJob
from simulator.model.operations import (
    AddOverlay,
    BitmapMode,
    CloseImages,
    CommitImages,
    DetachDisk,
    DropSnapshot,
    EndJob,
    ForgetCheckpoint,
    KillProcess,
    MergeBitmaps,
    MirrorDisk,
    PullImages,
    RemoveBitmap,
    RevertImages,
    RunBackup,
    SaveSnapshot,
)
from simulator.model.requests import DeleteCheckpoint, DeleteSnapshot, TakeBackup, Undefine
from simulator.timeline import Entry

_PLAIN = {
    What.DISABLED: "stops recording here",
    What.ENABLED: "records again here: what was written since it stopped is not in it",
    What.SPOILED: "was open for writing when the process died here, and is inconsistent since",
    What.BUSY: "is in use from here on",
    What.FREED: "is free again here",
    What.COMPLETED: "is complete here",
    What.FAILED: "fails here",
    What.CANCELLED: "is cancelled here",
    What.OVERWRITTEN: "is written over here",
    What.BACK: "is back here",
    What.REVERTED: "goes back to an earlier state here",
}


def tell(event: Event) -> str:
    """Return what happened, as a sentence about this step: ``backup full is deleted here``."""
    thing, what = event.thing, event.what
    match what:
        case What.STOPPED:
            return _stopped(event.entry)
        case What.STARTED:
            return "the machine is started here"
        case What.RESIZED:
            return _resized(event.entry, thing.name)
        case What.REFUSED:
            return f"{name_of(thing)} never began: this step is refused"
        case What.BEGAN:
            return _began(event.entry, thing)
        case What.LEFT:
            return _left(event.entry, thing)
        case What.CLEARED:
            return _cleared(event)
        case What.MERGED:
            return _merged(event.entry, thing)
        case What.GONE:
            return _gone(event.entry, thing)
        case _:
            return f"{name_of(thing)} {_PLAIN[what]}"


def name_of(thing: Thing) -> str:
    """Return what to call a thing: ``bitmap c0 of S1``, ``backup full.bak``."""
    if thing.kind is Kind.MACHINE:
        return "the machine"
    place = thing.node or (thing.disk if thing.kind is Kind.BITMAP else "")
    of = f" of {place}" if place else ""
    return f"{thing.kind.value} {thing.name}{of}"


def _resized(entry: Entry, disk: str) -> str:
    before, after = (machine.disk(disk).length for machine in (entry.before, entry.after))
    verb = "grows" if after > before else "shrinks"
    return f"{disk} {verb} from {before:,} to {after:,} clusters here"


def _began(entry: Entry, thing: Thing) -> str:
    if thing.kind is Kind.CHECKPOINT and isinstance(entry.request, TakeBackup):
        return f"{name_of(thing)} begins here, with backup {entry.request.to}"
    if thing.kind is Kind.DISK:
        return f"disk {thing.name} joins the machine here"
    if thing.kind is not Kind.BITMAP:
        return f"{name_of(thing)} begins here"
    bitmap = entry.after.disk(thing.disk).bitmap(thing.node, thing.name)
    kept = "" if bitmap is None or bitmap.persistent else ", not persistent"
    return f"{name_of(thing)} begins here{kept}"


def _left(entry: Entry, thing: Thing) -> str:
    active = entry.after.disk(thing.disk).active.name
    for each in entry.operations:
        match each:
            case AddOverlay():
                return f"overlay {active} is made without bitmap {thing.name} here"
            case RevertImages():
                return f"the revert goes on in {active} here, which has no bitmap {thing.name}"
    return f"{active} takes the writes from here on, and has no bitmap {thing.name}"


def cleared_by(event: Event) -> str | None:
    """Return the backup whose job cleared a bitmap; None where none did."""
    if event.what is not What.CLEARED:
        return None
    for each in event.entry.operations:
        match each:
            case RunBackup(bitmap=event.thing.name, temporary=False, mode=mode, target=target):
                if mode is not BitmapMode.NEVER:
                    return target
            case EndJob(job=ended):
                for job in event.entry.before.backup_jobs:
                    if job.bitmap == event.thing.name and ended in (job.name, job.backup.name):
                        return job.backup.name
    return None


def _cleared(event: Event) -> str:
    target, called = cleared_by(event), name_of(event.thing)
    if target is None:
        return f"{called} is cleared here"
    begun = any(isinstance(e, RunBackup) and e.target == target for e in event.entry.operations)
    if not begun and any(isinstance(each, EndJob) for each in event.entry.operations):
        return f"{target} ends here, and clears {called}"
    return f"{target} is read through {called} here, and clears it"


def _merged(entry: Entry, thing: Thing) -> str:
    sources = [
        name
        for each in entry.operations
        if isinstance(each, MergeBitmaps) and (each.node, each.name) == (thing.node, thing.name)
        for _, name in each.sources
    ]
    return f"{', '.join(dict.fromkeys(sources))} merged into {name_of(thing)} here"


def _gone(entry: Entry, thing: Thing) -> str:
    match thing.kind:
        case Kind.BITMAP:
            return _bitmap_gone(entry, thing)
        case Kind.CHECKPOINT:
            return _checkpoint_gone(entry, thing)
        case Kind.IMAGE:
            return _image_gone(entry, thing)
        case Kind.SNAPSHOT:
            return _snapshot_gone(entry, thing)
        case Kind.DISK:
            return f"disk {thing.name} is detached here"
        case Kind.BACKUP:
            return f"backup {thing.name} is deleted here"
        case _:
            return f"{name_of(thing)} ended here"


def _stopped(entry: Entry) -> str:
    if entry.after.ending:
        return "the guest powers off here, and its process waits for the backup"
    killed = any(isinstance(each, KillProcess) for each in entry.operations)
    return "the process dies here" if killed else "the machine is shut down here"


def _bitmap_gone(entry: Entry, thing: Thing) -> str:
    before = entry.before.disk(thing.disk)
    bitmap, called = before.bitmap(thing.node, thing.name), name_of(thing)
    for each in entry.operations:
        match each:
            case RemoveBitmap(node=thing.node, name=thing.name):
                deleted = entry.request
                if isinstance(deleted, DeleteCheckpoint):
                    return f"checkpoint {deleted.name} is deleted here, and {called} removed"
                return f"{called} is removed here"
            case KillProcess():
                return f"{called} was in memory alone, and is lost with the process here"
            case CloseImages() | DetachDisk():
                return _not_stored(before, bitmap, called, each)
    if before.image(thing.node) is not None and entry.after.disk(thing.disk).image(thing.node):
        return f"{called} is gone here"
    return f"{_image_gone(entry, Thing(Kind.IMAGE, thing.node, thing.disk))}, and {called} with it"


def _not_stored(
    disk: Disk, bitmap: DirtyBitmap | None, called: str, cause: CloseImages | DetachDisk
) -> str:
    """Return why a bitmap was not stored when its image was closed."""
    if bitmap is None or not bitmap.persistent:
        return f"{called} is not persistent, and is lost when its image is closed here"
    if bitmap.kept is Kept.MEMORY and bitmap.node != disk.active.name:
        return f"{called} was added to a read-only image, so it is not stored when that closes here"
    if isinstance(cause, DetachDisk):
        return f"disk {disk.name} is detached here, and {called} with it"
    return f"{called} is not stored here"


def _checkpoint_gone(entry: Entry, thing: Thing) -> str:
    called = name_of(thing)
    if isinstance(entry.request, DeleteCheckpoint):
        if entry.request.metadata:
            return f"the host's note of {called} is deleted here; its bitmaps stay"
        if entry.request.name != thing.name:
            return f"{called} is deleted here, as a child of {entry.request.name}"
        return f"{called} is deleted here"
    if isinstance(entry.request, Undefine):
        return f"the machine is undefined here, and the host's note of {called} goes with it"
    if entry.before.transient and not entry.after.transient:
        died = any(isinstance(each, KillProcess) for each in entry.operations)
        stops = "dies" if died else "is shut down"
        return f"the transient machine {stops} here, and the host forgets {called}"
    forgotten = any(isinstance(each, ForgetCheckpoint) for each in entry.operations)
    return f"{called} is {'forgotten' if forgotten else 'gone'} here"


def _image_gone(entry: Entry, thing: Thing) -> str:
    name = thing.name
    for each in entry.operations:
        match each:
            case CommitImages():
                return f"image {name} is committed here, down into {_taker(entry, thing)}"
            case PullImages(into=into):
                return f"image {name} is pulled up into {into} here"
            case MirrorDisk(into=into):
                return f"disk {thing.disk} is copied to {into} here, and image {name} left behind"
            case RevertImages(image=image):
                return f"the revert to {image} drops image {name} here"
            case DetachDisk():
                return f"disk {thing.disk} is detached here, with image {name}"
    for job in entry.before.jobs:
        if job.disk != thing.disk or job in entry.after.jobs:
            continue
        match job:
            case CommitJob(base=base):
                return f"image {name} is committed into {base}; the job ends here"
            case PullJob(into=into):
                return f"image {name} is pulled up into {into}; the job ends here"
            case MirrorJob(into=into):
                return f"disk {thing.disk} is copied to {into}, and image {name} left behind here"
    return f"image {name} leaves the chain here"


def _taker(entry: Entry, thing: Thing) -> str:
    """Return the image that holds what an image held: the one below it that is still there."""
    names = [image.name for image in entry.before.disk(thing.disk).chain]
    left = {image.name for image in entry.after.disk(thing.disk).chain}
    below = [name for name in names[: names.index(thing.name)] if name in left]
    return below[-1] if below else "the base"


def _snapshot_gone(entry: Entry, thing: Thing) -> str:
    called = name_of(thing)
    if isinstance(entry.request, DeleteSnapshot) and entry.request.metadata:
        return f"the host's note of {called} is deleted here"
    for each in entry.operations:
        if isinstance(each, DropSnapshot | SaveSnapshot) and each.name == thing.name:
            return f"{called} is deleted here"
    return f"{_image_gone(entry, Thing(Kind.IMAGE, thing.node, thing.disk))}, and {called} with it"
