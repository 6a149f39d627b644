"""The restore view: which instants the backups give back.

States of a disk from left to right, and each backup an arrow from the state that it starts at to
the one that it ends at, in a lane of its own, so that no two labels meet.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from simulator.diagnostics import Finding
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
from simulator.render.restores import TORN, DiskRestores, Edge, find_restores
from simulator.render.story import write_held, write_size
from simulator.render.views.strips import SMALL
from simulator.restorable.graph import NOTHING
from simulator.timeline import Timeline

NODE_WIDTH, NODE_HEIGHT, NODE_GAP = 104.0, 44.0, 34.0
LANE = 30.0
LABEL_MAX = 260.0


def lay_out_restores(timeline: Timeline, findings: Sequence[Finding] = ()) -> Drawing:
    """Return the picture of what can be restored, one disk below another."""
    restores = find_restores(timeline)
    parts = [_title(timeline.script.title)]
    for disk in restores.disks:
        if len(restores.disks) > 1:
            text = Text(0, 14, fit(disk.disk, 300, 13), 13, bold=True)
            parts.append(Drawing(300, 16, (text,)))
        parts.append(_disk(disk))
    parts.append(_legend())
    return stack(parts, title=f"{timeline.script.title}: what can be restored")


def _title(title: str) -> Drawing:
    shapes = title_lines(title, 640)
    told = Text(
        0, 14 + 18 * len(shapes), "what the backups that are left give back", SMALL, "faint"
    )
    right = max(text.extent[2] for text in (*shapes, told))
    return Drawing(right, 18 * len(shapes) + 18, (*shapes, told))


class _Lane(NamedTuple):
    """Where a backup is drawn.

    Attributes:
        x0, x1: Where its arrow starts and ends.
        lane: The lower, the nearer to the states.
    """

    edge: Edge
    x0: float
    x1: float
    lane: int


def _x(number: int) -> float:
    """Return the left edge of a node; nothing, from which full backups start, comes first."""
    return (number + 1) * (NODE_WIDTH + NODE_GAP)


def _disk(disk: DiskRestores) -> Drawing:
    lanes = list(_lanes(disk.edges))
    height = LANE * (1 + max((each.lane for each in lanes), default=-1)) + 14
    shapes: list[Shape] = []
    for each in lanes:
        shapes += _arrow(each, height)
    for each in lanes:
        shapes += _label(each, height)
    sizes = {chain.at: chain for chain in disk.chains}
    shapes += _node("no backup", "", _x(NOTHING), height, "faint", dashed=False)
    for state in disk.states:
        chain = sizes.get(state.labels[0]) if state.labels else None
        lost = not state.reached
        empty = chain is not None and chain.backups == ()
        below = "no way back" if lost else write_size(chain.size) if chain else ""
        below = "an empty disk" if empty else below
        role = "error" if lost else "ink"
        shapes += _node(state.name, below, _x(state.number), height, role, dashed=lost)
    right = max(_x(len(disk.states) - 1) + NODE_WIDTH, *(_right(lane) for lane in lanes), 0)
    return Drawing(right, height + NODE_HEIGHT + 4, tuple(shapes))


def _node(name: str, below: str, x: float, y: float, role: str, *, dashed: bool) -> Iterator[Shape]:
    edge = "error" if role == "error" else "rule" if role == "faint" else "ink"
    yield Box(
        x, y, NODE_WIDTH, NODE_HEIGHT, fill="band", edge=edge, thick=1.25, dashed=dashed, title=name
    )
    shown = fit(name, NODE_WIDTH - 10, 12)
    base = y + (18 if below else 26)
    yield Text(x + NODE_WIDTH / 2, base, shown, 12, role, "middle", bold=role == "ink", title=name)
    if below:
        yield Text(
            x + NODE_WIDTH / 2,
            y + 35,
            fit(below, NODE_WIDTH - 8, SMALL),
            SMALL,
            "error" if dashed else "faint",
            "middle",
        )


def _told(edge: Edge) -> str:
    """Return what is written at a backup's arrow."""
    told = f"{fit(edge.backup, 150, SMALL)}  {write_held(edge.size, edge.zeroes)}"
    if edge.end is None:
        told += "  may be torn" if edge.fault == TORN else "  gives no state"
    return fit(told, LABEL_MAX, SMALL)


def _lanes(edges: Sequence[Edge]) -> Iterator[_Lane]:
    """Yield a lane for each backup: the lowest in which it meets no other one."""
    leaving: dict[int, int] = {}
    arriving: dict[int, int] = {}
    out = {edge.start: 0 for edge in edges}
    into = {edge.end: 0 for edge in edges if edge.end is not None}
    for edge in edges:
        out[edge.start] += 1
        if edge.end is not None:
            into[edge.end] += 1
    taken: list[list[tuple[float, float]]] = []
    for edge in edges:
        place = leaving[edge.start] = leaving.get(edge.start, 0) + 1
        half = NODE_WIDTH / 2
        # Ports: what arrives on the left half of a node, what leaves on the right one.
        x0 = _x(edge.start) + NODE_WIDTH - half * place / (out[edge.start] + 1)
        if edge.end is None:
            x1 = x0 + 26
        else:
            place = arriving[edge.end] = arriving.get(edge.end, 0) + 1
            x1 = _x(edge.end) + half * place / (into[edge.end] + 1)
        left, right = min(x0, x1) - 6, _right(_Lane(edge, x0, x1, 0)) + 8
        lane = 0
        while lane < len(taken) and any(a < right and left < b for a, b in taken[lane]):
            lane += 1
        if lane == len(taken):
            taken.append([])
        taken[lane].append((left, right))
        yield _Lane(edge, x0, x1, lane)


def _y(lane: _Lane, height: float) -> float:
    return height - 16 - LANE * lane.lane


def _arrow(lane: _Lane, height: float) -> Iterator[Shape]:
    """Yield a backup's way: up, along its lane, and down."""
    y, edge = _y(lane, height), lane.edge
    role = "error" if edge.end is None else "ink" if edge.cheapest else "rule"
    thick = 2.0 if edge.cheapest else 1.25
    if edge.end is None:
        yield Line(((lane.x0, height), (lane.x0, y), (lane.x1, y)), role, thick, dashed=True)
        for sign in (-1, 1):
            corners = ((lane.x1 - 4, y - 4 * sign), (lane.x1 + 4, y + 4 * sign))
            yield Line(corners, role, 2)
        return
    points = ((lane.x0, height), (lane.x0, y), (lane.x1, y), (lane.x1, height))
    yield Line(points, role, thick, arrow=True)


def _label(lane: _Lane, height: float) -> Iterator[Shape]:
    """Yield what is written above a backup's lane, on paper so that no line runs through it."""
    y, edge = _y(lane, height), lane.edge
    x, text = min(lane.x0, lane.x1) + 6, _told(edge)
    role = "error" if edge.end is None else "warning" if edge.loses else "ink"
    title = edge.backup
    if edge.loses:
        title += f"; without it {', '.join(edge.loses)} cannot be restored"
    width = width_of(text, SMALL)
    if edge.end is None:
        x, y = lane.x1 + 9, y + 7.5
    yield Box(x - 2, y - 14, width + 4, 12, fill="paper")
    yield Text(x, y - 4, text, SMALL, role, bold=bool(edge.loses), title=title)


def _right(lane: _Lane) -> float:
    """Return where a backup's arrow and label end."""
    start = lane.x1 + 9 if lane.edge.end is None else min(lane.x0, lane.x1) + 6
    return max(lane.x0, lane.x1, start + width_of(_told(lane.edge), SMALL)) + 6


def _legend() -> Drawing:
    """Return what the marks mean."""
    told = (
        ("ink", "thick: part of the cheapest way to some instant; below an instant, its size"),
        ("warning", "bold: without this backup, some instant cannot be restored"),
        ("error", "dashed: cannot be restored, or gives no state that the guest saw"),
    )
    shapes = tuple(
        Text(0, 12 + 15 * n, text, SMALL, role, bold=role == "warning")
        for n, (role, text) in enumerate(told)
    )
    right = max(text.extent[2] for text in shapes)
    return Drawing(right, 15.0 * len(told), shapes)
