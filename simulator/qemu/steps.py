"""A timeline as what is to be done on something real, step by step, and what it is like then."""

from collections.abc import Container, Iterable
from typing import Generic, TypeVar

from simulator.model.machine import Backup, Machine, Restored, Status
from simulator.model.operations import Operation, ResizeImage
from simulator.model.requests import Expect, FinishJobs
from simulator.moves import Key
from simulator.qemu.names import Names
from simulator.timeline import Entry, Timeline
from simulator.values import NamedTuple

A = TypeVar("A")


class Step(NamedTuple, Generic[A]):
    """What one statement comes to.

    Attributes:
        entry: The timeline's record of the statement.
        actions: What is done, in this order.
        backups: The copies to be looked at afterwards, beside the restored disks.
        cleanup: What is done when the last of the actions has been turned down.
        unsupported: Why it cannot be done; empty where it can.
    """

    entry: Entry
    actions: tuple[A, ...]
    backups: tuple[Backup, ...]
    cleanup: tuple[A, ...] = ()
    unsupported: str = ""

    @property
    def refusal(self) -> str | None:
        """The words in which the last of the actions must be turned down."""
        return self.entry.refusal.text if self.entry.refusal is not None else None

    @property
    def machine(self) -> Machine:
        """The simulated machine afterwards."""
        return self.entry.after

    @property
    def restores(self) -> tuple[Restored, ...]:
        """The restored disks to be looked at afterwards."""
        made = self.entry.new_restores
        return tuple(r for r in made if all(each.torn is None for each in r.sources))


class Unplayed(NamedTuple):
    """A statement that is not played.

    Attributes:
        entry: The timeline's record of it.
        why: In a few words.
    """

    entry: Entry
    why: str


class Plan(NamedTuple, Generic[A]):
    """A timeline for something real.

    Attributes:
        steps: Those statements that it takes part in.
        unplayed: The others, but for expectations, which are the simulator's alone.
        mixed: Whether a guest step touches a part of a cluster, or an image grows that ended
            within one. The simulated cluster has the newest data then, and a real one is like it
            when that data lies somewhere in it.
    """

    names: Names
    steps: tuple[Step[A], ...]
    unplayed: tuple[Unplayed, ...]
    mixed: bool


def join_steps(
    timeline: Timeline,
    names: Names,
    steps: Iterable[Step[A] | Unplayed | None],
    stopped: Container[Key] = (),
) -> Plan[A]:
    """Return the plan that some steps make; None stands for a statement that asks for nothing.

    Args:
        stopped: As in :func:`completed`.
    """
    told = list(steps)
    found = [step for step in told if isinstance(step, Step)]
    if found:
        # At the end all copies are looked at once more: nobody may have touched them.
        found[-1] = found[-1]._replace(backups=completed(found[-1].machine.backups, stopped))
    return Plan(
        names=names,
        steps=tuple(found),
        unplayed=tuple(step for step in told if isinstance(step, Unplayed)),
        mixed=any(
            _splits(operation, entry.before)
            for entry in timeline.entries
            for operation in entry.operations
        ),
    )


def _splits(operation: Operation, before: Machine) -> bool:
    """Whether an operation may leave parts of a cluster that are not of one origin."""
    if isinstance(operation, ResizeImage):
        return any(image.lacks for disk in before.disks for image in disk.chain)
    return getattr(operation, "extent", None) is not None


def asks_nothing(entry: Entry) -> bool:
    """Whether a statement is the simulator's alone, or the end of jobs that are there no more."""
    if isinstance(entry.request, Expect):
        return True
    return isinstance(entry.request, FinishJobs | None) and not entry.operations


def completed(backups: Iterable[Backup], stopped: Container[Key] = ()) -> tuple[Backup, ...]:
    """Return the backups that are looked at: what a job that did not complete leaves is not fixed.

    A plain copy is made at once, so that it reads nothing that is written meanwhile.

    Args:
        stopped: Those that hold what they should all the same, by their names and disks.
    """
    return tuple(
        backup
        for backup in backups
        if (backup.status is Status.COMPLETED and backup.torn is None)
        or (
            backup.status is not Status.RUNNING
            and backup.has_file
            and (backup.name, backup.disk) in stopped
        )
    )
