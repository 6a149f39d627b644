"""Measures by the names that expectations ask for, and what each one is measured in."""

from collections.abc import Callable, Mapping
from enum import Enum
from fractions import Fraction
from typing import TypeAlias

from simulator.measures.jobs import Work, find_works
from simulator.measures.summary import Summary
from simulator.timeline import Timeline
from simulator.values import NamedTuple

Amount: TypeAlias = int | Fraction | str | None
"""Ticks, bytes, a rate, a count or a word; None where there is none."""


class Unit(Enum):
    """What a measure is in."""

    MOMENT = "a time since the start"
    TIME = "a stretch of time"
    SIZE = "bytes"
    RATE = "bytes a second"
    COUNT = "a number"
    STATUS = "how a job ended"

    @property
    def timed(self) -> bool:
        """Whether it makes sense only where instants are times."""
        return self in (Unit.MOMENT, Unit.TIME, Unit.RATE)

    @property
    def counts_ticks(self) -> bool:
        """Whether it counts ticks: what comes between two is rounded."""
        return self in (Unit.MOMENT, Unit.TIME)


class OfJob(NamedTuple):
    """A measure of a job."""

    unit: Unit
    says: str
    of: Callable[[Work], Amount]


class OfResource(NamedTuple):
    """A measure of a resource, by its name."""

    unit: Unit
    says: str
    of: Callable[[Summary, str], Amount]


class OfRun(NamedTuple):
    """A measure of the whole run."""

    unit: Unit
    says: str
    of: Callable[[Summary], Amount]


JOB: Mapping[str, OfJob] = {
    "starts": OfJob(Unit.MOMENT, "When its step is done.", lambda work: work.start),
    "ends": OfJob(Unit.MOMENT, "When it ends.", lambda work: work.end),
    "window": OfJob(Unit.TIME, "How long it takes.", lambda work: work.window),
    "data": OfJob(Unit.SIZE, "What it moves because it holds data.", lambda work: work.data_bytes),
    "zero": OfJob(Unit.SIZE, "What it moves that reads as zeroes.", lambda work: work.zero_bytes),
    "copied": OfJob(
        Unit.SIZE, "What QEMU's job counts as progress.", lambda work: work.copied_bytes
    ),
    "stored": OfJob(
        Unit.SIZE, "The data that it leaves in its target.", lambda work: work.stored_bytes
    ),
    "waited": OfJob(
        Unit.TIME, "How long the guest's writes wait for it, together.", lambda work: work.waited
    ),
    "waited_writes": OfJob(
        Unit.COUNT, "How many of the guest's writes wait for it.", lambda work: work.waited_writes
    ),
    "scratch": OfJob(
        Unit.SIZE, "The most that its scratch space holds.", lambda work: work.scratch_peak
    ),
    "status": OfJob(Unit.STATUS, "How it ends.", lambda work: work.status.value),
}
"""Measures of a job."""

RESOURCE: Mapping[str, OfResource] = {
    "bytes": OfResource(Unit.SIZE, "What goes through it.", lambda all, name: all.uses[name].size),
    "busy": OfResource(
        Unit.TIME, "How long some job has a share of it.", lambda all, name: all.uses[name].busy
    ),
    "peak": OfResource(
        Unit.RATE, "The most that it carries at one time.", lambda all, name: all.uses[name].peak
    ),
    "stored": OfResource(
        Unit.SIZE, "What it keeps at the end.", lambda all, name: all.stored_at_end(name)
    ),
    "stored_peak": OfResource(
        Unit.SIZE, "The most that it holds.", lambda all, name: all.stored_most(name)
    ),
}
"""Measures of a resource."""

RUN: Mapping[str, OfRun] = {
    "loss": OfRun(
        Unit.TIME, "The most that would be lost if the machine died.", lambda all: all.loss.worst
    ),
    "mean_loss": OfRun(Unit.TIME, "What would be lost in the mean.", lambda all: all.loss.mean),
    "recovery": OfRun(
        Unit.TIME,
        "The longest that it takes to come back to the newest instant.",
        lambda all: all.recovery.worst_time,
    ),
    "frozen": OfRun(Unit.TIME, "How long the guest is frozen, together.", lambda all: all.frozen),
    "stored": OfRun(
        Unit.SIZE,
        "What is stored at the end.",
        lambda all: all.kept[-1].stored_bytes if all.kept else 0,
    ),
    "ends": OfRun(Unit.MOMENT, "When the run ends.", lambda all: all.end),
}
"""Measures of the run."""


def works_named(timeline: Timeline, name: str, before: int) -> tuple[Work, ...]:
    """Return the job of a name that was started last, one row a disk; none where there is none.

    Args:
        name: The job's, or ``NAME/DISK``.
        before: The number of the entry that asks.
    """
    named = [
        work
        for work in find_works(timeline)
        if name in (work.name, f"{work.name}/{work.disk}") and work.entry < before
    ]
    return tuple(work for work in named if work.entry == named[-1].entry)
