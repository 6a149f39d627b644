"""What happens at an instant, in a word or two each."""

from collections.abc import Iterator

from simulator.model.operations import (
    CloseImages,
    CommitImages,
    CopyImage,
    DropBackup,
    DropSnapshot,
    KillProcess,
    MirrorDisk,
    OpenImages,
    PullImages,
    SaveSnapshot,
    StackBackups,
)
from simulator.model.requests import (
    Attach,
    CancelJob,
    DeleteCheckpoint,
    DeleteSnapshot,
    Detach,
    FinishJobs,
    Qmp,
    Resize,
    Revert,
    Snapshot,
    TakeBackup,
)
from simulator.timeline import Entry, Frame, Timeline


def events_of(timeline: Timeline, frame: Frame) -> Iterator[tuple[str, str]]:
    """Yield what the host did at an instant, each with its role: a verb, and a name behind it."""
    for entry in timeline.entries_of(frame):
        if entry.refusal is not None or entry.statement is None:
            continue
        yield from _asked(entry, entry.statement.verb)
        for operation in entry.operations:
            match operation:
                case CommitImages(top=top):
                    yield f"commit {top or operation.device}", "faint"
                case PullImages(into=into):
                    yield f"pull into {into}", "faint"
                case MirrorDisk(into=into):
                    yield f"blockcopy to {into}", "faint"
                case SaveSnapshot(name=name):
                    yield f"snapshot {name}", "faint"
                case DropSnapshot(name=name) if isinstance(entry.request, Qmp):
                    yield f"delete {name}", "warning"
        known = {each.name for each in entry.before.checkpoints}
        for checkpoint in entry.after.checkpoints:
            if checkpoint.name not in known:
                yield f"checkpoint {checkpoint.name}", "faint"


def _asked(entry: Entry, verb: str) -> Iterator[tuple[str, str]]:
    """Yield what a statement asked for; changes of the chain are told by what was done."""
    match entry.request:
        case Snapshot(images=images):
            yield f"snapshot {' '.join(image for _, image in images)}", "faint"
        case Revert(snapshot=name):
            yield f"revert to {name}", "warning"
        case KillProcess():
            yield "crash", "error"
        case CloseImages() | OpenImages():
            yield verb, "warning"
        case Attach(disk=disk) | Detach(disk=disk):
            yield f"{verb} {disk}", "faint"
        case Resize():
            yield "resize", "faint"
        case TakeBackup(to=name):
            yield f"backup {name}", "faint"
        case CopyImage(target=name):
            yield f"copy {name}", "faint"
        case StackBackups(name=name):
            yield f"restore {name}", "faint"
        case DropBackup(name=name) | DeleteCheckpoint(name=name) | DeleteSnapshot(name=name):
            yield f"delete {name}", "warning"
        case CancelJob(job=name):
            yield f"cancel {name}", "warning"
        case FinishJobs():
            yield from _ended(entry)
        case Qmp():
            for backup in dict.fromkeys(each.name for each in entry.new_backups):
                yield f"backup {backup}", "faint"


def _ended(entry: Entry) -> Iterator[tuple[str, str]]:
    """Yield the backups that a job left behind at its end, each with what became of it."""
    for backup in entry.new_backups:
        bad = backup.status.value in ("failed", "cancelled")
        yield f"{backup.status} {backup.row}", "error" if bad else "faint"
