"""Why a bit of a dirty bitmap is set, or is not."""

from collections.abc import Iterator, Sequence

from simulator.checks.evidence import join_words
from simulator.model.bitmap import DirtyBitmap
from simulator.model.disk import Disk
from simulator.model.machine import MirrorJob
from simulator.model.operations import (
    BitmapKey,
    ClearBitmap,
    CommitImages,
    EndJob,
    GuestDiscard,
    GuestWrite,
    KillProcess,
    MergeBitmaps,
    MirrorDisk,
    PullImages,
    ResizeImage,
    RunBackup,
)
from simulator.teaching.reasons.history import (
    NEVER,
    NOT_YET,
    History,
    Step,
    disk_at,
    touches,
    written_images,
)
from simulator.teaching.reasons.words import join_deeds
from simulator.values import NamedTuple

WRITES_TOLD = 3
"""So many of the guest's writes to a cluster are told, the last ones."""


class Turn(NamedTuple):
    """A bitmap before and after a step; None before it was made."""

    step: Step
    before: DirtyBitmap | None
    after: DirtyBitmap


def label_of(disk: Disk, bitmap: DirtyBitmap) -> str:
    """Return what a figure calls a bitmap: with its node where another image has a namesake."""
    namesakes = sum(other.name == bitmap.name for other in disk.bitmaps)
    return f"{bitmap.node}.{bitmap.name}" if namesakes > 1 else bitmap.name


def has_bit(disk: Disk, bitmap: DirtyBitmap | None, cluster: int) -> bool:
    """Whether a bitmap names a cluster."""
    if bitmap is None or bitmap.inconsistent:
        return False
    return cluster in disk.clusters_of(bitmap)


def tell_bit(history: History, disk: Disk, bitmap: DirtyBitmap, cluster: int) -> list[str]:
    """Return why a bit is as it is, as parts of sentences."""
    label = label_of(disk, bitmap)
    if bitmap.inconsistent:
        return [f"{label} is inconsistent{_killed(history, disk.name)}: nobody knows its bits"]
    if has_bit(disk, bitmap, cluster):
        return [f"{label} has the bit: {tell_marked(history, disk, bitmap, cluster)}"]
    return [f"{label} has no bit there: {tell_unmarked(history, disk, bitmap, cluster)}"]


def tell_marked(history: History, disk: Disk, bitmap: DirtyBitmap, cluster: int) -> str:
    """Return what set a bit that is set, as what follows a colon."""
    label = label_of(disk, bitmap)
    for turn in _turns(history, disk.name, (bitmap.node, bitmap.name)):
        was = has_bit(disk_at(turn.step.before, disk.name), turn.before, cluster)
        now = has_bit(disk_at(turn.step.after, disk.name), turn.after, cluster)
        if now and not was:
            return _tell_setting(history, turn, disk.name, cluster, label)
    return "it was there from the start"


def tell_unmarked(
    history: History, disk: Disk, bitmap: DirtyBitmap, cluster: int, *, past: bool = False
) -> str:
    """Return why the guest's writes to a cluster left no bit in a bitmap.

    Args:
        past: Whether it is told of a state that is gone by.
    """
    turns = list(_turns(history, disk.name, (bitmap.node, bitmap.name)))
    label = label_of(disk, bitmap)
    merged = _tell_merged(history, turns, disk.name, cluster)
    if merged:
        return merged
    deeds = [
        (
            history.tell(step, cluster),
            _tell_missing(history, turns, step, disk.name, cluster, label),
        )
        for step in [*history.guest_steps(disk.name, cluster)][-WRITES_TOLD:]
    ]
    dropped = "never came to the disk, since a job lay between it and the guest"
    deeds += [
        (history.tell(step, cluster), dropped) for step in history.dropped_steps(disk.name, cluster)
    ]
    return join_deeds(deeds) or (NOT_YET if past else NEVER)


def _tell_merged(history: History, turns: list[Turn], disk: str, cluster: int) -> str:
    """Return why a bitmap that only took in others has no bit; empty for one that recorded."""
    if any(turn.after.recording for turn in turns):
        return ""
    told: list[str] = []
    for turn in turns:
        keys = _merged_keys(turn)
        then, source_disk = history.before(turn.step), disk_at(turn.step.before, disk)
        given = [b for key in keys if (b := source_disk.bitmap(*key)) is not None]
        told += [
            f"{label_of(source_disk, each)}, merged in {history.when(turn.step)}, had none: "
            f"{tell_unmarked(then, source_disk, each, cluster, past=True)}"
            for each in given
        ]
    return "; ".join(dict.fromkeys(told))


def _merged_keys(turn: Turn) -> tuple[BitmapKey, ...]:
    """Return the bitmaps that were merged into this one at a step."""
    match turn.step.operation:
        case MergeBitmaps(node=node, name=name, sources=keys):
            return keys if (node, name) == (turn.after.node, turn.after.name) else ()
        case RunBackup(bitmap=name, temporary=True, sources=tuple() as keys):
            return keys if name == turn.after.name else ()
        case _:
            return ()


def _turns(history: History, disk: str, key: BitmapKey) -> Iterator[Turn]:
    """Yield each step of a bitmap's life, newest first.

    A commit or a pull can take it from one image to another.
    """
    for step in reversed(history.steps):
        before, after = disk_at(step.before, disk), disk_at(step.after, disk)
        held, was = after.bitmap(*key), before.bitmap(*key)
        if held is None:
            return
        if was is None:
            gone = [
                each
                for each in before.bitmaps
                if each.name == key[1] and after.bitmap(each.node, each.name) is None
            ]
            was = gone[-1] if gone else None
        yield Turn(step, was, held)
        if was is None:
            return
        key = was.node, was.name


def _tell_setting(history: History, turn: Turn, disk: str, cluster: int, label: str) -> str:
    """Return what a step did that set a bit."""
    step, when = turn.step, history.when(turn.step)
    match step.operation:
        case GuestWrite() | GuestDiscard():
            if touches(step, disk, cluster):
                return f"{history.tell(step, cluster)} set it while {label} was recording"
            return f"it stands for several clusters, and the guest wrote another of them {when}"
        case MergeBitmaps(sources=keys) | RunBackup(sources=tuple() as keys):
            return _tell_source(history, step, cluster, keys)
        case CommitImages() if turn.before is not None and turn.before.recording:
            return f"the commit {when} copied the cluster here while {label} was recording"
        case CommitImages():
            return f"it came from an image that was merged down {when}"
        case EndJob(job=job) if any(
            isinstance(each, MirrorJob) and each.name == job for each in step.before.jobs
        ):
            return f"it came from the chain that was copied {when}"
        case MirrorDisk():
            return f"it came from the chain that was copied {when}"
        case PullImages():
            return f"it came from an image that was pulled up {when}"
        case EndJob(job=job):
            writes = list(history.before(step).guest_steps(disk, cluster))
            deed = f"{history.tell(writes[-1], cluster)} set it" if writes else "it was set"
            return f"{deed} while the job {job} ran, and it came to {label} as that ended {when}"
        case ResizeImage():
            return f"it stands for several clusters, and the disk grew by this one {when}"
        case _:
            return f"it came {when}"


def _tell_source(history: History, step: Step, cluster: int, keys: Sequence[BitmapKey]) -> str:
    """Return which bitmap a bit was merged from, and what had set it there."""
    then, merged = history.before(step), f"merged in {history.when(step)}"
    homes = [(key, step.before.disk_of(key[0])) for key in keys]
    given = [(home, b) for key, home in homes if home and (b := home.bitmap(*key)) is not None]
    named = [(home, bitmap) for home, bitmap in given if has_bit(home, bitmap, cluster)]
    if not named:
        return f"it stands for several clusters, and another of them was {merged}"
    labels = join_words(label_of(home, bitmap) for home, bitmap in named)
    where = tell_marked(then, *named[0], cluster)
    return f"it came from {labels}, {merged}, where {where}"


def _tell_missing(
    history: History, turns: list[Turn], write: Step, disk: str, cluster: int, label: str
) -> str:
    """Return why one of the guest's writes left no bit, as what follows it in a sentence."""
    life = {turn.step.number: turn for turn in turns}
    if write.number not in life:
        began = turns[-1].step if turns else None
        return f"came before {label} began{f' {history.when(began)}' if began else ''}"
    bitmap = life[write.number].before
    assert bitmap is not None, "a guest's step makes no bitmap"
    active = written_images(write, disk)
    if bitmap.node not in active:
        return f"went to {active[0]}, not to {bitmap.node}, on which {label} lies"
    if not bitmap.recording:
        stopped = [t for t in turns if t.step.number < write.number and _stops(t)]
        when = f" {history.when(stopped[0].step)}" if stopped else ""
        return f"came after {label} stopped recording{when}" if when else "found it not recording"
    later = [t for t in turns if t.step.number > write.number]
    cleared = next((t.step for t in later if _clears(t, disk, cluster)), None)
    if cleared is not None:
        return f"lost the bit when {_tell_clearing(history, cleared, label)}"
    return f"set a bit that is kept beside {label} until the job that uses it ends"


def _stops(turn: Turn) -> bool:
    """Whether a bitmap stops recording at a step, or is made so."""
    return not turn.after.recording and (turn.before is None or turn.before.recording)


def _clears(turn: Turn, disk: str, cluster: int) -> bool:
    """Whether a bitmap loses the bit of a cluster at a step."""
    before, after = disk_at(turn.step.before, disk), disk_at(turn.step.after, disk)
    return has_bit(before, turn.before, cluster) and not has_bit(after, turn.after, cluster)


def _tell_clearing(history: History, step: Step, label: str) -> str:
    when = history.when(step)
    match step.operation:
        case ClearBitmap():
            return f"{label} was cleared {when}"
        case RunBackup(target=target):
            return f"the backup {target} cleared {label} {when}"
        case EndJob(job=job):
            return f"the job {job} cleared {label} as it ended {when}"
        case ResizeImage():
            return f"the disk shrank {when}"
        case _:
            return f"{label} lost it {when}"


def _killed(history: History, disk: str) -> str:
    """Return since when a bitmap is inconsistent."""
    for step in reversed(history.steps):
        if isinstance(step.operation, KillProcess):
            return f" since the process died {history.when(step)} with it open"
    return ""
