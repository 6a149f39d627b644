"""What can be restored, as a table and as data; a notebook shows it, and pictures draw it."""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from simulator.model.machine import Backup
from simulator.render.amounts import write_size
from simulator.render.report import as_html
from simulator.restorable.graph import EMPTY_DISK, NOTHING, Piece, Way
from simulator.restorable.history import History, Restorable, history_of
from simulator.restorable.losing import find_losses
from simulator.timeline import Timeline
from simulator.values import NamedTuple

if TYPE_CHECKING:
    from networkx import MultiDiGraph

UNSEEN = "gives no state that the guest saw"
TORN = "may be torn: it was copied while the guest could write"
MIXED = "is torn: its image was written while it was copied"

SHOWN_MAX = 12
"""So many backups of a chain, or instants, are named in one line."""


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
    """A backup as a way from one state to another: of several, that from the state it starts at.

    Attributes:
        backup: Its row.
        start: The node of the state that it is laid over; ``NOTHING`` where it needs none.
        end: That of the state which it gives; None where it gives none.
        size, zeroes: Bytes of data that it holds, and a restore has to read, and those that it
            tells to be zeroes.
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
    zeroes: int = 0


class Chain(NamedTuple):
    """The cheapest way to an instant.

    Attributes:
        backups: Rows, oldest first; none for an empty disk, and None where there is no way.
        size: Bytes of data to read.
    """

    at: str
    backups: tuple[str, ...] | None
    size: int


class Pair(NamedTuple):
    """Two backups of which either may go, and not both.

    Attributes:
        backups: Their rows.
        loses: Instants that cannot be restored without the two.
    """

    backups: tuple[str, str]
    loses: tuple[str, ...]


@dataclass(frozen=True)
class DiskRestores:
    """What can be restored of one disk."""

    disk: str
    states: tuple[State, ...]
    edges: tuple[Edge, ...]
    chains: tuple[Chain, ...]
    pairs: tuple[Pair, ...] = ()


class Keeping(NamedTuple):
    """Which backups are enough for some instants.

    Attributes:
        labels: The instants.
        kept, free: Rows of the backups that stay, and of those that may go.
        kept_size, free_size: Bytes of data that they hold.
        least: Whether no smaller set would do; False where not all sets could be tried.
    """

    labels: tuple[str, ...]
    kept: tuple[str, ...]
    free: tuple[str, ...]
    kept_size: int
    free_size: int
    least: bool

    def text(self) -> str:
        """Return what stays and what may go, with a final newline."""
        told = [
            f"for {', '.join(self.labels) or 'no instant'}",
            f"  keep    {', '.join(self.kept) or 'nothing'}  ({write_size(self.kept_size)})",
            f"  may go  {', '.join(self.free) or 'nothing'}  ({write_size(self.free_size)})",
        ]
        if not self.least:
            told.append("  not every set of backups was tried: a smaller one may do")
        return "\n".join(told) + "\n"

    def json(self) -> str:
        """Return JSON text, with a final newline."""
        return json.dumps(self.document(), indent=1, ensure_ascii=False) + "\n"

    def document(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "instants": list(self.labels),
            "keep": list(self.kept),
            "may_go": list(self.free),
            "keep_bytes": self.kept_size,
            "may_go_bytes": self.free_size,
            "least": self.least,
        }


@dataclass(frozen=True)
class Restores:
    """What can be restored of a machine, disk by disk; a notebook shows it as a table."""

    title: str
    found: Restorable

    @cached_property
    def disks(self) -> tuple[DiskRestores, ...]:
        """Each disk's states, backups and chains."""
        return tuple(_of_disk(self.found, name) for name in self.found.history.graphs)

    @property
    def instants(self) -> tuple[str, ...]:
        """The instants that there were."""
        return self.found.instants

    @property
    def restorable(self) -> tuple[str, ...]:
        """The instants that the whole machine can be brought back to."""
        return self.found.restorable

    @property
    def names(self) -> tuple[str, ...]:
        """The backups that are left, by the names of requests and of rows."""
        graphs = self.found.history.graphs
        backups = [
            self.found.history.backup(disk, place)
            for disk in graphs
            for place in sorted(self.found.available[disk])
        ]
        return tuple(dict.fromkeys(name for b in backups for name in (b.name, b.row)))

    def missing(self, labels: Collection[str]) -> tuple[str, ...]:
        """Return those of some instants that cannot be restored."""
        return tuple(label for label in labels if label not in self.restorable)

    def without(self, rows: Collection[str]) -> "Restores":
        """Return the same without some backups, by their names."""
        return Restores(self.title, self.found.without(rows))

    def keep(self, labels: Sequence[str]) -> Keeping:
        """Return which backups are enough for some instants.

        Raises:
            ValueError: One of them cannot be restored at all; it says which.
        """
        missing = self.missing(labels)
        if missing:
            raise ValueError(f"{', '.join(missing)} cannot be restored from what is left")
        kept: list[str] = []
        free: list[str] = []
        sizes, least = [0, 0], True
        for disk, found in self.found.keep(labels).items():
            assert found is not None, "every goal can be reached"
            pieces = self.found.history.graphs[disk].pieces
            least = least and found.least
            for place in sorted(self.found.available[disk]):
                stays = place in found.places
                (kept if stays else free).append(pieces[place].row)
                sizes[0 if stays else 1] += pieces[place].size
        return Keeping(tuple(labels), tuple(kept), tuple(free), sizes[0], sizes[1], least)

    def text(self) -> str:
        """Return a table as text, with a final newline."""
        alone = len(self.disks) == 1
        lines = [line for disk in self.disks for line in _lines(disk, alone=alone)]
        if not alone:
            lines += self._of_machine()
        return "\n".join(lines) + "\n"

    def _of_machine(self) -> Iterator[str]:
        """Yield which instants all disks can be brought back to."""
        yield f"the machine: {', '.join(self.restorable) or 'no instant'} can be restored"
        missing = self.missing(self.instants)
        if missing:
            yield f"the machine: no chain of all its disks to {', '.join(missing)}"

    def document(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "scenario": self.title,
            "restorable": list(self.restorable),
            "disks": {d.disk: _document(d) for d in self.disks},
        }

    def json(self, *, missing: Sequence[str] | None = None) -> str:
        """Return JSON text, with a final newline.

        Args:
            missing: Instants that were required and cannot be restored; None where none was asked.
        """
        told = self.document() | ({} if missing is None else {"missing": list(missing)})
        return json.dumps(told, indent=1, ensure_ascii=False) + "\n"

    def graph(self, disk: str) -> "MultiDiGraph[int]":
        """Return the states of a disk as a graph of networkx, whose edges are the backups.

        Raises:
            ModuleNotFoundError: networkx is missing.
        """
        import networkx

        graph: MultiDiGraph[int] = networkx.MultiDiGraph()
        (shown,) = (each for each in self.disks if each.disk == disk)
        graph.add_node(NOTHING, name="no backup")
        for state in shown.states:
            graph.add_node(state.number, name=state.name, labels=state.labels)
        for edge in shown.edges:
            if edge.end is not None:
                graph.add_edge(edge.start, edge.end, backup=edge.backup, size=edge.size)
        return graph

    def __repr__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return as_html(self.text())


def find_restores(timeline: Timeline) -> Restores:
    """Return what can be restored from the backups that are left at the end."""
    return Restores(timeline.script.title, history_of(timeline).at_end())


def _of_disk(found: Restorable, disk: str) -> DiskRestores:
    history, available = found.history, found.available[disk]
    graph = history.graphs[disk]
    labels = _labels(found, disk)
    reached = graph.reach(available)
    used = {place for stack, _ in reached.values() for place in stack}
    losses = list(find_losses(graph, available))
    loses = {loss.places: _names(found, loss.nodes, labels) for loss in losses}
    edges = [
        _edge(history, disk, place, reached)._replace(
            cheapest=place in used, loses=loses.get((place,), ())
        )
        for place in sorted(available)
    ]
    # Only states that somebody can name are shown, numbered as they stand.
    shown = {n for edge in edges for n in (edge.start, edge.end) if n is not None} | set(labels)
    places = {node: number for number, node in enumerate(sorted(shown - {NOTHING}))}
    states = tuple(
        State(number, labels.get(n, ()), _name(history, disk, n, labels), n in reached)
        for n, number in places.items()
    )
    edges = [
        edge._replace(
            start=places.get(edge.start, NOTHING),
            end=places[edge.end] if edge.end is not None else None,
        )
        for edge in edges
    ]
    pairs = tuple(
        Pair((graph.pieces[a].row, graph.pieces[b].row), instants)
        for (a, b), instants in ((p, i) for p, i in loses.items() if len(p) == 2)
        if instants
    )
    chains = tuple(_chain(found, disk, label) for label in _in_order(found, labels))
    return DiskRestores(disk, states, tuple(edges), chains, pairs)


def _labels(found: Restorable, disk: str) -> dict[int, tuple[str, ...]]:
    """Return the instants of each state."""
    labels: dict[int, tuple[str, ...]] = {}
    for label in found.instants:
        node = found.goals(label).get(disk)
        if node is not None:
            labels[node] = (*labels.get(node, ()), label)
    return labels


def _in_order(found: Restorable, labels: dict[int, tuple[str, ...]]) -> Iterator[str]:
    there = {label for each in labels.values() for label in each}
    return (label for label in found.instants if label in there)


def _names(
    found: Restorable, nodes: Sequence[int], labels: dict[int, tuple[str, ...]]
) -> tuple[str, ...]:
    """Return the instants of some states, in the order of time."""
    there = {label for node in nodes for label in labels.get(node, ())}
    return tuple(label for label in found.instants if label in there)


def _name(history: History, disk: str, node: int, labels: dict[int, tuple[str, ...]]) -> str:
    """Return what to call a state: its instants, or what it comes after.

    One that the guest never saw has a backup in it that was copied in part.
    """
    if node in labels:
        return ", ".join(labels[node])
    if node >= history.graphs[disk].seen:
        return "halfway"
    return f"in {history.timeline.label_at(disk, history.moment(disk, node))}"


def _edge(history: History, disk: str, place: int, reached: Collection[int]) -> Edge:
    """Return a backup as the way from the state that it starts at, or else from another one.

    Args:
        reached: The states that can be had: one halfway is a start only where it is among them.
    """
    graph = history.graphs[disk]
    piece, ways = graph.pieces[place], graph.ways[place]

    def rank(way: Way) -> tuple[bool, bool, bool, int]:
        lost = any(n >= graph.seen and n not in reached for n in (way.start, way.end))
        own = way.start in (piece.start, NOTHING)
        return way.end != piece.end, lost, not own, -way.start

    if not ways:
        start = NOTHING if piece.complete or piece.start is None else piece.start
        return Edge(
            piece.row,
            start,
            None,
            piece.size,
            zeroes=piece.zeroes,
            fault=_fault(history.backup(disk, place), piece),
        )
    best = min(ways, key=rank)
    holds_nothing = not piece.complete and piece.size == piece.zeroes == 0
    if holds_nothing and piece.start is not None and piece.start == piece.end:
        # Whatever else it may be laid over, and leaves as it is, it stands where it was taken.
        return Edge(piece.row, piece.start, piece.end, 0)
    return Edge(piece.row, best.start, best.end, piece.size, zeroes=piece.zeroes)


def _fault(backup: Backup, piece: Piece) -> str:
    """Return why a backup leads to no state."""
    if backup.torn:
        return MIXED
    return TORN if piece.torn else UNSEEN


def _chain(found: Restorable, disk: str, label: str) -> Chain:
    chain = found.chain(disk, found.goals(label)[disk])
    return Chain(label, chain.rows if chain else None, chain.size if chain else 0)


def _lines(disk: DiskRestores, *, alone: bool) -> Iterator[str]:
    """Yield the table of one disk."""
    if not alone:
        yield f"{disk.disk}:"
    rows = [("instant", "cheapest chain", "to read")]
    for chain in disk.chains:
        told = fold(chain.backups or (), " <- ") or EMPTY_DISK
        size = write_size(chain.size)
        if chain.backups is None:
            told, size = "no chain", "-"
        rows.append((chain.at, told, size))
    widths = [max(len(row[n]) for row in rows) for n in range(3)]
    for row in rows:
        yield "  ".join(each.ljust(width) for each, width in zip(row, widths, strict=True)).rstrip()
    for edge in disk.edges:
        if edge.loses:
            yield f"without {edge.backup}: no chain to {fold(edge.loses, ', ')}"
        if edge.end is None:
            yield f"{edge.backup} {edge.fault}"
    for pair in disk.pairs:
        yield f"without {' and '.join(pair.backups)}: no chain to {fold(pair.loses, ', ')}"


def fold(words: Sequence[str], joint: str) -> str:
    """Return words in a row; of many, the first and the last ones, and how many lie between.

    >>> fold([f"i{n}" for n in range(100)], " <- ")
    'i0 <- i1 <- i2 <- i3 <- (92 more) <- i96 <- i97 <- i98 <- i99'
    """
    if len(words) <= SHOWN_MAX:
        return joint.join(words)
    half = SHOWN_MAX // 3
    left_out = f"({len(words) - 2 * half} more)"
    return joint.join((*words[:half], left_out, *words[-half:]))


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
                "zero_bytes": edge.zeroes,
                "cheapest": edge.cheapest,
                "loses": list(edge.loses),
            }
            for edge in disk.edges
        },
        "pairs": [{"backups": list(p.backups), "loses": list(p.loses)} for p in disk.pairs],
        "instants": {
            chain.at: {
                "chain": list(chain.backups) if chain.backups is not None else None,
                "bytes": chain.size if chain.backups is not None else None,
            }
            for chain in disk.chains
        },
    }
