"""Why a cell of a backup, or of a disk restored from backups, is as it is."""

from simulator.checks.evidence import join_words
from simulator.model.bitmap import DirtyBitmap
from simulator.model.clusters import ZERO
from simulator.model.disk import Disk, Image
from simulator.model.machine import Backup, Kind, Restored, Status, Transfer
from simulator.model.operations import BitmapKey, ConvertFile, CopyImage, RunBackup, Sync
from simulator.model.transitions.copies.targets import is_left_alone
from simulator.teaching.reasons.bitmaps import has_bit, label_of, tell_marked, tell_unmarked
from simulator.teaching.reasons.history import History, Step, disk_at, name_version
from simulator.teaching.reasons.images import look_through, origin, tell_image, tell_view
from simulator.teaching.reasons.words import neither


def tell_backup(history: History, backup: Backup, cluster: int) -> list[str]:
    """Return why a backup holds what it does in a cluster, as parts of sentences."""
    ended = ""
    if backup.status in (Status.FAILED, Status.CANCELLED):
        ended = f"the job of {backup.name} {_ENDS[backup.status]}{_ended(history, backup)}"
        if is_left_alone(backup) and (step := _taken(history, backup)) is not None:
            then = step.before.backup_of(backup.name, backup.disk)
            assert then is not None, "its file was there"
            untouched = f"{ended}, and its client had written nothing"
            return [untouched, *tell_backup(history.before(step), then, cluster)]
        if not backup.content:
            return [f"{ended}, so it holds nothing"]
        if backup.content.get(cluster) is None:
            return [f"{ended}, and had not copied the cluster by then"]
        held = "zeroes" if backup.content.get(cluster) == ZERO else "the cluster"
        ended = f"{ended}, and had copied {held} by then"
    step = _taken(history, backup)
    if step is None:
        return [f"{backup.name} was there from the start"]
    if backup.kind is Kind.NONE:
        return [_tell_kept(history, backup, cluster)]
    if (met := _tell_met(history, step, backup, cluster)) is not None:
        return [*met, ended]
    writes = [w for w in history.guest_steps(backup.disk, cluster) if w.number > step.number]
    later = f"{history.tell(writes[-1], cluster)} came later" if writes else ""
    return [*_tell_copied(history, step, backup, cluster), later, ended]


def _tell_met(history: History, step: Step, backup: Backup, cluster: int) -> list[str] | None:
    """Return what a plain copy came to that had been written meanwhile; None where it had not."""
    image = disk_at(step.before, backup.disk).image(backup.image)
    version = backup.content.get(cluster)
    if backup.torn is None or image is None or version == image.content.get(cluster):
        return None
    copied = f"{backup.name} is a copy of the file {backup.image}, begun {history.when(step)}"
    held = "nothing" if version is None else name_version(version) if version else "zeroes"
    return [copied, f"{backup.image} held {held} there when it came to the cluster"]


def _tell_copied(history: History, step: Step, backup: Backup, cluster: int) -> list[str]:
    """Return what a copy or a job found in a cluster.

    Args:
        history: What led to it, and more.
        step: The copy or the job.
    """
    then, disk = history.before(step), disk_at(step.before, backup.disk)
    image = disk.image(backup.image)
    if isinstance(step.operation, CopyImage) and image is not None:
        copied = f"{backup.name} is a copy of the file {backup.image}, made {history.when(step)}"
        return [copied, *tell_image(then, disk.name, image, cluster, past=True)]
    if isinstance(step.operation, ConvertFile):
        read = f"{backup.name} is what {backup.image} read as {history.when(step)}"
        chain = disk.chain_to(backup.image)
        return [read, *tell_view(then, disk.name, chain, cluster, past=True)]
    assert isinstance(step.operation, RunBackup), "a backup is a job or a copy"
    keys = _keys(step.operation)
    if step.operation.sync is Sync.TOP and image is not None:
        own = f"{backup.name} copied what {backup.image} held itself {history.when(step)}"
        told = tell_image(then, disk.name, image, cluster, past=True)
        padded = image.content.get(cluster) is None is not backup.content.get(cluster)
        return [own, *told, _tell_unit(backup, cluster) if padded else ""]
    if keys is None:
        whole = f"{backup.name} copied all that {_of_what(disk, backup)} {history.when(step)}"
        chain = _chain(disk, backup.image)
        return [whole, *tell_view(then, disk.name, chain, cluster, past=True)]
    return _tell_partial(then, disk, step, backup, keys, cluster)


def tell_restored(history: History, restored: Restored, cluster: int) -> list[str]:
    """Return which backup of a stack gives a cluster, as parts of sentences."""
    seen = _look_down(restored, cluster)
    held = [source for source in seen if _gives(source, cluster)]
    if not held:
        names = [source.row for source in reversed(restored.sources)]
        nothing = neither(names, "holds", "backups")
        return [f"{nothing} there, so it reads as zeroes"]
    newest, *below = held
    version = newest.content.get(cluster)
    what = "zeroes" if not version else name_version(version)
    read = f", read {_at(newest)}" if newest.at is not None else ""
    above = [source.row for source in seen[: seen.index(newest)]]
    if above:
        nothing = neither(above, "holds", "backups")
        told = f"{nothing} there, so {newest.row} gives it: {what}{read}"
    else:
        told = f"{newest.row} gives it: {what}{read}"
    if not below:
        return [told]
    hidden = below[0].content.get(cluster)
    hides = "zeroes" if not hidden else name_version(hidden)
    same = f"it lies over the {hides} of {below[0].row}"
    return [told, same]


_ENDS = {Status.FAILED: "failed", Status.CANCELLED: "was cancelled"}


def _at(backup: Backup) -> str:
    return f"at {backup.at}"


def _taken(history: History, backup: Backup) -> Step | None:
    """Return the step that made a backup, or started the job of it."""
    for step in reversed(history.steps):
        match step.operation:
            case RunBackup(target=name, image=node) | CopyImage(target=name, image=node):
                home = step.before.disk_of(node)
                if name == backup.name and home is not None and home.name == backup.disk:
                    return step
                if name == backup.name and step.before.disk(backup.disk).image(node) is not None:
                    return step  # A copy of an image on which several disks lie.
            case ConvertFile(target=name) if name == backup.name:
                return step
    return None


def _ended(history: History, backup: Backup) -> str:
    """Return when a job ended that did not complete."""
    for step in reversed(history.steps):
        running = any(job.backup.name == backup.name for job in step.before.backup_jobs)
        if running and all(job.backup.name != backup.name for job in step.after.backup_jobs):
            return f" {history.when(step)}"
    return ""


def _keys(run: RunBackup) -> tuple[BitmapKey, ...] | None:
    """Return the bitmaps that a job or its client reads through; None for all clusters."""
    if run.sources is not None:
        return run.sources
    if run.sync is Sync.BITMAP and run.bitmap is not None:
        return ((run.image, run.bitmap),)
    return None


def _chain(disk: Disk, image: str) -> tuple[Image, ...]:
    """Return an image and what lies below it, base first."""
    names = [each.name for each in disk.chain]
    return disk.chain[: names.index(image) + 1]


def _of_what(disk: Disk, backup: Backup) -> str:
    """Return whose view of the disk a backup copied."""
    return "the guest saw" if backup.image == disk.active.name else f"{backup.image} showed"


def _tell_kept(history: History, backup: Backup, cluster: int) -> str:
    """Return why a job that keeps old data has kept a cluster, or has not."""
    if backup.status is Status.RUNNING:
        return f"{backup.name} keeps what the guest overwrites, and shows it when its job has ended"
    version = backup.content.get(cluster)
    if version is None:
        return f"the guest overwrote nothing there while the job of {backup.name} ran"
    kept = f"{name_version(version)} stood there when the job of {backup.name} began"
    return f"{kept}, and the guest overwrote it meanwhile"


def _tell_partial(
    then: History,
    disk: Disk,
    step: Step,
    backup: Backup,
    keys: tuple[BitmapKey, ...],
    cluster: int,
) -> list[str]:
    """Return whether the bitmaps have the bit, and what the image held when it was read.

    Args:
        then: What led to the job.
        disk: As the job found it.
        step: The job.
    """
    found = [b for node, name in keys if (b := disk.bitmap(node, name)) is not None]
    named = [bitmap for bitmap in found if has_bit(disk, bitmap, cluster)]
    reader = "its client read" if backup.transfer is Transfer.PULL else "the cluster was read"
    when = then.when(step)
    if named:
        marks = _tell_marks(then, disk, named, cluster)
        return [marks, *_tell_read(then, disk, backup, cluster, f"{reader} {when}")]
    nothing = _tell_no_bit(then, disk, found, cluster)
    version = backup.content.get(cluster)
    if version is None:
        return [f"{nothing[0]}, so the cluster was not read", *nothing[1:]]
    former = next(
        (b for b in step.before.backups if (b.name, b.disk) == (backup.name, backup.disk)), None
    )
    if former is not None and former.content.get(cluster) == version:
        kept = f"{backup.name} was written over, and {name_version(version)} stood there before"
        return [nothing[0], kept, *nothing[1:]]
    return [nothing[0], _tell_unit(backup, cluster)]


def _tell_unit(backup: Backup, cluster: int) -> str:
    """Return why a job copied a cluster that it was not asked for."""
    version = backup.content.get(cluster)
    came = f"{name_version(version)} came along" if version is not None else "this one came along"
    return f"the job copied whole units of 64 KiB, and needed another cluster of this unit: {came}"


def _tell_marks(then: History, disk: Disk, named: list[DirtyBitmap], cluster: int) -> str:
    """Return which bitmaps have the bit, and what set it in the first of them."""
    labels = [label_of(disk, bitmap) for bitmap in named]
    return f"{join_words(labels)} had the bit: {tell_marked(then, disk, named[0], cluster)}"


def _tell_no_bit(
    then: History, disk: Disk, found: list[DirtyBitmap], cluster: int
) -> tuple[str, ...]:
    """Return that no bitmap has the bit, and why each has not."""
    labels = [label_of(disk, bitmap) for bitmap in found]
    if not labels:
        return ("no bitmap names the cluster",)
    if len(labels) == 1:
        none = f"{labels[0]} had no bit there"
    elif len(labels) == 2:
        none = f"neither {labels[0]} nor {labels[1]} had a bit there"
    else:
        none = f"none of {join_words(labels)} had a bit there"
    reasons = dict.fromkeys(
        tell_unmarked(then, disk, bitmap, cluster, past=True) for bitmap in found
    )
    return (none, *reasons)


def _tell_read(then: History, disk: Disk, backup: Backup, cluster: int, read: str) -> list[str]:
    """Return what a job read in a cluster that a bitmap names."""
    seen, _ = look_through(_chain(disk, backup.image), cluster)
    for image in seen:
        version = image.content.get(cluster)
        if version is not None:
            what = "explicit zeroes" if version == ZERO else name_version(version)
            source = origin(then, disk.name, image, cluster)
            return [f"{read}, when {image.name} held {what}, {source}"]
    return [f"{read}, when no image held anything, so explicit zeroes were copied"]


def _look_down(restored: Restored, cluster: int) -> list[Backup]:
    """Return the backups of a stack that are looked into, newest first.

    Below a complete backup, and beyond the end of a shorter one, nothing is seen.
    """
    seen: list[Backup] = []
    for source in reversed(restored.sources):
        seen.append(source)
        if source.complete or cluster >= source.length:
            return seen
    return seen


def _gives(backup: Backup, cluster: int) -> bool:
    """Whether a backup holds something in a cluster; a complete one does everywhere."""
    return cluster < backup.length and (backup.complete or backup.content.get(cluster) is not None)
