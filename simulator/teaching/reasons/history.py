"""What led to a state: the primitives that happened up to an instant, one by one, and when."""

from collections.abc import Iterator
from dataclasses import dataclass

from simulator.model.clusters import Version, letter_of
from simulator.model.disk import Disk
from simulator.model.machine import CommitJob, Machine
from simulator.model.operations import GuestDiscard, GuestWrite, Operation, Refusal
from simulator.model.transitions import apply
from simulator.timeline import Entry, Timeline
from simulator.values import NamedTuple

NEVER = "the guest never wrote there"
NOT_YET = "the guest had not written there by then"
"""Of a cluster that no step touched, told of now and of a state that is gone by."""


class Step(NamedTuple):
    """One primitive that happened.

    Attributes:
        number: Its place in the history.
        entry: The statement that it is a part of.
        before, after: The machine.
    """

    number: int
    entry: Entry
    operation: Operation
    before: Machine
    after: Machine


@dataclass(frozen=True)
class History:
    """The primitives of a timeline up to some point, oldest first."""

    timeline: Timeline
    steps: tuple[Step, ...]

    def before(self, step: Step) -> "History":
        """Return the history that a step found."""
        return History(self.timeline, self.steps[: step.number])

    def when(self, step: Step) -> str:
        """Return when a step happened: ``at T2``, ``between T2 and T3``."""
        return self.timeline.when(step.entry)

    def guest_steps(self, disk: str, cluster: int) -> Iterator[Step]:
        """Yield what the guest did to a cluster, oldest first, as far as it changed its disk."""
        for step in self.steps:
            if touches(step, disk, cluster) and _moved(step, disk):
                yield step

    def dropped_steps(self, disk: str, cluster: int) -> Iterator[Step]:
        """Yield the discards of a cluster that never came to its disk, oldest first."""
        for step in self.steps:
            if touches(step, disk, cluster) and not _moved(step, disk):
                yield step

    def tell(self, step: Step, cluster: int) -> str:
        """Return what the guest did to a cluster: ``the write of D between T3 and T4``."""
        if isinstance(step.operation, GuestDiscard):
            return f"the discard {self.when(step)}"
        assert isinstance(step.operation, GuestWrite), "a guest writes or discards"
        version = step.operation.data.get(cluster)
        assert version is not None, "this step touches the cluster"
        return f"the write of {name_version(version)} {self.when(step)}"

    def tell_short(self, step: Step) -> str:
        """Return what the guest did, as a participle: ``written between T3 and T4``."""
        if isinstance(step.operation, GuestDiscard):
            return f"discarded {self.when(step)}"
        return f"written {self.when(step)}"


def history_of(timeline: Timeline, entries: int) -> History:
    """Return the history of the first so many entries of a timeline.

    What a statement made the host do is applied again, primitive by primitive. What a guest wrote
    by itself, and failed, changed nothing.
    """
    steps: list[Step] = []
    for entry in timeline.entries[:entries]:
        machine = entry.before
        for operation in entry.operations if entry.refusal is None else ():
            outcome = apply(machine, operation)
            assert not isinstance(outcome, Refusal), "it was accepted when it was recorded"
            steps.append(Step(len(steps), entry, operation, machine, outcome))
            machine = outcome
    return History(timeline, tuple(steps))


def disk_at(machine: Machine, name: str) -> Disk:
    """Return a disk of a machine; one that is detached is as it was."""
    disk = machine.disk(name)
    return disk if disk.chain or disk.detached is None else disk.detached


def touches(step: Step, disk: str, cluster: int) -> bool:
    """Whether a step is one of the guest's that touches a cluster of a disk."""
    if not isinstance(step.operation, GuestWrite | GuestDiscard):
        return False
    if (step.operation.disk or step.before.disks[0].name) != disk:
        return False
    if isinstance(step.operation, GuestDiscard):
        return cluster in step.operation.clusters
    return step.operation.data.get(cluster) is not None


def written_images(step: Step, disk: str) -> tuple[str, ...]:
    """Return the images that take what the guest writes: the active one first.

    While the active image is being committed, the base follows it.
    """
    active = step.before.disk(disk).active.name
    jobs = step.before.jobs_on(disk)
    return (active, *(j.base for j in jobs if isinstance(j, CommitJob) and j.top == active))


def _moved(step: Step, disk: str) -> bool:
    return step.after.disk(disk).moment != step.before.disk(disk).moment


def name_version(version: Version) -> str:
    """Return what a cluster holds, in words."""
    return letter_of(version) if version else "zeroes"
