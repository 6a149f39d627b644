"""The states and backups of a run, read off its record, and what can be restored at any time.

It is asked of the machine: an instant can be restored if each disk that the machine had then can.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property

from simulator.model.machine import Backup, CommitJob, Kind, Machine, Power, PullJob
from simulator.model.operations import CopyImage, CorruptBackup
from simulator.model.transitions.copies.targets import holds_something
from simulator.restorable.claims import claimed_end, claimed_start
from simulator.restorable.graph import (
    EMPTY_DISK,
    NOTHING,
    Cost,
    Graph,
    Piece,
    Sight,
    Stack,
    graph_of,
    number_states,
)
from simulator.restorable.keeping import Kept, keep
from simulator.timeline import Entry, Frame, Timeline
from simulator.values import NamedTuple, dataclass


class Chain(NamedTuple):
    """A way back to a state of one disk.

    Attributes:
        disk: Its name.
        rows: The backups, oldest first; none for an empty disk.
        size: Bytes of data to read.
    """

    disk: str
    rows: tuple[str, ...]
    size: int

    @property
    def told(self) -> str:
        """The stack in words: ``full.bak <- inc.bak``."""
        return " <- ".join(self.rows) or EMPTY_DISK


@dataclass(frozen=True)
class History:
    """All states of a machine's disks, and all backups that were ever made of them.

    Attributes:
        timeline: The record that they were read off.
    """

    timeline: Timeline

    @cached_property
    def graphs(self) -> dict[str, Graph]:
        """The states and backups of each disk, by its name."""
        return {disk.name: self._graph(disk.name) for disk in self.timeline.start.disks}

    @cached_property
    def _made(self) -> dict[str, list[tuple[Entry, Backup]]]:
        """Every backup that holds something, with the entry at which it did, by disk.

        A plain copy whose image is written while it is copied counts when it has ended.
        """
        made: dict[str, list[tuple[Entry, Backup]]] = {}
        ended = {id(backup) for _, backup in self.timeline.made_backups}
        for entry in self.timeline.entries:
            if entry.after.backups is entry.before.backups:
                continue
            new = [b for b in entry.new_backups if b.kind is not Kind.COPY or id(b) in ended]
            for backup in (*new, *(bad for _, bad in gone_bad(entry))):
                if holds_something(backup) and backup.kind is not Kind.NONE:
                    made.setdefault(backup.disk, []).append((entry, backup))
        return made

    @cached_property
    def _places(self) -> dict[int, int]:
        """The place of each backup among those of its disk, by its identity."""
        return {
            id(backup): place
            for made in self._made.values()
            for place, (_, backup) in enumerate(made)
        }

    @cached_property
    def _nodes(self) -> dict[str, dict[int, int]]:
        """The node of each moment of each disk at which something looked at it; see `graphs`."""
        return {}

    def _graph(self, disk: str) -> Graph:
        made = self._made.get(disk, [])
        moments = {frame.machine.disk(disk).moment for frame in self.timeline.frames}
        for _, backup in made:
            moments |= {backup.start, backup.end, backup.moment}
            moments |= {self.start_of(backup), self.end_of(backup)}
        found = {m: self.timeline.state_at(disk, m) for m in sorted(moments)}
        there = {moment: state for moment, state in found.items() if state and state.chain}
        states, looks, nodes = number_states(
            [
                Sight(state.guest_view, state.length, self.timeline.seen_at(disk, moment))
                for moment, state in there.items()
            ]
        )
        numbered = self._nodes[disk] = dict(zip(there, nodes, strict=True))
        pieces = tuple(self._piece(entry, backup, numbered) for entry, backup in made)
        return graph_of(disk, states, pieces, looks)

    @cached_property
    def _claims(self) -> dict[int, tuple[int, int]]:
        """The moments that each backup claims to start from and to give, by its identity."""
        claims = {}
        for entry, backup in self.timeline.made_backups:
            start = claimed_start(self.timeline, entry, backup)
            if start is None or backup.complete:
                start = backup.start
            claims[id(backup)] = start, claimed_end(self.timeline, entry, backup)
        for entry, _ in self.timeline.asked(CorruptBackup):
            for old, new in gone_bad(entry):
                claims[id(new)] = claims.get(id(old), (old.start, old.end))
        return claims

    def start_of(self, backup: Backup) -> int:
        """Return the moment from which on a backup claims to hold every change."""
        return self._claims.get(id(backup), (backup.start, backup.end))[0]

    def end_of(self, backup: Backup) -> int:
        """Return the moment that a backup claims to give."""
        return self._claims.get(id(backup), (backup.start, backup.end))[1]

    def ends_of(self, backup: Backup) -> frozenset[int]:
        """Return the nodes of the state that a backup stands for, and of what it gives alone."""
        place, graph = self.place(backup), self.graphs[backup.disk]
        if place is None:
            return frozenset()
        alone = [way.end for way in graph.ways[place] if way.start == NOTHING]
        meant = graph.pieces[place].end
        return frozenset(alone if meant is None else [*alone, meant])

    @cached_property
    def _starts(self) -> dict[int, Entry]:
        """The entry that made each plain copy, or began it, by the copy's identity."""
        made = self.timeline.made_backups
        return {id(backup): entry for entry, backup in made if backup.kind is Kind.COPY}

    def _piece(self, entry: Entry, backup: Backup, numbered: Mapping[int, int]) -> Piece:
        return Piece(
            row=backup.row,
            content=backup.content,
            length=backup.length,
            complete=backup.complete,
            size=backup.data_bytes,
            start=numbered.get(self.start_of(backup)),
            end=numbered.get(self.end_of(backup)),
            torn=is_torn(self._starts.get(id(backup), entry), backup),
            zeroes=backup.zero_bytes,
            partly=backup.short,
        )

    def node(self, disk: str, moment: int) -> int | None:
        """Return the node of a disk's state at a moment; None where nothing looked at it."""
        _ = self.graphs
        return self._nodes[disk].get(moment)

    @cached_property
    def goals(self) -> dict[str, dict[str, int]]:
        """The node that each disk has to be brought to for an instant, by its label."""
        return {frame.label: self._nodes_of(frame) for frame in self.timeline.frames if frame.label}

    def _nodes_of(self, frame: Frame) -> dict[str, int]:
        found = {}
        for disk in _disks(frame):
            node = self.node(disk, frame.machine.disk(disk).moment)
            assert node is not None, "the states of all instants are nodes"
            found[disk] = node
        return found

    def moment(self, disk: str, node: int) -> int:
        """Return the first moment of a disk at which it was in a state."""
        return min(moment for moment, known in self._nodes[disk].items() if known == node)

    def backup(self, disk: str, place: int) -> Backup:
        """Return a backup by its place among those of its disk."""
        return self._made[disk][place][1]

    def made(self, disk: str, place: int) -> tuple[Entry, Backup]:
        """Return a backup by its place, with the entry at which it was complete."""
        return self._made[disk][place]

    def place(self, backup: Backup) -> int | None:
        """Return the place of a backup among those of its disk; None where it holds nothing."""
        return self._places.get(id(backup))

    def is_torn(self, backup: Backup) -> bool:
        """Whether the content of a backup is not to be relied on."""
        place = self.place(backup)
        return place is not None and self.graphs[backup.disk].pieces[place].torn

    def available(self, machine: Machine) -> dict[str, frozenset[int]]:
        """Return the places of the backups that are there, by disk."""
        found: dict[str, set[int]] = {name: set() for name in self.graphs}
        for backup in machine.backups:
            place = self.place(backup)
            if place is not None:
                found[backup.disk].add(place)
        return {name: frozenset(places) for name, places in found.items()}

    def at(self, entry: Entry, machine: Machine | None = None) -> "Restorable":
        """Return what can be restored when a statement has been carried out.

        Args:
            machine: The machine then; None for that after the statement.
        """
        machine = machine or entry.after
        return Restorable(self, self.available(machine), self._frames_until(entry), entry.number)

    @cached_property
    def never_given(self) -> dict[str, tuple[int, ...]]:
        """The moments of each disk, ascending, that backups stand for, and that no stack of all
        that were ever made gives."""
        found = {}
        for disk, graph in self.graphs.items():
            made = self._made.get(disk, [])
            reached = graph.reached(range(len(made)))
            ends = {self.end_of(b) for place, (_, b) in enumerate(made)
                    if b.usable and graph.pieces[place].end not in reached}  # fmt: skip
            found[disk] = tuple(sorted(ends))
        return found

    def at_end(self) -> "Restorable":
        """Return what can be restored when everything has happened."""
        return Restorable(self, self.available(self.timeline.last), self.timeline.frames, None)

    def _frames_until(self, entry: Entry) -> Sequence[Frame]:
        """Return the instants up to a statement, its own included if its state is reached."""
        frames = self.timeline.frames
        for number, frame in enumerate(frames):
            if frame.entries > entry.number:
                reached = all(
                    d.moment == frame.machine.disk(d.name).moment for d in entry.after.disks
                )
                return frames[: number + reached]
        return frames


def gone_bad(entry: Entry) -> list[tuple[Backup, Backup]]:
    """Return the backups that went bad, as they were and as they are; they claim the same."""
    if not isinstance(entry.request, CorruptBackup):
        return []
    both = zip(entry.before.backups, entry.after.backups, strict=True)
    return [(old, new) for old, new in both if old is not new]


def is_torn(entry: Entry, backup: Backup) -> bool:
    """Whether a backup is a plain copy of an image that somebody may have been writing.

    An image that holds nothing yet has nothing that could be torn.

    Args:
        entry: The one that made the copy, or began it.
    """
    if backup.torn:
        return True
    if entry.before.power is not Power.RUNNING or not backup.content:
        return False
    copied = any(isinstance(each, CopyImage) for each in entry.operations)
    return backup.kind is Kind.COPY and copied and backup.image in _written(entry.before, backup)


def _written(machine: Machine, backup: Backup) -> set[str]:
    """Return the images of a backup's disk that take data: the active one, and those of jobs."""
    disk = machine.disk(backup.disk)
    return {disk.active.name if disk.chain else "", *written_by_jobs(machine, disk.name)}


def written_by_jobs(machine: Machine, disk: str) -> dict[str, str]:
    """Return the images of a disk that commits and pulls write, each with the word for it."""
    found = {}
    for job in machine.jobs_on(disk):
        if isinstance(job, CommitJob):
            found[job.base] = "committed"
        elif isinstance(job, PullJob):
            found[job.into] = "pulled"
    return found


@dataclass(frozen=True)
class Restorable:
    """What can be restored at one time.

    Attributes:
        history: What there was by the end of the run.
        available: The places of the backups that are there, by disk.
        frames: The instants that have passed.
        until: The number of the last entry that has happened; None for all of them.
    """

    history: History
    available: dict[str, frozenset[int]]
    frames: Sequence[Frame]
    until: int | None

    def without(self, rows: Collection[str]) -> "Restorable":
        """Return the same without some backups, by the names of their rows or requests."""
        left = {
            disk: frozenset(p for p in places if not self._named(disk, p, rows))
            for disk, places in self.available.items()
        }
        return Restorable(self.history, left, self.frames, self.until)

    def _named(self, disk: str, place: int, rows: Collection[str]) -> bool:
        backup = self.history.backup(disk, place)
        return not {backup.row, backup.name, f"{backup.name}/{disk}"}.isdisjoint(rows)

    @cached_property
    def _found(self) -> dict[str, dict[int, tuple[Stack, Cost]]]:
        return {
            disk: graph.reach(self.available[disk], until=self.until)
            for disk, graph in self.history.graphs.items()
        }

    @cached_property
    def _reached(self) -> dict[str, frozenset[int]]:
        return {
            disk: graph.reached(self.available[disk], until=self.until)
            for disk, graph in self.history.graphs.items()
        }

    @cached_property
    def instants(self) -> tuple[str, ...]:
        """The instants that there were."""
        goals = self.history.goals
        return tuple(f.label for f in self.frames if f.label is not None and goals[f.label])

    def goals(self, label: str) -> dict[str, int]:
        """Return the node that each disk has to be brought to for an instant.

        A disk that the machine did not have then is left out.
        """
        return self.history.goals[label]

    def chains(self, label: str) -> tuple[Chain, ...] | None:
        """Return the cheapest stack of each disk for an instant; None where there is none."""
        found = [self.chain(disk, node) for disk, node in self.goals(label).items()]
        return None if None in found else tuple(each for each in found if each is not None)

    def chain(self, disk: str, node: int | None) -> Chain | None:
        """Return the cheapest stack for a state of one disk; None where there is none."""
        if node is None or node not in self._found[disk]:
            return None
        stack, cost = self._found[disk][node]
        pieces = self.history.graphs[disk].pieces
        return Chain(disk, tuple(pieces[place].row for place in stack), cost.size)

    def chain_to(self, disk: str, moment: int) -> Chain | None:
        """Return the cheapest stack for a disk as it was at a moment; None where there is none."""
        return self.chain(disk, self.history.node(disk, moment))

    def told(self, label: str) -> str | None:
        """Return what to stack for an instant, as a restore takes it; None where nothing does.

        A request that took several disks is named once where it is needed for all of them.
        """
        chains = self.chains(label)
        if chains is None:
            return None
        rows = {row for chain in chains for row in chain.rows}
        names: dict[str, None] = {}
        for backup in self.backups:
            if backup.row in rows:
                parts = {each.row for each in self.backups if each.name == backup.name}
                names[backup.name if parts <= rows else backup.row] = None
        return " <- ".join(names) or EMPTY_DISK

    @cached_property
    def usable(self) -> tuple[str, ...]:
        """The rows of the backups that give a state which the guest has seen by then, on nothing or
        on another one that can be restored."""
        found = []
        for disk, graph in self.history.graphs.items():
            reached = {NOTHING, *self._found[disk]}
            found += [
                graph.pieces[place].row
                for place in sorted(self.available[disk])
                if any({way.start, way.end} <= reached for way in graph.ways[place])
            ]
        return tuple(found)

    @cached_property
    def backups(self) -> tuple[Backup, ...]:
        """The backups that are there, in the order in which they were complete."""
        made = [
            (*self.history.made(disk, place), place)
            for disk, places in self.available.items()
            for place in places
        ]
        return tuple(b for _, b, _ in sorted(made, key=lambda each: (each[0].number, each[2])))

    @cached_property
    def restorable(self) -> tuple[str, ...]:
        """The instants that every disk can be brought back to."""
        return tuple(
            label
            for label in self.instants
            if all(node in self._reached[disk] for disk, node in self.goals(label).items())
        )

    def lost(self, after: "Restorable") -> tuple[str, ...]:
        """Return the instants that could be restored, and cannot be any more."""
        if all(self._reached[disk] <= nodes for disk, nodes in after._reached.items()):
            return ()
        left = set(after.restorable)
        return tuple(label for label in self.restorable if label not in left)

    def keep(self, labels: Collection[str], *, thoroughly: bool = True) -> dict[str, Kept | None]:
        """Return the least backups of each disk that still give back all of some instants."""
        goals: dict[str, set[int]] = {disk: set() for disk in self.history.graphs}
        for label in labels:
            for disk, node in self.goals(label).items():
                goals[disk].add(node)
        return {
            disk: keep(graph, self.available[disk], goals[disk], thoroughly=thoroughly)
            for disk, graph in self.history.graphs.items()
        }


def _disks(frame: Frame) -> Iterator[str]:
    """Yield the disks that a machine had."""
    return (disk.name for disk in frame.machine.disks if disk.chain)


def history_of(timeline: Timeline) -> History:
    """Return the states and backups of a run; asked again, the same ones."""
    known = timeline.memo.get("history")
    if not isinstance(known, History):
        known = timeline.memo["history"] = History(timeline)
    return known
