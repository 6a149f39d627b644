"""How the bytes of jobs moved: what the record of a run has of each, and of those under way."""

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias

from simulator.model.machine import (
    Backup,
    BackupJob,
    CommitJob,
    Job,
    Machine,
    MirrorJob,
    PullJob,
    Status,
)
from simulator.model.operations import EndJob, Operation
from simulator.schedule.durations import SECOND
from simulator.values import NamedTuple

if TYPE_CHECKING:
    from simulator.flows.traffic import Pace

Key: TypeAlias = tuple[str, str]
"""What a job is called, and the disk that it works on."""

WITHOUT_JOB = ("copy", "restore")
"""The kinds of what moves bytes with no job of the machine's."""

NO_BACKUP = ("restore", "commit", "pull", "blockcopy")
"""The kinds of what makes no backup that a store could keep."""

BY_CHANCE = "faults"
"""Why a job fails that was drawn to."""

TOO_EARLY = "it was ended before it had copied all"
"""Why one fails whose end was told, and came first."""


class Move(NamedTuple):
    """What became of a job that took time, or whose bytes went through a resource.

    Attributes:
        number: Its place among those of the run.
        name: A backup's target, an image that is made, or what the job is called.
        disk: The disk that it worked on.
        kind: ``full``, ``incremental`` … of a backup; else ``commit``, ``pull``, ``blockcopy``,
            ``copy`` or ``restore``.
        entry: Number of the entry that started it.
        through: Names of the resources that its data went through.
        start: The tick of its step.
        end: The tick at which it ended; None where it still runs at the end of the run.
        done: The tick at which it had moved all; None where it did not come so far.
        status: How it ended.
        data_bytes, zero_bytes: Bytes that it moved because they hold data, and that read as zeroes.
        size: Bytes that it was to cover.
        paces: How fast it was, from which tick on, until it was done or ended; empty where it moved
            all at once.
        waited_writes: How many writes of the guest waited for a copy before write.
        waited: Nanoseconds that they waited, together, each for the last of its clusters.
        scratch_peak: The most bytes that its scratch space held.
        store: The resource that keeps what it made; None for none.
        why: Why it failed, as far as the clock knows.
    """

    number: int
    name: str
    disk: str
    kind: str
    entry: int
    through: tuple[str, ...]
    start: int
    end: int | None
    status: Status
    data_bytes: int
    zero_bytes: int
    size: int
    paces: "tuple[Pace, ...]" = ()
    waited_writes: int = 0
    waited: int = 0
    scratch_peak: int = 0
    store: str | None = None
    why: str = ""
    done: int | None = None


class Progress(NamedTuple):
    """How far a job has come at the end of an instant.

    Attributes:
        name, disk: As of the :class:`Move`.
        moved: Bytes that it has covered.
        size: Bytes that it is to cover.
        speed: Bytes of data a second; 0 before its first byte, None where nothing bounds it.
        until: The tick at which it will have moved all, if nothing changes; None before its first
            byte.
    """

    name: str
    disk: str
    moved: int
    size: int
    speed: Fraction | None
    until: int | None


def moved_until(paces: Sequence["Pace"], tick: int) -> Fraction:
    """Return the bytes of data that a job has moved at a tick which passes nothing but data."""
    ends = [pace.tick for pace in paces[1:]] + [tick]
    return sum(
        (
            max(0, min(end, tick) - pace.tick) * pace.speeds.data / SECOND
            for pace, end in zip(paces, ends, strict=True)
            if pace.speeds.data is not None
        ),
        Fraction(0),
    )


def key_of(job: Job) -> Key:
    """Return what a job is called, and its disk."""
    return (job.backup.name if isinstance(job, BackupJob) else job.name), job.disk


def kind_of(job: Job) -> str:
    """Return what a job is, as the record has it."""
    match job:
        case BackupJob():
            return job.backup.kind.value
        case CommitJob():
            return "commit"
        case PullJob():
            return "pull"
        case MirrorJob():
            return "blockcopy"


def made_of(machine: Machine, key: Key) -> Backup | None:
    """Return the backup that a job makes; None where there is none."""
    name, disk = key
    found = machine.backups_named(name)
    return next((backup for backup in found if backup.disk == disk), None)


def status_of(job: Job, machine: Machine, operations: Sequence[Operation]) -> Status:
    """Return how a job ended that is no more."""
    made = made_of(machine, key_of(job)) if isinstance(job, BackupJob) else None
    if made is not None:
        return made.status
    ends = (each.status for each in operations if isinstance(each, EndJob) and each.job == job.name)
    return next(ends, Status.FAILED)
