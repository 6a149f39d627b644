"""The rows of the time view: what is so from when to when."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from simulator.diagnostics import shown
from simulator.model.clusters import letter_of
from simulator.model.disk import Disk
from simulator.model.machine import (
    Backup,
    BackupJob,
    ChainJob,
    CommitJob,
    Machine,
    MirrorJob,
    PullJob,
    Status,
)
from simulator.model.operations import (
    CloseImages,
    EndJob,
    GuestDiscard,
    GuestWrite,
    KillProcess,
)
from simulator.render.palette import role_of
from simulator.render.views.time.axis import Axis
from simulator.timeline import Entry, Timeline

MARK = 7.0
"""Width of a job that takes no time."""

LETTERS_MAX = 4
"""So many letters of a guest's step are told."""

INDENT = "  "


class Bar(NamedTuple):
    """A stretch of time in a row.

    Attributes:
        start, end: Positions along the axis.
        text: What is written on it, where there is room.
        word: What a legend calls its role; empty where the text says what it is.
    """

    start: float
    end: float
    role: str
    text: str = ""
    title: str = ""
    dashed: bool = False
    word: str = ""


class Track(NamedTuple):
    """A row of bars."""

    label: str
    bars: tuple[Bar, ...]


def tracks_of(timeline: Timeline, axis: Axis) -> list[list[Track]]:
    """Return the rows, those together that stand together."""
    disks = [disk.name for disk in timeline.last.disks]
    return [
        [_guest_track(timeline, axis, disk, alone=len(disks) == 1) for disk in disks],
        *(list(_disk_tracks(timeline, axis, disk)) for disk in disks),
        [*_backup_tracks(timeline, axis), *_chain_job_tracks(timeline, axis)],
    ]


def _guest_track(timeline: Timeline, axis: Axis, disk: str, *, alone: bool) -> Track:
    """Return what the guest does to a disk, each step in the stretch of time before its instant."""
    bars: list[Bar] = []
    before = 0.0
    for number, frame in enumerate(timeline.frames):
        place = axis.places[number]
        steps = [(e, _written(e, disk)) for e in timeline.entries_of(frame)]
        steps = [(entry, letters) for entry, letters in steps if letters]
        room = (place - before - 4) / max(len(steps), 1)
        for n, (entry, letters) in enumerate(steps):
            start = before + 3 + n * room
            bars.append(_step(entry, letters, start, start + max(2.0, room - 3)))
        before = place
    return Track("guest" if alone else f"guest {disk}", tuple(bars))


def _step(entry: Entry, letters: Sequence[str], start: float, end: float) -> Bar:
    text = "".join(letters) if len(letters) <= LETTERS_MAX else "many"
    if entry.refusal is not None:
        told = f"the guest's write fails: {entry.refusal.text}"
        return Bar(start, end, "error", text, told, dashed=True, word="failed")
    several = len(letters) > 1 or letters[0] == "*"
    role = "mixed" if several else role_of(letters[0])
    return Bar(start, end, role, "many" if "*" in letters else text, "the guest writes")


def _written(entry: Entry, disk: str) -> list[str]:
    """Return the letters of what a guest's step writes, or would have written, to a disk."""
    operations = entry.operations
    if entry.refusal is not None and isinstance(entry.request, GuestWrite | GuestDiscard):
        operations = (entry.request,)
    written: dict[str, None] = {}
    for operation in operations:
        if not isinstance(operation, GuestDiscard | GuestWrite):
            continue
        if (operation.disk or entry.before.disks[0].name) != disk:
            continue
        if isinstance(operation, GuestDiscard):
            written["0"] = None
            continue
        for _, _, version in operation.data.runs():
            written[letter_of(version)] = None
            if len(written) > LETTERS_MAX:
                break
    return list(written)


def _disk_tracks(timeline: Timeline, axis: Axis, disk: str) -> Iterator[Track]:
    """Yield a row for each image of a disk that there ever is, and below it what is in it."""
    machines = [frame.machine for frame in timeline.frames]
    states = [machine.disk(disk) for machine in machines]
    held: dict[str, dict[tuple[str, str], None]] = {}
    for state in states:
        for image in state.chain:
            within = held.setdefault(image.name, {})
            within |= {("snapshot", each.name): None for each in image.snapshots}
        for bitmap in state.bitmaps:
            held.setdefault(bitmap.node, {})["bitmap", bitmap.name] = None
    for node, within in held.items():
        kinds = [_image_kind(machine, disk, node) for machine in machines]
        yield Track(shown(node), tuple(_bars(kinds, axis)))
        for kind, name in within:
            told = _snapshot_kind if kind == "snapshot" else _bitmap_kind
            kinds = [told(state, node, name) for state in states]
            yield Track(f"{INDENT}{shown(name)}", tuple(_bars(kinds, axis)))


def _image_kind(machine: Machine, disk: str, name: str) -> tuple[str, str] | None:
    """Return the role of an image, and what it is; None where it is in no chain."""
    state = machine.disk(disk)
    if state.image(name) is None:
        return None
    if state.active.name == name:
        return "info", "active"
    for job in machine.jobs:
        if isinstance(job, CommitJob) and (job.disk, job.base) == (disk, name):
            return "busy", "written by commit"
        if isinstance(job, PullJob) and (job.disk, job.into) == (disk, name):
            return "busy", "written by pull"
    return "rule", "read-only"


def _snapshot_kind(disk: Disk, node: str, name: str) -> tuple[str, str] | None:
    """Return the role of an internal snapshot; None where there is none."""
    image = disk.image(node)
    there = image is not None and any(each.name == name for each in image.snapshots)
    return ("mixed", "internal snapshot") if there else None


def _bitmap_kind(disk: Disk, node: str, name: str) -> tuple[str, str] | None:
    """Return the role of a bitmap, and what it does; None where there is none."""
    bitmap = disk.bitmap(node, name)
    if bitmap is None:
        return None
    if bitmap.inconsistent:
        return "broken", "inconsistent"
    if bitmap.busy:
        return "busy", "busy"
    return ("dirty4", "recording") if bitmap.recording else ("dirty1", "frozen")


def _bars(kinds: Sequence[tuple[str, str] | None], axis: Axis) -> Iterator[Bar]:
    """Yield the stretches in which something is of one kind."""
    start = 0
    for number, kind in enumerate(kinds):
        if number + 1 < len(kinds) and kinds[number + 1] == kind:
            continue
        if kind is not None:
            end = axis.places[number] + axis.room(number)
            word = "busy" if kind[0] == "busy" else kind[1]
            yield Bar(axis.places[start], end, kind[0], kind[1], kind[1], word=word)
        start = number + 1


def _backup_tracks(timeline: Timeline, axis: Axis) -> Iterator[Track]:
    """Yield a row for each backup: its job, then the time for which there is a file of it."""
    number_of = {frame.label: n for n, frame in enumerate(timeline.frames)}
    gone = _gone_at(timeline)
    for entry, backup in timeline.made_backups:
        number = number_of.get(entry.instant)
        if number is None:
            continue
        over = _ends_at(timeline, backup, number)
        start = axis.places[number]
        end = max(axis.places[over], start + MARK)
        last = gone.get(_identity(backup))
        until = axis.places[last] if last is not None else axis.end
        there = _identity(backup) in map(_identity, timeline.frames[over].machine.backups)
        kept = until if there and backup.status is Status.COMPLETED else end
        yield Track(shown(backup.row), tuple(_backup_bars(backup, start, end, kept)))


def _backup_bars(backup: Backup, start: float, end: float, until: float) -> Iterator[Bar]:
    """Yield the bar of a backup's job, and that of the time until which it is kept."""
    told = _tell_backup(backup)
    title = f"{backup.row}: {told}"
    if backup.status in (Status.FAILED, Status.CANCELLED):
        role = "error" if backup.status is Status.FAILED else "warning"
        yield Bar(start, end, role, told, title, dashed=True, word=backup.status.value)
        return
    yield Bar(start, end, "backup", "" if until > end else told, title, word="backup")
    if until > end:
        yield Bar(end, until, "zero", told, title, word="kept")


def _tell_backup(backup: Backup) -> str:
    """Return what kind of backup it is, in a few words."""
    told = str(backup.kind)
    if backup.since:
        told += f" since {backup.since}"
    elif backup.bitmaps:
        told = f"through {', '.join(map(shown, backup.bitmaps))}"
    return told if backup.status is Status.COMPLETED else f"{told}, {backup.status}"


def _gone_at(timeline: Timeline) -> dict[tuple[str, int, str], int]:
    """Return the number of the frame at which each backup was there no more."""
    gone: dict[tuple[str, int, str], int] = {}
    before: frozenset[tuple[str, int, str]] = frozenset()
    for number, frame in enumerate(timeline.frames):
        there = frozenset(map(_identity, frame.machine.backups))
        gone |= dict.fromkeys(before - there, number)
        before = there
    return gone


def _identity(backup: Backup) -> tuple[str, int, str]:
    """Return what a backup is the same by, however far it got."""
    return backup.row, backup.moment, backup.kind


def _ends_at(timeline: Timeline, backup: Backup, number: int) -> int:
    """Return the number of the frame at which a job is over."""
    for n in range(number, len(timeline.frames)):
        machine = timeline.frames[n].machine
        names = {(job.backup.name, job.disk) for job in machine.backup_jobs}
        if (backup.name, backup.disk) not in names:
            return n
    return len(timeline.frames) - 1


_KINDS = {CommitJob: "commit", PullJob: "pull", MirrorJob: "blockcopy"}
"""What a job on a chain is called."""


def _chain_job_tracks(timeline: Timeline, axis: Axis) -> Iterator[Track]:
    """Yield a row for each commit, pull or copy of a disk that runs on for a while."""
    begun: dict[tuple[str, str], int] = {}
    for number, frame in enumerate(timeline.frames):
        running = {_key(job) for job in frame.machine.jobs if not isinstance(job, BackupJob)}
        for key in [key for key in begun if key not in running]:
            start, end = axis.places[begun.pop(key)], axis.places[number]
            yield _chain_job(key, start, end, _outcome(timeline, number, key))
        for key in sorted(running):
            begun.setdefault(key, number)
    for key, number in begun.items():
        yield _chain_job(key, axis.places[number], axis.end, "")


def _key(job: ChainJob) -> tuple[str, str]:
    return job.name, _KINDS[type(job)]


def _outcome(timeline: Timeline, number: int, key: tuple[str, str]) -> str:
    """Return how a job ended at an instant, if not well."""
    for entry in timeline.entries_of(timeline.frames[number]):
        before, after = (
            {_key(job) for job in machine.jobs if not isinstance(job, BackupJob)}
            for machine in (entry.before, entry.after)
        )
        if key not in before or key in after:
            continue
        ends = {each.job: each.status for each in entry.operations if isinstance(each, EndJob)}
        if key[0] in ends:
            return "" if ends[key[0]] is Status.COMPLETED else str(ends[key[0]])
        if isinstance(entry.request, KillProcess | CloseImages):
            return "lost with the process"
    return ""


def _chain_job(key: tuple[str, str], start: float, end: float, outcome: str) -> Track:
    name, kind = key
    told = f"{kind}, {outcome}" if outcome else kind
    role = ("error" if outcome != "cancelled" else "warning") if outcome else "busy"
    word = {"": "busy", "cancelled": "cancelled"}.get(outcome, "failed")
    title = f"{name}: {told}"
    return Track(name, (Bar(start, end, role, told, title, dashed=bool(outcome), word=word),))
