"""What can be restored from the backups that are left: a graph of states. The door to networkx.

A node is a state of one disk that the guest saw, an edge a backup: laid over the state at its start
it gives the state at its end. That is judged by content, so an edge that gives a state which the
guest never saw leads nowhere. A full backup starts from nothing, and so does whatever was taken
since the disk was empty. A chain has each backup on the state that it starts at; that one may be
left out and the rest reads well by luck is nothing to count on.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from simulator.model.clusters import ClusterMap
from simulator.model.machine import Backup, Kind, Power, Status
from simulator.model.operations import CopyImage
from simulator.render.report import as_html
from simulator.render.story import write_size
from simulator.timeline import Timeline

if TYPE_CHECKING:
    from networkx import MultiDiGraph

UNSEEN = "gives no state that the guest saw"
TORN = "may be torn: it was copied while the guest could write"

EMPTY = -1
"""The key of the edge to a state in which the disk is empty: no backup is needed for it."""

NOTHING = -1
"""The node from which full backups start."""


class State(NamedTuple):
    """A state of a disk, which one or more instants have.

    Attributes:
        number: Its node.
        labels: Its instants; none for a state between two of them.
        name: What to call it.
        reached: Whether some chain of backups gives it.
    """

    number: int
    labels: tuple[str, ...]
    name: str
    reached: bool = False


class Edge(NamedTuple):
    """A backup as a way from one state to another.

    Attributes:
        backup: Its row.
        start: The node of the state that it is laid over.
        end: That of the state which it gives; None where it gives none.
        size: Bytes that it holds, and a restore has to read.
        cheapest: Whether it is part of the cheapest chain to some state.
        loses: Instants that cannot be restored without it, but can be with it.
        fault: Why it gives no state; empty where it gives one.
    """

    backup: str
    start: int
    end: int | None
    size: int
    cheapest: bool = False
    loses: tuple[str, ...] = ()
    fault: str = ""


class Chain(NamedTuple):
    """The cheapest way to an instant.

    Attributes:
        backups: Rows, oldest first; none for an empty disk, and None where there is no way.
        size: Bytes to read.
    """

    at: str
    backups: tuple[str, ...] | None
    size: int


@dataclass(frozen=True)
class DiskRestores:
    """What can be restored of one disk."""

    disk: str
    states: tuple[State, ...]
    edges: tuple[Edge, ...]
    chains: tuple[Chain, ...]


@dataclass(frozen=True)
class Restores:
    """What can be restored of a machine, disk by disk; a notebook shows it as a table."""

    title: str
    disks: tuple[DiskRestores, ...]

    def text(self) -> str:
        """Return a table as text, with a final newline."""
        alone = len(self.disks) == 1
        return "\n".join(line for disk in self.disks for line in _lines(disk, alone=alone)) + "\n"

    def document(self) -> dict[str, Any]:
        """Return plain data."""
        return {"scenario": self.title, "disks": {d.disk: _document(d) for d in self.disks}}

    def json(self) -> str:
        """Return JSON text, with a final newline."""
        return json.dumps(self.document(), indent=1, ensure_ascii=False) + "\n"

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return as_html(self.text())


def find_restores(timeline: Timeline) -> Restores:
    """Return what can be restored from the backups that are left at the end."""
    disks = (_of_disk(timeline, disk.name) for disk in timeline.last.disks)
    return Restores(timeline.script.title, tuple(disks))


def _of_disk(timeline: Timeline, disk: str) -> DiskRestores:
    left = [
        backup
        for backup in timeline.last.backups
        if backup.disk == disk
        and backup.status is Status.COMPLETED
        and backup.kind is not Kind.NONE
    ]
    states = _States(timeline, disk, left)
    torn = _torn(timeline)
    edges = [
        edge._replace(end=None, fault=TORN)
        if backup.name in torn
        else edge._replace(fault="" if edge.end is not None else UNSEEN)
        for backup in left
        for edge in _edges(states, backup)
    ]
    graph = _graph(states, edges)
    chains = _cheapest(graph)
    tree = {key for path in chains.values() for key in path}
    named = [
        edge._replace(cheapest=number in tree, loses=_lost(graph, states.all, edge, number, chains))
        for number, edge in enumerate(edges)
    ]
    return DiskRestores(
        disk=disk,
        states=tuple(state._replace(reached=state.number in chains) for state in states.all),
        edges=tuple(named),
        chains=tuple(_chain(at, number, chains, edges) for at, number in states.by_label.items()),
    )


def _torn(timeline: Timeline) -> frozenset[str]:
    """Return the plain copies of an image that somebody may have been writing."""
    return frozenset(
        copy.target
        for entry, copy in timeline.accepted(CopyImage)
        if entry.before.power is Power.RUNNING
        and any(disk.chain and disk.active.name == copy.image for disk in entry.before.disks)
    )


class _States:
    """The states of a disk that the guest saw, in the order of time, alike ones as one.

    They are those at the end of instants, and those that backups start at or stand for.
    """

    def __init__(self, timeline: Timeline, disk: str, backups: Sequence[Backup]) -> None:
        self._views: list[tuple[ClusterMap, int]] = []
        self._by_moment: dict[int, int] = {}
        self.all: list[State] = []
        self.by_label: dict[str, int] = {}
        named = [
            (frame.machine.disk(disk), frame.label)
            for frame in timeline.frames
            if frame.label is not None
        ]
        others = {m for each in backups for m in (each.start, each.end, each.moment)}
        others -= {state.moment for state, _ in named}
        between = [(timeline.state_at(disk, moment), None) for moment in sorted(others)]
        there = [(state, label) for state, label in [*named, *between] if state and state.chain]
        for state, label in sorted(there, key=lambda each: each[0].moment):
            name = f"in {timeline.label_at(disk, state.moment)}"
            number = self._number(state.guest_view, state.length, name)
            self._by_moment.setdefault(state.moment, number)
            if label is not None:
                self._add_label(number, label)

    def _add_label(self, number: int, label: str) -> None:
        known = self.all[number]
        labels = (*known.labels, label)
        self.all[number] = known._replace(labels=labels, name=", ".join(labels))
        self.by_label[label] = number

    def at(self, moment: int) -> int | None:
        """Return the node of the state at a moment; None where nobody could look at it."""
        return self._by_moment.get(moment)

    def view(self, number: int) -> ClusterMap:
        """Return what the guest saw."""
        return self._views[number][0]

    def like(self, content: ClusterMap, length: int) -> int | None:
        """Return the node of the state that reads like some content, or None."""
        for number, (view, size) in enumerate(self._views):
            if size == length and content.reads_like(view):
                return number
        return None

    def _number(self, view: ClusterMap, length: int, name: str) -> int:
        known = self.like(view, length)
        if known is not None:
            return known
        self._views.append((view, length))
        self.all.append(State(len(self.all), (), name))
        return len(self.all) - 1


def _edges(states: _States, backup: Backup) -> Iterator[Edge]:
    """Yield a backup as an edge: from nothing if it can be read alone, else from its start."""
    alone = backup.complete or backup.kind is Kind.COPY
    if alone:
        end = states.like(backup.content, backup.length)
        if end is not None or backup.complete:
            yield Edge(backup.row, NOTHING, end, backup.copied_bytes)
            return
    start = states.at(backup.start)
    if start is not None:
        given = states.view(start).overlay(backup.content)
        yield Edge(backup.row, start, states.like(given, backup.length), backup.copied_bytes)


def _graph(states: _States, edges: Sequence[Edge]) -> "MultiDiGraph[int]":
    import networkx

    graph: MultiDiGraph[int] = networkx.MultiDiGraph()
    graph.add_node(NOTHING)
    for state in states.all:
        graph.add_node(state.number)
        if not any(version for _, _, version in states.view(state.number).runs()):
            graph.add_edge(NOTHING, state.number, key=EMPTY, size=0)
    for number, edge in enumerate(edges):
        if edge.end is not None:
            graph.add_edge(edge.start, edge.end, key=number, size=edge.size)
    return graph


def _cheapest(graph: "MultiDiGraph[int]") -> dict[int, tuple[int, ...]]:
    """Return the numbers of the edges on the cheapest way to each node that can be reached."""
    import networkx

    def cost(start: int, end: int, between: Any) -> int:
        # A byte more for each backup: of two ways that read as much, the one with fewer.
        return 1 + int(min(each["size"] for each in between.values()))

    def cheapest_of(between: Any) -> int:
        return int(min((each["size"], key) for key, each in between.items())[1])

    paths = networkx.single_source_dijkstra_path(graph, NOTHING, weight=cost)
    return {
        node: tuple(cheapest_of(graph[start][end]) for start, end in pairwise(path))
        for node, path in paths.items()
    }


def _lost(
    graph: "MultiDiGraph[int]",
    states: Sequence[State],
    edge: Edge,
    number: int,
    chains: dict[int, tuple[int, ...]],
) -> tuple[str, ...]:
    """Return the instants that nothing else leads to: only what uses the edge can be lost."""
    import networkx

    users = [node for node, way in chains.items() if number in way]
    if not users or edge.end is None:
        return ()
    without = graph.copy()
    without.remove_edge(edge.start, edge.end, key=number)
    reached = networkx.descendants(without, NOTHING)
    return tuple(
        label
        for state in states
        if state.number in users and state.number not in reached
        for label in state.labels
    )


def _chain(
    at: str, number: int, chains: dict[int, tuple[int, ...]], edges: Sequence[Edge]
) -> Chain:
    way = chains.get(number)
    if way is None:
        return Chain(at, None, 0)
    taken = [edges[key] for key in way if key != EMPTY]
    return Chain(at, tuple(edge.backup for edge in taken), sum(edge.size for edge in taken))


def _lines(disk: DiskRestores, *, alone: bool) -> Iterator[str]:
    """Yield the table of one disk."""
    if not alone:
        yield f"{disk.disk}:"
    rows = [("instant", "cheapest chain", "to read")]
    for chain in disk.chains:
        told = " <- ".join(chain.backups or ()) or "an empty disk"
        size = write_size(chain.size)
        if chain.backups is None:
            told, size = "no chain", "-"
        rows.append((chain.at, told, size))
    widths = [max(len(row[n]) for row in rows) for n in range(3)]
    for row in rows:
        yield "  ".join(each.ljust(width) for each, width in zip(row, widths, strict=True)).rstrip()
    for edge in disk.edges:
        if edge.loses:
            yield f"without {edge.backup}: no chain to {', '.join(edge.loses)}"
        if edge.end is None:
            yield f"{edge.backup} {edge.fault}"


def _document(disk: DiskRestores) -> dict[str, Any]:
    names = {state.number: state.name for state in disk.states} | {NOTHING: None}
    return {
        "states": [list(state.labels) or [state.name] for state in disk.states],
        "backups": {
            edge.backup: {
                "from": names[edge.start],
                "to": names[edge.end] if edge.end is not None else None,
                "fault": edge.fault or None,
                "bytes": edge.size,
                "cheapest": edge.cheapest,
                "loses": list(edge.loses),
            }
            for edge in disk.edges
        },
        "instants": {
            chain.at: {
                "chain": list(chain.backups) if chain.backups is not None else None,
                "bytes": chain.size if chain.backups is not None else None,
            }
            for chain in disk.chains
        },
    }
