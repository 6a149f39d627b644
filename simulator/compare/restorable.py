"""Which instants can be restored from the backups of a run document, and from which of them."""

from typing import Any, NamedTuple

from simulator.compare.cells import runs_of
from simulator.model.clusters import ZERO, ClusterMap, Version, map_of_runs
from simulator.restorable.graph import EMPTY_DISK, Graph, Piece, Sight, number_states


class Back(NamedTuple):
    """How an instant is restored.

    Attributes:
        told: The backups of each disk, oldest first, in words.
        backups: How many there are.
    """

    told: str
    backups: int


def restorable(document: Any) -> dict[str, Back]:
    """Return each instant that can be restored, and how, by the least data.

    An instant can be restored if each disk that the machine had then can, from the backups that
    are there at the end.

    Args:
        document: A run document.
    """
    ways: dict[str, Back] = {}
    found = {disk: _by_instant(document, disk) for disk in _disks(document)}
    for frame in document["frames"]:
        label = frame["at"]
        disks = [disk for disk, state in frame["disks"].items() if state["chain"]]
        if label is None or not disks or any(label not in found[disk] for disk in disks):
            continue
        stacks = [found[disk][label] for disk in disks]
        told = ", ".join(" <- ".join(stack) for stack in stacks if stack) or EMPTY_DISK
        ways[label] = Back(told, sum(map(len, stacks)))
    return ways


def _disks(document: Any) -> list[str]:
    return list(document["frames"][-1]["disks"]) if document["frames"] else []


def _by_instant(document: Any, disk: str) -> dict[str, tuple[str, ...]]:
    """Return the cheapest stack for each instant of one disk; none for an empty disk."""
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
    pieces = tuple(
        _piece(name, backup, sizes, instants, begun, tags)
        for name, backup in document["backups"].items()
        if backup["disk"] == disk and backup["status"] == "completed" and backup["kind"] != "none"
    )
    found = Graph(disk, states, pieces, looks).reach(range(len(pieces)))
    return {
        label: tuple(pieces[place].row for place in found[node][0])
        for label, node in instants.items()
        if node in found
    }


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
    complete = backup["kind"] == "full"
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
