"""What is to happen, what happened, and the questions that rules ask of it.

A :class:`Timeline` is the record of a run: an entry for each statement, and a frame for each
instant. What is to happen is a :class:`simulator.script.Script`.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from simulator.diagnostics import lines_of
from simulator.model.clusters import ClusterMap
from simulator.model.disk import Disk
from simulator.model.machine import Backup, Machine, Restored, Status
from simulator.model.notes import Checkpoint
from simulator.model.operations import CorruptBackup, Operation, Refusal, RestoreCheckpoint
from simulator.model.requests import FinishJobs, Request
from simulator.model.series import exchanged
from simulator.moves import Move, Progress
from simulator.releases.hosts import HOST_DEFAULT, LIBVIRT, QEMU, Host
from simulator.releases.semantics import Semantics
from simulator.script import Allowance, DiskShape, Feed, Instant, Repeat, Script, Statement
from simulator.values import NamedTuple, dataclass

if TYPE_CHECKING:
    from simulator.schedule.turns import Turn

__all__ = [
    "Allowance",
    "DiskShape",
    "Entry",
    "Feed",
    "Frame",
    "Instant",
    "Planner",
    "Repeat",
    "Script",
    "Statement",
    "Timeline",
]

R = TypeVar("R")

Planner: TypeAlias = Callable[[Machine, Request], tuple[Operation, ...] | Refusal]
"""What says which primitives a request stands for, or why there are none: an API model does."""


class Entry(NamedTuple):
    """What came of one statement, or of a stretch of guest workload.

    Attributes:
        number: Its place in the timeline.
        instant: Label of its instant; None for a guest step between two instants.
        statement: None for a stretch of workload.
        operations: What the API model made of the request; empty where it was refused.
        before, after: The machine; the same where the request was refused.
        refusal: The host's no.
        tick: When it happened; for a stretch of workload, when it had ended.
        turn: The turn of a schedule that it is a step of; None for none.
        attempted: What the API model made of a request, one of which was refused.
    """

    number: int
    instant: str | None
    statement: Statement | None
    before: Machine
    after: Machine
    operations: tuple[Operation, ...] = ()
    refusal: Refusal | None = None
    tick: int = 0
    turn: "Turn | None" = None
    attempted: tuple[Operation, ...] = ()

    @property
    def request(self) -> Request | None:
        """What its statement asks for; None for a stretch of workload."""
        return self.statement.request if self.statement is not None else None

    @property
    def new_backups(self) -> tuple[Backup, ...]:
        """The backups that it made, one a disk; what goes bad is no new one."""
        if self.after.backups is self.before.backups or isinstance(self.request, CorruptBackup):
            return ()
        _, new = exchanged(self.before.backups, self.after.backups)
        return tuple(new)

    @property
    def new_restores(self) -> tuple[Restored, ...]:
        """The restored disks that it made."""
        return self.after.restores[len(self.before.restores) :]


class Frame(NamedTuple):
    """The state at the end of an instant's statements, or after the last guest step.

    Attributes:
        label: None for the guest steps after the last instant.
        entries: How many entries had been recorded by then.
        progress: How far the jobs have come whose bytes take time.
    """

    label: str | None
    tick: int
    machine: Machine
    entries: int
    progress: tuple[Progress, ...] = ()


@dataclass(frozen=True)
class Timeline:
    """The record of a run. Equal scripts give equal timelines.

    Attributes:
        model: Id of the API model that it ran under.
        host: The releases of QEMU and libvirt that the model ran on.
        half: Which of the two tells this model from others of its id.
        draws_zeroes: Whether that model draws the explicit zeroes of full backups.
        start: The machine before anything happened.
        plan: What a request stands for under that model; None where nobody can be asked.
        family: The model's id, and those of the models that it is made from: a proposal derived
            from libvirt has libvirt's mistakes.
        moves: What became of the jobs whose bytes took time, in the order of their starts.
        elsewhere: Gives the run of the same script, under the same model, on another host; what
            that does can be given, too.
    """

    script: Script
    model: str
    draws_zeroes: bool
    start: Machine
    entries: tuple[Entry, ...]
    frames: tuple[Frame, ...]
    plan: Planner | None = None
    family: tuple[str, ...] = ()
    moves: tuple[Move, ...] = ()
    host: Host = HOST_DEFAULT
    half: str = QEMU
    elsewhere: "Callable[[Host, Semantics | None], Timeline] | None" = None

    @property
    def under(self) -> str:
        """The model and what it ran on: ``mail-2018 on QEMU 10.0``."""
        beside = f"libvirt {self.host.libvirt}, " if self.half == LIBVIRT else ""
        return f"{self.model} on {beside}QEMU {self.host.qemu}"

    @property
    def last(self) -> Machine:
        """The machine when everything had happened."""
        return self.entries[-1].after if self.entries else self.start

    def entries_of(self, frame: Frame) -> tuple[Entry, ...]:
        """Return the entries of an instant and of the guest's steps before it."""
        return self.entries[self._begun[frame.label] : frame.entries]

    @cached_property
    def _begun(self) -> dict[str | None, int]:
        """How many entries there were before each instant."""
        ends = [0, *(frame.entries for frame in self.frames)]
        return {frame.label: end for frame, end in zip(self.frames, ends, strict=False)}

    def frame_of(self, label: str) -> Frame | None:
        """Return the end of an instant; None where there is no such instant."""
        return next((frame for frame in self.frames if frame.label == label), None)

    def when(self, entry: Entry) -> str:
        """Return when an entry happened, in words: ``at T2``, ``between T2 and T3``."""
        if entry.instant is not None:
            return f"at {entry.instant}"
        place = bisect_right(self._named, entry.number, key=lambda frame: frame.entries)
        before = self._named[place - 1].label if place else None
        after = self._named[place].label if place < len(self._named) else None
        if before is None:
            return f"before {after}" if after is not None else "at the start"
        return f"between {before} and {after}" if after is not None else f"after {before}"

    @cached_property
    def _named(self) -> tuple[Frame, ...]:
        return tuple(frame for frame in self.frames if frame.label is not None)

    @cached_property
    def ended_moves(self) -> dict[int, list[Move]]:
        """What ended at each tick at which something did."""
        ended: dict[int, list[Move]] = {}
        for move in self.moves:
            if move.end is not None:
                ended.setdefault(move.end, []).append(move)
        return ended

    @cached_property
    def source_lines(self) -> tuple[str, ...]:
        """The lines of the scenario's file, as spans count them."""
        return tuple(lines_of(self.script.source))

    @cached_property
    def longest(self) -> dict[str, int]:
        """The most clusters that each disk, or an image of it, has at the end of any instant."""
        longest: dict[str, int] = {}
        for frame in self.frames:
            for disk in frame.machine.disks:
                lengths = (disk.length, *(image.length for image in disk.chain))
                longest[disk.name] = max(longest.get(disk.name, 1), *lengths)
        return longest

    def asked(self, kind: type[R]) -> Iterator[tuple[Entry, R]]:
        """Yield every statement that made a kind of request, refused or not."""
        for entry in self.entries:
            if entry.statement is not None and isinstance(entry.statement.request, kind):
                yield entry, entry.statement.request

    def accepted(self, kind: type[R]) -> Iterator[tuple[Entry, R]]:
        """Yield every statement that made a kind of request and was not refused."""
        return ((entry, r) for entry, r in self.asked(kind) if entry.refusal is None)

    @cached_property
    def made_backups(self) -> tuple[tuple[Entry, Backup], ...]:
        """Every backup with the entry that made it, one a disk, in the order of time.

        A job that ran on for a while counts where it was started, with what came of it.
        """
        made: list[tuple[Entry, Backup]] = []
        running: dict[tuple[str, str], int] = {}
        last: dict[tuple[str, str], int] = {}
        for entry in self.entries:
            if entry.after.backups is entry.before.backups:
                continue
            # A plain copy is no job, but one that takes time has an end, and may fail.
            cut = isinstance(entry.request, FinishJobs) and entry.request.of_copy
            for backup in entry.new_backups:
                key = backup.name, backup.disk
                place = running.get(key, last[key] if cut else None)
                if place is None:
                    last[key] = len(made)
                    made.append((entry, backup))
                else:
                    made[place] = made[place][0], backup
                if backup.status is Status.RUNNING:
                    running.setdefault(key, len(made) - 1)
                else:
                    running.pop(key, None)
        return tuple(made)

    @cached_property
    def made_restores(self) -> tuple[tuple[Entry, Restored], ...]:
        """Every restored disk with the entry that made it, in the order of time."""
        return tuple((entry, made) for entry in self.entries for made in entry.new_restores)

    def made_checkpoints(self) -> Iterator[tuple[Entry, Checkpoint]]:
        """Yield every checkpoint with the entry that made it; to tell of it again makes none."""
        for entry in self.entries:
            if entry.before.checkpoints is entry.after.checkpoints or any(
                isinstance(each, RestoreCheckpoint) for each in entry.operations
            ):
                continue
            gone, new = exchanged(entry.before.checkpoints, entry.after.checkpoints)
            known = {each.name for each in gone}
            yield from ((entry, each) for each in new if each.name not in known)

    @cached_property
    def memo(self) -> dict[str, object]:
        """What has been worked out of this record, so that nobody works it out again."""
        return {}

    @cached_property
    def _states(self) -> dict[str, dict[int, tuple[Disk, int]]]:
        """Each distinct state of each disk, by its name and moment, and the entry it came with.

        To make the base image changes nothing that a guest sees, so the moment stays: the state
        with images is the one to look at.
        """
        states: dict[str, dict[int, tuple[Disk, int]]] = {d.name: {} for d in self.start.disks}
        for entry in self.entries:
            for machine in (entry.before, entry.after):
                for disk in machine.disks:
                    known = states[disk.name].get(disk.moment)
                    if known is None or (disk.chain and not known[0].chain):
                        states[disk.name][disk.moment] = disk, entry.number
        return states

    @cached_property
    def _labels(self) -> dict[str, dict[int, list[str]]]:
        """The instants at which each state of each disk was so, by name and moment."""
        labels: dict[str, dict[int, list[str]]] = {}
        for frame in self.frames:
            if frame.label is not None:
                _note(labels, frame.machine, frame.label)
        for entry in self.entries:
            if entry.instant is not None:
                for machine in (entry.before, entry.after):
                    _note(labels, machine, entry.instant)
        return labels

    def view_at(self, disk: str, moment: int) -> ClusterMap | None:
        """Return what the guest saw at a moment; None where no statement could look at it."""
        state = self.state_at(disk, moment)
        return state.guest_view if state is not None else None

    def state_at(self, disk: str, moment: int) -> Disk | None:
        """Return a disk as it was at a moment; None where no statement could look at it."""
        found = self._states.get(disk, {}).get(moment)
        return found[0] if found is not None else None

    def seen_at(self, disk: str, moment: int) -> int:
        """Return the number of the entry at which a state of a disk was first so."""
        return self._states[disk][moment][1]

    def label_at(self, disk: str, moment: int, *, prefer: str | None = None) -> str:
        """Return how to name a moment: an instant at which it was so, or what it comes after.

        Args:
            prefer: The instant to name, if the moment is one of several instants.
        """
        labels = self._labels.get(disk, {})
        if moment in labels:
            return prefer if prefer and prefer in labels[moment] else labels[moment][0]
        earlier = [m for m in labels if m < moment]
        return f"after {labels[max(earlier)][-1]}" if earlier else "the start"

    def moment_of(self, label: str, disk: str) -> int | None:
        """Return the moment of a disk at the end of an instant; None before it is reached."""
        frame = self.frame_of(label)
        return frame.machine.disk(disk).moment if frame is not None else None

    def instants_like(self, restored: Restored) -> tuple[str, ...]:
        """Return every instant up to a restore at whose end the guest saw what it holds."""
        moments = set(self.moments_like(restored))
        labels = [frame.label for frame in self.frames]
        passed = labels.index(restored.at) + 1 if restored.at in labels else len(labels)
        return tuple(
            frame.label
            for frame in self.frames[:passed]
            if frame.label is not None and frame.machine.disk(restored.disk).moment in moments
        )

    def seen(self, restored: Restored, entry: Entry) -> bool:
        """Whether the guest had seen what a restored disk holds.

        Args:
            entry: The statement that restored it: what the guest sees only later does not count.
        """
        return any(
            self.seen_at(restored.disk, moment) <= entry.number
            for moment in self.moments_like(restored)
        )

    def states_together(self, disks: tuple[str, ...]) -> dict[tuple[int, ...], int]:
        """Return the moments that some disks had at one time, and the entry that they came with."""
        together: dict[tuple[int, ...], int] = {}
        for entry in self.entries:
            for machine in (entry.before, entry.after):
                moments = tuple(machine.disk(name).moment for name in disks)
                together.setdefault(moments, entry.number)
        return together

    def gives(self, restored: Restored, moment: int) -> bool:
        """Whether a restored disk is as long, and reads, as the guest saw its disk at a moment.

        Every rule about restored disks asks this, so each pair is compared once.
        """
        key = id(restored), moment
        if key not in self._given:
            state = self.state_at(restored.disk, moment)
            self._given[key] = (
                state is not None
                and state.length == restored.length
                and restored.content.reads_like(state.guest_view)
            )
        return self._given[key]

    @cached_property
    def _given(self) -> dict[tuple[int, int], bool]:
        return {}

    def moments_like(self, restored: Restored) -> list[int]:
        """Return the moments at which the guest saw what a restored disk holds, ascending."""
        return [
            moment for moment in self._states.get(restored.disk, {}) if self.gives(restored, moment)
        ]


def _note(labels: dict[str, dict[int, list[str]]], machine: Machine, label: str) -> None:
    for disk in machine.disks:
        known = labels.setdefault(disk.name, {}).setdefault(disk.moment, [])
        if label not in known:
            known.append(label)
