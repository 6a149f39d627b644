"""Backup jobs that are stopped before they have copied all: where errors are to stop them. Pure.

The target's writes to the first cluster that is not copied fail, the first time as where there is
no room, so that the job waits, the second time for good. Source: QEMU 7.2, ``blkdebug``.
"""

from typing import Any, NamedTuple, TypeAlias

from simulator.model.clusters import ClusterSet
from simulator.model.disk import Disk
from simulator.model.machine import BackupJob, Kind, Status, Transfer
from simulator.model.operations import KillProcess
from simulator.model.sizes import COPY_UNIT
from simulator.moves import Key, key_of, made_of
from simulator.timeline import Entry, Timeline

SECTOR = 512
NO_SPACE, INPUT_OUTPUT = 28, 5
"""Numbers of errors, as Linux has them."""


class Stop(NamedTuple):
    """How a job is stopped on a real QEMU.

    Attributes:
        place: The byte of the target whose write fails; None where no order of copying that QEMU
            can be told leads there.
        unit: Bytes that the job is to copy at a time.
        fails: Whether it fails in the end; otherwise it is cancelled as it waits.
    """

    place: int | None
    unit: int
    fails: bool

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
            stop = _stop(entry, job) if key_of(job) not in left else None
            if stop is not None and key_of(job) in begun:
                stops[begun[key_of(job)], key_of(job)] = stops[entry.number, key_of(job)] = stop
        running = {key_of(job) for job in entry.before.jobs}
        begun |= dict.fromkeys(left - running, entry.number)
    return stops


def held_all_the_same(timeline: Timeline, stops: Stops) -> frozenset[Key]:
    """Return the backups that real jobs leave as simulated ones do, although they were stopped."""
    played = {key for _, key in stops}
    left = [backup for backup in timeline.last.backups if backup.transfer is Transfer.PUSH]
    for entry in timeline.entries:
        left += [backup for backup in entry.new_backups if backup.transfer is Transfer.PUSH]
    known = {(b.name, b.disk) for b in left if b.usable and b.kind is not Kind.NONE}
    unknown = {(b.name, b.disk) for b in left if b.short}
    return frozenset(known - unknown | played)


def _stop(entry: Entry, job: BackupJob) -> Stop | None:
    """Return how a job is stopped that an entry ends; None where it has copied all.

    How far one has come whose bytes take time is not played: its guest waits here and not there.
    """
    made = made_of(entry.after, key_of(job))
    if made is None or not made.short or job.overwritten is None:
        return None
    killed = any(isinstance(each, KillProcess) for each in entry.operations)
    if killed or made.transfer is not Transfer.PUSH or made.kind is Kind.NONE or made.read is None:
        return None
    disk = entry.before.disk(job.disk)
    place = _place(disk, job, made.read)
    unit = max(COPY_UNIT, disk.cluster_size)
    return Stop(place, unit, made.status is Status.FAILED)


def _place(disk: Disk, job: BackupJob, copied: ClusterSet) -> int | None:
    """Return the first byte that is not copied; None where more is than comes before it.

    What the guest overwrites is copied in any case, as soon as it does.
    """
    wanted = job.backup.read
    first = next(
        c for c in range(job.backup.length) if (wanted is None or c in wanted) and c not in copied
    )
    unit = max(COPY_UNIT // disk.cluster_size, 1)
    overwritten = job.overwritten
    behind = (c for c in copied if c > first and overwritten is not None)
    reached = {c // unit for c in overwritten} if overwritten is not None else set()
    if any(c // unit not in reached for c in behind):
        return None
    return first * disk.cluster_size
