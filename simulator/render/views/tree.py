"""The tree view: images, checkpoints and backups as they are at the end, and what needs what.

An image needs its backing image, a checkpoint has a parent and bitmaps, and a backup needs the one
that gives the state at its start.
"""

from collections.abc import Iterator, Mapping, Sequence

from simulator.diagnostics import Finding, shown
from simulator.model.machine import Machine
from simulator.render.amounts import write_held
from simulator.render.drawing import (
    Box,
    Drawing,
    Line,
    Shape,
    Text,
    fit,
    stack,
    title_lines,
    width_of,
)
from simulator.render.restores import DiskRestores, find_restores
from simulator.render.views.strips import SMALL, tell_snapshots
from simulator.render.views.told import draw_findings
from simulator.restorable.graph import NOTHING
from simulator.timeline import Timeline
from simulator.values import NamedTuple

ROW, INDENT, DOT = 22.0, 20.0, 8.0
NAME_MAX = 230.0
TOLD_MAX = 460.0


class Node(NamedTuple):
    """Something that others may need.

    Attributes:
        needs: The name of what it needs; None where it needs nothing.
        told: A few words on it.
        role: Of its name: ``ink``, or ``error`` where what it needs is not there.
    """

    name: str
    needs: str | None
    told: str
    role: str = "ink"


class _Placed(NamedTuple):
    """A node with its row and its column."""

    node: Node
    row: int
    column: int


def lay_out_tree(timeline: Timeline, findings: Sequence[Finding] = ()) -> Drawing:
    """Return the picture of what there is at the end, and what needs what."""
    machine = timeline.last
    title = title_lines(timeline.script.title, 640)
    parts = [Drawing(max(t.extent[2] for t in title), 18.0 * len(title), title)]
    sections = [
        ("images", list(_images(machine))),
        ("checkpoints", list(_checkpoints(machine))),
        ("backups", [n for d in find_restores(timeline).disks for n in _backups(d)]),
    ]
    parts += [_section(name, nodes) for name, nodes in sections]
    if findings:
        parts.append(draw_findings(timeline, findings, 640))
    return stack(parts, title=f"{timeline.script.title}: what needs what")


def _images(machine: Machine) -> Iterator[Node]:
    for disk in machine.disks:
        below = None
        for image in disk.chain:
            bitmaps = ", ".join(shown(bitmap.name) for bitmap in disk.bitmaps_on(image.name))
            told = ["active" if image is disk.active else "read-only"]
            told += [f"of {disk.name}"] if len(machine.disks) > 1 else []
            told += [f"bitmaps {bitmaps}"] if bitmaps else []
            told += filter(None, [tell_snapshots(image)])
            yield Node(image.name, below, ", ".join(told))
            below = image.name


def _checkpoints(machine: Machine) -> Iterator[Node]:
    for checkpoint in machine.checkpoints:
        nodes = [node for disk in machine.disks for node in disk.nodes_with(checkpoint.name)]
        held = f"bitmap on {', '.join(nodes)}" if nodes else "no bitmap left"
        told = f"{checkpoint.at}, {held}" if checkpoint.at else held
        yield Node(checkpoint.name, checkpoint.parent, told, "ink" if nodes else "error")


def _backups(disk: DiskRestores) -> Iterator[Node]:
    """Yield the backups of a disk; each needs the last one of the way to the state at its start."""
    names = {state.number: state.name for state in disk.states}
    gives = {chain.at: chain.backups for chain in disk.chains}
    for edge in disk.edges:
        start = next((s for s in disk.states if s.number == edge.start), None)
        way = gives.get(start.labels[0]) if start is not None and start.labels else None
        if start is not None and start.reached and not start.labels:
            # One halfway is no instant's.
            way = tuple(each.backup for each in disk.edges if each.end == start.number) or None
        outcome = f"gives {names[edge.end]}" if edge.end is not None else edge.fault
        told = f"{write_held(edge.size, edge.zeroes)}, {outcome}"
        alone = edge.start == NOTHING
        if not alone and way is None:
            told += f"; what it starts at, {names[edge.start]}, is in no backup"
        bad = edge.end is None or (not alone and way is None)
        needs = way[-1] if way and not alone and way[-1] != edge.backup else None
        yield Node(edge.backup, needs, told, "error" if bad else "ink")


def _place(nodes: Sequence[Node]) -> list[_Placed]:
    """Return nodes with their places: the first that needs another one stands straight below it."""
    known = {node.name for node in nodes}
    users: dict[str | None, list[Node]] = {}
    for node in nodes:
        users.setdefault(node.needs if node.needs in known else None, []).append(node)
    placed: list[_Placed] = []
    waiting = [(node, 0) for node in reversed(users.get(None, []))]
    seen: set[str] = set()
    while waiting:
        node, column = waiting.pop()
        if node.name in seen:
            continue
        seen.add(node.name)
        placed.append(_Placed(node, len(placed), column))
        above = users.get(node.name, [])
        waiting += [(first, column) for first in above[:1]]
        waiting += [(other, column + 1) for other in reversed(above[1:])]
    placed += [_Placed(n, len(placed) + k, 0) for k, n in enumerate(_unseen(nodes, seen))]
    return placed


def _unseen(nodes: Sequence[Node], seen: set[str]) -> list[Node]:
    """Return nodes that need one another in a circle."""
    return [node for node in nodes if node.name not in seen]


def _section(title: str, nodes: Sequence[Node]) -> Drawing:
    """Return one kind of things as a tree."""
    shapes: list[Shape] = [Text(0, 13, title, 13, bold=True)]
    if not nodes:
        shapes.append(Text(width_of(title, 13) + 12, 13, "none", SMALL, "faint"))
        return Drawing(200, 18, tuple(shapes))
    placed = _place(nodes)
    places = {each.node.name: each for each in placed}
    left = DOT + INDENT * (1 + max(each.column for each in placed))
    names = min(NAME_MAX, max(width_of(node.name, 12) for node in nodes))
    right = 0.0
    for each in placed:
        shapes += _arrow(each, places)
    for each in placed:
        x, y = _dot(each)
        node = each.node
        shapes.append(Box(x, y, DOT, DOT, fill=node.role, edge="ink", thick=0.75))
        shown = fit(node.name, NAME_MAX, 12)
        shapes.append(Text(left, y + 9, shown, 12, node.role, title=node.name))
        told = fit(node.told, TOLD_MAX, SMALL)
        shapes.append(Text(left + names + 14, y + 8, told, SMALL, "faint", title=node.told))
        right = max(right, left + names + 14 + width_of(told, SMALL))
    return Drawing(right, 24 + ROW * len(placed), tuple(shapes))


def _dot(placed: _Placed) -> tuple[float, float]:
    return 4 + INDENT * placed.column, 24 + ROW * placed.row


def _arrow(placed: _Placed, places: Mapping[str, _Placed]) -> Iterator[Shape]:
    """Yield an arrow from a node to the one that it needs."""
    below = places.get(placed.node.needs or "")
    if below is None:
        return
    (x1, y1), (x0, y0) = _dot(placed), _dot(below)
    half = DOT / 2
    start, end = (x1 + half, y1 + half), (x0 + half, y0 + DOT + 1)
    turn = ((x1, y1 + half), (x0 + half, y1 + half)) if x1 != x0 else (start,)
    yield Line((*turn, end), "ink", 1.25, arrow=True)
