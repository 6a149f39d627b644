"""Backup jobs that are stopped before they have copied all: where errors are to stop them. Pure.

The target's writes to the first cluster that is not copied fail, the first time as where there is
no room, so that the job waits, the second time for good. Source: QEMU 7.2, ``blkdebug``.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

from simulator.model.clusters import ClusterSet, set_of
from simulator.model.disk import Disk
from simulator.model.machine import BackupJob, CommitJob, Kind, PullJob, Status, Transfer
from simulator.model.operations import EndJob, GuestDiscard, GuestWrite, KillProcess, touched_by
from simulator.model.sizes import COPY_UNIT
from simulator.model.transitions.copies.targets import copied_by, is_left_alone, to_copy
from simulator.moves import Key, key_of, made_of
from simulator.timeline import Entry, Timeline
from simulator.values import NamedTuple

SECTOR = 512
NO_SPACE, INPUT_OUTPUT = 28, 5
"""Numbers of errors, as Linux has them."""


NO_ORDER = "a job that had copied clusters behind others which it had not"
AHEAD = "a job that takes time and had not copied what the guest overwrote"
"""What QEMU cannot be made to leave."""


class Stop(NamedTuple):
    """How a job is stopped on a real QEMU.

    Attributes:
        place: The byte of the target whose write fails; None where no order of copying that QEMU
            can be told leads there.
        unit: Bytes that the job is to copy at a time.
        fails: Whether it fails in the end; otherwise it is cancelled as it waits.
        why: Why it cannot be played; empty where it can.
    """

    place: int | None
    unit: int
    fails: bool
    why: str = ""

    @property
    def errors(self) -> list[dict[str, Any]]:
        """What is wrong with the target: one that fails once makes room for the next."""
        assert self.place is not None, "only what can be played is"
        return [
            {
                "event": "none",
                "iotype": kind,
                "errno": number,
                "sector": self.place // SECTOR,
                "once": True,
            }
            for number in (NO_SPACE, INPUT_OUTPUT)
            for kind in ("write", "write-zeroes")
        ]


Stops: TypeAlias = dict[tuple[int, Key], Stop]
"""By the number of the entry that starts or stops a job, and the job."""


def stops_of(timeline: Timeline) -> Stops:
    """Return how the jobs of a timeline are stopped that have not copied all."""
    stops: Stops = {}
    begun: dict[Key, int] = {}
    for entry in timeline.entries:
        if entry.before.jobs is entry.after.jobs:
            continue
        left = {key_of(job) for job in entry.after.jobs}
        for job in entry.before.backup_jobs:
            key = key_of(job)
            if key in left or key not in begun:
                continue
            meanwhile = timeline.entries[begun[key] : entry.number]
            stop = _stop(entry, job, meanwhile)
            if stop is not None:
                stops[begun[key], key] = stops[entry.number, key] = stop
        running = {key_of(job) for job in entry.before.jobs}
        begun |= dict.fromkeys(left - running, entry.number)
    return stops


def begun_halfway(timeline: Timeline) -> frozenset[int]:
    """Return the numbers of the entries that start a commit or a pull which stops half-way."""
    stopped = (move for move in timeline.moves if move.kind in ("commit", "pull"))
    halfway = {move.entry for move in stopped if move.done is None and move.end is not None}
    begun: dict[Key, int] = {}
    for entry in timeline.entries:
        there = {key_of(job) for job in entry.before.jobs}
        left = {key_of(job) for job in entry.after.jobs}
        partly = any(isinstance(e, EndJob) and e.copied is not None for e in entry.operations)
        for job in entry.before.jobs if partly else ():
            if isinstance(job, CommitJob | PullJob) and key_of(job) not in left:
                halfway.add(begun[key_of(job)])
        begun |= dict.fromkeys(left - there, entry.number)
    return frozenset(halfway)


def held_all_the_same(timeline: Timeline, stops: Stops) -> frozenset[Key]:
    """Return the backups that real jobs leave as simulated ones do, although they were stopped."""
    played = {key for _, key in stops}
    left = [*timeline.last.backups, *(b for e in timeline.entries for b in e.new_backups)]
    pushed = [backup for backup in left if backup.transfer is Transfer.PUSH]
    known = {(b.name, b.disk) for b in pushed if b.usable and b.kind is not Kind.NONE}
    known |= {(b.name, b.disk) for b in left if is_left_alone(b)}
    unknown = {(b.name, b.disk) for b in pushed if b.short}
    return frozenset(known - unknown | played)


def _stop(entry: Entry, job: BackupJob, meanwhile: Sequence[Entry]) -> Stop | None:
    """Return how a job is stopped that an entry ends; None where it has copied all.

    Args:
        meanwhile: The entries from the one on that started it.
    """
    made = made_of(entry.after, key_of(job))
    killed = any(isinstance(each, KillProcess) for each in entry.operations)
    if made is None or killed or made.transfer is not Transfer.PUSH or made.kind is Kind.NONE:
        return None
    disk = entry.before.disk(job.disk)
    told = [
        operation.copied
        for operation in entry.operations
        if isinstance(operation, EndJob) and operation.job in (job.name, made.name)
    ]
    copied = copied_by(disk, job, made.status, told[0] if told else None)
    wanted = to_copy(job.backup)
    if copied is None or not wanted - copied:
        return None
    overwritten = _overwritten(disk, job, meanwhile)
    timed = job.overwritten is None
    if timed and overwritten & wanted - copied:
        return Stop(None, 0, fails=False, why=AHEAD)
    place = _place(disk, wanted, copied & wanted, overwritten)
    unit = max(COPY_UNIT, disk.cluster_size)
    return Stop(place, unit, made.status is Status.FAILED, "" if place is not None else NO_ORDER)


def _overwritten(disk: Disk, job: BackupJob, meanwhile: Sequence[Entry]) -> ClusterSet:
    """Return what the guest overwrote under a job, which is copied as soon as it does."""
    written = set_of(job.backup.length)
    if not job.guarding:
        return written
    for operation in (each for entry in meanwhile for each in entry.operations):
        if not isinstance(operation, GuestWrite | GuestDiscard):
            continue
        if operation.disk in (disk.name, None):
            written |= touched_by(operation).below(job.backup.length)
    return written


def _place(
    disk: Disk, wanted: ClusterSet, copied: ClusterSet, overwritten: ClusterSet
) -> int | None:
    """Return the first byte that is not copied; None where more is than comes before it."""
    first = next(iter(wanted - copied))
    unit = max(COPY_UNIT // disk.cluster_size, 1)
    reached = {c // unit for c in overwritten}
    if any(c // unit not in reached for c in copied if c > first):
        return None
    return first * disk.cluster_size
