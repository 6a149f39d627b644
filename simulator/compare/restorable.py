"""Which instants can be restored from the backups of a run document, and from which of them."""

from collections.abc import Collection, Mapping
from functools import cached_property
from typing import Any

from simulator.compare.cells import runs_of
from simulator.model.clusters import ZERO, ClusterMap, Version, map_of_runs
from simulator.restorable.graph import (
    EMPTY_DISK,
    NOTHING,
    Cost,
    Graph,
    Piece,
    Sight,
    Stack,
    graph_of,
    lay_over,
    number_states,
)
from simulator.values import NamedTuple, dataclass


class Back(NamedTuple):
    """How an instant is restored.

    Attributes:
        told: The backups of each disk, oldest first, in words.
        backups: How many there are.
    """

    told: str
    backups: int


@dataclass(frozen=True)
class DiskRun:
    """One disk of a run document: its states, and what the backups of it give.

    Attributes:
        graph: All backups that ever were complete are its pieces.
        instants: The node of each instant, by its label.
        begun: The instant of each checkpoint.
        kept: The places of the backups that are there at the end.
    """

    graph: Graph
    instants: Mapping[str, int]
    begun: Mapping[str, str | None]
    kept: frozenset[int]

    @cached_property
    def places(self) -> dict[str, int]:
        """The place of each backup, by its row."""
        return {piece.row: place for place, piece in enumerate(self.graph.pieces)}

    @cached_property
    def found(self) -> dict[int, tuple[Stack, Cost]]:
        """The cheapest stack for each node, from the backups that are there at the end."""
        return self.graph.reach(self.kept)

    @cached_property
    def stacks(self) -> dict[str, tuple[str, ...]]:
        """The cheapest stack for each instant that can be restored; none for an empty disk."""
        return {
            label: tuple(self.graph.pieces[place].row for place in self.found[node][0])
            for label, node in self.instants.items()
            if node in self.found
        }

    def labels(self, nodes: Collection[int]) -> frozenset[str]:
        """Return the instants at which the disk was in one of some states."""
        return frozenset(label for label, node in self.instants.items() if node in nodes)

    def gives(self, row: str) -> frozenset[str]:
        """Return the instants that a backup gives, on nothing or on any state that was seen."""
        place = self.places.get(row)
        ways = () if place is None else self.graph.ways[place]
        return self.labels({way.end for way in ways})

    def gives_back(self, row: str) -> frozenset[str]:
        """Return the instants that a backup gives on what can be restored at the end."""
        place = self.places.get(row)
        if place is None or place not in self.kept:
            return frozenset()
        ways = self.graph.ways[place]
        return self.labels({w.end for w in ways if w.start == NOTHING or w.start in self.found})

    def leads(self, row: str, start: str | None, end: str | None) -> bool:
        """Whether a backup on top of one instant reads as another one."""
        place = self.places.get(row)
        first, last = (None if at is None else self.instants.get(at) for at in (start, end))
        if place is None or first is None or last is None:
            return False
        piece, state = self.graph.pieces[place], self.graph.states[first]
        given = lay_over(state.view, state.length, piece)
        return not piece.torn and self.graph.find(given, piece.length) == last


def disk_runs(document: Any) -> dict[str, DiskRun]:
    """Return each disk of a run document, by its name."""
    return {disk: _disk_run(document, disk) for disk in _disks(document)}


def restorable(document: Any) -> dict[str, Back]:
    """Return each instant that can be restored, and how, by the least data.

    An instant can be restored if each disk that the machine had then can, from the backups that
    are there at the end.

    Args:
        document: A run document.
    """
    return ways_back(document, disk_runs(document))


def ways_back(document: Any, runs: Mapping[str, DiskRun]) -> dict[str, Back]:
    """Return the same, of the disks of a document.

    Args:
        runs: What :func:`disk_runs` returned.
    """
    ways: dict[str, Back] = {}
    for frame in document["frames"]:
        label = frame["at"]
        disks = [disk for disk, state in frame["disks"].items() if state["chain"]]
        if label is None or not disks or any(label not in runs[disk].stacks for disk in disks):
            continue
        stacks = [runs[disk].stacks[label] for disk in disks]
        told = ", ".join(" <- ".join(stack) for stack in stacks if stack) or EMPTY_DISK
        ways[label] = Back(told, sum(map(len, stacks)))
    return ways


def held(backup: Any) -> bool:
    """Whether a backup of a document was complete at some time, whatever became of it."""
    done = backup.get("usable", backup["status"] in ("completed", "deleted"))
    return bool(done) and backup["kind"] != "none"


def holds_part(backup: Any) -> bool:
    """Whether the job of a backup of a document was stopped when it had copied a known part."""
    return bool(backup.get("partly", False)) and backup["kind"] != "none"


def kept(backup: Any) -> bool:
    """Whether a backup of a document is complete, and there at the end."""
    return held(backup) and backup["status"] != "deleted"


def _disks(document: Any) -> list[str]:
    return list(document["frames"][-1]["disks"]) if document["frames"] else []


def _disk_run(document: Any, disk: str) -> DiskRun:
    tags: dict[str, Version] = {"0": ZERO}
    shown = [
        (frame["at"], Sight(_content(_seen(each), each["clusters"], tags), each["clusters"], n))
        for n, frame in enumerate(document["frames"])
        for each in [frame["disks"][disk]]
        if each["chain"]
    ]
    states, looks, nodes = number_states([sight for _, sight in shown])
    instants = {at: node for (at, _), node in zip(shown, nodes, strict=True) if at is not None}
    sizes = {frame["at"]: frame["disks"][disk] for frame in document["frames"]}
    begun = {
        each["name"]: each["at"] for frame in document["frames"] for each in frame["checkpoints"]
    }
    made = [
        (n, b)
        for n, b in document["backups"].items()
        if b["disk"] == disk and (held(b) or holds_part(b))
    ]
    pieces = tuple(_piece(name, each, sizes, instants, begun, tags) for name, each in made)
    there = frozenset(n for n, (_, backup) in enumerate(made) if backup["status"] != "deleted")
    return DiskRun(graph_of(disk, states, pieces, looks), instants, begun, there)


def _seen(disk: Any) -> Any:
    """Return what the guest sees, with the writes of its workloads told apart."""
    return disk.get("guest_versions", disk["guest"])


def _piece(
    name: str,
    backup: Any,
    sizes: dict[str | None, Any],
    instants: dict[str, int],
    begun: dict[str, str],
    tags: dict[str, Version],
) -> Piece:
    """Return a backup of the document as something to stack.

    Args:
        sizes: The disk at each instant.
        instants: The node of each instant.
        begun: The instant of each checkpoint.
    """
    shown = sizes.get(backup["at"]) or sizes[None]
    cells = backup["cells"]
    length = len(cells) if isinstance(cells, str) else shown["clusters"]
    complete = backup["kind"] == "full" and held(backup)
    content = _content(backup.get("versions", cells), length, tags, zeroes=not complete)
    starts = [begun[each] for each in [backup["since"], *backup["bitmaps"]] if each in begun]
    return Piece(
        row=name,
        content=content,
        length=length,
        complete=complete,
        size=data_bytes(backup, content.data_count * shown["cluster_size"]),
        start=instants.get(starts[0]) if starts else None,
        end=instants.get(backup["at"]),
        torn=backup.get("torn", False),
        partly=holds_part(backup),
    )


def data_bytes(backup: Any, otherwise: int) -> int:
    """Return the bytes of data of a backup; records of old do not tell them."""
    return int(backup.get("data_bytes", otherwise))


def _content(
    cells: Any, length: int, tags: dict[str, Version], *, zeroes: bool = True
) -> ClusterMap:
    """Return a row of the document as a map; each tag gets a number of its own.

    Args:
        zeroes: Whether they are there for themselves: below a full backup there is nothing that
            they could hide.
    """
    told = (
        (first, count, tags.setdefault(what, len(tags)))
        for first, count, what in runs_of(cells)
        if zeroes or what != "0"
    )
    return map_of_runs(length, told)
